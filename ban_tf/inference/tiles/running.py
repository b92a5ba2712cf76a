"""Runs a network over the tiles of a cloud, one after another."""

import dataclasses

import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import unlabelled
from ban_tf.data.samples import Frame, grid, tiling
from ban_tf.inference import chunks
from ban_tf.inference.chunks import Progress
from ban_tf.inference.key import Key
from ban_tf.inference.predictor import Outputs, Predictor
from ban_tf.inference.sample_outputs import cluster
from ban_tf.inference.state_file import StateFile
from ban_tf.inference.tiles import carrying
from ban_tf.inference.tiles.progress_file import PART, TileFiles
from ban_tf.inference.tiles.sorting import SortedCloud
from ban_tf.systems import collapse


def run(
    cloud: SortedCloud,
    predictor: Predictor,
    experiment: config.Experiment,
    key: Key,
    watch: collapse.CollapseDetector | None,
    progress: Progress | None = None,
    state_every_s: float = 60.0,
    frame: Frame | None = None,
) -> carrying.Linked:
    """Segments the tiles that are not done yet.

    What is stopped, by an error or Ctrl-C too, goes on from its folder with the same call; where
    the process is killed, from the last state of the tile that it was in.

    Args:
        cloud: on disk, in tiles.
        predictor: the network.
        experiment: that the cloud was sorted for.
        key: of the cloud, whose digest need not be of its points.
        watch: is shown the embeddings; None if there are none.
        progress: called with the number of samples just done, earlier ones included.
        state_every_s: seconds between two states within a tile.
        frame: as for `segmentation.segment`.

    Returns:
        What has been linked in all.

    Raises:
        ValueError: a network that does not fit the experiment, or a state of another one.
        OSError: a file cannot be written.
    """
    files = TileFiles(cloud.folder, experiment)
    num_done, linked = files.load()
    if progress:
        progress(int(cloud.num_samples[:num_done].sum()))
    for number in range(num_done, len(cloud.layout.tiles)):
        tile = _Tile(cloud, number, files, experiment, linked, frame)
        keeper = StateFile(
            cloud.folder / "tile.state",
            dataclasses.replace(key, cloud=f"{key.cloud} tile {number}"),
            tile.plan,
            state_every_s,
        )
        tile.run(predictor, keeper, watch, progress)
        linked = tile.leave()
        files.save(number + 1, linked)
        keeper.delete()
        cloud.tile(number).path.unlink(missing_ok=True)
        for file in files.open_points(number):
            file.path.unlink(missing_ok=True)
    return linked


class _Tile:
    """One tile in memory."""

    def __init__(
        self,
        cloud: SortedCloud,
        number: int,
        files: TileFiles,
        experiment: config.Experiment,
        linked: carrying.Linked,
        frame: Frame | None,
    ) -> None:
        self._frame = cloud.layout.frame if frame is None else frame
        self._sorted, self._number, self._files = cloud, number, files
        self._experiment, self._linked = experiment, linked
        rows = cloud.tile(number)[:]
        if (np.diff(rows["point"]) < 0).any():  # those that join from elsewhere came last
            rows = rows[np.argsort(rows["point"], kind="stable")]
        self._points = rows["point"].copy()
        rgb = rows["rgb"].copy() if cloud.has_colors else None
        self._cloud = unlabelled(cloud.name, rows["xyz"].copy(), rgb)
        del rows
        blocks = experiment.samples
        assert isinstance(blocks, config.Blocks)  # which the cloud was sorted for
        plan = tiling.plan(
            number, cloud.layout, cloud.joined, self._points, self._cloud.xyz, blocks
        )
        self.plan = plan.astype(np.int32)  # a tile has far fewer than 2^31 points

    def run(
        self,
        predictor: Predictor,
        keeper: StateFile,
        watch: collapse.CollapseDetector | None,
        progress: Progress | None,
    ) -> None:
        """Runs the network over the blocks of the tile that are not done yet."""
        known, votes = (file[:] for file in self._files.open_points(self._number))
        state = carrying.enter(
            self._points, self._cloud.xyz, self._experiment, self._linked, known, votes
        )
        del known, votes
        keeper.load(state)
        if progress and state.num_samples:
            progress(state.num_samples)

        def add(first: int, outputs: Outputs) -> None:
            done = cluster(first, outputs, self._experiment, watch)
            state.add(self.plan[first : first + len(done)], done)
            keeper.save_if_due(state)

        first = state.num_samples
        parts = chunks.features_of(self._cloud, self.plan, first, self._experiment, self._frame)
        try:
            chunks.run(parts, first, predictor, self._experiment, add, progress)
        except BaseException:  # Ctrl-C too: it is a way to stop, and nothing is swallowed
            keeper.save(state)
            raise
        self._state = state

    def leave(self) -> carrying.Linked:
        """Writes what is known of the points: for their next tile, or for the end."""
        num_classes = self._experiment.labels.num_classes
        linked, known, votes = carrying.leave(
            self._state, self._points, self._cloud.xyz, self._linked, num_classes
        )
        del self._state
        goal = self._next_tile()
        goal_of_votes = goal[np.searchsorted(self._points, votes["point"])]
        for tile in np.unique(goal[goal >= 0]).tolist():
            points_file, votes_file = self._files.open_points(tile)
            points_file.append(known[goal == tile])
            votes_file.append(votes[goal_of_votes == tile])
        known, votes = known[goal < 0], votes[goal_of_votes < 0]
        parts, parts_of_votes = known["point"] // PART, votes["point"] // PART
        for part in np.unique(parts).tolist():
            points_file, votes_file = self._files.finished_points(part)
            points_file.append(known[parts == part])
            votes_file.append(votes[parts_of_votes == part])
        return linked

    def _next_tile(self) -> np.ndarray:
        """int64 `[N]`: the next tile with each point, -1 where there is none."""
        layout, joined = self._sorted.layout, self._sorted.joined
        xy = self._cloud.xyz[:, :2] - layout.frame.origin[:2]
        low, high = grid.holders(xy, layout.grid)
        found = np.full(len(xy), -1)
        furthest = high[:, 0].max(initial=-1)
        for later in range(len(layout.tiles) - 1, self._number, -1):
            if layout.tiles[later].i[0] <= furthest:
                found[tiling.is_in(low, high, layout.tiles[later])] = later
        place = np.searchsorted(self._points, joined.points)
        here = np.append(self._points, -1)[place] == joined.points
        place, home = place[here], joined.tile[here]
        sooner = (home > self._number) & ((found[place] < 0) | (home < found[place]))
        found[place[sooner]] = home[sooner]
        return found
