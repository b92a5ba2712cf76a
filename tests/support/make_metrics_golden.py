"""Makes `tests/metrics/golden/` from the recorded evaluation of the authors' script.

    python tests/support/make_metrics_golden.py ../shared/fixtures/legacy_eval tests/metrics/golden

The first folder holds `test_results/` with prediction files and `expected.json` with the numbers
that the authors' script printed for them. The plain loops of `published_evaluation` must give
those numbers; then they score the cropped rooms, and only so their scores are expected.
"""

import argparse
import json
import pathlib

import numpy as np

from ban_tf.config import Labels
from ban_tf.metrics import json_values, table
from ban_tf.metrics.evaluators import Evaluator
from published_evaluation import instance_scores_by_loops, semantic_scores_by_loops

ROOMS = ("Area_5_hallway_2", "Area_5_office_1")
KEPT = 10  # one row in so many
_PRINTED = {  # names of the authors' script
    "coverage": "MUCov",
    "weighted_coverage": "MWCov",
    "precision": "Precision",
    "recall": "Recall",
    "overall_accuracy": "oAcc",
    "iou": "IoU",
}


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("recorded", type=pathlib.Path)
    flags.add_argument("golden", type=pathlib.Path)
    args = flags.parse_args()
    make(args.recorded, args.golden)


def make(recorded: pathlib.Path, golden: pathlib.Path) -> None:
    """Writes the cropped rooms, their scores by plain loops, and their `scores.json`."""
    document = json.loads((recorded / "expected.json").read_text(encoding="utf-8"))
    classes = tuple(document["classes"])
    rooms = {
        path.name.removesuffix("_gt.txt"): read_recorded(path)
        for path in sorted((recorded / "test_results").glob("*_gt.txt"))
    }
    for name, values in by_loops(list(rooms.values()), len(classes)).items():
        if name in _PRINTED:
            np.testing.assert_allclose(values, document["printed"][_PRINTED[name]], atol=1e-9)
    cropped = {name: crop(rooms[name]) for name in ROOMS}
    golden.mkdir(parents=True, exist_ok=True)
    for name, room in cropped.items():
        np.savetxt(golden / f"{name}.txt", np.stack(room, axis=1), fmt="%d")
    scores = json_values.plain(by_loops(list(cropped.values()), len(classes)))
    expected = json.dumps({"classes": classes, **scores}, indent=1) + "\n"
    (golden / "expected.json").write_text(expected, encoding="utf-8")
    (golden / "scores.json").write_text(scores_document(cropped, classes), encoding="utf-8")


def read_recorded(truth: pathlib.Path) -> tuple[np.ndarray, ...]:
    """Classes and instances of a room: true ones, then predicted ones; int64 `[N]` each."""
    predicted = np.loadtxt(str(truth).replace("_gt.txt", "_pred.txt"))[:, 7:9]
    return tuple(np.column_stack([np.loadtxt(truth), predicted]).astype(np.int64).T)


def crop(room: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """One in `KEPT` rows of every pair of object and prediction, the first of them included.

    So no pair is lost, and a prediction that is an exact half of its object stays one.
    """
    kept = np.zeros(len(room[0]), bool)
    for pair in np.unique(np.stack([room[1], room[3]]), axis=1).T:
        kept[np.flatnonzero((room[1] == pair[0]) & (room[3] == pair[1]))[::KEPT]] = True
    return tuple(labels[kept] for labels in room)


def by_loops(rooms: list[tuple[np.ndarray, ...]], num_classes: int) -> dict[str, np.ndarray]:
    return instance_scores_by_loops(rooms, num_classes) | semantic_scores_by_loops(
        rooms, num_classes
    )


def scores_document(rooms: dict[str, tuple[np.ndarray, ...]], classes: tuple[str, ...]) -> str:
    """What `table.to_json` makes of the rooms, as of a test on S3DIS."""
    evaluator = Evaluator("s3dis", Labels(class_names=classes), ("Area_5",), "legacy")
    for name, room in rooms.items():
        evaluator.add(name, *room)
    return table.to_json(evaluator.evaluation())


if __name__ == "__main__":
    main()
