"""A large cloud cut into tiles, each of whole blocks: what is in memory together.

Tiles are rectangles of the steps of the one grid over the whole cloud, and they follow each other
along the snake of its blocks. So every block of the cloud is in one tile, with the points, the
frame and the turn that it has without tiles: where the tiles' borders fall changes no sample.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import Blocks
from ban_tf.data.samples import blocks, grid
from ban_tf.data.samples.frame import Frame
from ban_tf.data.samples.grid import Grid, Part


@dataclasses.dataclass(frozen=True)
class Layout:
    """All blocks of a cloud, and its tiles.

    Args:
        frame: of the cloud.
        grid: over it.
        steps: int64 `[K, 2]`, the blocks with points, in snake order.
        counts: int64 `[K]`, points of each.
        tiles: in the order in which they are worked on.
        num_points: int64 `[T]`, at most so many points are in each tile.
    """

    frame: Frame
    grid: Grid
    steps: np.ndarray
    counts: np.ndarray
    tiles: tuple[Part, ...]
    num_points: np.ndarray


class BlockCounts:
    """Counts the points of all blocks of a cloud, part by part.

    Args:
        frame: of the cloud.
        config: sizes of the blocks.

    Example:
        >>> counts = BlockCounts(Frame(np.zeros(3), np.array([1.2, 0.4, 1.0])), Blocks())
        >>> counts.add(np.array([[0.2, 0.1, 0.0], [0.7, 0.1, 1.0]]))
        >>> layout = counts.layout(most_points=2)
        >>> layout.steps.tolist(), layout.counts.tolist(), len(layout.tiles)
        ([[0, 0], [1, 0]], [2, 1], 1)
    """

    def __init__(self, frame: Frame, config: Blocks) -> None:
        self._frame = frame
        self._grid = grid.over(frame.extent, config)
        self._held = _Tally()
        self._lowest = _Tally()  # by the first block of each point: every point once

    def add(self, xyz: np.ndarray) -> None:
        """Counts points, float64 `[n, 3]` of the cloud."""
        low, high = grid.holders(xyz[:, :2] - self._frame.origin[:2], self._grid)
        self._lowest.add(self._codes(low))
        for _, steps in grid.in_turn(low, high):
            self._held.add(self._codes(steps))

    def _codes(self, steps: np.ndarray) -> np.ndarray:
        return steps[:, 0] * self._grid.num_y + steps[:, 1]

    def layout(self, most_points: int) -> Layout:
        """The tiles, none of which has more points unless a single block has.

        Args:
            most_points: of a tile.
        """
        codes, counts = self._held.result()
        i, j = np.divmod(codes, self._grid.num_y)
        snake = np.lexsort((np.where(i % 2 == 0, j, -j), i))
        codes_of_first, num_first = self._lowest.result()
        first = np.stack(np.divmod(codes_of_first, self._grid.num_y), axis=1)
        tiles, sizes = _cut(first, num_first, self._grid, most_points)
        steps = np.stack([i, j], axis=1)[snake]
        return Layout(self._frame, self._grid, steps, counts[snake], tiles, sizes)


class _Tally:
    """How often each of some whole numbers came."""

    def __init__(self) -> None:
        self._keys, self._counts = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def add(self, keys: np.ndarray) -> None:
        keys, code = overlap.number(keys)
        counts = np.bincount(code, minlength=len(keys))
        self._keys, place = np.unique(np.concatenate([self._keys, keys]), return_inverse=True)
        both = np.concatenate([self._counts, counts])
        self._counts = np.zeros(len(self._keys), np.int64)
        np.add.at(self._counts, place, both)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """int64 `[K]` numbers, ascending, and int64 `[K]` how often each came."""
        return self._keys, self._counts


def _cut(
    first: np.ndarray, counts: np.ndarray, over: Grid, most_points: int
) -> tuple[tuple[Part, ...], np.ndarray]:
    """Cuts a grid into tiles: so many whole columns as fit, or parts of a column.

    Args:
        first: int64 `[n, 2]`, least steps of points; a block holds points of some before it.
        counts: int64 `[n]`, points with these.
        over: the grid.
        most_points: of a tile.
    """
    num_x, num_y = len(over.starts[0]), over.num_y
    reach = max(int(np.ceil(over.size_m / over.stride_m - 1e-9)) - 1, 0)
    by_column = np.bincount(first[:, 0], counts, num_x).astype(np.int64)
    tiles, sizes, i = [], [], 0
    for start, stop, size in _runs(by_column, reach, most_points):
        if size <= most_points or start + 1 < stop:
            tiles.append(Part((start, stop - 1), (0, num_y - 1)))
            sizes.append(size)
            continue
        i = start
        of_column = (first[:, 0] >= i - reach) & (first[:, 0] <= i)
        by_row = np.bincount(first[of_column, 1], counts[of_column], num_y).astype(np.int64)
        parts = list(_runs(by_row, reach, most_points))
        for low, high, part_size in parts if i % 2 == 0 else reversed(parts):
            tiles.append(Part((i, i), (low, high - 1)))
            sizes.append(part_size)
    return tuple(tiles), np.array(sizes, np.int64)


def _runs(counts: np.ndarray, reach: int, most: int) -> list[tuple[int, int, int]]:
    """(first, behind the last, size) of runs of steps; a run also has the points of the steps
    `reach` before it, and is one step where that has more than `most`."""
    sums = np.concatenate([[0], np.cumsum(counts)])
    runs, start = [], 0
    while start < len(counts):
        before = sums[max(start - reach, 0)]
        stop = max(int(np.searchsorted(sums, before + most, side="right")) - 1, start + 1)
        runs.append((start, stop, int(sums[stop] - before)))
        start = stop
    return runs


def is_in(low: np.ndarray, high: np.ndarray, tile: Part) -> np.ndarray:
    """bool `[n]`: whether a block of the tile holds each point, of `grid.holders`."""
    return (
        (high[:, 0] >= tile.i[0])
        & (low[:, 0] <= tile.i[1])
        & (high[:, 1] >= tile.j[0])
        & (low[:, 1] <= tile.j[1])
    )


@dataclasses.dataclass(frozen=True)
class Joined:
    """The points that only sparse blocks hold, `L` of them, and the blocks that stay.

    Args:
        points: int64 `[L]`, ascending numbers of the points in the cloud.
        home: int64 `[L]`, the block of `Layout.steps` that each joins; `grid.NOWHERE` for those
            whose own sparse block stays.
        tile: int64 `[L]`, the tile of that block; -1 where there is none.
        kept: bool `[K]`, the blocks that stay.
    """

    points: np.ndarray
    home: np.ndarray
    tile: np.ndarray
    kept: np.ndarray

    def num_samples(self, layout: Layout, num_points: int) -> np.ndarray:
        """int64 `[T]`: samples of each tile.

        Args:
            layout: of the cloud.
            num_points: P, of a sample.
        """
        joining = np.bincount(self.home[self.home != grid.NOWHERE], minlength=len(self.kept))
        each = np.where(self.kept, -(-(layout.counts + joining) // num_points), 0)
        return np.bincount(tile_of(layout.steps, layout.tiles), each, len(layout.tiles)).astype(int)


def only_sparse(low: np.ndarray, high: np.ndarray, layout: Layout, config: Blocks) -> np.ndarray:
    """int64 `[n]`: those of some points, of `grid.holders`, that no block with enough holds."""
    covered = np.zeros(len(low), bool)
    enough = layout.counts >= config.min_points
    for points, steps in grid.in_turn(low, high):
        index = grid.find(steps, layout.steps, layout.grid.num_y)
        covered[points] |= (index != grid.NOWHERE) & enough[index]
    return np.flatnonzero(~covered)


def settle(layout: Layout, points: np.ndarray, xy: np.ndarray, config: Blocks) -> Joined:
    """Finds blocks for the points of `only_sparse`, from all parts of the cloud.

    Args:
        layout: of the cloud.
        points: int64 `[L]`, ascending numbers.
        xy: float64 `[L, 2]` from the cloud's minimum.
        config: sizes of the blocks.
    """
    home, kept = grid.settle(xy, layout.steps, layout.counts, layout.grid, config.min_points)
    tile = np.append(tile_of(layout.steps, layout.tiles), -1)[home]
    return Joined(points, home, tile, kept)


def tile_of(steps: np.ndarray, tiles: Sequence[Part]) -> np.ndarray:
    """int64 `[n]`: the number of the tile that each block, of steps `[n, 2]`, is in."""
    found = np.full(len(steps), -1)
    for number, tile in enumerate(tiles):
        found[is_in(steps, steps, tile)] = number
    return found


def plan(
    tile: int, layout: Layout, joined: Joined, points: np.ndarray, xyz: np.ndarray, config: Blocks
) -> np.ndarray:
    """Plans the blocks of a tile, as `samples.plan_covering` plans them over the whole cloud.

    Args:
        tile: its number.
        layout: of the cloud.
        joined: of the cloud.
        points: int64 `[N]`, ascending numbers in the cloud of the tile's points.
        xyz: float64 `[N, 3]` of these.
        config: sizes of the blocks.

    Returns:
        int64 `[K, P]`, rows of `xyz`; K may be 0.
    """
    shifted = xyz - layout.frame.origin
    curve = blocks.along_curve(shifted, layout.frame.extent)
    own = np.flatnonzero(joined.tile == tile)
    rank = np.empty(len(curve), np.int64)
    rank[curve] = np.arange(len(curve))
    joining = rank[np.searchsorted(points, joined.points[own])]
    cells = list(grid.walk(shifted[curve, :2], layout.grid, layout.tiles[tile]))
    steps = np.array([(cell.i, cell.j) for cell in cells], np.int64).reshape(-1, 2)
    index = grid.find(steps, layout.steps, layout.grid.num_y)
    by_home = np.argsort(joined.home[own], kind="stable")
    home, joining = joined.home[own][by_home], joining[by_home]
    rows = [
        grid.join(cell, joining[slice(*np.searchsorted(home, (k, k + 1)))]).rows
        for cell, k in zip(cells, index.tolist(), strict=True)
        if joined.kept[k]
    ]
    return blocks.dealt(rows, curve, config.num_points)
