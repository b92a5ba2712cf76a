"""Recommends the edge of a block from labelled rooms: how wide objects are, how dense points."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from ban_tf import config
from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE
from ban_tf.instances import merging

_SHOWN_SHARE = 0.9  # of the instances must keep enough points in a block


@dataclasses.dataclass(frozen=True)
class BlockSize:
    """A recommended edge of a block, and what it follows from; lengths in metres.

    Args:
        size_m: the recommendation: the lesser of `object_m` and `density_m`, to two digits.
        object_m: a block of this edge is as wide as the typical object: median over the classes
            of the median over a class's instances of the greater of width and depth.
        density_m: up to this edge, nine of ten instances keep `min_new_points` points in a block
            of `num_points`; with fewer, merging does not let them open an instance.
        points_per_m2: raw points per area of floor, median over occupied squares.
        num_points: P, that was reckoned with.
        num_instances: instances of at least `min_new_points` raw points; others play no part.
    """

    size_m: float
    object_m: float
    density_m: float
    points_per_m2: float
    num_points: int
    num_instances: int

    @property
    def stride_m(self) -> float:
        """Half of the size, as in the paper's setting."""
        return self.size_m / 2

    def __str__(self) -> str:
        return (
            f'block size: {{"samples": {{"size_m": {self.size_m:g}, "stride_m": '
            f"{self.stride_m:g}}}}} in a settings file; prepare the blocks again and train\n"
            f"  the typical object is {self.object_m:.2g} m wide; with {self.num_points} points a "
            f"block and {self.points_per_m2:.3g} raw points/m2, small objects keep enough points "
            f"up to {self.density_m:.2g} m ({self.num_instances} instances)"
        )


def estimate_block_size(
    clouds: Iterable[Cloud], blocks: config.Blocks, inference: config.InferenceConfig
) -> BlockSize:
    """Recommends the edge of a block: as wide as the objects, unless small ones would vanish.

    The rule: a block should be as wide as the typical object (`BlockSize.object_m`), so that the
    network sees objects and not pieces. But a block shows P points however many it holds: of an
    instance of n points in a block of d points per square metre, n P / (d size^2) remain. The
    size is limited so that for nine of ten instances this is at least `min_new_points`.

    Args:
        clouds: labelled rooms, metres; read once.
        blocks: gives P, and the edge of the squares in which density is measured.
        inference: gives `min_new_points`.

    Raises:
        ValueError: no instance has `min_new_points` points and an extent.

    Example:
        >>> xyz = np.random.default_rng(0).uniform(0, (0.8, 0.4, 0.5), (2000, 3))
        >>> label = np.zeros(2000, np.int32)
        >>> desk = Cloud("desk", xyz, None, label, label)
        >>> found = estimate_block_size([desk], config.Blocks(), config.InferenceConfig())
        >>> found.size_m, found.stride_m
        (0.8, 0.4)
    """
    instances, squares = [np.zeros((0, 3))], [np.zeros(0)]
    for cloud in clouds:
        instances.append(_measure_instances(cloud))
        squares.append(_count_squares(cloud.xyz[:, :2], blocks.size_m))
    every = np.concatenate(instances)
    every = every[(every[:, 0] != NONE) & (every[:, 1] >= inference.min_new_points)]
    classes, sizes, extents = every.T
    if not extents.any():
        raise ValueError(
            f"at least one instance of the clouds must have {inference.min_new_points} points "
            f"(`min_new_points`) and an extent. Received: {len(extents)} instances "
            f"of that size in {len(squares) - 1} clouds"
        )
    of_classes = [np.median(extents[classes == number]) for number in np.unique(classes)]
    object_m = float(np.median(of_classes))
    density = float(np.median(np.concatenate(squares))) / blocks.size_m**2
    smallest = np.quantile(sizes, 1 - _SHOWN_SHARE, method="lower")
    shown = blocks.num_points * smallest / (inference.min_new_points * density)
    density_m = float(np.sqrt(shown))
    return BlockSize(
        size_m=float(f"{min(object_m, density_m) or density_m:.2g}"),
        object_m=object_m,
        density_m=density_m,
        points_per_m2=density,
        num_points=blocks.num_points,
        num_instances=len(extents),
    )


def _measure_instances(cloud: Cloud) -> np.ndarray:
    """float64 `[I, 3]`: class, points, and greater of width and depth of every instance."""
    pairs = np.array(merging.instance_sizes(cloud.instance, cloud.semantic)).reshape(-1, 2)
    if not len(pairs):
        return np.zeros((0, 3))
    # Both go by ascending number; points of no instance come first.
    order = np.argsort(cloud.instance, kind="stable")[np.count_nonzero(cloud.instance == NONE) :]
    starts = np.cumsum(pairs[:, 1]) - pairs[:, 1]
    xy = cloud.xyz[order, :2]
    extent = np.maximum.reduceat(xy, starts) - np.minimum.reduceat(xy, starts)
    return np.column_stack([pairs, extent.max(axis=1)])


def _count_squares(xy: np.ndarray, edge_m: float) -> np.ndarray:
    """Points in each occupied square of a grid over the cloud."""
    if not len(xy):
        return np.zeros(0, np.int64)
    cells = np.floor((xy - xy.min(axis=0)) / edge_m).astype(np.int64)
    _, key = overlap.number(cells[:, 0] * (cells[:, 1].max() + 1) + cells[:, 1])
    return np.bincount(key)
