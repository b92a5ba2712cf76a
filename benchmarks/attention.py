"""Compares `attend` with PyTorch's and TensorFlow's ways to attention, side by side.

    python benchmarks/attention.py                          # one thread, about 10 minutes
    python benchmarks/attention.py --threads 2 --heads 1 --widths 64

All run in this process, in turns that change their order; what is reported is the median over
the rounds of the ratio peer / ours, which a busy machine disturbs less than the times. "share" is
ours against the matrix products alone at the speed of a large `tf.matmul`, and "products alone"
the ratio that they would have, without one exponential: where less than the asked ratio is left,
the peer's products run too near to that speed. (With gradient there are seven: one is done twice,
because the weights are not kept as a peer keeps them.) Memory is the peak above what is resident,
each in its own process (Linux). A peer that is not installed is left out by name. Results go to
benchmarks/results/attention_<threads>.json.
"""

import argparse
import dataclasses
import functools
import importlib.util
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measuring
import numpy as np

from ban_tf.experiments.efficiency import timing
from ban_tf.training import provenance

NUM_POINTS = 4096
OURS = "ours"
TORCH_FUSED = "torch sdpa"
TENSORFLOW_PEERS = ("TensorFlow graph", "TensorFlow XLA")
TORCH_PEERS = (TORCH_FUSED, "torch matmul and softmax")

# What is asked for, by width: ours at most so many times as slow as torch's fused attention, and
# so many times as fast as the best of TensorFlow, forward and with gradient.
MOST_OF_TORCH = 1.25
LEAST_OF_TENSORFLOW = {False: {32: 2.0, 64: 1.7, 128: 1.4}, True: {32: 1.6, 64: 1.4, 128: 1.2}}

Work = Callable[[], Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """One shape; `gradient` asks for the three gradients after the forward pass."""

    heads: int
    width: int
    gradient: bool
    num_points: int = NUM_POINTS

    @property
    def name(self) -> str:
        what = "forward and gradient" if self.gradient else "forward"
        return f"{self.heads} x {self.num_points} x {self.width}, {what}"

    @property
    def gflop(self) -> float:
        """Of the matrix products: two in the forward pass, five in the gradient."""
        products = 7 if self.gradient else 2
        return products * 2 * self.heads * self.num_points**2 * self.width / 1e9

    def draw(self) -> list[np.ndarray]:
        """query, key, value and the gradient of the output, float32 `[heads, N, width]`."""
        rng = np.random.default_rng(0)
        shape = (self.heads, self.num_points, self.width)
        return [rng.standard_normal(shape, np.float32) for _ in range(4)]


def tensorflow_work(case: Case, attend: Callable, jit_compile: bool = False) -> Work:
    import tensorflow as tf

    *inputs, upstream = (tf.constant(x) for x in case.draw())

    def forward(*inputs: Any) -> Any:
        return attend(*inputs, case.width**-0.5)

    def both(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = forward(*inputs)
        return tape.gradient(output, inputs, upstream)

    run = tf.function(both if case.gradient else forward, jit_compile=jit_compile)
    return lambda: run(*inputs)


def torch_work(case: Case, attend: Callable) -> Work:
    import torch

    *inputs, upstream = (torch.from_numpy(x)[None] for x in case.draw())

    def forward() -> Any:
        with torch.no_grad():
            return attend(*inputs)

    def both() -> Any:
        leaves = [x.detach().requires_grad_() for x in inputs]
        attend(*leaves).backward(upstream)
        return [leaf.grad for leaf in leaves]

    return both if case.gradient else forward


def build(name: str, case: Case, threads: int) -> Work:
    """Returns what runs one implementation once.

    Args:
        name: `OURS`, or one of `TORCH_PEERS` and `TENSORFLOW_PEERS`.
        case: shape and pass.
        threads: how many threads torch may use; TensorFlow reads the environment.
    """
    if name in TORCH_PEERS:
        import torch

        torch.set_num_threads(threads)
        if name == TORCH_FUSED:
            return torch_work(case, torch.nn.functional.scaled_dot_product_attention)

        def in_torch(query: Any, key: Any, value: Any) -> Any:
            return torch.softmax(query @ key.mT * case.width**-0.5, -1) @ value

        return torch_work(case, in_torch)
    if name in TENSORFLOW_PEERS:
        import tensorflow as tf

        def in_tensorflow(query: Any, key: Any, value: Any, scale: float) -> Any:
            logits = tf.matmul(query, key, transpose_b=True) * scale
            return tf.matmul(tf.nn.softmax(logits), value)

        return tensorflow_work(case, in_tensorflow, jit_compile=name.endswith("XLA"))
    from tf_ops.attention import attention

    return tensorflow_work(case, attention.attend)


def present_peers() -> list[str]:
    if importlib.util.find_spec("torch"):
        return [*TORCH_PEERS, *TENSORFLOW_PEERS]
    print(f"Without torch: left out {', '.join(TORCH_PEERS)}")
    return [*TENSORFLOW_PEERS]


def matmul_gflops(clock: Callable[[], float]) -> float:
    """The speed of a large matrix product, the limit that attention cannot pass."""
    import tensorflow as tf

    size = 2048
    square = tf.random.normal((size, size))
    multiply = tf.function(lambda: tf.matmul(square, square))
    multiply()
    return 2 * size**3 / 1e9 / min(timing.seconds_of(multiply, clock=clock) for _ in range(5))


def measure(case: Case, peers: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """Runs all in turns; returns times in milliseconds and ratios."""
    clock = timing.CLOCKS[args.clock]
    works = {name: build(name, case, args.threads) for name in [OURS, *peers]}
    for work in works.values():
        work()  # traces, compiles and fills the caches

    def milliseconds(work: Work) -> float:
        return timing.seconds_of(work, clock=clock) * 1e3

    measurements = {name: functools.partial(milliseconds, work) for name, work in works.items()}
    times = timing.in_turns(measurements, args.rounds)
    ratios = {name: timing.ratios(times[name], times[OURS]) for name in peers}
    products_ms = case.gflop / matmul_gflops(clock) * 1e3
    medians = timing.medians(times)
    return {
        **dataclasses.asdict(case),
        "median_ms": medians,
        "ratio": timing.medians(ratios),
        "ratios": ratios,
        "share_of_limit": products_ms / min(times[OURS]),
        "ratio_of_limit": {name: medians[name] / products_ms for name in peers},
    }


def verdict(case: Case, result: dict[str, Any]) -> str:
    """Compares the ratios with what is asked for and with that of the products alone."""
    ratio = result["ratio"]
    best = min(TENSORFLOW_PEERS, key=ratio.__getitem__)
    asked = LEAST_OF_TENSORFLOW[case.gradient].get(case.width)
    bounds = [f"asked {asked}x"] if asked else []
    bounds.append(f"products alone {result['ratio_of_limit'][best]:.2f}x")
    parts = [f"best of TensorFlow {ratio[best]:.2f}x ({', '.join(bounds)})"]
    if TORCH_FUSED in ratio:
        of_torch = 1 / ratio[TORCH_FUSED]
        limit = "" if case.gradient else f" (at most {MOST_OF_TORCH})"
        parts.append(f"time of {TORCH_FUSED} x {of_torch:.2f}{limit}")
    return "; ".join(parts)


def print_peak(name: str, case: Case, threads: int) -> None:
    """Prints the peak memory of one run above what was resident, in MiB."""
    build(name, dataclasses.replace(case, num_points=256), threads)()  # warms up
    work = build(name, case, threads)
    timing.reset_peak()
    before = timing.resident_mib()
    work()
    print(timing.peak_mib() - before)


def measure_memory(peers: list[str], threads: int) -> list[dict[str, Any]]:
    """Peak memory of one head of width 64, each implementation in a process of its own."""
    measured = []
    for gradient in (False, True):
        for name in [OURS, *peers]:
            case = Case(1, 64, gradient)
            command = [sys.executable, __file__, "--threads", str(threads), "--peak", name]
            done = subprocess.run(
                [*command, *(["--gradient"] if gradient else [])],
                capture_output=True,
                text=True,
                check=True,
            )
            measured.append(
                {"case": case.name, "name": name, "mib": float(done.stdout.split()[-1])}
            )
            print(f"{case.name:40} {name:26} {measured[-1]['mib']:7.1f} MiB", flush=True)
    return measured


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--heads", type=int, nargs="+", default=[1, 12])
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument(
        "--clock", choices=timing.CLOCKS, default="wall", help="cpu: for a busy machine"
    )
    parser.add_argument("--output", type=Path, help="default: results/attention_<threads>.json")
    parser.add_argument("--peak", help="only print the peak memory of this implementation")
    parser.add_argument("--gradient", action="store_true", help="with --peak")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    measuring.limit_threads(args.threads)
    if args.peak:
        print_peak(args.peak, Case(1, 64, args.gradient), args.threads)
        return
    peers = present_peers()
    measured = []
    for shape in itertools.product(args.heads, args.widths, (False, True)):
        case = Case(*shape)
        result = measure(case, peers, args)
        measured.append(result)
        print(f"{case.name}: ours {result['median_ms'][OURS]:.1f} ms", end=", ")
        print(f"share {result['share_of_limit']:.2f}; {verdict(case, result)}")
        for name in peers:
            median, ratio = result["median_ms"][name], result["ratio"][name]
            print(f"    {name:26} {median:8.1f} ms  {ratio:5.2f}x", flush=True)
    memory = measure_memory(peers, args.threads) if sys.platform == "linux" else []
    path = args.output or measuring.RESULTS / f"attention_{args.threads}.json"
    about = {"threads": args.threads, "clock": args.clock, **provenance.collect()}
    measuring.write(path, {**about, "cases": measured, "memory": memory})


if __name__ == "__main__":
    main()
