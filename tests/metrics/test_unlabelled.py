"""Points without a true class, or without a true instance, and what is predicted there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ban_tf.config import NONE, Labels
from ban_tf.metrics import table
from ban_tf.metrics.evaluators import METRICS, Evaluator, instance_means

NUM_POINTS, NUM_OBJECTS, NUM_CLASSES = 300, 12, 4
LABELS = Labels(class_names=tuple("abcd"))
SEEDS = st.integers(0, 10_000)


def annotated(rng):
    """Class and instance of every point of a cloud."""
    instance = rng.integers(0, NUM_OBJECTS, NUM_POINTS)
    return rng.integers(0, NUM_CLASSES, NUM_OBJECTS)[instance], instance


def half_of(labels, rng):
    return np.where(rng.random(NUM_POINTS) < 0.5, NONE, labels)


def damaged(semantic, instance, rng):
    """A prediction that is mostly right."""
    wrong = rng.random((2, NUM_POINTS)) < 0.3
    return (
        np.where(wrong[0], rng.integers(0, NUM_CLASSES, NUM_POINTS), semantic),
        np.where(wrong[1], rng.integers(NONE, NUM_OBJECTS, NUM_POINTS), instance),
    )


def evaluate(*labels):
    evaluator = Evaluator("demo", LABELS, ("scan",), "covering")
    evaluator.add("scan", *labels)
    return evaluator.evaluation()


@pytest.mark.parametrize("hidden", ["class", "instance", "both"])
@given(seed=SEEDS)
def test_a_perfect_answer_on_half_labelled_data_is_perfect_in_every_score(hidden, seed):
    rng = np.random.default_rng(seed)
    semantic, instance = annotated(rng)
    truth_semantic = semantic if hidden == "instance" else half_of(semantic, rng)
    truth_instance = instance if hidden == "class" else half_of(instance, rng)
    outside = (truth_semantic == NONE) | (truth_instance == NONE)
    invented = outside & (rng.random(NUM_POINTS) < 0.5)  # instances wholly outside
    predicted = np.where(invented, NUM_OBJECTS + rng.integers(0, 3, NUM_POINTS), instance)
    found = evaluate(truth_semantic, truth_instance, semantic, predicted)
    assert dict(found.means()) == dict.fromkeys(METRICS, 1.0)
    assert set(instance_means(found.strict).values()) == {1.0}
    np.testing.assert_array_equal(found.instance.num_predicted, found.instance.num_truth)


@given(seed=SEEDS)
def test_what_is_predicted_on_points_without_a_class_changes_no_score(seed):
    rng = np.random.default_rng(seed)
    semantic, instance = annotated(rng)
    prediction = damaged(semantic, instance, rng)
    truth_semantic = half_of(semantic, rng)
    other = rng.integers(NONE, NUM_CLASSES, NUM_POINTS), rng.integers(NONE, 99, NUM_POINTS)
    there = truth_semantic == NONE
    changed = [np.where(there, new, old) for new, old in zip(other, prediction, strict=True)]
    before = evaluate(truth_semantic, instance, *prediction)
    assert table.to_json(before) == table.to_json(evaluate(truth_semantic, instance, *changed))


@given(seed=SEEDS)
def test_points_that_are_left_out_might_as_well_not_exist(seed):
    rng = np.random.default_rng(seed)
    semantic, instance = annotated(rng)
    labels = half_of(semantic, rng), instance, *damaged(semantic, instance, rng)
    there = labels[0] != NONE
    alone = evaluate(*(values[there] for values in labels))
    assert table.to_json(evaluate(*labels)) == table.to_json(alone)


def test_a_point_with_a_class_but_no_instance_counts_in_the_semantic_scores_alone():
    truth_semantic, truth_instance = np.array([0, 0, 1, 1]), np.array([5, 5, NONE, NONE])
    predicted_semantic, predicted_instance = np.array([0, 0, 1, 0]), np.array([2, 2, 2, 3])
    found = evaluate(truth_semantic, truth_instance, predicted_semantic, predicted_instance)
    assert found.semantic.num_points == 4
    assert found.semantic.overall_accuracy == 0.75
    for scores in (found.instance, found.strict):
        np.testing.assert_array_equal(scores.num_truth, [1, 0, 0, 0])
        np.testing.assert_array_equal(scores.num_predicted, [1, 0, 0, 0])  # 3 lies wholly outside
        assert scores.mean_coverage == 1.0  # and 2 is as large as its part inside


def test_a_cloud_without_any_labelled_point_has_no_scores():
    nothing, something = np.full(3, NONE), np.zeros(3, int)
    assert np.isnan(list(evaluate(nothing, nothing, something, something).means().values())).all()
