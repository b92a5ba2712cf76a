"""Semantic and instance scores: by hand, and against plain loops."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ban_tf.metrics import instance, means, semantic
from published_evaluation import instance_scores_by_loops


def random_room(seed, num_points=400, num_classes=4, none=True):
    """Truth and a damaged copy of it; some points without instance if `none`."""
    rng = np.random.default_rng(seed)
    truth_instance = rng.integers(0, 9, num_points)
    classes = rng.integers(0, num_classes, 9)
    predicted_instance = np.where(rng.random(num_points) < 0.3, truth_instance // 2, truth_instance)
    truth_semantic = classes[truth_instance]
    noise = rng.integers(0, num_classes, num_points)
    predicted_semantic = np.where(rng.random(num_points) < 0.2, noise, truth_semantic)
    if none:
        truth_instance[rng.random(num_points) < 0.1] = -1
        predicted_instance[rng.random(num_points) < 0.1] = -1
    return truth_semantic, truth_instance, predicted_semantic, predicted_instance


def labelled(room):
    """The points of a room with a true class and instance; nothing else is matched."""
    inside = (room[0] != -1) & (room[1] != -1)
    return tuple(labels[inside] for labels in room)


def instance_scores(rooms, num_classes, matching="legacy"):
    matches = instance.InstanceMatches(num_classes)
    for index, room in enumerate(rooms):
        matches.add(f"cloud_{index}", *room)
    return matches.scores(matching)


@pytest.mark.parametrize("num_points", [1, 7, 400])
@pytest.mark.parametrize("seed", range(5))
def test_legacy_matching_agrees_with_plain_loops(seed, num_points):
    rooms = [random_room(10 * seed + index, num_points, num_classes=6) for index in range(3)]
    scores = instance_scores(rooms, 6)
    expected = instance_scores_by_loops([labelled(room) for room in rooms], 6)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(scores, name), values, rtol=1e-12)


def test_a_room_by_hand():
    # Class 0: objects of 4 and 2 points. The prediction 5 holds 3 of the 4 and one of the 2.
    truth = np.array([0, 0, 0, 0, 1, 1])
    predicted = np.array([5, 5, 5, -1, 5, -1])
    classes = np.zeros(6, int)
    scores = instance_scores([(classes, truth, classes, predicted)], 2)
    assert scores.coverage[0] == pytest.approx((3 / 5 + 1 / 5) / 2)
    assert scores.weighted_coverage[0] == pytest.approx((4 * 3 / 5 + 2 * 1 / 5) / 6)
    assert scores.precision[0] == 1.0
    assert scores.recall[0] == 0.5
    assert np.isnan(scores.coverage[1])
    assert scores.absent == scores.unpredicted == (1,)
    assert scores.mean_coverage == pytest.approx(0.4)
    strict = instance_scores([(classes, truth, classes, predicted)], 2, "strict")
    assert strict.coverage[0] == pytest.approx(3 / 5 / 2)  # 5 may answer for one object only


@pytest.mark.parametrize(("matching", "recall"), [("legacy", 2.0), ("strict", 1.0)])
def test_exact_halves_count_twice_only_in_the_legacy_matching(matching, recall):
    classes, truth = np.zeros(6, int), np.zeros(6, int)
    halves = np.array([0, 1, 0, 1, 0, 1])
    scores = instance_scores([(classes, truth, classes, halves)], 1, matching)
    assert scores.recall[0] == recall
    assert scores.precision[0] == recall / 2


def test_points_without_an_object_are_left_out_where_the_authors_script_makes_one_of_them():
    classes = np.zeros(10, int)
    truth = np.array([0] * 4 + [-1] * 6)
    room = (classes, truth, classes, np.zeros(10, int))
    authors = instance_scores_by_loops([room], 1)
    assert authors["coverage"][0] == pytest.approx((0.4 + 0.6) / 2)
    for matching in ("legacy", "strict"):
        scores = instance_scores([room], 1, matching)
        assert scores.num_truth[0] == 1
        assert scores.coverage[0] == 1.0


def test_a_class_nobody_predicts_has_no_precision_in_legacy_and_none_to_gain_in_strict():
    truth_semantic = np.array([0, 0, 1, 1])
    predicted_semantic = np.zeros(4, int)
    instances = np.array([0, 0, 1, 1])
    room = (truth_semantic, instances, predicted_semantic, instances)
    legacy, strict = instance_scores([room], 2), instance_scores([room], 2, "strict")
    assert np.isnan(legacy.precision[1])
    assert strict.precision[1] == 0.0
    assert legacy.unpredicted == (1,)
    assert legacy.absent == ()
    assert legacy.recall[1] == 0.0


def test_ties_of_the_class_vote_go_to_the_smallest_class():
    semantic_labels = np.array([2, 1, 2, 1])
    instances = np.zeros(4, int)
    scores = instance_scores([(semantic_labels, instances, semantic_labels, instances)], 3)
    np.testing.assert_array_equal(scores.num_truth, [0, 1, 0])


def test_objects_without_any_class_take_no_part():
    room = (np.array([-1, -1, 0]), np.array([0, 0, 1]), np.array([0, 0, 0]), np.array([0, 0, 1]))
    scores = instance_scores([room], 1)
    assert scores.num_truth[0] == 1
    assert scores.coverage[0] == 1.0


@pytest.mark.parametrize("matching", ["legacy", "strict"])
def test_no_rooms_and_empty_rooms_give_nan_without_a_warning(matching):
    empty = (np.zeros(0, int),) * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rooms in ([], [empty]):
            scores = instance_scores(rooms, 3, matching)
            assert np.isnan(scores.mean_coverage)
            assert scores.absent == (0, 1, 2)


@pytest.mark.parametrize("matching", ["legacy", "strict"])
@given(seed=st.integers(0, 10_000))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_renaming_instances_and_reordering_points_change_no_score(matching, seed):
    room = random_room(seed)
    rng = np.random.default_rng(seed + 1)
    order = rng.permutation(len(room[0]))
    names = rng.permutation(1000)
    renamed = [labels[order] for labels in room]
    for index in (1, 3):
        renamed[index] = np.where(renamed[index] == -1, -1, names[renamed[index]])
    before = instance_scores([room], 4, matching)
    after = instance_scores([renamed], 4, matching)
    for name in ("precision", "recall", "num_truth", "num_predicted"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    if matching == "legacy":  # equal IoUs may compete differently under other names
        np.testing.assert_allclose(before.coverage, after.coverage, rtol=1e-12)


@pytest.mark.parametrize("matching", ["legacy", "strict"])
def test_truth_against_itself_is_perfect(matching):
    truth_semantic, truth_instance, _, _ = random_room(3, none=False)
    room = (truth_semantic, truth_instance, truth_semantic, truth_instance)
    scores = instance_scores([room, room], 4, matching)
    present = scores.num_truth > 0
    for name in ("coverage", "weighted_coverage", "precision", "recall"):
        np.testing.assert_array_equal(getattr(scores, name)[present], 1.0)


def test_bad_rooms_are_refused():
    labels = np.zeros(3, int)
    matches = instance.InstanceMatches(2)
    matches.add("a", labels, labels, labels, labels)
    with pytest.raises(ValueError, match=r"counts once.*cloud='a'"):
        matches.add("a", labels, labels, labels, labels)
    with pytest.raises(ValueError, match=r"same points.*'predicted_instance': 2"):
        matches.add("b", labels, labels, labels, labels[:2])
    with pytest.raises(ValueError, match=r"predicted_semantic.*below 2.*\[0\]=2"):
        matches.add("b", labels, labels, labels + 2, labels)
    with pytest.raises(TypeError, match=r"truth_instance.*float64"):
        matches.add("b", labels, labels * 1.0, labels, labels)
    assert matches.clouds == ("a",)


def semantic_scores(truth, predicted, num_classes):
    matrix = semantic.ConfusionMatrix(num_classes)
    matrix.add(np.array(truth, int), np.array(predicted, int))
    return matrix.scores()


def test_a_confusion_by_hand():
    scores = semantic_scores([0, 0, 0, 1, 1, -1], [0, 0, 1, 1, -1, 2], 4)
    assert scores.overall_accuracy == pytest.approx(3 / 5)
    np.testing.assert_allclose(scores.accuracy, [2 / 3, 1 / 2, np.nan, np.nan])
    np.testing.assert_allclose(scores.iou, [2 / 3, 1 / 3, np.nan, np.nan])
    assert scores.mean_iou == pytest.approx(1 / 2)
    assert scores.absent == (2, 3)
    assert scores.num_points == 5


def test_a_class_predicted_in_vain_counts_with_iou_zero():
    scores = semantic_scores([0, 0, 0, 0], [0, 0, 0, 2], 3)
    np.testing.assert_allclose(scores.iou, [3 / 4, np.nan, 0.0])
    assert scores.mean_iou == pytest.approx(3 / 8)
    assert scores.mean_accuracy == pytest.approx(3 / 4)


def test_rooms_are_pooled():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(-1, 5, (2, 1000))
    matrix = semantic.ConfusionMatrix(5)
    for part in np.array_split(np.arange(1000), 3):
        matrix.add(truth[part], predicted[part])
    whole = semantic_scores(truth, predicted, 5)
    np.testing.assert_array_equal(matrix.scores().iou, whole.iou)
    for c in range(5):
        hits = np.sum((truth == c) & (predicted == c))
        union = np.sum((truth == c) | ((predicted == c) & (truth != -1)))
        assert whole.iou[c] == hits / union


def test_nothing_added_gives_nan_without_a_warning():
    scores = semantic.ConfusionMatrix(2).scores()
    assert np.isnan(scores.overall_accuracy)
    assert np.isnan(scores.mean_iou)


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(ValueError, match=r"`predicted` must be.*below 2.*predicted\[1\]=2"):
        semantic_scores([0, 1], [0, 2], 2)
    with pytest.raises(ValueError, match=r"len\(truth\)=2, len\(predicted\)=1"):
        semantic_scores([0, 1], [0], 2)


def test_mean_of_defined_leaves_nan_out():
    table = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(means.mean_of_defined(table, axis=0), [2.0, 5.0, np.nan])
    assert means.mean_of_defined(table) == 3.0
