"""Classes whose points form no instances."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ban_tf.config import NONE, Labels
from ban_tf.metrics import table
from ban_tf.metrics.evaluators import METRICS, Evaluator, instance_means
from ban_tf.metrics.instance import InstanceMatches

WALL, CHAIR, LAMP = range(3)
NAMES = ("wall", "chair", "lamp")
# Two points of wall, two chairs of two points, a lamp of one.
SEMANTIC = np.array([WALL, WALL, CHAIR, CHAIR, CHAIR, CHAIR, LAMP])
INSTANCE = np.array([0, 0, 1, 1, 2, 2, 3])


def evaluate(*labels, stuff=("wall",)):
    evaluator = Evaluator("demo", Labels(class_names=NAMES, stuff=stuff), ("scan",), "covering")
    evaluator.add("scan", *labels)
    return evaluator.evaluation()


@pytest.mark.parametrize("wall_instance", [0, NONE])
def test_stuff_has_semantic_scores_and_no_instance_scores(wall_instance):
    truth = np.where(SEMANTIC == WALL, wall_instance, INSTANCE)
    found = evaluate(SEMANTIC, truth, SEMANTIC, INSTANCE)
    assert dict(found.means()) == dict.fromkeys(METRICS, 1.0)
    for scores in (found.instance, found.strict):
        np.testing.assert_array_equal(scores.coverage, [np.nan, 1, 1])
        np.testing.assert_array_equal(scores.weighted_coverage, [np.nan, 1, 1])
        np.testing.assert_array_equal(scores.precision, [np.nan, 1, 1])
        np.testing.assert_array_equal(scores.recall, [np.nan, 1, 1])
        np.testing.assert_array_equal(scores.num_truth, [0, 2, 1])
        np.testing.assert_array_equal(scores.num_predicted, [0, 2, 1])
        assert (scores.stuff, scores.absent, scores.unpredicted) == ((WALL,), (), ())
    np.testing.assert_array_equal(found.semantic.iou, 1.0)


def test_predictions_of_stuff_play_no_part_in_instance_scores():
    semantic = np.where(INSTANCE == 2, WALL, SEMANTIC)  # the second chair is called a wall
    found = evaluate(SEMANTIC, INSTANCE, semantic, INSTANCE)
    np.testing.assert_array_equal(found.instance.coverage, [np.nan, 0.5, 1])
    np.testing.assert_array_equal(found.instance.num_predicted, [0, 1, 1])
    np.testing.assert_array_equal(found.instance.precision, [np.nan, 1, 1])
    np.testing.assert_array_equal(found.instance.recall, [np.nan, 0.5, 1])
    assert found.semantic.iou[WALL] == 0.5


def test_a_prediction_that_reaches_onto_stuff_loses_nothing_by_it():
    reaching = np.where(INSTANCE == 0, 1, INSTANCE)
    found = evaluate(SEMANTIC, INSTANCE, SEMANTIC, reaching)
    assert found.instance.mean_coverage == found.strict.mean_coverage == 1.0
    assert evaluate(SEMANTIC, INSTANCE, SEMANTIC, reaching, stuff=()).instance.mean_coverage < 1


@given(seed=st.integers(0, 10_000))
def test_what_is_predicted_on_stuff_changes_no_instance_score(seed):
    rng = np.random.default_rng(seed)
    instance = rng.integers(0, 8, 200)
    semantic = rng.integers(0, 3, 8)[instance]
    prediction = rng.integers(0, 3, 200), rng.integers(NONE, 8, 200)
    other = rng.integers(0, 3, 200), rng.integers(NONE, 99, 200)
    changed = [np.where(semantic == WALL, *pair) for pair in zip(other, prediction, strict=True)]
    before = evaluate(semantic, instance, *prediction)
    after = evaluate(semantic, instance, *changed)
    for matching in ("instance", "strict"):
        means = [instance_means(getattr(found, matching)) for found in (before, after)]
        np.testing.assert_array_equal(*(list(values.values()) for values in means))


def test_tables_name_stuff_and_leave_its_cells_empty():
    found = evaluate(SEMANTIC, INSTANCE, SEMANTIC, INSTANCE)
    instances, semantics, _, classes, quality = table.tables(found)
    assert instances.notes == ("Stuff, hence without instance scores: wall.",)
    assert semantics.notes == ()
    assert classes.rows[WALL][1:] == ("-", "-", "-", "-", "100.0", "100.0", "-", "-")
    assert classes.rows[-1][-2:] == ("3", "3")
    assert quality.rows[WALL] == ("wall", "-", "-", "-", "100.0", "100.0", "100.0")
    assert quality.rows[-2] == ("mean of stuff", "-", "-", "-", "100.0", "100.0", "100.0")
    assert "class,wall,,,,,100,100,,,,,100,100,100\n" in table.render_csv(found)


def test_the_document_names_stuff_and_its_plain_means_leave_it_out():
    document = json.loads(table.to_json(evaluate(SEMANTIC, INSTANCE, SEMANTIC, INSTANCE)))
    assert document["stuff_classes"] == ["wall"]
    assert document["absent_classes"] == document["unpredicted_classes"] == []
    assert document["per_class"]["Cov"] == [None, 1.0, 1.0]
    assert set(document["plain_means"].values()) == {1.0}
    without = json.loads(table.to_json(evaluate(SEMANTIC, INSTANCE, SEMANTIC, INSTANCE, stuff=())))
    assert set(document) - set(without) == {"stuff_classes"}


def test_a_class_with_points_but_no_instance_is_named_below_the_instance_scores():
    truth = np.where(SEMANTIC == LAMP, NONE, INSTANCE)
    instances, semantics = table.tables(evaluate(SEMANTIC, truth, SEMANTIC, INSTANCE))[:2]
    assert instances.notes[1] == "No true instance, hence left out of means: lamp."
    assert semantics.notes == ()


def test_stuff_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match=r"indices of classes.*stuff=\(2,\), num_classes=2"):
        InstanceMatches(2, stuff=(2,))
