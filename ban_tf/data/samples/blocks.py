"""Cuts a cloud into overlapping blocks of a fixed number of points, and computes their features.

A plan is an int64 `[K, P]` array of rows of the cloud: block k is made of the rows `plan[k]`. Two
ways to plan: `plan_legacy` draws as the authors' tools do; `plan_covering` gives every point at
least one place and draws nothing. Both walk the same grid in the same snake order, on which the
merging of blocks depends.
"""

import dataclasses

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import BlockConfig
from ban_tf.data.samples import grid, ordering

NUM_FEATURES = 9
_MAX_EXTENT_M = 10_000.0


@dataclasses.dataclass(frozen=True)
class Blocks:
    """What the network and its losses take; K blocks of P points.

    Args:
        features: float32 `[K, P, 9]`: 0-1 x and y from the block's middle (metres), 2 height above
            the room's lowest point (metres), 3-5 red, green, blue in [0, 1], 6-8 position as a
            share of the room's extent, in [0, 1].
        semantic: int32 `[K, P]`, class of every point.
        instance: int32 `[K, P]`, instance of every point.
    """

    features: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray

    def __len__(self) -> int:
        return len(self.features)


def room_coordinates(cloud: Cloud) -> tuple[np.ndarray, np.ndarray]:
    """The frame of a room: where it begins and how far it reaches.

    Args:
        cloud: any cloud with points.

    Returns:
        `origin` float64 `[3]`, the least x, y and z, and `extent` float64 `[3]`, the greatest after
        `origin` was taken off; metres.

    Raises:
        ValueError: the cloud is empty, or wider than 10 km (not in metres).
    """
    if len(cloud) == 0:
        raise ValueError(f"cloud {cloud.name} must have at least one point. Received: 0 points")
    origin = cloud.xyz.min(axis=0)
    extent = cloud.xyz.max(axis=0) - origin
    if extent.max() > _MAX_EXTENT_M:
        raise ValueError(
            f"cloud {cloud.name} must be in metres and at most {_MAX_EXTENT_M:.0f} m wide; rescale "
            f"it or drop stray points. Received: extent={extent.round(3).tolist()}"
        )
    return origin, extent


def plan_legacy(cloud: Cloud, config: BlockConfig, rng: np.random.Generator) -> np.ndarray:
    """Plans blocks as the authors' code does, for training and for the legacy protocol.

    A block keeps all points between its borders, those on a border included. Blocks with fewer than
    `min_points` are left out, so points may be in no block. A block with exactly P points keeps
    their order; from more, P are drawn with replacement; fewer are all kept, and the rest is drawn
    from them with replacement. Source: the authors' code. Unlike there, an axis shorter than half a
    block still has one block (there: none, and a crash).

    Args:
        cloud: the room.
        config: sizes of the blocks.
        rng: gives every draw, in the order of the blocks.

    Returns:
        int64 `[K, P]` rows of the cloud in snake order; K is 0 if every block is too sparse.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    origin, extent = room_coordinates(cloud)
    plan = [
        _draw(cell.rows, config.num_points, rng)
        for cell in grid.walk(cloud.xyz[:, :2] - origin[:2], grid.over(extent, config))
        if len(cell.rows) >= config.min_points
    ]
    return np.array(plan, np.int64).reshape(-1, config.num_points)


def plan_covering(cloud: Cloud, config: BlockConfig) -> np.ndarray:
    """Plans blocks in which every point of the cloud has a place; nothing is random.

    The grid is that of `plan_legacy`. Points that only sparse blocks hold (fewer than `min_points`)
    join the nearest other block; where none is within a stride, the fullest of their sparse blocks
    stays, for a far point would stretch its new block beyond anything seen in training. A block
    with more than P points becomes several, consecutive ones, each a subset spread evenly over the
    block. Free places are filled with repeats, also spread evenly.

    Args:
        cloud: the room.
        config: sizes of the blocks.

    Returns:
        int64 `[K, P]` rows of the cloud in snake order, K at least 1.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    origin, extent = room_coordinates(cloud)
    # From here on rows count along a space-filling curve: a sorted subset runs through space
    # without jumps, so every m-th of it is an even sample of the whole.
    curve = np.argsort(ordering.morton_code(cloud.xyz - origin, extent), kind="stable")
    xy = (cloud.xyz[:, :2] - origin[:2])[curve]
    steps = grid.over(extent, config)
    cells = grid.complete(list(grid.walk(xy, steps)), xy, steps, config.min_points)
    chunks = [chunk for cell in cells for chunk in _deal(cell.rows, config.num_points)]
    places = ordering.scattered(config.num_points)
    plan = np.empty((len(chunks), config.num_points), np.int64)
    for k, chunk in enumerate(chunks):
        plan[k] = curve[chunk[places * len(chunk) // config.num_points]]
    return plan


def gather(
    cloud: Cloud,
    plan: np.ndarray,
    room: tuple[np.ndarray, np.ndarray] | None = None,
    size_m: float = BlockConfig.size_m,
) -> Blocks:
    """Computes the nine features and the labels of the blocks of a plan.

    Args:
        cloud: the room that was planned.
        plan: int64 `[K, P]` rows of the cloud: a whole plan or any slice of it; a block's features
            do not depend on the others.
        room: `room_coordinates(cloud)`, to spare computing them for every slice; None computes.
        size_m: edge of a block; its middle is half of it from the block's least sampled x and y.

    Returns:
        The blocks. Colours are zero where the cloud has none; the share of an axis on which the
        room has no extent is zero.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    origin, extent = room_coordinates(cloud) if room is None else room
    shifted = cloud.xyz[plan] - origin
    features = np.zeros((*plan.shape, NUM_FEATURES), np.float32)
    if plan.size:
        middle = shifted[..., :2].min(axis=1, keepdims=True) + size_m / 2
        features[..., 0:2] = shifted[..., :2] - middle
    features[..., 2] = shifted[..., 2]
    if cloud.rgb is not None:
        features[..., 3:6] = cloud.rgb[plan] / 255.0
    features[..., 6:9] = shifted / np.where(extent > 0, extent, 1.0)
    return Blocks(features, cloud.semantic[plan], cloud.instance[plan])


def _draw(rows: np.ndarray, num_points: int, rng: np.random.Generator) -> np.ndarray:
    if len(rows) > num_points:
        return rows[rng.integers(0, len(rows), num_points)]
    repeats = rng.integers(0, len(rows), num_points - len(rows))
    return np.concatenate([rows, rows[repeats]])


def _deal(rows: np.ndarray, num_points: int) -> list[np.ndarray]:
    """As few parts as hold at most `num_points` each, dealt out in turn; views, not copies."""
    num_parts = -(-len(rows) // num_points)
    return [rows[first::num_parts] for first in range(num_parts)]
