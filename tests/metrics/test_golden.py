"""Scores of the authors' script, on two cropped rooms here and on whole ones where they are."""

import json
import pathlib

import numpy as np
import pytest

import make_metrics_golden
from ban_tf.config import Labels
from ban_tf.metrics import table
from ban_tf.metrics.evaluators import METRICS, Evaluator
from places import SHARED

GOLDEN = pathlib.Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))
ROOMS = {
    path.stem: tuple(np.loadtxt(path, dtype=np.int64).T)
    for path in sorted(GOLDEN.glob("Area_5_*.txt"))
}
RECORDED = SHARED / "fixtures" / "legacy_eval"
needs_recordings = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="needs the recorded evaluation beside the project"
)


def evaluate(rooms, classes):
    evaluator = Evaluator("s3dis", Labels(class_names=tuple(classes)), ("Area_5",), "legacy")
    for name, room in rooms.items():
        evaluator.add(name, *room)
    return evaluator.evaluation()


def test_the_cropped_rooms_have_the_scores_of_the_published_evaluation():
    found = evaluate(ROOMS, EXPECTED["classes"])
    for name, values in EXPECTED.items():
        if name != "classes":
            part = found.instance if hasattr(found.instance, name) else found.semantic
            numbers = np.array(values, np.float64)
            np.testing.assert_allclose(getattr(part, name), numbers, rtol=1e-12, err_msg=name)


def test_the_document_of_the_cropped_rooms_is_the_same_to_the_byte():
    found = table.to_json(evaluate(ROOMS, EXPECTED["classes"]))
    assert found == (GOLDEN / "scores.json").read_text(encoding="utf-8")


@needs_recordings
def test_the_golden_files_are_what_the_recipe_makes(tmp_path):
    make_metrics_golden.make(RECORDED, tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(path.name for path in GOLDEN.iterdir() if path.suffix != ".md")
    for name in made:
        assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes(), name


@needs_recordings
def test_the_document_of_the_whole_rooms_has_the_recorded_numbers():
    recorded = json.loads((RECORDED / "expected.json").read_text(encoding="utf-8"))
    rooms = {
        path.name: make_metrics_golden.read_recorded(path)
        for path in sorted((RECORDED / "test_results").glob("*_gt.txt"))
    }
    printed = recorded["printed"]
    document = json.loads(table.to_json(evaluate(rooms, recorded["classes"])))
    names = {"mCov": "mMUCov", "mWCov": "mMWCov", "mPrec": "mPrecision", "mRec": "mRecall"}
    for name in METRICS:
        assert document[name] == pytest.approx(printed[names.get(name, name)], abs=1e-9)
    names = {"Cov": "MUCov", "WCov": "MWCov", "Prec": "Precision", "Rec": "Recall", "IoU": "IoU"}
    for ours, theirs in names.items():
        assert document["per_class"][ours] == pytest.approx(printed[theirs], abs=1e-9)
