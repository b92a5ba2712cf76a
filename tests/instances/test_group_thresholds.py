"""Thresholds of similarity against loops written from the description of SGPN's code."""

import numpy as np
import pytest

import released_sgpn
from ban_tf.config import GroupMergingConfig
from ban_tf.instances import group_merging, group_thresholds, similarity
from group_blocks import matrix_of, mode, random_block

CONFIG = GroupMergingConfig()


def reference_threshold(row, inside, others, legacy, config=CONFIG):
    """The edge one point takes, or None."""
    values = row[inside]
    if values.min() == values.max() and not legacy:
        return None
    edges = np.histogram(values, bins=config.num_bins)[1]
    best, chosen = 0.0, None
    for edge in edges:
        if edge == 0:
            if legacy:
                break
            continue
        true, false = (values < edge).mean(), (row[others] < edge).mean()
        if true <= config.min_true_share:
            continue
        if false == 0:
            return None if legacy and best == 0 else edge
        if true / false > best:
            best, chosen = true / false, edge
    return chosen if best > config.min_gain else None


def reference_thresholds(blocks, num_classes, legacy):
    found = [[] for _ in range(num_classes)]
    for matrix, instance, semantic in blocks:
        for point, row in enumerate(matrix):
            inside = instance == instance[point]
            others = ~inside & (semantic == semantic[point])
            if instance[point] == -1 or semantic[point] == -1 or not others.any():
                continue
            edge = reference_threshold(row, inside, others, legacy)
            if edge is not None:
                found[semantic[point]].append(edge)
    return [np.mean(edges) if edges else CONFIG.default_threshold for edges in found], found


@pytest.mark.parametrize("legacy", [False, True])
def test_thresholds_are_those_of_the_loops(legacy):
    rng = np.random.default_rng(3)
    blocks = []
    ours = released_sgpn.thresholds(4, legacy)
    for _ in range(12):
        features, instance, semantic, _ = random_block(rng, 90, 6, 3, 3)
        matrix = matrix_of(features + rng.normal(0, 0.05, features.shape))
        matrix += rng.choice([0, 0.01])  # rounding may leave the diagonal above 0
        instance = np.where(rng.random(90) < 0.05, -1, instance)
        semantic = np.where(rng.random(90) < 0.05, -1, semantic)
        blocks.append((matrix, instance, semantic))
        ours.add(matrix, instance, semantic)
    expected, found = reference_thresholds(blocks, 4, legacy)
    assert sum(map(len, found)) > 100
    np.testing.assert_allclose(ours.result(), expected, rtol=1e-12)
    assert ours.result()[3] == CONFIG.default_threshold


@pytest.mark.parametrize(("legacy", "expected"), [(False, 2.25), (True, 0.2)])
def test_legacy_has_no_threshold_where_instances_are_cleanly_apart(legacy, expected):
    # One point looks: its instance lies at 0.25, 1.25, 2.0 and 20.25, the other from 40.25 on.
    matrix = np.full((8, 8), 1.0)
    matrix[0] = [0.25, 1.25, 2.0, 20.25, 40.25, 41, 42, 43]
    instance = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    thresholds = released_sgpn.thresholds(1, legacy)
    thresholds.add(matrix, instance, np.zeros(8, int))
    # The rows of ones are equally similar to all and give nothing. Bins are 1 wide: below 1.25 lies
    # a quarter, below 2.25 three quarters.
    assert thresholds.result()[0] == expected


def test_a_point_identical_to_itself_gives_no_threshold_under_legacy():
    matrix = np.full((40, 40), 30.0)
    matrix[0] = [0.0, 1.0, 1.0, 20.0] + [0.5] + [40.0] * 35
    instance = np.array([0] * 4 + [1] * 36)
    for legacy, expected in ((False, 2.0), (True, CONFIG.default_threshold)):
        thresholds = released_sgpn.thresholds(1, legacy)
        thresholds.add(matrix, instance, np.zeros(40, int))
        assert thresholds.result()[0] == expected


def test_estimated_thresholds_separate_the_blocks_they_come_from():
    rng = np.random.default_rng(1)
    instance = np.repeat(np.arange(4), 100)
    semantic = instance // 2
    features = np.array([0.0, 1, 2, 3])[instance][:, None] + rng.normal(0, 0.05, (400, 1))
    source = similarity.FeatureSimilarity(features)
    thresholds = group_thresholds.GroupThresholds(2)
    thresholds.add(source, instance, semantic)
    assert (thresholds.result() < CONFIG.margin * 0.5**2).all()
    groups = group_merging.merge_groups(source, np.ones(400), semantic, thresholds.result())
    for number in range(4):
        inside = groups.labels[instance == number]
        assert (inside == mode(inside)).mean() > 0.9
    assert len({mode(groups.labels[instance == number]) for number in range(4)}) == 4


def test_thresholds_refuse_labels_out_of_range():
    thresholds = group_thresholds.GroupThresholds(2)
    with pytest.raises(ValueError, match="`semantic` must be at least -1 and below 2"):
        thresholds.add(np.zeros((2, 2)), np.zeros(2, int), np.array([0, 2]))
    with pytest.raises(ValueError, match="same points"):
        thresholds.add(np.zeros((2, 2)), np.zeros(3, int), np.zeros(3, int))
    np.testing.assert_array_equal(thresholds.result(), [0.2, 0.2])
