"""Compares `mean_shift` with scikit-learn's `MeanShift`: time, and whether results are equal.

    python benchmarks/mean_shift.py                     # one thread, about 5 minutes
    python benchmarks/mean_shift.py --threads 2 --rounds 5 --only bins

Both run in this process, in turns; what is reported is the median over the rounds of the ratio of
their times, which a busy machine disturbs less than the times. Embeddings are drawn as the
discriminative loss leaves them: instances at least `separation` apart, each a Gaussian of
standard deviation `std`, bandwidth 0.6. Results go to benchmarks/results/mean_shift.json.
"""

import argparse
import dataclasses
import statistics
import warnings
from pathlib import Path

import measuring
import numpy as np

from ban_tf.experiments.efficiency import timing, workload
from ban_tf.training import provenance

BANDWIDTH = 0.6
WIDTH = 5


@dataclasses.dataclass(frozen=True)
class Case:
    """One embedding of `num_points` points, and the ratio that is asked for."""

    name: str
    num_instances: int
    std: float
    separation: float
    demand: float
    bin_seeding: bool = True
    num_points: int = 4096

    def embedding(self) -> np.ndarray:
        """float32 `[num_points, WIDTH]`, the same in every run."""
        rng = np.random.default_rng(self.num_instances)
        centres = workload.draw_centres(self.num_instances, WIDTH, self.separation, rng)
        shares = rng.dirichlet(np.full(self.num_instances, 1.5))
        drawn = rng.choice(self.num_instances, self.num_points, p=shares)
        noise = self.std * rng.standard_normal((self.num_points, WIDTH))
        return (centres[drawn] + noise).astype(np.float32)


CASES = (
    Case("5 separated instances, bins", 5, 0.10, 1.5, 80),
    Case("15 separated instances, bins", 15, 0.15, 1.5, 250),
    Case("30 separated instances, bins", 30, 0.15, 1.5, 300),
    Case("15 broad instances, bins", 15, 0.20, 1.5, 300),
    Case("30 instances with tails beyond the bandwidth, bins", 30, 0.30, 1.5, 300),
    Case("15 overlapping instances, bins", 15, 0.30, 0.8, 300),
    Case("15 separated instances, all points", 15, 0.15, 1.5, 300, bin_seeding=False),
)


def measure(case: Case, rounds: int) -> dict[str, object]:
    """Runs both in turns; returns times in milliseconds, ratios, and what was equal."""
    from sklearn.cluster import MeanShift

    from tf_ops.clustering import clustering

    points = case.embedding()

    def ours() -> tuple[np.ndarray, np.ndarray]:
        labels, centres, _ = clustering.mean_shift(points[None], BANDWIDTH, case.bin_seeding)
        return labels[0].numpy(), centres[0].numpy()

    def peer() -> tuple[np.ndarray, np.ndarray]:
        fitted = MeanShift(bandwidth=BANDWIDTH, bin_seeding=case.bin_seeding).fit(points)
        return fitted.labels_, fitted.cluster_centers_

    got = ours()  # loads the library and fills the caches
    ours_ms, peer_ms = [], []
    for _ in range(rounds):
        peer_s, expected = timing.timed(peer)
        # As many runs as fill a fiftieth of the peer's time, so that noise hits both alike.
        repeats = max(3, int(peer_s / 50 / timing.seconds_of(ours)))
        ours_ms.append(1e3 * timing.seconds_of(ours, repeats))
        peer_ms.append(1e3 * peer_s)
    ratios = timing.ratios(peer_ms, ours_ms)
    return {
        **dataclasses.asdict(case),
        "num_clusters": len(expected[1]),
        "labels_identical": bool(np.array_equal(got[0], expected[0])),
        "centres_identical": got[1].tobytes() == expected[1].tobytes(),
        "ours_ms": statistics.median(ours_ms),
        "scikit_learn_ms": statistics.median(peer_ms),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--output", type=Path, default=measuring.RESULTS / "mean_shift.json")
    args = parser.parse_args(argv)
    measuring.limit_threads(args.threads)
    warnings.filterwarnings("ignore", "Binning data failed", UserWarning)
    measured = []
    for case in CASES:
        if args.only not in case.name:
            continue
        result = measure(case, args.rounds)
        measured.append(result)
        identical = result["labels_identical"] and result["centres_identical"]
        print(
            f"{case.name:52} {result['ours_ms']:8.2f} ms, scikit-learn "
            f"{result['scikit_learn_ms']:8.0f} ms: {result['ratio']:5.0f}x "
            f"(asked {case.demand:.0f}x), {'identical' if identical else 'NOT identical'}",
            flush=True,
        )
    measuring.write(
        args.output, {"threads": args.threads, **provenance.collect(), "cases": measured}
    )


if __name__ == "__main__":
    main()
