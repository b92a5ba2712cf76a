"""The grid of overlapping blocks over a room: which points each block holds."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ban_tf.config import Blocks

_NOWHERE = -1


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where the blocks of one room begin and end, in metres from the room's minimum.

    Args:
        starts: of the steps along x and along y, float64.
        ends: the same for the far borders.
        size_m: edge of a block.
        stride_m: from one start to the next.
    """

    starts: tuple[np.ndarray, np.ndarray]
    ends: tuple[np.ndarray, np.ndarray]
    size_m: float
    stride_m: float

    @property
    def num_y(self) -> int:
        return len(self.starts[1])


@dataclasses.dataclass(frozen=True)
class Cell:
    """A block of the grid: its step along x and y, and its points as ascending rows `[n]`."""

    i: int
    j: int
    rows: np.ndarray


def over(extent: np.ndarray, config: Blocks) -> Grid:
    """The grid over a room: ceil((length - size) / stride) + 1 steps an axis, at least one.

    Args:
        extent: float64 `[2]` or more, length of the room along x and y, metres.
        config: size and stride.

    Returns:
        A grid of which every point of the room lies in at least one block.

    Example:
        >>> over(np.array([2.2, 0.4]), Blocks(size_m=1.0, stride_m=0.5)).starts
        (array([0. , 0.5, 1. , 1.5]), array([0.]))
    """
    starts, ends = [], []
    for length in extent[:2]:
        steps = max(int(np.ceil((length - config.size_m) / config.stride_m)) + 1, 1)
        start = np.arange(steps) * config.stride_m
        # Sizes such as 0.3 round: no point may fall between two blocks, or beyond the last.
        end = np.maximum(start + config.size_m, np.append(start[1:], length))
        starts.append(start)
        ends.append(end)
    return Grid((starts[0], starts[1]), (ends[0], ends[1]), config.size_m, config.stride_m)


def walk(xy: np.ndarray, grid: Grid) -> Iterator[Cell]:
    """Yields the blocks that hold points, in snake order: x outer, y up and down in turn.

    Sorting once along x and every column along y finds the members by binary search, with the very
    comparisons of a mask (start <= x <= end) and without looking at every point for every block.
    """
    row_type = np.int32 if len(xy) <= np.iinfo(np.int32).max else np.int64
    by_x = np.argsort(xy[:, 0]).astype(row_type)
    for i, first, last in _spans(xy[by_x, 0], grid.starts[0], grid.ends[0]):
        y = xy[by_x[first:last], 1]
        by_y = np.argsort(y)
        column = by_x[first:last][by_y]
        spans = _spans(y[by_y], grid.starts[1], grid.ends[1])
        for j, low, high in spans if i % 2 == 0 else reversed(spans):
            yield Cell(i, j, np.sort(column[low:high]))


def _spans(values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> list[tuple[int, int, int]]:
    """(step, first, last) of the sorted `values` in [start, end], for steps that hold any."""
    first = np.searchsorted(values, starts, side="left")
    last = np.searchsorted(values, ends, side="right")
    return [(int(i), int(first[i]), int(last[i])) for i in np.flatnonzero(last > first)]


def complete(cells: list[Cell], xy: np.ndarray, grid: Grid, min_points: int) -> list[Cell]:
    """Chooses blocks that together hold every point, without those too sparse to stand alone.

    Points that only sparse blocks hold join the block with the nearest middle. Where no block has a
    border within a stride, the fullest of their sparse blocks stays instead.

    Args:
        cells: all of `walk(xy, grid)`.
        xy: float64 `[N, 2]` of the room.
        grid: over the room.
        min_points: a block with fewer is sparse.

    Returns:
        The blocks that stay, in the order of `cells`, with the points that joined.
    """
    counts = np.array([len(cell.rows) for cell in cells])
    kept = counts >= min_points
    covered = np.zeros(len(xy), bool)
    for k in np.flatnonzero(kept):
        covered[cells[k].rows] = True
    left = np.flatnonzero(~covered)
    home = _nearest(xy[left], cells, kept, grid)
    far = left[home == _NOWHERE]
    if len(far):
        fullest = np.empty(len(xy), np.int64)
        # Ascending, so that the fullest writes last; of equal ones the first in snake order.
        for k in np.lexsort((-np.arange(len(cells)), counts)):
            fullest[cells[k].rows] = k
        kept[fullest[far]] = True
    by_home = np.argsort(home, kind="stable")
    home, left = home[by_home], left[by_home]
    return [
        _join(cells[k], left[slice(*np.searchsorted(home, (k, k + 1)))])
        for k in np.flatnonzero(kept)
    ]


def _join(cell: Cell, rows: np.ndarray) -> Cell:
    if not len(rows):
        return cell
    return dataclasses.replace(cell, rows=np.sort(np.concatenate([cell.rows, rows])))


def _nearest(xy: np.ndarray, cells: list[Cell], kept: np.ndarray, grid: Grid) -> np.ndarray:
    """Index into `cells` of the kept block with the nearest middle, or `_NOWHERE`, `[N]`.

    Only blocks with a border within a stride count; ties go to the first in snake order.
    """
    kept_index = np.flatnonzero(kept)
    codes = np.array([cells[k].i * grid.num_y + cells[k].j for k in kept_index], np.int64)
    by_code = np.argsort(codes)
    codes, kept_index = codes[by_code], kept_index[by_code]
    home = np.full(len(xy), _NOWHERE)
    if not len(codes):
        return home
    best = np.full(len(xy), np.inf)
    reach = int(np.ceil(grid.size_m / grid.stride_m)) + 1
    base = np.floor(xy / grid.stride_m).astype(np.int64)
    for di in range(-reach, 2):
        for dj in range(-reach, 2):
            i, j = base[:, 0] + di, base[:, 1] + dj
            code = np.where((j >= 0) & (j < grid.num_y), i * grid.num_y + j, _NOWHERE)
            place = np.minimum(np.searchsorted(codes, code), len(codes) - 1)
            offset = xy - (np.stack([i, j], 1) * grid.stride_m + grid.size_m / 2)
            distance = (offset**2).sum(axis=1)
            near = (np.abs(offset) <= grid.size_m / 2 + grid.stride_m).all(axis=1)
            closer = (distance < best) | ((distance == best) & (kept_index[place] < home))
            found = (codes[place] == code) & near & closer
            best[found] = distance[found]
            home[found] = kept_index[place][found]
    return home
