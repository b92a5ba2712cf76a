"""The storeys of a building: where one ends and the next begins, and each as a scan of its own.

Networks for rooms know clouds of one storey, whose height counts from its floor. A building is cut
at its slabs, and its storeys are laid beside each other on the ground, so that no block and no
instance has points of two of them.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ban_tf.config import Blocks

_GAP_M = 10.0  # at least, between storeys that lie beside each other
_BIN_M = 0.1  # of heights
_CELL_M, _PER_CELL = 0.25, 20  # of the ground: its least side, and points that it has on average
_LEAST_HEIGHT_M, _MOST_HEIGHT_M = 4.2, 200.0  # of buildings of several storeys
_STRAY = 0.0005  # share of points, at each end, that lie far from all others
_LEAST_SPACE = 15  # bins between a floor, with what stands on it, and the ceiling above
_CLEAR = range(2, 6)  # bins that are empty above a floor, or below a ceiling
_SIDE = range(21)  # bins above a floor, or below a ceiling, in which cells count as its ground
_LEVEL = 0.35  # share of this ground that a floor or ceiling takes
_LEAST_LEVEL = 0.1  # share of all the ground that it takes: the roof of a cabin in a hall is none
_BELOW, _ABOVE = 3, 6  # bins around a single surface, among which its slab is looked for


@dataclasses.dataclass(frozen=True)
class Storeys:
    """S storeys, and where they lie beside each other; metres.

    Args:
        cuts: float64 `[S - 1]`, heights z at which one ends, ascending.
        floors: float64 `[S]`, the lowest point of each.
        origin: float64 `[3]`, the least x, y and z of all of them as they stand.
        extent: float64 `[3]`, how far they reach from there.
        height_m: of the highest storey.
        pitch_m: float64 `[2]`, from one to the next along x and y; infinite along one of them.
        most_points: of the one that has most.
    """

    cuts: np.ndarray
    floors: np.ndarray
    origin: np.ndarray
    extent: np.ndarray
    height_m: float
    pitch_m: np.ndarray
    most_points: int

    def __len__(self) -> int:
        return len(self.floors)

    @property
    def extent_of_one(self) -> np.ndarray:
        """float64 `[3]`: the ground of all, and the height of the highest."""
        return np.array([*self.extent[:2], self.height_m])

    def apart(self, xyz: np.ndarray) -> np.ndarray:
        """Points float64 `[N, 3]` with the storeys beside each other, all on the ground."""
        if len(self) == 1:
            return xyz
        storey = numbers(xyz, self.cuts)
        moved = xyz.copy()
        axis = int(np.argmin(self.pitch_m))
        moved[:, axis] += storey * self.pitch_m[axis]
        moved[:, 2] += self.floors[0] - self.floors[storey]
        return moved

    def sentences(self, are_given: bool) -> list[str]:
        """What is to be told of them; nothing of a single one."""
        if len(self) == 1:
            return []
        heights = " and ".join(f"{cut - self.floors[0]:.1f}" for cut in self.cuts)
        how = "as given" if are_given else "each is segmented by itself (`storeys`)"
        return [f"{len(self)} storeys, cut apart {heights} m above the lowest point: {how}"]


def numbers(xyz: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """int64 `[N]`: the storey of each point, float64 `[N, 3]`, counted from the lowest."""
    return np.searchsorted(cuts, xyz[:, 2], side="right")


def check(heights: Sequence[float] | None) -> None:
    """Refuses heights that do not rise from above 0.

    Args:
        heights: above the lowest point; None is fine, and so is none of them.

    Raises:
        ValueError: they do not, or are no numbers.
    """
    if heights is None:
        return
    try:
        steps = np.diff(np.array([0.0, *heights], np.float64))
        is_rising = bool(np.isfinite(steps).all() and (steps > 0).all())
    except (TypeError, ValueError):  # no sequence, or not of numbers
        is_rising = False
    if isinstance(heights, str) or not is_rising:
        raise ValueError(
            "`storeys` must be heights above the lowest point, metres, ascending. "
            f"Received: {heights!r}"
        )


def settle(
    heights: Sequence[float] | None,
    sample: np.ndarray,
    parts: Callable[[], Iterable[np.ndarray]],
    blocks: Blocks,
) -> Storeys:
    """The storeys of a scan.

    Args:
        heights: above the lowest point, at which they part; None finds them.
        sample: float64 `[n, 3]`, some or all of the points, to find them.
        parts: gives all points, float64 `[n, 3]` each, metres, z up; at least one in all.
        blocks: that the scan is cut into; none reaches into two storeys.

    Raises:
        ValueError: as `check`.

    Example:
        >>> xyz = np.array([[0.0, 0, 0], [4, 9, 2.5], [0, 0, 3.1], [4, 9, 5.5]])
        >>> found = settle([2.8, 9.0], xyz, lambda: [xyz], Blocks())  # nothing lies above 9 m
        >>> len(found), found.apart(xyz).round(6).tolist()[2:]
        (2, [[14.0, 0.0, 0.0], [18.0, 9.0, 2.4]])
    """
    check(heights)
    if heights is None:
        return _measured(find(sample), parts(), blocks)
    if not len(heights):
        return _measured(np.zeros(0), parts(), blocks)
    least = min(xyz[:, 2].min(initial=np.inf) for xyz in parts())
    return _measured(least + np.array(heights, np.float64), parts(), blocks)


def _measured(cuts: np.ndarray, parts: Iterable[np.ndarray], blocks: Blocks) -> Storeys:
    count = len(cuts) + 1
    floors, tops = np.full(count, np.inf), np.full(count, -np.inf)
    least, most = np.full(3, np.inf), np.full(3, -np.inf)
    num_points = np.zeros(count, np.int64)
    for xyz in parts:
        storey = numbers(xyz, cuts)
        num_points += np.bincount(storey, minlength=count)
        np.minimum.at(floors, storey, xyz[:, 2])
        np.maximum.at(tops, storey, xyz[:, 2])
        least = np.minimum(least, xyz.min(axis=0, initial=np.inf))
        most = np.maximum(most, xyz.max(axis=0, initial=-np.inf))
    there = num_points > 0
    kept = np.flatnonzero(there)[1:] - 1  # the cut below each storey but the lowest
    extent = most - least
    pitch_m, axis = np.full(2, np.inf), int(np.argmin(extent[:2]))
    gap_m = max(_GAP_M, 2 * blocks.size_m)
    # Of whole strides, so that the blocks of each storey lie as those of the lowest.
    pitch_m[axis] = np.ceil((extent[axis] + gap_m) / blocks.stride_m) * blocks.stride_m
    height_m = float((tops - floors)[there].max())
    return Storeys(
        cuts[kept], floors[there], least, extent, height_m, pitch_m, int(num_points.max())
    )


def find(xyz: np.ndarray) -> np.ndarray:
    """Heights at which the storeys of a building part.

    Level surfaces that take a good share of the ground around them, and a tenth of all of it, are
    floors and ceilings. Where there is space to stand between such surfaces, there is a storey;
    what lies between two storeys is a slab, and the cut goes where it has fewest points.

    Args:
        xyz: float64 `[N, 3]`, a scan or an even sample of it, metres, z up.

    Returns:
        float64 `[S - 1]`, ascending; empty where there is one storey, or none is found.

    Example:
        >>> side = np.arange(0, 5, 0.1)
        >>> x, y = (axis.ravel() for axis in np.meshgrid(side, side))
        >>> levels = [np.stack([x, y, np.full(len(x), z)], axis=1) for z in (0, 2.65, 3.05, 5.65)]
        >>> [cut] = find(np.concatenate(levels))
        >>> bool(2.7 < cut < 3.0)
        True
        >>> find(np.concatenate(levels[:2])).tolist()
        []
    """
    low, high = np.quantile(xyz[:, 2], [_STRAY, 1 - _STRAY])
    if not _LEAST_HEIGHT_M <= high - low <= _MOST_HEIGHT_M:
        return np.zeros(0)
    low -= _BIN_M
    xyz = xyz[(xyz[:, 2] >= low) & (xyz[:, 2] <= high + _BIN_M)]
    there = _occupied(xyz, low)
    surfaces = _groups(np.flatnonzero(_share_of_ground(there) >= _LEVEL), there.shape[1] - 1)
    in_bin = there.sum(axis=0)
    cuts = [_cut(group, in_bin) for group in surfaces[1:-1]]
    return low + _BIN_M * np.array(cuts)


def _occupied(xyz: np.ndarray, low: float) -> np.ndarray:
    """bool `[cells of the ground, bins of the height]`: where there are points."""
    ground = xyz[:, :2] - xyz[:, :2].min(axis=0)
    area = float(np.prod(ground.max(axis=0)))
    side = max(_CELL_M, np.sqrt(area * _PER_CELL / len(xyz)))
    cell = np.floor(ground / side).astype(np.int64)
    code = cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1]
    cell_of = np.unique(code, return_inverse=True)[1].ravel()
    bin_of = np.floor((xyz[:, 2] - low) / _BIN_M).astype(np.int64)
    found = np.zeros((cell_of.max() + 1, bin_of.max() + 1), bool)
    found[cell_of, bin_of] = True
    return found


def _share_of_ground(there: np.ndarray) -> np.ndarray:
    """float64 `[bins]`: how much of its ground a floor or a ceiling takes in each bin.

    The ground of a floor is the cells with points up to two metres above it; a floor is where
    nothing is just above, as walls and what stands on it go on. For ceilings all is the other way
    round. A surface may lie in two bins.
    """
    pad, num_bins = max(_SIDE), there.shape[1]
    wide = np.pad(there, ((0, 0), (pad, pad)))

    def any_of(steps: Iterable[int]) -> np.ndarray:
        found = np.zeros_like(there)
        for step in steps:  # all at once would take twenty times the memory
            found |= wide[:, pad + step : pad + step + num_bins]
        return found

    least = len(there) * _LEAST_LEVEL / _LEVEL  # cells; each has a point
    shares = []
    for side in (1, -1):
        is_level = there & ~any_of([side * step for step in _CLEAR])
        is_level |= np.pad(is_level[:, 1:], ((0, 0), (0, 1)))
        ground = any_of([side * step for step in _SIDE]).sum(axis=0)
        shares.append(is_level.sum(axis=0) / np.maximum(ground, least))
    return np.maximum(*shares)


def _groups(levels: np.ndarray, top: int) -> list[np.ndarray]:
    """Level surfaces with no room for a storey between them; the top of a roofless one too."""
    if len(levels) and top - levels[-1] > _LEAST_SPACE:
        levels = np.append(levels, top)
    return np.split(levels, np.flatnonzero(np.diff(levels) > _LEAST_SPACE) + 1)


def _cut(group: np.ndarray, in_bin: np.ndarray) -> float:
    """Where a slab of some level surfaces is cut, in bins; `in_bin` are cells with points."""
    surfaces = np.split(group, np.flatnonzero(np.diff(group) > 1) + 1)
    first, last = int(surfaces[0][-1]), int(surfaces[-1][0])
    if len(surfaces) == 1:  # that of a small storey above is not seen, or there is only one
        first, last = int(group[0]), int(group[-1])
        below, above = in_bin[first - _BELOW : first], in_bin[last + 1 : last + 1 + _ABOVE]
        if above.min() >= below.min() / 2:
            return first
        first, last = last, last + 1 + _ABOVE
    inner = in_bin[first + 1 : last]
    fewest = np.flatnonzero(inner == inner.min())
    runs = np.split(fewest, np.flatnonzero(np.diff(fewest) > 1) + 1)
    longest = max(runs, key=len)  # the lowest of equals
    return first + 1 + float(longest[0] + longest[-1] + 1) / 2
