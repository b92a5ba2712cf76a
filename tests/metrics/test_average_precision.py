"""Average precision by COCO's rule: by hand, against masks, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scores_by_masks
from ban_tf.config import NONE, Labels
from ban_tf.metrics import objects
from ban_tf.metrics.average_precision import THRESHOLDS, AveragePrecision
from ban_tf.metrics.evaluators import Evaluator
from scored_clouds import scored_cloud

SEEDS = st.integers(0, 10_000)


def scores_of(clouds, num_classes=4, stuff=()):
    precision = AveragePrecision(num_classes, stuff)
    for semantic, instance, guess, found, scores in clouds:
        inside = objects.instances_without(semantic, instance, stuff)
        precision.add(objects.of_points(semantic, inside, guess, found), scores)
    return precision.scores()


def one_class(truth, found, scores):
    """Points of one class: the average precisions by name."""
    classes = np.zeros(len(truth), int)
    cloud = (classes, np.array(truth), classes, np.array(found), np.array(scores, float))
    return scores_of([cloud], 1).means()


@pytest.mark.parametrize("stuff", [(), (1,)])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("num_points", [0, 1, 240])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_plain_loops_over_masks_give(seed, num_points, ties, stuff):
    clouds = [scored_cloud(10 * seed + index, num_points, ties=ties) for index in range(3)]
    found = scores_of(clouds, stuff=stuff)
    expected = {
        percent: scores_by_masks.average_precision(clouds, 4, percent, stuff)
        for percent in (25, *THRESHOLDS)
    }
    np.testing.assert_allclose(found.at_25, expected[25], rtol=1e-12)
    np.testing.assert_allclose(found.at_50, expected[50], rtol=1e-12)
    average = np.mean([expected[percent] for percent in THRESHOLDS], axis=0)
    np.testing.assert_allclose(found.average, average, rtol=1e-12)


def test_there_are_ten_thresholds():
    assert THRESHOLDS == (50, 55, 60, 65, 70, 75, 80, 85, 90, 95)


def test_a_sure_mistake_costs_more_than_an_unsure_one():
    truth, found = [0, 0, 1, 1, 2], [0, 0, 1, 1, -1]
    wrong_last = one_class(truth, [0, 0, 1, -1, -1], [0.9, 0.5])  # second: IoU exactly 0.5
    assert wrong_last["AP50"] == pytest.approx(67 / 101)  # two of three objects: recalls to 0.66
    assert one_class(truth, found, [0.9, 0.5])["AP"] == pytest.approx(67 / 101)
    classes = np.zeros(6, int)
    for scores, expected in (([0.9, 0.1], 1.0), ([0.1, 0.9], 0.5)):
        truth, found = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, -1, -1])
        half = (classes, np.where(truth == 1, NONE, truth), classes, found, np.array(scores))
        assert scores_of([half], 1).at_50[0] == 1.0  # what lies outside the truth is no mistake
        inside = (classes, truth, classes, found, np.array(scores))
        assert scores_of([inside], 1).at_50[0] == pytest.approx(expected * 51 / 101)


def test_a_threshold_is_reached_by_exact_fractions():
    truth = [0] * 5
    assert one_class(truth, [0, 0, 0, -1, -1], [1.0])["AP"] == pytest.approx(0.3)  # 50, 55, 60
    assert one_class([0] * 20, [0] * 19 + [-1], [1.0])["AP"] == 1.0  # 0.95


def test_of_two_halves_of_an_object_one_is_right():
    found = one_class([0] * 4, [0, 0, 1, 1], [0.5, 0.9])
    assert (found["AP50"], found["AP25"]) == (1.0, 1.0)
    two = one_class([0] * 4 + [1] * 4, [0, 0, 1, 1, 2, 2, 2, 2], [0.9, 0.8, 0.7])
    # Right, wrong, right: half of the recalls at precision 1, the others at 2/3.
    assert two["AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_prediction_takes_the_best_object_that_is_free():
    # Prediction 0 meets both objects at 0.25 and more; the surer prediction 1 has the better one.
    truth = [0, 0, 0, 0, 1, 1, 1, 1]
    found = one_class(truth, [0, 0, -1, -1, 0, 0, 1, 1], [0.5, 0.9])
    assert found["AP25"] == 1.0


def test_classes_without_objects_have_no_value_and_without_predictions_0():
    semantic, instance = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    found = scores_of([(semantic, instance, np.zeros(4, int), instance, np.array([0.9, 0.8]))], 3)
    np.testing.assert_array_equal(found.at_50, [1.0, 0.0, np.nan])
    assert found.means()["AP50"] == 0.5


def test_predictions_without_scores_have_no_average_precision():
    cloud = scored_cloud(0)
    found = scores_of([cloud, (*scored_cloud(1)[:4], None)])
    assert not found.scored
    assert all(np.isnan(value) for value in found.means().values())
    nothing = np.full(240, NONE)
    empty = scores_of([(*cloud[:3], nothing, None)])  # no prediction, so that none lacks a score
    assert empty.scored
    assert empty.means()["AP"] == 0.0


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_perfect_answer_scores_1_whatever_its_scores(seed):
    semantic, instance, *_ = scored_cloud(seed)
    scores = np.random.default_rng(seed).random(9)
    semantic = np.where(instance == NONE, semantic, instance % 4)  # one class each
    found = scores_of([(semantic, instance, np.maximum(semantic, 0), instance, scores)])
    for values in found.per_class().values():
        assert set(values[~np.isnan(values)]) <= {1.0}


@settings(max_examples=25)
@given(seed=SEEDS, ties=st.booleans())
def test_no_order_of_clouds_points_or_numbers_matters(seed, ties):
    rng = np.random.default_rng(seed)
    clouds = [scored_cloud(seed + index, ties=ties) for index in range(3)]
    before = scores_of(clouds)
    changed = []
    for semantic, instance, guess, found, scores in reversed(clouds):
        points, number = rng.permutation(len(semantic)), rng.permutation(len(scores))
        renamed = np.where(found == NONE, NONE, number[found])
        moved = np.empty_like(scores)
        moved[number] = scores
        labels = (semantic, np.where(instance == NONE, NONE, 50 - instance), guess, renamed)
        changed.append((*(values[points] for values in labels), moved))
    after = scores_of(changed)
    np.testing.assert_allclose(before.at_50, after.at_50, rtol=1e-12)
    if not ties:
        np.testing.assert_allclose(before.average, after.average, rtol=1e-12)
        np.testing.assert_allclose(before.at_25, after.at_25, rtol=1e-12)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_only_the_order_of_the_scores_matters(seed):
    clouds = [scored_cloud(seed + index) for index in range(2)]
    squeezed = [(*cloud[:4], np.exp(5 * cloud[4]) / 200) for cloud in clouds]
    assert scores_of(clouds) == scores_of(squeezed)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.5], r"cloud a: `instance_score` must hold a score for every.*1 scores and instance 1"),
        ([0.5, np.nan], "none of them NaN"),
        ([[0.5, 0.5]], r"shape=\(1, 2\)"),
        (["high", "low"], "one number per predicted instance"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores, message):
    evaluator = Evaluator("demo", Labels(class_names=("a",)), ("x",), "covering")
    labels = np.zeros(2, int)
    with pytest.raises(ValueError, match=message):
        evaluator.add("a", labels, labels, labels, np.array([0, 1]), scores)
    assert evaluator.evaluation().clouds == ()
