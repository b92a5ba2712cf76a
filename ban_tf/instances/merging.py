"""From clusters of overlapping blocks to the instances of a room, as the originals do it.

Blocks come one after another. A cluster joins the instance with which it shares the most voxels
of its own class, or opens a new one; voxels belong to whoever fills them first. This is SGPN's
BlockMerging, which ASIS, JSNet and BAN took over, with equal results wherever theirs is defined,
but without its limits of 100 clusters a block, 300 instances and 201 voxels an axis. The covering
protocol links points instead (`linking`).
"""

from collections.abc import Sequence

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE, InferenceConfig
from ban_tf.instances import clusters, voxels


class BlockMerging:
    """Merges the clusters of one room, block after block.

    A cluster *hits* an instance with each of its points whose voxel carries that instance and the
    cluster's class. Its target is the instance it hits most, ties to the smallest. With fewer than
    `min_overlap` hits it opens a new instance if it has at least `min_new_points` points; with
    fewer hits and fewer points it keeps its target, without any hit instance 0. Then each point,
    in order, fills its voxel if that is still empty. A voxel has one class, that of the first
    point in it. The number of an instance that filled no voxel is given again.

    Args:
        num_voxels: how many voxels the room has; their numbers come from `voxels.legacy_voxels`.
        num_classes: C.
        config: the thresholds.

    Example:
        >>> merging = BlockMerging(num_voxels=60, num_classes=1, config=InferenceConfig())
        >>> merging.add(np.arange(40), np.zeros(40, int), np.zeros(1, int))
        array([0], dtype=int32)
        >>> merging.add(np.arange(20, 60), np.repeat([0, 1], 20), np.zeros(2, int))
        array([0, 0], dtype=int32)
    """

    def __init__(self, num_voxels: int, num_classes: int, config: InferenceConfig):
        self._num_classes = num_classes
        self._config = config
        self._instance = np.full(num_voxels, NONE, np.int32)
        self._class = np.full(num_voxels, NONE, np.int32)
        self._num_instances = 0

    def instance_at(self, voxel: np.ndarray) -> np.ndarray:
        """int32 `[...]`: the instance in each voxel, `NONE` if empty."""
        return self._instance[voxel]

    def add(self, voxel: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Merges the next block.

        Args:
            voxel: int `[P]` voxel of each point.
            labels: int `[P]` cluster of each point, in [-1, G); `NONE` takes no part.
            classes: int `[G]` class of each cluster (`clustering.cluster_classes`); a cluster
                without a class (`NONE`) takes no part.

        Returns:
            int32 `[G]`: the instance of each cluster, `NONE` where it got none.

        Raises:
            TypeError: labels or classes that are not whole numbers.
            ValueError: arrays of different lengths, or a label or class out of range.
        """
        voxel, labels, classes = clusters.taking_part(
            "voxel", voxel, labels, classes, self._num_classes
        )
        point_class = classes[labels]
        hit = (self._instance[voxel] != NONE) & (self._class[voxel] == point_class)
        targets = self._choose_targets(labels, hit, self._instance[voxel], len(classes))
        targets[classes == NONE] = NONE
        self._fill(voxel, targets[labels], point_class)
        return targets

    def _choose_targets(
        self, labels: np.ndarray, hit: np.ndarray, present: np.ndarray, num_clusters: int
    ) -> np.ndarray:
        num_points = np.bincount(labels, minlength=num_clusters)
        targets, num_hits = overlap.majority(labels[hit], present[hit], num_clusters)
        new = (num_hits < self._config.min_overlap) & (num_points >= self._config.min_new_points)
        targets[(num_hits == 0) & ~new] = 0
        targets[new] = self._num_instances + np.arange(np.count_nonzero(new))
        return targets.astype(np.int32)

    def _fill(self, voxel: np.ndarray, instance: np.ndarray, point_class: np.ndarray) -> None:
        writes = (self._instance[voxel] == NONE) & (instance != NONE)
        # An assignment that names a voxel twice keeps the last value: backwards, the first.
        voxel, instance = voxel[writes][::-1], instance[writes][::-1]
        self._instance[voxel] = instance
        self._class[voxel] = point_class[writes][::-1]
        largest = int(self._instance[voxel].max(initial=NONE))
        self._num_instances = max(self._num_instances, largest + 1)


def merge_legacy(
    normalised_xyz: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[np.ndarray],
    num_classes: int,
    config: InferenceConfig,
) -> np.ndarray:
    """Merges the blocks of a room as the original; every sampled point takes its voxel's instance.

    Args:
        normalised_xyz: float `[K, P, 3]`, coordinates divided by the room's extent.
        labels: int `[K, P]`, clusters of each block.
        classes: K arrays `[G]`, the classes of each block's clusters.
        num_classes: C.
        config: thresholds and voxel size.

    Returns:
        int32 `[K, P]`: instances, with gaps in their numbers.

    Example:
        >>> xyz = np.array([[[0.1] * 3, [0.9] * 3], [[0.1] * 3, [0.5] * 3]])
        >>> config = InferenceConfig(min_overlap=1, min_new_points=1)
        >>> labels, classes = np.array([[0, 1], [0, 0]]), [np.array([0, 0]), np.array([0])]
        >>> merge_legacy(xyz, labels, classes, 1, config).tolist()
        [[0, 1], [0, 0]]
    """
    voxel, num_voxels = voxels.legacy_voxels(normalised_xyz, config.legacy_gap)
    merging = BlockMerging(num_voxels, num_classes, config)
    for block_voxel, block_labels, block_classes in zip(voxel, labels, classes, strict=True):
        merging.add(block_voxel, block_labels, block_classes)
    return merging.instance_at(voxel)


def instance_sizes(instance: np.ndarray, semantic: np.ndarray) -> list[tuple[int, int]]:
    """(class, number of points) of every instance, in the order of its number.

    Args:
        instance: int `[N]`, at least -1; -1 is no instance.
        semantic: int `[N]`, at least -1. An instance's class is the most frequent, ties to the
            smallest, and `NONE` if no point has one.

    Returns:
        A pair of whole numbers for each instance that is there.

    Example:
        >>> instance_sizes(np.array([5, 5, -1, 2]), np.array([1, 1, 0, 3]))
        [(3, 1), (1, 2)]
    """
    table = overlap.contingency(instance, np.asarray(semantic))
    classes, _ = overlap.majority(table.first_code, semantic, len(table.first_labels))
    return list(zip(classes.tolist(), table.first_sizes.tolist(), strict=True))


def mean_instance_sizes(sizes: Sequence[tuple[int, int]], num_classes: int) -> np.ndarray:
    """The mean number of points of each class's instances.

    Args:
        sizes: (class, number of points) of instances, as `instance_sizes` gives them; of all
            training rooms. Class `NONE` takes no part.
        num_classes: C.

    Returns:
        float64 `[C]`, NaN for a class without instances. (The original keeps whole numbers.)

    Example:
        >>> mean_instance_sizes([(1, 10), (1, 30), (-1, 7)], num_classes=2).tolist()
        [nan, 20.0]
    """
    known = np.array([pair for pair in sizes if pair[0] != NONE], np.int64).reshape(-1, 2)
    total = np.bincount(known[:, 0], known[:, 1], num_classes)
    count = np.bincount(known[:, 0], minlength=num_classes)
    return np.divide(total, count, out=np.full(num_classes, np.nan), where=count > 0)


def drop_classes(instance: np.ndarray, semantic: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Leaves out the instances of some classes, such as those of stuff.

    Args:
        instance: int32 `[N]`, `NONE` for points of none.
        semantic: int32 `[N]`, predicted class of each point.
        classes: whose instances go; the class of an instance is the most frequent among its
            points, ties to the smallest.

    Returns:
        int32 `[N]`, with `NONE` in their place; the other numbers stay.

    Example:
        >>> drop_classes(np.array([0, 0, 1]), np.array([2, 2, 5]), [2])
        array([-1, -1,  1], dtype=int32)
    """
    if not classes:
        return instance
    table = overlap.contingency(instance, semantic)
    found, _ = overlap.majority(table.first_code, semantic, len(table.first_labels))
    dropped = np.append(np.isin(found, classes), True)  # the last for points of no instance
    return np.where(dropped[table.first_code], NONE, instance).astype(np.int32)


def filter_by_size(
    instance: np.ndarray,
    semantic: np.ndarray,
    mean_sizes: np.ndarray | None,
    config: InferenceConfig,
) -> np.ndarray:
    """Drops instances that are small for their class and numbers the others from 0.

    Args:
        instance: int `[N]`, at least -1; gaps in the numbers are fine.
        semantic: int `[N]`, predicted class of each point.
        mean_sizes: float64 `[C]` of `mean_instance_sizes`, counted on points drawn in the same
            way as these; where it is NaN, or None altogether, every instance stays.
        config: an instance stays if it has more than `size_filter` times its class's mean size.

    Returns:
        int32 `[N]`: instances numbered from 0 in their old order, `NONE` where they went.

    Example:
        >>> instance, semantic = np.array([3, 3, 3, 8]), np.array([0, 0, 0, 0])
        >>> filter_by_size(instance, semantic, np.array([8.0]), InferenceConfig()).tolist()
        [0, 0, 0, -1]
    """
    table = overlap.contingency(instance, np.asarray(semantic))
    num_instances = len(table.first_labels)
    keep = np.ones(num_instances, bool)
    if mean_sizes is not None:
        classes, _ = overlap.majority(table.first_code, semantic, num_instances)
        keep = _are_large(classes, table.first_sizes, mean_sizes, config)
    renumbered = np.where(keep, np.cumsum(keep) - 1, NONE)
    return np.append(renumbered, NONE)[table.first_code].astype(np.int32)


def _are_large(
    classes: np.ndarray, sizes: np.ndarray, mean_sizes: np.ndarray, config: InferenceConfig
) -> np.ndarray:
    limit = config.size_filter * np.append(mean_sizes, np.nan)[classes]  # NONE reads the NaN
    return ~(sizes <= limit)


def numbers_of_kept(
    counts: np.ndarray,
    stuff: Sequence[int],
    mean_sizes: np.ndarray | None,
    config: InferenceConfig,
) -> np.ndarray:
    """What `drop_classes` and `filter_by_size` make of instances, from counts of points alone.

    Args:
        counts: int64 `[K, C]`, how many points of each instance have each class; instances
            without points have no number in the end.
        stuff: as `classes` of `drop_classes`.
        mean_sizes: as for `filter_by_size`.
        config: as for `filter_by_size`.

    Returns:
        int32 `[K]`: the number of each instance in the end, `NONE` where it went.

    Example:
        >>> counts = np.array([[0, 2], [3, 0], [0, 0], [0, 8]])
        >>> numbers_of_kept(counts, (0,), None, InferenceConfig()).tolist()
        [0, -1, -1, 1]
    """
    sizes = counts.sum(axis=1)
    classes = counts.argmax(axis=1)
    keep = (sizes > 0) & ~np.isin(classes, stuff)
    if mean_sizes is not None:
        keep &= _are_large(classes, sizes, mean_sizes, config)
    return np.where(keep, np.cumsum(keep) - 1, NONE).astype(np.int32)
