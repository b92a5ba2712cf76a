"""The grid of overlapping blocks over a room: which points each block holds."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ban_tf.config import Blocks

NOWHERE = -1  # of a point that joins no block


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


@dataclasses.dataclass(frozen=True)
class Part:
    """A rectangle of the steps of a grid: first and last along x and along y."""

    i: tuple[int, int]
    j: tuple[int, int]


def walk(xy: np.ndarray, grid: Grid, part: Part | None = None) -> Iterator[Cell]:
    """Yields the blocks that hold points, in snake order: x outer, y up and down in turn.

    Sorting once along x and every column along y finds the members by binary search, with the very
    comparisons of a mask (start <= x <= end) and without looking at every point for every block.

    Args:
        xy: float64 `[N, 2]` from the room's minimum.
        grid: over the room.
        part: of the grid, whose blocks are yielded, with their steps in the whole; None is all.
    """
    part = part or Part((0, len(grid.starts[0]) - 1), (0, grid.num_y - 1))
    row_type = np.int32 if len(xy) <= np.iinfo(np.int32).max else np.int64
    by_x = np.argsort(xy[:, 0]).astype(row_type)
    along_x, along_y = (slice(first, last + 1) for first, last in (part.i, part.j))
    for i, first, last in _spans(xy[by_x, 0], grid.starts[0][along_x], grid.ends[0][along_x]):
        y = xy[by_x[first:last], 1]
        by_y = np.argsort(y)
        column = by_x[first:last][by_y]
        spans = _spans(y[by_y], grid.starts[1][along_y], grid.ends[1][along_y])
        for j, low, high in spans if (part.i[0] + i) % 2 == 0 else reversed(spans):
            yield Cell(part.i[0] + i, part.j[0] + j, np.sort(column[low:high]))


def _spans(values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> list[tuple[int, int, int]]:
    """(step, first, last) of the sorted `values` in [start, end], for steps that hold any."""
    first = np.searchsorted(values, starts, side="left")
    last = np.searchsorted(values, ends, side="right")
    return [(int(i), int(first[i]), int(last[i])) for i in np.flatnonzero(last > first)]


def holders(xy: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """The blocks of a grid that hold each point: those from one step to another along each axis.

    Args:
        xy: float64 `[N, 2]` from the room's minimum.
        grid: over the room.

    Returns:
        int64 `[N, 2]` least and greatest steps along x and y, both included.

    Example:
        >>> grid = over(np.array([2.2, 0.4]), Blocks(size_m=1.0, stride_m=0.5))
        >>> holders(np.array([[0.2, 0.1], [0.7, 0.1], [1.0, 0.1]]), grid)
        (array([[0, 0],
               [0, 0],
               [0, 0]]), array([[0, 0],
               [1, 0],
               [2, 0]]))
    """
    low, high = np.empty(xy.shape, np.int64), np.empty(xy.shape, np.int64)
    for axis in (0, 1):
        low[:, axis] = np.searchsorted(grid.ends[axis], xy[:, axis], side="left")
        high[:, axis] = np.searchsorted(grid.starts[axis], xy[:, axis], side="right") - 1
    return low, high


def in_turn(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields points and one block of each, until every point was yielded with all that hold it.

    Args:
        low: int64 `[N, 2]` of `holders`.
        high: int64 `[N, 2]` of `holders`.

    Yields:
        int64 `[n]` points and int64 `[n, 2]` steps.
    """
    span = high - low
    most = span.max(axis=0, initial=0) if len(span) else np.zeros(2, np.int64)
    for di in range(int(most[0]) + 1):
        for dj in range(int(most[1]) + 1):
            points = np.flatnonzero((span[:, 0] >= di) & (span[:, 1] >= dj))
            yield points, low[points] + np.array([di, dj])


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
    steps = np.array([(cell.i, cell.j) for cell in cells], np.int64).reshape(-1, 2)
    counts = np.array([len(cell.rows) for cell in cells])
    covered = np.zeros(len(xy), bool)
    for k in np.flatnonzero(counts >= min_points):
        covered[cells[k].rows] = True
    left = np.flatnonzero(~covered)
    home, kept = settle(xy[left], steps, counts, grid, min_points)
    by_home = np.argsort(home, kind="stable")
    home, left = home[by_home], left[by_home]
    return [
        join(cells[k], left[slice(*np.searchsorted(home, (k, k + 1)))])
        for k in np.flatnonzero(kept)
    ]


def join(cell: Cell, rows: np.ndarray) -> Cell:
    """The block with further rows."""
    if not len(rows):
        return cell
    return dataclasses.replace(cell, rows=np.sort(np.concatenate([cell.rows, rows])))


def settle(
    xy: np.ndarray, steps: np.ndarray, counts: np.ndarray, grid: Grid, min_points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds blocks for the points that only sparse blocks hold; see `complete`.

    Args:
        xy: float64 `[n, 2]` of these points.
        steps: int64 `[K, 2]` of all blocks with points, in snake order.
        counts: int64 `[K]`, points of each block.
        grid: over the room.
        min_points: a block with fewer is sparse.

    Returns:
        int64 `[n]`, the block that each joins, `NOWHERE` where one of its own stays instead; and
        bool `[K]`, the blocks that stay.
    """
    kept = counts >= min_points
    home = _nearest(xy, steps, kept, grid)
    far = xy[home == NOWHERE]
    if len(far):
        kept = kept.copy()
        kept[_fullest(far, steps, counts, grid)] = True
    return home, kept


def find(steps: np.ndarray, among: np.ndarray, num_y: int) -> np.ndarray:
    """int64 `[n]`: the index of steps `[n, 2]` among those of blocks, `NOWHERE` for none.

    Args:
        steps: int64 `[n, 2]`.
        among: int64 `[K, 2]`, each once.
        num_y: steps along y of the grid.
    """
    if not len(among):
        return np.full(len(steps), NOWHERE)
    codes = among[:, 0] * num_y + among[:, 1]
    by_code = np.argsort(codes)
    asked = np.where((steps[:, 1] >= 0) & (steps[:, 1] < num_y),
                     steps[:, 0] * num_y + steps[:, 1], NOWHERE)  # fmt: skip
    place = by_code[np.minimum(np.searchsorted(codes[by_code], asked), len(codes) - 1)]
    return np.where(codes[place] == asked, place, NOWHERE)


def _fullest(xy: np.ndarray, steps: np.ndarray, counts: np.ndarray, grid: Grid) -> np.ndarray:
    """int64 `[n]`: of the blocks that hold each point the fullest; of equal ones the first."""
    best = np.full(len(xy), NOWHERE)
    for points, at in in_turn(*holders(xy, grid)):
        index = find(at, steps, grid.num_y)
        there = index != NOWHERE
        points, index = points[there], index[there]
        own = best[points]
        fuller = counts[index] > np.where(own == NOWHERE, -1, counts[own])
        first = (own != NOWHERE) & (counts[index] == counts[own]) & (index < own)
        best[points[fuller | first]] = index[fuller | first]
    return best


def _nearest(xy: np.ndarray, steps: np.ndarray, kept: np.ndarray, grid: Grid) -> np.ndarray:
    """Index into `steps` of the kept block with the nearest middle, or `NOWHERE`, `[N]`.

    Only blocks with a border within a stride count; ties go to the first in snake order.
    """
    kept_index = np.flatnonzero(kept)
    home = np.full(len(xy), NOWHERE)
    if not len(kept_index):
        return home
    best = np.full(len(xy), np.inf)
    reach = int(np.ceil(grid.size_m / grid.stride_m)) + 1
    base = np.floor(xy / grid.stride_m).astype(np.int64)
    for di in range(-reach, 2):
        for dj in range(-reach, 2):
            at = base + np.array([di, dj])
            place = find(at, steps[kept_index], grid.num_y)
            offset = xy - (at * grid.stride_m + grid.size_m / 2)
            distance = (offset**2).sum(axis=1)
            near = (np.abs(offset) <= grid.size_m / 2 + grid.stride_m).all(axis=1)
            closer = (distance < best) | ((distance == best) & (kept_index[place] < home))
            found = (place != NOWHERE) & near & closer
            best[found] = distance[found]
            home[found] = kept_index[place][found]
    return home
