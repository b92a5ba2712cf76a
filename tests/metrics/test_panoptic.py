"""Panoptic quality: by hand, against masks, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scores_by_masks
from ban_tf.config import NONE
from ban_tf.metrics.panoptic import PanopticQuality
from scored_clouds import scored_cloud

SEEDS = st.integers(0, 10_000)
WALL, CHAIR = 0, 1


def scores_of(clouds, num_classes=4, stuff=()):
    quality = PanopticQuality(num_classes, stuff)
    for cloud in clouds:
        quality.add(*cloud[:4])
    return quality.scores()


@pytest.mark.parametrize("stuff", [(), (1,), (0, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("num_points", [0, 1, 240])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_plain_loops_over_masks_give(seed, num_points, stuff):
    clouds = [scored_cloud(10 * seed + index, num_points) for index in range(3)]
    found = scores_of(clouds, stuff=stuff)
    expected = scores_by_masks.panoptic_quality(clouds, 4, stuff)
    for values, wanted in zip(found.per_class().values(), expected, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=1e-12)


def test_a_cloud_by_hand():
    # Two chairs of four points: one found with 3 of 4, one with exactly half, which is no match.
    semantic = np.full(8, CHAIR)
    instance, found = np.repeat([0, 1], 4), np.array([0, 0, 0, -1, 1, 1, -1, -1])
    scores = scores_of([(semantic, instance, semantic, found)], 2)
    assert scores.recognition[CHAIR] == pytest.approx(1 / (1 + 0.5 + 0.5))
    assert scores.segmentation[CHAIR] == pytest.approx(0.75)
    assert scores.quality[CHAIR] == pytest.approx(0.375)
    assert np.isnan(scores.quality[WALL])
    assert scores.means() == {"PQ": 0.375, "SQ": 0.75, "RQ": 0.5}


def test_stuff_is_one_segment_per_cloud_and_things_cover_it():
    semantic = np.array([WALL] * 6 + [CHAIR] * 2)
    instance = np.array([3, 3, 3, 4, 4, 4, 0, 0])  # the wall's instances are none
    found = np.array([7, 7, -1, -1, -1, -1, 0, 0])
    guess = np.array([CHAIR, CHAIR] + [WALL] * 4 + [CHAIR] * 2)
    scores = scores_of([(semantic, instance, guess, found)], 2, stuff=(WALL,))
    assert scores.quality[WALL] == pytest.approx(4 / 6)
    assert scores.quality[CHAIR] == pytest.approx(1 / 1.5)  # instance 7 is one too many
    assert scores.of_stuff().means()["PQ"] == pytest.approx(4 / 6)
    assert scores.of_things().means()["RQ"] == pytest.approx(1 / 1.5)


def test_a_class_without_segments_has_no_value_and_one_that_is_only_predicted_0():
    semantic, instance = np.zeros(4, int), np.zeros(4, int)
    scores = scores_of([(semantic, instance, np.ones(4, int), instance)], 3)
    for values in scores.per_class().values():
        np.testing.assert_array_equal(values, [0.0, 0.0, np.nan])


@pytest.mark.parametrize("stuff", [(), (2,)])
@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_perfect_answer_on_partly_labelled_points_scores_1(seed, stuff):
    semantic, instance, *_ = scored_cloud(seed)
    semantic = np.where(instance == NONE, semantic, instance % 4)
    scores = scores_of([(semantic, instance, np.maximum(semantic, 0), instance)], stuff=stuff)
    for values in scores.per_class().values():
        assert set(values[~np.isnan(values)]) <= {1.0}


@settings(max_examples=25)
@given(seed=SEEDS)
def test_what_is_predicted_on_unlabelled_points_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    semantic, instance, guess, found, _ = scored_cloud(seed)
    outside = (semantic == NONE) | ((instance == NONE) & (semantic != 2))
    other = np.where(outside, rng.integers(0, 4, len(guess)), guess)
    moved = np.where(outside, rng.integers(-1, 9, len(found)), found)
    clouds = [(semantic, instance, a, b) for a, b in ((guess, found), (other, moved))]
    assert scores_of(clouds[:1], stuff=(2,)) == scores_of(clouds[1:], stuff=(2,))


@settings(max_examples=25)
@given(seed=SEEDS)
def test_quality_is_segmentation_times_recognition_and_at_most_1(seed):
    scores = scores_of([scored_cloud(seed + index) for index in range(2)], stuff=(1,))
    np.testing.assert_allclose(scores.quality, scores.segmentation * scores.recognition)
    for values in scores.per_class().values():
        assert np.nanmax(values) <= 1.0
        assert np.nanmin(values) >= 0.0
