"""Times the CUDA kernels of the ops on a GPU, beside PyTorch where it is installed.

    python benchmarks/gpu_ops.py                          # a few minutes, most of it nvcc
    python benchmarks/gpu_ops.py --only sampling --rounds 50

The launchers are compiled by nvcc on the spot and called without TensorFlow. A time is the median
over the rounds of what CUDA events measure, each round as many launches as fill about 2 ms; ours
and PyTorch's take turns. What memory bounds is also given as a share of the bandwidth of a copy
measured on the same GPU. Results go to benchmarks/results/gpu_ops_<GPU>.json.
"""

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpu_torch_peers as peers
import measuring
import numpy as np

from tf_ops.building import toolchain

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))  # the tests' launchers
import cuda_launchers
from cuda_launchers import Call, CudaOps
from cuda_memory import CudaError, CudaRuntime

ROUND_MS = 2.0
COPY_BYTES = 1 << 30
# Batch, points, centres, radius, channels of the four levels of the networks.
LEVELS = (
    (12, 4096, 1024, 0.1, 64),
    (12, 1024, 256, 0.2, 128),
    (12, 256, 64, 0.4, 256),
    (12, 64, 16, 0.8, 512),
)
NUM_NEIGHBOURS = 32


@dataclass(frozen=True)
class Case:
    """One op at one shape.

    Attributes:
        name: what is printed.
        arrays: the inputs.
        call: makes the launch from ops and inputs.
        peer: the same in PyTorch, given tensors of the inputs; None leaves it out.
        num_bytes: what has to be read and written at least; None where memory is no bound.
        num_samples: of sampling, to give the time for each.
    """

    name: str
    arrays: tuple[np.ndarray, ...]
    call: Callable[..., Call]
    peer: Callable[..., Any] | None
    num_bytes: int | None = None
    num_samples: int | None = None


def sampling_case(batch: int, num_points: int, num_samples: int, with_peer: bool) -> Case:
    rng = np.random.default_rng(0)
    xyz = rng.random((batch, num_points, 3), np.float32)
    return Case(
        f"sampling {batch}x{num_points} to {num_samples}",
        (xyz,),
        lambda ops, xyz: ops.farthest_point_sample(xyz, num_samples),
        (lambda xyz: peers.farthest_point_sample(xyz, num_samples)) if with_peer else None,
        num_samples=num_samples,
    )


def ball_query_case(batch: int, num_points: int, num_centres: int, radius: float) -> Case:
    rng = np.random.default_rng(1)
    xyz = rng.random((batch, num_points, 3), np.float32)
    return Case(
        f"ball query {batch}x{num_points}, {num_centres} centres, radius {radius}",
        (xyz, xyz[:, :num_centres]),
        lambda ops, xyz, centres: ops.ball_query(xyz, centres, radius, NUM_NEIGHBOURS),
        lambda xyz, centres: peers.ball_query(xyz, centres, radius, NUM_NEIGHBOURS),
    )


def three_nearest_case(batch: int, num_queries: int, num_references: int) -> Case:
    rng = np.random.default_rng(2)
    query = rng.random((batch, num_queries, 3), np.float32)
    return Case(
        f"three nearest {batch}x{num_queries} of {num_references}",
        (query, query[:, :num_references]),
        lambda ops, query, reference: ops.three_nearest(query, reference),
        peers.three_nearest,
    )


def grouping_cases(batch: int, num_points: int, num_centres: int, channels: int) -> list[Case]:
    rng = np.random.default_rng(3)
    points = rng.random((batch, num_points, channels), np.float32)
    index = rng.integers(0, num_points, (batch, num_centres, NUM_NEIGHBOURS)).astype(np.int32)
    grad = rng.random((*index.shape, channels), np.float32)
    num_bytes = points.nbytes + index.nbytes + grad.nbytes
    shape = f"{batch}x{num_centres}x{NUM_NEIGHBOURS}x{channels}"
    return [
        Case(
            f"grouping {shape}",
            (points, index),
            lambda ops, points, index: ops.gather_points(points, index),
            peers.group_points,
            num_bytes,
        ),
        Case(
            f"grouping gradient {shape}",
            (grad, index),
            lambda ops, grad, index: ops.gather_points_grad(grad, index, num_points),
            lambda grad, index: peers.group_points_grad(grad, index, num_points),
            num_bytes,
        ),
    ]


def interpolation_cases(batch: int, num_queries: int, num_points: int, channels: int) -> list[Case]:
    rng = np.random.default_rng(4)
    points = rng.random((batch, num_points, channels), np.float32)
    index = rng.integers(0, num_points, (batch, num_queries, 3)).astype(np.int32)
    weights = rng.random(index.shape, np.float32)
    grad = rng.random((batch, num_queries, channels), np.float32)
    num_bytes = points.nbytes + index.nbytes + weights.nbytes + grad.nbytes
    shape = f"{batch}x{num_queries}x{channels}"
    return [
        Case(
            f"interpolation {shape}",
            (points, index, weights),
            lambda ops, *arrays: ops.interpolate(*arrays),
            peers.interpolate,
            num_bytes,
        ),
        Case(
            f"interpolation gradient {shape}",
            (grad, index, weights),
            lambda ops, *arrays: ops.interpolate_grad(*arrays, num_points),
            lambda *tensors: peers.interpolate_grad(*tensors, num_points),
            num_bytes,
        ),
    ]


def mean_shift_case(batch: int, num_instances: int, std: float) -> Case:
    rng = np.random.default_rng(5)
    centres = 3 * rng.random((batch, num_instances, 5))
    drawn = rng.integers(0, num_instances, (batch, 4096, 1))
    points = np.take_along_axis(centres, drawn, axis=1) + std * rng.standard_normal((1, 4096, 5))
    return Case(
        f"mean shift {batch}x4096x5, {num_instances} instances, std {std}",
        (points.astype(np.float32),),
        lambda ops, points: ops.mean_shift(points, 0.6, True, 300),
        None,
    )


def all_cases() -> list[Case]:
    """Every op at the levels of the networks, and at large shapes."""
    cases = [sampling_case(b, n, m, with_peer=True) for b, n, m, _, _ in LEVELS]
    cases += [sampling_case(b, 4096, 1024, with_peer=True) for b in (1, 128)]
    large = ((1, 16384, 4096), (1, 100_000, 10_000), (1, 200_000, 20_000), (1, 1_000_000, 50_000))
    cases += [sampling_case(*shape, with_peer=False) for shape in large]
    cases += [mean_shift_case(b, k, std) for b in (1, 12) for k, std in ((5, 0.05), (15, 0.3))]
    cases += [ball_query_case(b, n, m, radius) for b, n, m, radius, _ in LEVELS]
    cases += [three_nearest_case(b, n, m) for b, n, m, _, _ in LEVELS]
    for b, n, m, _, channels in LEVELS[:3]:
        cases += grouping_cases(b, n, m, channels)
        cases += interpolation_cases(b, n, m, channels)
    return [*cases, *grouping_cases(12, 4096, 1024, 128)]


class Timer:
    """Measures work on the default stream by CUDA events."""

    def __init__(self, runtime: CudaRuntime):
        self._runtime = runtime
        self._start, self._end = runtime.new_event(), runtime.new_event()

    def milliseconds(self, launch: Callable[[], Any], repeats: int) -> float:
        """Of one of `repeats` launches in a row."""
        self._runtime.record(self._start)
        for _ in range(repeats):
            launch()
        self._runtime.record(self._end)
        return self._runtime.milliseconds(self._start, self._end) / repeats

    def medians(self, launches: list[Callable[[], Any]], rounds: int) -> list[float]:
        """The median of each over the rounds, in which they take turns."""
        repeats = []
        for launch in launches:
            self.milliseconds(launch, 3)  # compiles, allocates, raises the clock
            repeats.append(max(1, round(ROUND_MS / max(self.milliseconds(launch, 3), 1e-3))))
        times: list[list[float]] = [[] for _ in launches]
        for _ in range(rounds):
            for launch, count, taken in zip(launches, repeats, times, strict=True):
                taken.append(self.milliseconds(launch, count))
        return [statistics.median(taken) for taken in times]


def measure(case: Case, ops: CudaOps, timer: Timer, rounds: int, copy_rate: float) -> dict:
    """Times one case; returns what the JSON keeps of it."""
    launches: list[Callable[[], Any]] = [case.call(ops, *case.arrays).launch]
    if case.peer is not None and peers.torch is not None:
        launches.append(peers.bind(case.peer, case.arrays))
    ours, *peer = timer.medians(launches, rounds)
    result: dict[str, Any] = {"name": case.name, "ms": ours, "torch_ms": peer[0] if peer else None}
    if case.num_samples:
        result["us_per_sample"] = 1e3 * ours / case.num_samples
    if case.num_bytes:
        result["bytes_per_second"] = case.num_bytes / (ours * 1e-3)
        result["share_of_copy"] = result["bytes_per_second"] / copy_rate
    return result


def describe(result: dict) -> str:
    """One line of a result."""
    line = f"{result['name']:52} {result['ms']:9.4f} ms"
    if result["torch_ms"]:
        line += f", torch {result['torch_ms']:9.4f} ms: {result['torch_ms'] / result['ms']:6.1f}x"
    if "us_per_sample" in result:
        line += f", {result['us_per_sample']:.2f} us per sample"
    if "share_of_copy" in result:
        line += f", {100 * result['share_of_copy']:.0f} % of a copy's bandwidth"
    return line


def measure_copy(runtime: CudaRuntime, timer: Timer, rounds: int) -> float:
    """Bytes read and written each second by a copy within the GPU's memory."""
    source, target = (runtime.empty((COPY_BYTES,), np.uint8) for _ in range(2))
    (ms,) = timer.medians([lambda: runtime.copy_on_device(target, source)], rounds)
    return 2 * COPY_BYTES / (ms * 1e-3)


def find_gpu() -> tuple[CudaRuntime, CudaOps]:
    """Compiles the kernels for the GPU of this machine; exits with the reason if it cannot."""
    try:
        runtime = cuda_launchers.find_runtime()
        major, minor = runtime.compute_capability()
        path = cuda_launchers.ROOT / "build" / "ban_cuda_benchmark.so"
        library = cuda_launchers.compile_library(path, [10 * major + minor])
    except (FileNotFoundError, toolchain.BuildError, CudaError, OSError) as error:
        sys.exit(f"gpu_ops.py needs an NVIDIA GPU, its driver, and nvcc. Received: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"gpu_ops.py: the kernels do not compile (nvcc exit status {error.returncode}).")
    return runtime, CudaOps(library, runtime)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument(
        "--output", type=Path, help="default: benchmarks/results/gpu_ops_<GPU>.json"
    )
    args = parser.parse_args(argv)
    runtime, ops = find_gpu()
    timer = Timer(runtime)
    gpu = runtime.device_name()
    copy_rate = measure_copy(runtime, timer, args.rounds)
    torch_version = peers.torch.__version__ if peers.torch else None
    print(f"{gpu}: a copy moves {copy_rate / 1e9:.0f} GB/s; PyTorch {torch_version or 'missing'}")
    results = []
    for case in all_cases():
        if args.only in case.name:
            results.append(measure(case, ops, timer, args.rounds, copy_rate))
            print(describe(results[-1]), flush=True)
    name = re.sub(r"\W+", "_", gpu.lower())
    output = args.output or measuring.RESULTS / f"gpu_ops_{name}.json"
    versions = {"gpu": gpu, "nvcc": cuda_launchers.find_cuda().version, "torch": torch_version}
    measuring.write(output, {**versions, "copy_bytes_per_second": copy_rate, "cases": results})
    print(f"Written to {output}.")


if __name__ == "__main__":
    main()
