"""The points of a large cloud, sorted into a file for each tile."""

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.formats.on_disk import OnDisk
from ban_tf.config import Blocks
from ban_tf.data.samples import grid, tiling
from ban_tf.data.samples.frame import Frame, checked_frame

# The points of a cloud in their order: float64 `[n, 3]` and uint8 `[n, 3]`, or None without
# colours. Called once for each pass over them.
Points = Callable[[], Iterable[tuple[np.ndarray, np.ndarray | None]]]
TILE_POINT = np.dtype([("point", "<i8"), ("xyz", "<f8", (3,)), ("rgb", "u1", (3,))])


@dataclasses.dataclass(frozen=True)
class SortedCloud:
    """A cloud on disk; `M` points in `T` tiles.

    Args:
        folder: of the files.
        name: of the cloud.
        num_points: M.
        has_colors: whether the points have colours.
        layout: the tiles.
        joined: the points without a block of their own.
        num_samples: int64 `[T]`, of each tile.
    """

    folder: Path
    name: str
    num_points: int
    has_colors: bool
    layout: tiling.Layout
    joined: tiling.Joined
    num_samples: np.ndarray

    def tile(self, number: int) -> OnDisk:
        """The points of a tile, `TILE_POINT`."""
        return OnDisk(self.folder / f"tile_{number}.points", TILE_POINT)


def frame_of(points: Points, name: str) -> Frame:
    """The frame of a cloud on disk, as `samples.frame_of` of one in memory."""
    least, most = np.full(3, np.inf), np.full(3, -np.inf)
    for xyz, _ in points():
        least = np.minimum(least, xyz.min(axis=0, initial=np.inf))
        most = np.maximum(most, xyz.max(axis=0, initial=-np.inf))
    return checked_frame(name, least, most)


def sort(
    points: Points,
    name: str,
    config: Blocks,
    most_points: int,
    folder: Path,
    progress: Callable[[int], object] | None = None,
) -> SortedCloud:
    """Sorts the points of a cloud into tiles, in three passes over them.

    Args:
        points: of the cloud.
        name: of the cloud.
        config: sizes of the blocks.
        most_points: of a tile; one of a single block may have more.
        folder: for the files.
        progress: called with the number of points just passed, three times M in all.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """

    def counted() -> Iterable[tuple[np.ndarray, np.ndarray | None]]:
        for part in points():
            yield part
            if progress:
                progress(len(part[0]))

    frame = frame_of(counted, name)
    counts = tiling.BlockCounts(frame, config)
    for xyz, _ in counted():
        counts.add(xyz)
    layout = counts.layout(most_points)
    return _Sorting(folder, name, layout, config).run(counted)


class _Sorting:
    """The pass that writes the files of all tiles."""

    def __init__(self, folder: Path, name: str, layout: tiling.Layout, config: Blocks) -> None:
        self._name, self._folder = name, folder
        self._layout, self._config = layout, config
        self._files = [
            OnDisk(folder / f"tile_{number}.points", TILE_POINT)
            for number in range(len(layout.tiles))
        ]
        self._left: list[np.ndarray] = []  # points that only sparse blocks hold
        self._num_points = 0
        self._has_colors = False

    def run(self, points: Points) -> SortedCloud:
        for file in self._files:
            file.path.unlink(missing_ok=True)
        for xyz, rgb in points():
            self._add(xyz, rgb)
        left = np.concatenate([np.zeros(0, TILE_POINT), *self._left])
        xy = left["xyz"][:, :2] - self._layout.frame.origin[:2]
        joined = tiling.settle(self._layout, left["point"], xy, self._config)
        low, high = grid.holders(xy, self._layout.grid)
        for number in np.unique(joined.tile[joined.tile >= 0]).tolist():
            own = joined.tile == number
            own &= ~tiling.is_in(low, high, self._layout.tiles[number])
            self._files[number].append(left[own])
        samples = joined.num_samples(self._layout, self._config.num_points)
        found = SortedCloud(
            self._folder, self._name, self._num_points, self._has_colors, self._layout, joined,
            samples,
        )  # fmt: skip
        _save(found)
        return found

    def _add(self, xyz: np.ndarray, rgb: np.ndarray | None) -> None:
        rows = np.zeros(len(xyz), TILE_POINT)
        rows["point"] = self._num_points + np.arange(len(xyz))
        rows["xyz"] = xyz
        if rgb is not None:
            rows["rgb"] = rgb
        self._has_colors |= rgb is not None
        self._num_points += len(xyz)
        low, high = grid.holders(xyz[:, :2] - self._layout.frame.origin[:2], self._layout.grid)
        for file, tile in zip(self._files, self._layout.tiles, strict=True):
            file.append(rows[tiling.is_in(low, high, tile)])
        self._left.append(rows[tiling.only_sparse(low, high, self._layout, self._config)])


def _save(cloud: SortedCloud) -> None:
    layout, joined = cloud.layout, cloud.joined
    about = {"name": cloud.name, "points": cloud.num_points, "colors": cloud.has_colors}
    tiles = np.array([(*tile.i, *tile.j) for tile in layout.tiles], np.int64)
    with disk.whole(cloud.folder / "layout.npz") as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            about=np.array(json.dumps(about)),
            frame=np.stack([layout.frame.origin, layout.frame.extent]),
            steps=layout.steps,
            counts=layout.counts,
            tiles=tiles,
            num_points=layout.num_points,
            left=joined.points,
            home=joined.home,
            tile=joined.tile,
            kept=joined.kept,
        )


def load(folder: Path, config: Blocks) -> SortedCloud | None:
    """What `sort` left in a folder; None if it did not end.

    Args:
        folder: of the files.
        config: sizes of the blocks, as they were.
    """
    path = folder / "layout.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays["about"]))
    frame = Frame(*arrays["frame"])
    tiles = tuple(grid.Part((a, b), (c, d)) for a, b, c, d in arrays["tiles"].tolist())
    layout = tiling.Layout(
        frame, grid.over(frame.extent, config), arrays["steps"], arrays["counts"], tiles,
        arrays["num_points"],
    )  # fmt: skip
    joined = tiling.Joined(arrays["left"], arrays["home"], arrays["tile"], arrays["kept"])
    samples = joined.num_samples(layout, config.num_points)
    return SortedCloud(
        folder, about["name"], about["points"], about["colors"], layout, joined, samples
    )
