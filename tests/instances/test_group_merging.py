"""GroupMerging against loops written from the description of SGPN's code."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

import released_sgpn
from ban_tf.config import GroupMergingConfig
from ban_tf.instances import group_merging, similarity
from group_blocks import matrix_of, mode, random_block

CONFIG = GroupMergingConfig()
SMALL = GroupMergingConfig(min_group_points=5, min_proposal_points=3)


def reference_proposals(matrix, confidence, inside, threshold, config):
    proposals = []
    for seed in range(len(matrix)):
        if not inside[seed] or not confidence[seed] > config.min_confidence:
            continue
        new = inside & (matrix[seed] < threshold)
        if new.sum() < config.min_proposal_points:
            continue
        known = False
        for k, old in enumerate(proposals):
            common = (new & old).sum()
            if (
                common / (new | old).sum() > config.merge_iou
                or common / new.sum() > config.merge_share
            ):
                known = True
                if new.sum() > old.sum():
                    proposals[k] = new
        if not known:
            proposals.append(new)
    return proposals or [inside]


def reference(matrix, confidence, semantic, thresholds, config, legacy=False):
    """Labels of a block, point by point and proposal by proposal."""
    labels = np.full(len(matrix), -1)
    next_group = 0
    for number in sorted(set(semantic.tolist())):
        inside = semantic == number
        for proposal in reference_proposals(matrix, confidence, inside, thresholds[number], config):
            if proposal.sum() > config.min_group_points:
                labels[proposal] = next_group
                next_group += 1
    for group in range(next_group):
        if (labels == group).sum() < config.min_group_points:
            labels[labels == group] = -1
    left = sorted(set(labels.tolist()))
    minus = 1 if legacy or -1 in left else 0
    numbers = {group: k - minus for k, group in enumerate(left)} | {-1: -1}
    labels = np.array([numbers[label] for label in labels.tolist()])
    for point in range(len(labels)):
        if labels[point] == -1:
            votes = labels[(matrix[point] < thresholds[semantic[point]]) & (labels != -1)]
            if len(votes):
                labels[point] = mode(votes)
    return labels


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_groups_are_those_of_the_loops(seed, legacy):
    rng = np.random.default_rng(seed)
    num_points = int(rng.integers(1, 260))
    features, _, semantic, confidence = random_block(
        rng, num_points, int(rng.integers(1, 9)), int(rng.integers(1, 4)), int(rng.integers(0, 4))
    )
    thresholds = rng.choice([1.3, 3.0, 12.0], semantic.max() + 1)
    matrix = matrix_of(features)
    config = dataclasses.replace(
        SMALL, min_group_points=int(rng.integers(1, 40)), merge_iou=rng.choice([0.2, 0.6, 0.95])
    )
    expected = reference(matrix, confidence, semantic, thresholds, config, legacy)
    for source in (matrix, similarity.FeatureSimilarity(features)):
        groups = released_sgpn.merge_groups(
            source, confidence, semantic, thresholds, config, legacy=legacy
        )
        np.testing.assert_array_equal(groups.labels, expected)
        assert groups.labels.dtype == groups.classes.dtype == np.int32
        assert len(groups.classes) == expected.max() + 1


def test_similarity_need_not_be_symmetric():
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 5, (80, 80)).astype(np.float32)
    semantic, confidence = rng.integers(0, 2, 80), rng.random(80)
    config = dataclasses.replace(SMALL, merge_iou=0.3)
    groups = group_merging.merge_groups(matrix, confidence, semantic, [2.0, 3.0], config)
    expected = reference(matrix, confidence, semantic, [2.0, 3.0], config)
    np.testing.assert_array_equal(groups.labels, expected)


def three_clusters(size=60):
    """Two clusters of class 0 and one of class 2, far apart; all points are confident."""
    group = np.repeat([0, 1, 2], size)
    features = np.eye(3)[group] * 5
    return features, group, np.array([0, 0, 2])[group], np.ones(len(group))


@pytest.mark.parametrize("legacy", [False, True])
def test_separate_clusters_become_groups_and_legacy_loses_the_first(legacy):
    features, group, semantic, confidence = three_clusters()
    groups = released_sgpn.merge_groups(
        similarity.FeatureSimilarity(features),
        confidence,
        semantic,
        np.ones(3),
        None,
        legacy=legacy,
    )
    np.testing.assert_array_equal(groups.labels, group - legacy)
    np.testing.assert_array_equal(groups.classes, [0, 0, 2][legacy:])


def test_legacy_is_right_while_one_point_has_no_group():
    features, group, semantic, confidence = three_clusters()
    features = np.vstack([features, [[9, 9, 9]]])
    for legacy in (False, True):
        groups = released_sgpn.merge_groups(
            similarity.FeatureSimilarity(features),
            np.append(confidence, 0),
            np.append(semantic, 1),
            np.ones(3),
            legacy=legacy,
        )
        np.testing.assert_array_equal(groups.labels, np.append(group, -1))
        np.testing.assert_array_equal(groups.classes, [0, 0, 2])


def test_legacy_lets_the_lost_points_join_what_is_similar_to_them():
    features, _, semantic, confidence = three_clusters()
    matrix = matrix_of(features)
    matrix[3, 60:62] = 0.0  # point 3 is similar to two points of the second cluster
    groups = released_sgpn.merge_groups(matrix, confidence, semantic, np.ones(3), legacy=True)
    assert groups.labels[3] == 0  # the second cluster, now group 0
    # ... and through point 3, which joined before them, so do the points after it, not those before
    np.testing.assert_array_equal(groups.labels[:3], -1)
    np.testing.assert_array_equal(groups.labels[4:60], 0)


@pytest.mark.parametrize(("size", "is_group"), [(50, False), (51, True)])
def test_without_confident_points_a_class_proposes_itself_whole(size, is_group):
    semantic, confidence = np.zeros(size, int), np.full(size, 0.4)
    features = np.arange(size)[:, None] * 100.0
    groups = group_merging.merge_groups(
        similarity.FeatureSimilarity(features), confidence, semantic, np.ones(1)
    )
    np.testing.assert_array_equal(groups.labels, np.full(size, 0 if is_group else -1))
    np.testing.assert_array_equal(groups.classes, [0] * is_group)


def test_proposals_too_small_leave_the_class_whole():
    features = np.repeat(np.arange(12), 5)[:, None] * 100.0  # five points each, six are needed
    groups = group_merging.merge_groups(
        similarity.FeatureSimilarity(features), np.ones(60), np.zeros(60, int), np.ones(1)
    )
    np.testing.assert_array_equal(groups.labels, 0)


def test_a_group_that_later_ones_took_apart_dissolves():
    # Three proposals of 60 points: the second takes 31 of the first, which is left with 29.
    matrix = np.full((120, 120), 9.0)
    matrix[0, :60] = 0
    matrix[1, 29:89] = 0
    confidence = np.zeros(120)
    confidence[:2] = 1
    groups = group_merging.merge_groups(matrix, confidence, np.zeros(120, int), np.ones(1))
    # Points 0 and 1 lose their group and join the second, to which they are similar.
    np.testing.assert_array_equal(groups.labels[:2], 0)
    np.testing.assert_array_equal(groups.labels[2:29], -1)
    np.testing.assert_array_equal(groups.labels[29:89], 0)
    np.testing.assert_array_equal(groups.labels[89:], -1)


def test_the_threshold_itself_is_not_below_the_threshold():
    features = np.array([[0.0], [0.5]]).repeat(60, axis=0)  # 10 * 0.25 = 2.5 apart
    semantic, confidence = np.zeros(120, int), np.ones(120)
    counts = [
        group_merging.merge_groups(
            similarity.FeatureSimilarity(features), confidence, semantic, [threshold]
        ).labels.max()
        + 1
        for threshold in (2.5, 2.51)
    ]
    assert counts == [2, 1]


@pytest.mark.parametrize("num_points", [0, 1])
@pytest.mark.parametrize("legacy", [False, True])
def test_blocks_of_no_and_of_one_point(num_points, legacy):
    config = dataclasses.replace(CONFIG, min_group_points=1)
    groups = released_sgpn.merge_groups(
        similarity.FeatureSimilarity(np.zeros((num_points, 4))),
        np.ones(num_points),
        np.zeros(num_points, int),
        np.ones(1),
        config,
        legacy=legacy,
    )
    np.testing.assert_array_equal(groups.labels, [-1] * num_points)
    assert len(groups.classes) == 0


def test_more_groups_than_the_original_has_room_for():
    group = np.arange(4000) % 400
    config = dataclasses.replace(CONFIG, min_group_points=9)
    groups = group_merging.merge_groups(
        similarity.FeatureSimilarity(group[:, None] * 10.0),
        np.ones(4000),
        np.zeros(4000, int),
        np.ones(1),
        config,
    )
    np.testing.assert_array_equal(groups.labels, group)


def test_a_whole_block_needs_a_few_megabytes():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 12, 4096)
    features = (rng.normal(size=(12, 128))[group] + rng.normal(0, 0.01, (4096, 128))) * 0.5
    source = similarity.FeatureSimilarity(features.astype(np.float32))
    tracemalloc.start()
    groups = group_merging.merge_groups(source, np.ones(4096), group % 3, np.full(3, 5.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(groups.classes) == 12
    assert (np.unique(groups.labels + 12 * group)).size == 12
    assert peak < 10e6  # S itself would have 67 million bytes as float32


def test_bad_input_is_refused():
    good = np.zeros((3, 3)), np.ones(3), np.zeros(3, int), np.ones(1)
    cases = [
        (0, np.zeros((3, 2)), "shape \\[N, N\\]"),
        (0, np.zeros((4, 4)), "same points"),
        (0, np.full((3, 3), np.nan), "`similarity` must be finite"),
        (1, np.ones(2), "same points"),
        (1, np.array([0, np.inf, 0]), "`confidence` must be finite"),
        (2, np.array([0, 0, 1]), "`semantic` must be at least 0 and below 1"),
        (2, np.array([0, -1, 0]), "`semantic` must be at least 0"),
        (3, np.array([np.nan]), "`thresholds` must be finite"),
    ]
    for place, value, message in cases:
        arguments = [*good]
        arguments[place] = value
        with pytest.raises(ValueError, match=message):
            group_merging.merge_groups(*arguments)
    with pytest.raises(TypeError, match="must hold floats"):
        group_merging.merge_groups(np.zeros((3, 3), int), *good[1:])
    with pytest.raises(ValueError, match="`features` must have shape"):
        similarity.FeatureSimilarity(np.zeros(3))
    with pytest.raises(ValueError, match="`features` must be finite"):
        similarity.FeatureSimilarity(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="`margin` must be positive"):
        GroupMergingConfig(margin=0)
