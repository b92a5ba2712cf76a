"""BlockMerging against the original's loops, on made-up scenes, and what follows it."""

import numpy as np
import pytest

from ban_tf.config import InferenceConfig
from ban_tf.instances import merging, voxels

CONFIG = InferenceConfig()


class OriginalMerging:
    """The procedure of the released code, point by point, within its limits."""

    def __init__(self, gap):
        self.gap = gap
        self.instance = np.full((201, 201, 201), -1, np.int32)
        self.semantic = np.full((201, 201, 201), -1, np.int32)

    def voxel_of(self, point):
        return tuple(int(value) for value in point / self.gap)

    def add(self, xyz, labels, classes):
        hits = np.zeros((100, 300), np.int64)
        counts = np.ones(100, np.int64)
        for point, label in zip(xyz, labels, strict=True):
            voxel = self.voxel_of(point)
            if self.instance[voxel] != -1 and self.semantic[voxel] == classes[label]:
                hits[label, self.instance[voxel]] += 1
            counts[label] += 1
        target, best = hits.argmax(axis=1), hits.max(axis=1)
        highest = self.instance.max()
        for label in range(100):
            if best[label] < 7 and counts[label] > 30:
                highest += 1
                target[label] = highest
        for point, label in zip(xyz, labels, strict=True):
            voxel = self.voxel_of(point)
            if self.instance[voxel] == -1:
                self.instance[voxel] = target[label]
                self.semantic[voxel] = classes[label]
        return target[: len(classes)]

    def instances_of(self, xyz):
        return np.array([self.instance[self.voxel_of(point)] for point in xyz])


def random_blocks(rng, num_blocks, num_points, num_clusters, gap):
    """Blocks that overlap, on a coarse lattice so that hits and ties are common."""
    side = rng.integers(3, 9)
    cells = rng.integers(0, side, (num_blocks, num_points, 3))
    cells[..., 0] += np.arange(num_blocks)[:, None] * side // 2
    xyz = ((cells + rng.random(cells.shape) * 0.9) * gap).astype(np.float32)
    labels = cells[..., 1] % num_clusters
    labels = np.where(rng.random(labels.shape) < 0.2, rng.integers(0, num_clusters), labels)
    classes = [rng.integers(0, 3, labels[k].max() + 1) for k in range(num_blocks)]
    return xyz, labels, classes


@pytest.mark.parametrize("seed", range(40))
def test_legacy_is_the_twin_of_the_original(seed):
    rng = np.random.default_rng(seed)
    num_points = int(rng.integers(1, 300))
    num_clusters = int(rng.integers(1, 60))
    xyz, labels, classes = random_blocks(rng, 6, num_points, num_clusters, CONFIG.legacy_gap)
    original = OriginalMerging(CONFIG.legacy_gap)
    voxel, num_voxels = voxels.legacy_voxels(xyz, CONFIG.legacy_gap)
    ours = merging.BlockMerging(num_voxels, 3, CONFIG)
    for k in range(len(xyz)):
        expected = original.add(xyz[k], labels[k], classes[k])
        np.testing.assert_array_equal(ours.add(voxel[k], labels[k], classes[k]), expected)
    expected = [original.instances_of(block) for block in xyz]
    np.testing.assert_array_equal(ours.instance_at(voxel), expected)
    merged = merging.merge_legacy(xyz, labels, classes, 3, CONFIG)
    np.testing.assert_array_equal(merged, expected)


def one_block(*sizes, num_classes=1):
    """Merges one block whose clusters have the given sizes, each point in a voxel of its own."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    merged = merging.BlockMerging(len(labels), num_classes, CONFIG)
    return merged.add(np.arange(len(labels)), labels, np.zeros(len(sizes), int))


def test_small_clusters_that_meet_nothing_join_instance_0():
    np.testing.assert_array_equal(one_block(30, 29, 30, 7, 6), [0, 0, 1, 0, 0])


@pytest.mark.parametrize(("num_hits", "joins"), [(6, False), (7, True)])
def test_seven_hits_join_and_six_open_a_new_instance(num_hits, joins):
    merged = merging.BlockMerging(100, 1, CONFIG)
    merged.add(np.arange(40), np.zeros(40, int), np.zeros(1, int))
    moved = np.arange(40) + 40 - num_hits
    target = merged.add(moved, np.zeros(40, int), np.zeros(1, int))
    assert target[0] == (0 if joins else 1)


def test_few_points_with_few_hits_join_what_they_hit():
    merged = merging.BlockMerging(100, 1, CONFIG)
    merged.add(np.arange(80), np.repeat([0, 1], 40), np.zeros(2, int))
    target = merged.add(np.arange(78, 90), np.zeros(12, int), np.zeros(1, int))
    assert target[0] == 1


def test_equal_overlaps_go_to_the_smaller_instance():
    merged = merging.BlockMerging(80, 1, CONFIG)
    merged.add(np.arange(80), np.repeat([1, 0], 40), np.zeros(2, int))
    target = merged.add(np.arange(30, 50), np.zeros(20, int), np.zeros(1, int))
    assert target[0] == 0


def test_hundreds_of_clusters_and_thousands_of_instances_are_no_limit():
    merged = merging.BlockMerging(10_000 * 30, 2, CONFIG)
    labels = np.repeat(np.arange(500), 30)
    targets = [
        merged.add(np.arange(15_000) + 15_000 * block, labels, np.zeros(500, int))
        for block in range(20)
    ]
    np.testing.assert_array_equal(np.concatenate(targets), np.arange(10_000))
    again = merged.add(np.arange(15_000) + 15_000 * 19, labels, np.zeros(500, int))
    np.testing.assert_array_equal(again, targets[-1])


def test_an_empty_block_changes_nothing():
    merged = merging.BlockMerging(5, 1, CONFIG)
    nothing = np.zeros(0, int)
    assert merged.add(nothing, nothing, nothing).shape == (0,)
    np.testing.assert_array_equal(merged.add(nothing, nothing, np.array([-1])), [-1])


def test_points_without_a_cluster_take_no_part():
    merged = merging.BlockMerging(40, 1, CONFIG)
    labels = np.where(np.arange(40) < 35, 0, -1)
    merged.add(np.arange(40), labels, np.zeros(1, int))
    np.testing.assert_array_equal(merged.instance_at(np.arange(40)), labels)


def test_bad_blocks_are_refused():
    merged = merging.BlockMerging(4, 2, CONFIG)
    with pytest.raises(ValueError, match=r"below 1.*labels\[1\]=1"):
        merged.add(np.arange(2), np.array([0, 1]), np.zeros(1, int))
    with pytest.raises(ValueError, match=r"classes\[0\]=2"):
        merged.add(np.arange(2), np.zeros(2, int), np.array([2]))
    with pytest.raises(ValueError, match=r"voxel.shape=\(3,\), labels.shape=\(2,\)"):
        merged.add(np.arange(3), np.zeros(2, int), np.zeros(1, int))


def test_instances_smaller_than_a_quarter_of_their_class_go():
    instance = np.repeat([4, 7, 9, -1], [25, 26, 2, 3])
    semantic = np.repeat([0, 0, 1, 0], [25, 26, 2, 3])
    kept = merging.filter_by_size(instance, semantic, np.array([100.0, np.nan]), CONFIG)
    np.testing.assert_array_equal(kept, np.repeat([-1, 0, 1, -1], [25, 26, 2, 3]))
    assert kept.dtype == np.int32


def test_without_mean_sizes_every_instance_stays_and_is_renumbered():
    instance = np.array([7, -1, 3, 7])
    kept = merging.filter_by_size(instance, np.zeros(4, int), None, CONFIG)
    np.testing.assert_array_equal(kept, [1, -1, 0, 1])
    none = np.full(3, -1)
    np.testing.assert_array_equal(merging.filter_by_size(none, none, None, CONFIG), none)


def test_an_instance_without_a_class_stays():
    kept = merging.filter_by_size(np.zeros(2, int), np.full(2, -1), np.array([100.0]), CONFIG)
    np.testing.assert_array_equal(kept, [0, 0])


def test_mean_sizes_are_those_of_the_training_instances():
    sizes = merging.instance_sizes(np.array([0, 0, 0, 5, -1, 2]), np.array([1, 1, 2, 2, 2, -1]))
    assert sizes == [(1, 3), (-1, 1), (2, 1)]
    mean = merging.mean_instance_sizes([*sizes, (1, 6)], 4)
    np.testing.assert_array_equal(mean, [np.nan, 4.5, 1.0, np.nan])
    assert np.isnan(merging.mean_instance_sizes([], 3)).all()
