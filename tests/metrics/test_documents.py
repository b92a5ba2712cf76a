"""Evaluations through JSON and back."""

import dataclasses
import json

import numpy as np
import pytest

from ban_tf.config import Labels
from ban_tf.metrics import benchmarks, documents, table
from ban_tf.metrics.evaluators import Evaluator
from made_evaluations import evaluation


def measured(seed=0, stuff=("c",), num_clouds=3):
    """Scores with odd fractions, an absent class and stuff."""
    rng = np.random.default_rng(seed)
    labels = Labels(class_names=tuple("abcde"), stuff=stuff)
    official = benchmarks.of("partnet", labels)
    evaluator = Evaluator("demo", labels, ("x", "y"), "covering", benchmark=official)
    for number in range(num_clouds):
        instance = rng.integers(-1, 9, 333)
        semantic = rng.integers(0, 4, 10)[instance]
        guess = np.where(rng.random(333) < 0.3, rng.integers(0, 4, 333), semantic)
        moved = np.where(rng.random(333) < 0.3, rng.integers(-1, 9, 333), instance)
        evaluator.add(f"cloud_{number}", semantic, instance, guess, moved, rng.random(9))
    return evaluator.evaluation()


@pytest.mark.parametrize("num_clouds", [0, 1, 3])
def test_an_evaluation_comes_back_through_text_to_the_last_bit(num_clouds):
    before = measured(num_clouds=num_clouds)
    text = json.dumps(documents.to_dict(before), allow_nan=False)
    after = documents.from_dict(json.loads(text))
    assert after == before
    for part in ("semantic", "instance", "strict", "precision", "panoptic"):
        for field in dataclasses.fields(getattr(before, part)):
            old, new = (getattr(getattr(found, part), field.name) for found in (before, after))
            assert type(old) is type(new)
            if isinstance(old, np.ndarray):
                assert old.tobytes() == new.tobytes()
                assert old.dtype == new.dtype
    assert table.to_json(after) == table.to_json(before)
    assert table.render_markdown(after) == table.render_markdown(before)


def test_evaluations_are_equal_only_if_every_number_is():
    first = measured()
    assert first == measured()
    assert first != measured(seed=1)
    assert first != measured(stuff=())
    iou = first.semantic.iou.copy()
    iou[0] = np.nextafter(iou[0], 1)
    assert first != dataclasses.replace(
        first, semantic=dataclasses.replace(first.semantic, iou=iou)
    )
    assert first.instance != "scores"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clouds": None}, "those that `to_dict` gives"),
        ({"more": 1}, "`Evaluation` must have the fields"),
        ({"semantic": {"iou": [1.0]}}, "`SemanticScores` must have the fields"),
        ({"strict": []}, "those that `to_dict` gives"),
        ({"class_names": ["a", "b"]}, "a value for each of the 2 classes"),
        ({"details": []}, "those that `to_dict` gives"),
        ({"details": {"confusion": [[1]]}}, "those that `to_dict` gives"),
    ],
)
def test_damaged_documents_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        documents.from_dict({**documents.to_dict(evaluation()), **change})


def test_a_document_of_before_there_was_average_precision_is_read_without_it():
    before = measured()
    document = documents.to_dict(before)
    for name in ("precision", "panoptic", "benchmark"):
        del document[name]
    after = documents.from_dict(document)
    assert dict(after.means()) == dict(before.means())
    assert all(np.isnan(value) for value in after.quality().values())
    assert (after.precision.scored, after.panoptic.stuff, after.benchmark) == (False, (2,), None)


def test_a_document_without_a_field_or_with_an_unknown_matching_is_refused():
    document = documents.to_dict(evaluation())
    document["strict"]["matching"] = "loose"
    with pytest.raises(ValueError, match="`matching` must be one of"):
        documents.from_dict(document)
    del document["strict"]
    with pytest.raises(ValueError, match="`Evaluation` must have the fields"):
        documents.from_dict(document)
