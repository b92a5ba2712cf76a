"""Clusters of embeddings, and their classes."""

import dataclasses

import numpy as np
import pytest

from ban_tf.config import InferenceConfig
from ban_tf.instances import clustering

CONFIG = InferenceConfig()


def separated(num_points, num_clusters, seed=0, size=5):
    """Embeddings around centres 3 apart, and the cluster that each point was drawn from."""
    rng = np.random.default_rng(seed)
    centres = 3.0 * rng.permutation(3**size)[:num_clusters, None] // 3 ** np.arange(size) % 3 * 3
    drawn = rng.integers(0, num_clusters, num_points)
    noise = 0.05 * rng.standard_normal((num_points, size))
    return (centres[drawn] + noise).astype(np.float32), drawn


def same_partition(first, second):
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    return len(pairs) == len(set(first.tolist())) == len(set(second.tolist()))


@pytest.mark.parametrize("bin_seeding", [True, False])
def test_separated_instances_are_found(bin_seeding):
    embedding, drawn = separated(301, 7)
    config = dataclasses.replace(CONFIG, bin_seeding=bin_seeding)
    labels = clustering.cluster(embedding, config)
    assert labels.dtype == np.int32
    assert same_partition(labels, drawn)


def test_label_zero_is_the_densest():
    embedding = np.array([[9, 9]] * 2 + [[0, 0]] * 5 + [[4, 4]] * 3, np.float32)
    expected = [2] * 2 + [0] * 5 + [1] * 3
    np.testing.assert_array_equal(clustering.cluster(embedding, CONFIG), expected)


def test_the_bandwidth_decides():
    embedding = np.array([[0.0], [1.0]], np.float32).repeat(10, axis=0)
    assert clustering.cluster(embedding, CONFIG).max() == 1
    wide = dataclasses.replace(CONFIG, bandwidth=2.0)
    assert clustering.cluster(embedding, wide).max() == 0


@pytest.mark.parametrize("bin_seeding", [True, False])
@pytest.mark.parametrize("num_points", [0, 1, 2, 65])
@pytest.mark.parametrize("value", [0.0, 0.37, 0.29])  # 0.29: a corner out of its centre's reach
def test_identical_points_are_one_cluster(num_points, bin_seeding, value):
    config = dataclasses.replace(CONFIG, bin_seeding=bin_seeding)
    labels = clustering.cluster(np.full((num_points, 5), value, np.float32), config)
    np.testing.assert_array_equal(labels, np.zeros(num_points, np.int32))


def test_points_in_cells_of_their_own_are_clusters_of_their_own():
    embedding = 10 * np.arange(5, dtype=np.float32)[:, None]
    assert sorted(clustering.cluster(embedding, CONFIG)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_embedding_names_its_block_and_point(value):
    embedding = np.zeros((3, 8, 5), np.float32)
    embedding[1, 6, 2] = value
    with pytest.raises(ValueError, match=r"block 41 must be finite.*1 of 8.*embedding\[6\]"):
        clustering.cluster_blocks(embedding, CONFIG, num_workers=1, first_block=40)


@pytest.mark.parametrize("shape", [(4,), (4, 0), (1, 4, 5)])
def test_a_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \[P, E\]"):
        clustering.cluster(np.zeros(shape, np.float32), CONFIG)


def test_a_bandwidth_of_zero_is_refused():
    with pytest.raises(ValueError, match="bandwidth"):
        dataclasses.replace(CONFIG, bandwidth=0.0)


def test_workers_change_nothing():
    blocks = np.stack([separated(60, 2 + index, seed=index)[0] for index in range(5)])
    alone = clustering.cluster_blocks(blocks, CONFIG, num_workers=1)
    together = clustering.cluster_blocks(blocks, CONFIG, num_workers=2)
    assert [labels.max() for labels in alone] == [1, 2, 3, 4, 5]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_blocks_give_no_labels():
    assert clustering.cluster_blocks(np.zeros((0, 8, 5), np.float32), CONFIG) == []
    with pytest.raises(ValueError, match="num_workers=0"):
        clustering.cluster_blocks(np.zeros((1, 8, 5), np.float32), CONFIG, num_workers=0)


def test_a_cluster_takes_the_class_of_most_of_its_points():
    labels = np.array([0, 0, 0, 2, 2, 2, 2, -1])
    semantic = np.array([5, 5, 1, 9, 3, 9, 3, 7])
    np.testing.assert_array_equal(clustering.cluster_classes(labels, semantic), [5, -1, 3])


def test_no_points_are_no_clusters():
    assert clustering.cluster_classes(np.zeros(0, int), np.zeros(0, int)).shape == (0,)
