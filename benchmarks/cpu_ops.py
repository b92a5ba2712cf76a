"""Compares the point ops on the CPU with the libraries one would use instead.

    python benchmarks/cpu_ops.py                       # one thread, some minutes
    python benchmarks/cpu_ops.py --threads 2 --only sampling

Peers that are not installed are skipped by name; all that are:

    python -m pip install scipy fpsample torch-quickfps open3d pykdtree pynanoflann faiss-cpu torch
    python -m pip install --no-build-isolation torch-cluster pytorch3d      # built from source

All run in this process, in turns; what counts is the median over the rounds of the ratio to the
fastest peer, which a busy machine disturbs less than the times. The limit is a measured memset of
the output where memory is the limit, and else an estimate (below); the ratios that it would have,
and a plain copy of as many bytes that lie in a cache, are printed beside the one asked for. Results
go to benchmarks/results/cpu_ops_<threads>.json.
"""

import argparse
import dataclasses
import functools
import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import measuring
import numpy as np
import turns

from ban_tf.experiments.efficiency import timing
from ban_tf.training import provenance

BATCH = 12
NUM_NEIGHBOURS = 32
# (N, M, radius) of the four levels of PointNet++ (PN2's layer table).
LEVELS = ((4096, 1024, 0.1), (1024, 256, 0.2), (256, 64, 0.4), (64, 16, 0.8))
# Estimates for one core at 3.5 GHz with 8-float vectors, clouds of 4096 points: a pick that looks
# at a few buckets, a ball of about 150 candidates, three of about 70 references.
PICK_NS, BALL_NS, NEAREST_NS = 146.0, 170.0, 61.0


@dataclasses.dataclass(frozen=True)
class Case:
    """One op at one shape: ours, its peers, and the least time it could take."""

    name: str
    demand: float
    ours: Callable[[], object]
    peers: dict[str, Callable[[], Callable[[], object]]]
    limit_ms: float
    copy_ms: float | None = None  # where memory is the limit


def block(num_points: int, seed: int) -> np.ndarray:
    """float32 `[num_points, 3]` on the surfaces of a 1 m x 1 m x 3 m part of a room."""
    rng = np.random.default_rng(seed)
    xyz = rng.random((num_points, 3)) * [1, 1, 3]
    part = rng.choice(5, num_points, p=[0.25, 0.25, 0.25, 0.1, 0.15])
    xyz[part == 0, 2] = 0  # floor
    xyz[part == 1, 2] = 3  # ceiling
    xyz[part == 2, 1] = 0  # wall
    xyz[part == 3, 2] = 0.75  # table
    xyz[part == 4] *= [0.4, 0.4, 0.3]  # clutter
    return (xyz + rng.normal(0, 0.003, xyz.shape)).astype(np.float32)


def room(num_points: int) -> np.ndarray:
    """float32 `[1, num_points, 3]`: 6 x 5 blocks side by side."""
    parts = [
        block(num_points // 30, seed) + np.float32([seed % 6, seed // 6, 0]) for seed in range(30)
    ]
    return np.concatenate(parts)[None]


def sampling_cases(threads: int) -> Iterator[Case]:
    import cpu_peers
    import tensorflow as tf

    from tf_ops.sampling import sampling

    blocks = np.stack([block(LEVELS[0][0], seed) for seed in range(BATCH)])
    shapes = [(n, m, d) for (n, m, _), d in zip(LEVELS, (4, 3.5, 5, 1.5), strict=True)]
    for num_points, num_samples, demand in [*shapes, (200_000, 20_000, 4), (1_000_000, 50_000, 2)]:
        clouds = blocks if num_points <= 4096 else room(num_points)
        xyz = np.ascontiguousarray(clouds[:, :num_points])
        tensor = tf.constant(xyz)
        yield Case(
            f"sampling {len(xyz)} x {xyz.shape[1]} -> {num_samples}",
            demand,
            lambda t=tensor, m=num_samples: sampling.farthest_point_sample(t, m),
            cpu_peers.sampling_peers(xyz, num_samples, threads),
            len(xyz) * num_samples * PICK_NS * 1e-6,
        )


def search_cases(threads: int) -> Iterator[Case]:
    import cpu_peers
    import tensorflow as tf

    from tf_ops.grouping import grouping
    from tf_ops.interpolation import interpolation
    from tf_ops.sampling import sampling

    xyz = np.stack([block(LEVELS[0][0], seed) for seed in range(BATCH)])
    demands = zip(LEVELS, (3.5, 4, 4, 1.5), (2.2, 2.2, 3, 3), strict=True)
    for (_, num_centres, radius), ball_demand, nearest_demand in demands:
        picks = sampling.farthest_point_sample(xyz, num_centres)
        centres = sampling.gather_points(xyz, picks).numpy()
        points, at = tf.constant(xyz), tf.constant(centres)
        shape = f"{BATCH} x ({xyz.shape[1]}, {num_centres})"
        yield Case(
            f"ball query {shape} r={radius}",
            ball_demand,
            lambda p=points, c=at, r=radius: grouping.ball_query(p, c, r, NUM_NEIGHBOURS),
            cpu_peers.ball_peers(xyz, centres, radius, NUM_NEIGHBOURS, threads),
            BATCH * num_centres * BALL_NS * 1e-6,
        )
        yield Case(
            f"three nearest {shape}",
            nearest_demand,
            lambda q=points, r=at: interpolation.three_nearest(q, r),
            cpu_peers.nearest_peers(xyz, centres, threads),
            BATCH * xyz.shape[1] * NEAREST_NS * 1e-6,
        )
        xyz = centres


def grouping_cases(threads: int) -> Iterator[Case]:
    import cpu_peers
    import tensorflow as tf

    from tf_ops import library
    from tf_ops.grouping import grouping

    rng = np.random.default_rng(0)
    shapes = ((1024, 256, 64, 1.3), (256, 64, 128, 1.3), (4096, 1024, 128, 2.5))
    for num_points, num_centres, channels, demand in shapes:
        points = rng.normal(size=(BATCH, num_points, channels)).astype(np.float32)
        size = (BATCH, num_centres, NUM_NEIGHBOURS)
        index = rng.integers(0, num_points, size).astype(np.int32)
        grad = rng.normal(size=(*size, channels)).astype(np.float32)
        p, i, g = tf.constant(points), tf.constant(index), tf.constant(grad)
        n = tf.constant(num_points)
        limit = turns.memset_ms(grad.nbytes)
        label = f"{grad.nbytes / 1e6:.0f} MB, C={channels}"
        yield Case(
            f"grouping {label}",
            demand,
            lambda p=p, i=i: grouping.group_points(p, i),
            cpu_peers.row_peers(points, index),
            limit,
            turns.copy_ms(grad.nbytes),
        )
        yield Case(
            f"grouping gradient {label}",
            2.5,
            lambda g=g, i=i, n=n: library.ops().ban_gather_points_grad(
                output_grad=g, index=i, num_points=n
            ),
            cpu_peers.row_gradient_peers(grad, index, num_points),
            limit,
        )


def interpolation_cases(threads: int) -> Iterator[Case]:
    import cpu_peers
    import tensorflow as tf

    from tf_ops.interpolation import interpolation

    rng = np.random.default_rng(0)
    for num_queries, num_points, channels in ((4096, 1024, 128), (1024, 256, 256)):
        points = rng.normal(size=(BATCH, num_points, channels)).astype(np.float32)
        index = rng.integers(0, num_points, (BATCH, num_queries, 3)).astype(np.int32)
        weights = rng.dirichlet([1, 1, 1], index.shape[:2]).astype(np.float32)
        p, i, w = tf.constant(points), tf.constant(index), tf.constant(weights)
        upstream = tf.ones((BATCH, num_queries, channels))

        def both(p: object = p, i: object = i, w: object = w, g: object = upstream) -> object:
            with tf.GradientTape() as tape:
                tape.watch(p)
                output = interpolation.interpolate(p, i, w)
            return tape.gradient(output, p, g)

        num_bytes = BATCH * num_queries * channels * 4
        limit = turns.memset_ms(num_bytes)
        name = f"interpolation {BATCH} x {num_queries} from {num_points}, C={channels}"
        forward = cpu_peers.interpolation_peers(points, index, weights, with_gradient=False)
        gradient = cpu_peers.interpolation_peers(points, index, weights, with_gradient=True)
        run = lambda p=p, i=i, w=w: interpolation.interpolate(p, i, w)  # noqa: E731
        yield Case(name, 1.3, run, forward, limit, turns.copy_ms(num_bytes))
        yield Case(f"{name}, with gradient", 1.3, both, gradient, 2 * limit)


def measure(case: Case, rounds: int) -> dict[str, object]:
    """Runs ours and the peers in turns; returns medians, the best peer and the ratio to it."""
    runs: dict[str, Callable[[], object]] = {"ours": case.ours}
    skipped = []
    for name, build in case.peers.items():
        try:
            runs[name] = build()
        except (ImportError, OSError) as error:  # OSError: a library of the system is missing
            skipped.append(f"{name} ({error})")
    # The first runs may be those for which the system has to find memory.
    once = {name: min(turns.timed(run, 1) for _ in range(4)) for name, run in runs.items()}
    measurements = {
        name: functools.partial(turns.timed, run, turns.turn_length(once[name]))
        for name, run in runs.items()
    }
    times = timing.in_turns(measurements, rounds)
    medians = timing.medians(times)
    peers = [name for name in runs if name != "ours"]
    best = min(peers, key=lambda name: medians[name]) if peers else None
    ratio = statistics.median(timing.ratios(times[best], times["ours"])) if best else None
    return {
        "case": case.name,
        "demand": case.demand,
        "medians_ms": medians,
        "best_peer": best,
        "ratio": ratio,
        "limit_ms": case.limit_ms,
        "copy_ms": case.copy_ms,
        "share_of_limit": case.limit_ms / medians["ours"],
        "skipped": skipped,
    }


def show(result: dict) -> None:
    ours, best = result["medians_ms"]["ours"], result["best_peer"]
    line = f"{result['case']:52} ours {ours:9.3f} ms, {result['share_of_limit']:5.0%} of the limit"
    if best:
        peer = result["medians_ms"][best]
        line += f"; {best} {peer:.3f} ms: {result['ratio']:.1f}x (asked {result['demand']}x,"
        line += f" limit {peer / result['limit_ms']:.1f}x"
        line += f", a copy {peer / result['copy_ms']:.1f}x)" if result["copy_ms"] else ")"
    print(line, flush=True)
    for peer in result["skipped"]:
        print(f"    skipped: {peer}", flush=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument(
        "--clock",
        choices=timing.CLOCKS,
        default="wall",
        help="cpu: time of this process alone, for a busy machine; with one thread only",
    )
    parser.add_argument("--output", type=Path, help="default: results/cpu_ops_<threads>.json")
    args = parser.parse_args(argv)
    if args.clock == "cpu" and args.threads > 1:
        parser.error("--clock cpu adds up the time of all threads; use it with --threads 1")
    os.environ["CPU_OPS_CLOCK"] = args.clock
    measuring.limit_threads(args.threads)
    results = []
    for cases in (sampling_cases, search_cases, grouping_cases, interpolation_cases):
        for case in cases(args.threads):
            if args.only in case.name:
                results.append(measure(case, args.rounds))
                show(results[-1])
    path = args.output or measuring.RESULTS / f"cpu_ops_{args.threads}.json"
    about = {"threads": args.threads, "clock": args.clock, **provenance.collect()}
    measuring.write(path, {**about, "cases": results})
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
