"""Times ScanNet's official scores of a whole validation set, ours and mask by mask.

    python benchmarks/official_metrics.py                    # some minutes; 312 scans, 3 by masks
    python benchmarks/official_metrics.py --scans 20 --vertices 20_000

Made scans with labels like those of a network: 60 objects of unequal size, predictions with moved
borders, some merged, split or of a wrong class. Ours scores all of them, as it does after an
inference: semantic IoU, and instance AP by the official rules. A part of them is also scored with a
mask per instance and a loop per pair, in the manner of the released Python (our own code,
`tests/support/scannet_by_masks.py`), without the text files that the released script reads. Both
must give the same numbers. Results go to benchmarks/results/official_metrics.json.
"""

import argparse
import sys
import time
from pathlib import Path

import measuring

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))  # the evaluation by masks

GOAL_S = 60.0
NUM_OBJECTS = 60
CLASS_NAMES = ("wall", "floor", *(f"thing {number}" for number in range(18)))
FIRST_THING = 2


def made_scan(seed: int, num_vertices: int) -> tuple:
    """Truth, prediction and scores of a scan, vertices in no order that helps."""
    rng = np.random.default_rng(seed)
    place = np.sort(rng.random(num_vertices))
    cuts = np.sort(rng.random(NUM_OBJECTS - 1))
    truth = np.searchsorted(cuts, place)
    classes = rng.integers(0, len(CLASS_NAMES), NUM_OBJECTS)
    moved = np.sort(cuts + rng.normal(0, 0.002, len(cuts)))[rng.random(len(cuts)) < 0.9]
    found = np.searchsorted(np.sort(np.append(moved, rng.random(6))), place)
    noise = rng.random(num_vertices) < 0.1
    guess = np.where(noise, rng.integers(0, len(CLASS_NAMES), num_vertices), classes[truth])
    order = rng.permutation(num_vertices)
    labels = (classes[truth], truth, guess, found)
    return *(values[order].astype(np.int32) for values in labels), rng.random(found.max() + 1)


def by_masks(scans: list[tuple]) -> tuple[float, tuple]:
    """Seconds, and AP, AP50 and AP25 of the things."""
    things = tuple(range(FIRST_THING, len(CLASS_NAMES)))
    begin, compared = time.perf_counter(), []
    for semantic, instance, guess, found, scores in scans:
        codes = 1000 * (semantic.astype(np.int64) + 1) + instance + 1
        masks = [found == label for label in range(len(scores))]
        classes = [int(np.bincount(guess[m]).argmax()) if m.any() else -1 for m in masks]
        predictions = list(zip(masks, classes, scores, strict=True))
        compared.append(scannet_by_masks.compare(codes, predictions, things))
        semantic_by_vertex(semantic, guess)
    scores = scannet_by_masks.evaluate(compared, things)
    return time.perf_counter() - begin, scores


def semantic_by_vertex(truth: "np.ndarray", guess: "np.ndarray") -> "np.ndarray":
    """The confusion of a scan, vertex by vertex, each looked up among the valid classes."""
    valid = np.arange(len(CLASS_NAMES))
    counts = np.zeros((len(valid), len(valid) + 1), np.int64)
    for one, other in zip(truth, guess, strict=True):
        if one not in valid:
            continue
        counts[one][other if other in valid else len(valid)] += 1
    return counts


def ours(scans) -> tuple[float, "ScanNet"]:
    """Seconds without those of making the scans, and the benchmark."""
    benchmark, seconds = ScanNet(Labels(class_names=CLASS_NAMES)), 0.0
    for number, scan in enumerate(scans):
        begin = time.perf_counter()
        benchmark.add(str(number), *scan)
        seconds += time.perf_counter() - begin
    begin = time.perf_counter()
    benchmark.scores()
    return seconds + time.perf_counter() - begin, benchmark


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scans", type=int, default=312)
    parser.add_argument("--by-masks", type=int, default=3, help="so many of them by masks too")
    parser.add_argument("--vertices", type=int, default=150_000)
    parser.add_argument("--out", type=Path, default=measuring.RESULTS / "official_metrics.json")
    args = parser.parse_args(argv)
    few = [made_scan(seed, args.vertices) for seed in range(args.by_masks)]
    few_s, subset = ours(few)
    masks_s, expected = by_masks(few)
    scores = subset.scores()
    found = (scores.average_precision, scores.at_50, scores.at_25)
    for values, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(values[FIRST_THING:], wanted, rtol=1e-9)
    whole_s, _ = ours(made_scan(seed, args.vertices) for seed in range(args.scans))
    results = {
        "scans": args.scans,
        "vertices": args.vertices,
        "objects": NUM_OBJECTS,
        "ours_s": whole_s,
        "goal_s": GOAL_S,
        "compared_scans": args.by_masks,
        "compared_ours_s": few_s,
        "compared_by_masks_s": masks_s,
        "ratio": masks_s / few_s,
        "by_masks_of_all_s": masks_s / args.by_masks * args.scans,
        **provenance.collect(),
    }
    print(f"ours: {args.scans} scans in {whole_s:.1f} s, asked is {GOAL_S:.0f} s")
    print(
        f"{args.by_masks} of them: ours {few_s:.2f} s, by masks {masks_s:.1f} s "
        f"({results['ratio']:.0f}x), the same scores"
    )
    measuring.write(args.out, results)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    measuring.limit_threads(2)  # before NumPy is imported
    import numpy as np

    import scannet_by_masks
    from ban_tf.config import Labels
    from ban_tf.metrics.benchmarks import ScanNet
    from ban_tf.training import provenance

    main()
