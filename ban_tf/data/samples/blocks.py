"""Cuts a cloud into overlapping blocks of a fixed number of points.

A plan is an int64 `[K, P]` array of rows of the cloud: block k is made of the rows `plan[k]`. Two
ways to plan: `plan_training` draws as the authors' tools do; `plan_covering` gives every point at
least one place and draws nothing. Both walk the same grid in the same snake order, on which the
merging of blocks depends.
"""

from collections.abc import Sequence

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks
from ban_tf.data.samples import grid, ordering
from ban_tf.data.samples.frame import frame_of


def plan_training(cloud: Cloud, config: Blocks, rng: np.random.Generator) -> np.ndarray:
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
    frame = frame_of(cloud)
    origin, extent = frame.origin, frame.extent
    plan = [
        _draw(cell.rows, config.num_points, rng)
        for cell in grid.walk(cloud.xyz[:, :2] - origin[:2], grid.over(extent, config))
        if len(cell.rows) >= config.min_points
    ]
    return np.array(plan, np.int64).reshape(-1, config.num_points)


def plan_covering(cloud: Cloud, config: Blocks) -> np.ndarray:
    """Plans blocks in which every point of the cloud has a place; nothing is random.

    The grid is that of `plan_training`. Points that only sparse blocks hold (fewer than
    `min_points`) join the nearest other block; where none is within a stride, the fullest of their
    sparse blocks stays, for a far point would stretch its new block beyond anything seen in
    training. A block with more than P points becomes several, consecutive ones, each a subset
    spread evenly over the block. Free places are filled with repeats, also spread evenly.

    Args:
        cloud: the room.
        config: sizes of the blocks.

    Returns:
        int64 `[K, P]` rows of the cloud in snake order, K at least 1.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    frame = frame_of(cloud)
    origin, extent = frame.origin, frame.extent
    # From here on rows count along a space-filling curve: a sorted subset runs through space
    # without jumps, so every m-th of it is an even sample of the whole.
    curve = along_curve(cloud.xyz - origin, extent)
    xy = (cloud.xyz[:, :2] - origin[:2])[curve]
    steps = grid.over(extent, config)
    cells = grid.complete(list(grid.walk(xy, steps)), xy, steps, config.min_points)
    return dealt([cell.rows for cell in cells], curve, config.num_points)


def along_curve(shifted: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """int64 `[N]`: the points along a space-filling curve, those of one place in their order.

    Args:
        shifted: float64 `[N, 3]`, none negative.
        extent: float64 `[3]`, of the whole room.
    """
    return np.argsort(ordering.morton_code(shifted, extent), kind="stable")


def dealt(cells: Sequence[np.ndarray], curve: np.ndarray, num_points: int) -> np.ndarray:
    """int64 `[K, P]`: rows of the cloud for each block, of which a full one becomes several.

    Args:
        cells: int `[n]` each, ascending places on the curve.
        curve: int `[N]`, the point at each place.
        num_points: P.
    """
    chunks = [chunk for rows in cells for chunk in _deal(rows, num_points)]
    places = ordering.scattered(num_points)
    plan = np.empty((len(chunks), num_points), np.int64)
    for k, chunk in enumerate(chunks):
        plan[k] = curve[chunk[places * len(chunk) // num_points]]
    return plan


def _draw(rows: np.ndarray, num_points: int, rng: np.random.Generator) -> np.ndarray:
    if len(rows) > num_points:
        return rows[rng.integers(0, len(rows), num_points)]
    repeats = rng.integers(0, len(rows), num_points - len(rows))
    return np.concatenate([rows, rows[repeats]])


def _deal(rows: np.ndarray, num_points: int) -> list[np.ndarray]:
    """As few parts as hold at most `num_points` each, dealt out in turn; views, not copies."""
    num_parts = -(-len(rows) // num_points)
    return [rows[first::num_parts] for first in range(num_parts)]
