"""Segments a scan in tiles: reads, sorts, runs the network, labels and writes, each part by part.

Everything is kept in a folder beside the copy, `.<copy>.tiles`, from which a run that is stopped
goes on; it is deleted in the end.
"""

import dataclasses
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ban_tf import config, progress
from ban_tf.clouds import conditioning, storeys
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.clouds.formats import las_codes, scan, scan_stream
from ban_tf.clouds.formats.on_disk import OnDisk
from ban_tf.clouds.formats.stream import Stream
from ban_tf.experiments import instance_boxes, memory, whole_scans
from ban_tf.experiments.large_scans import folder_state, results, shown
from ban_tf.experiments.large_scans.points import Bounds, RawPoints
from ban_tf.experiments.trained import TrainedModel
from ban_tf.inference import cautions
from ban_tf.inference.results import Segmentation
from ban_tf.inference.sample_outputs import collapse_detector
from ban_tf.inference.tiles import labels, running, sorting
from ban_tf.systems import collapse
from ban_tf.view.viewer import scene


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A scan that was read and sorted into tiles.

    Args:
        decision: how its points became those of the cloud.
        bounds: what it is like as a whole.
        sample: some points of the cloud.
        storeys: of the cloud.
        assumptions: sentences on what was found or given.
        cloud: on disk, in tiles, its storeys beside each other.
    """

    decision: conditioning.Decision
    bounds: Bounds
    sample: Cloud
    storeys: storeys.Storeys
    assumptions: tuple[str, ...]
    cloud: sorting.SortedCloud


@dataclasses.dataclass(frozen=True)
class Done:
    """A scan that was labelled.

    Args:
        columns: labels of every point of the file, by name, on disk.
        rows: the instances.
        outlines: of the instances, as `results.outlines_of` gives them.
        counts: as `results.counts_of` gives them; None where nothing is scored.
    """

    columns: dict[str, OnDisk]
    rows: list[instance_boxes.Row]
    outlines: list[np.ndarray]
    counts: np.ndarray | None


class TiledScan:
    """One scan on its way.

    Args:
        stream: of the scan.
        model: that segments it.
        options: what is known of the scan.
        heights: as for `storeys.settle`.
        folder: for the files; made if needed.
        most_points: of a tile.

    Raises:
        ValueError: the folder is of another scan, model or options.
    """

    def __init__(
        self,
        stream: Stream,
        model: TrainedModel,
        options: conditioning.Options,
        heights: Sequence[float] | None,
        folder: Path,
        most_points: int,
    ) -> None:
        self._stream, self._model, self._options = stream, model, options
        self._heights, self._folder, self._most_points = heights, folder, most_points
        blocks = model.experiment.samples
        assert isinstance(blocks, config.Blocks)  # shapes are one sample
        self._samples: config.Blocks = blocks
        self._key = folder_state.key_of(stream.path, model, options, heights)
        self._points = RawPoints(folder, stream)

    def read(self) -> Bounds:
        """Reads the scan, unless an earlier run has; tells what it is like as a whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        folder_state.require_same(self._folder, self._key)
        title = f"reading {self._stream.path.name}"
        with progress.Bar(len(self._stream), title, "point", scaled=True) as bar:
            return self._points.gather(bar.update)

    def prepare(self, bounds: Bounds) -> Prepared:
        """Sorts the points into tiles, unless an earlier run has.

        Args:
            bounds: of `read`.
        """
        name = self._stream.path.stem
        decision, xyz, rgb = self._points.decide(bounds, self._options)
        found = storeys.settle(
            self._heights,
            xyz,
            lambda: (part for part, _ in self._points.of_cloud(decision)),
            self._samples,
        )
        cloud = sorting.load(self._folder, self._samples)
        if cloud is None:
            total = 3 * bounds.num_there
            with progress.Bar(total, "sorting into tiles", "point", scaled=True) as bar:
                cloud = sorting.sort(
                    lambda: (
                        (found.apart(part), colors)
                        for part, colors in self._points.of_cloud(decision)
                    ),
                    name,
                    self._samples,
                    self._most_points,
                    self._folder,
                    bar.update,
                )
        said = (*decision.assumptions, *found.sentences(self._heights is not None))
        sample = unlabelled(name, found.apart(xyz), rgb)
        return Prepared(decision, bounds, sample, found, said, cloud)

    def segment(self, found: Prepared) -> labels.TiledSegmentation:
        """Runs the network over all tiles; warnings are printed."""
        experiment, cloud = self._model.experiment, found.cloud
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            frame = whole_scans.frame_of(found.storeys)
            cautions.warn_of_other_clouds(found.sample, experiment, frame)
            watch = collapse_detector(experiment)
            total, tiles = int(cloud.num_samples.sum()), len(cloud.layout.tiles)
            title = f"segmenting {cloud.name} in {tiles} tiles"
            with progress.Bar(total, title, unit="block") as bar:
                update = _with_stages(bar, total)
                linked = running.run(
                    cloud,
                    self._model.predictor,
                    experiment,
                    self._key,
                    watch,
                    update,
                    frame=frame,
                )
            collapsed = watch.result() if watch else None
            if collapsed is not None:
                warnings.warn(str(collapsed), collapse.CollapseWarning, stacklevel=2)
        for warning in caught:
            print(f"warning: {warning.message}")
        with progress.Bar(2 * cloud.num_points, "labelling", "point", scaled=True) as bar:
            return labels.finish(cloud, linked, experiment, self._model.mean_sizes, bar.update)

    def describe(
        self,
        found: Prepared,
        segmented: labels.TiledSegmentation,
        is_scored: bool,
        truth_names: tuple[str, ...] | None,
    ) -> Done:
        """The labels of every point of the file, the instances, and how true they are.

        Args:
            found: of `prepare`.
            segmented: of `segment`.
            is_scored: whether the scan brings labels to be scored.
            truth_names: as for `scan_files.truth_of`.
        """
        decision, of_model = found.decision, self._model.experiment.labels
        columns = results.columns_of(segmented, self._points)
        outlines = results.outlines_of(segmented, self._points, decision)
        rows = results.rows_of(segmented, outlines, decision, of_model)
        counts = None
        if is_scored:
            counts = results.counts_of(self._stream, columns, of_model, truth_names)
        return Done(columns, rows, outlines, counts)

    def write(
        self,
        found: Prepared,
        done: Done,
        out: Path,
        overwrite: bool,
        columns: Sequence[str] | None,
    ) -> None:
        """Writes the labelled copy.

        Args:
            found: of `prepare`.
            done: of `describe`.
            out: the copy.
            overwrite: whether codes of the file that are not free may be replaced.
            columns: of a file of text.
        """
        may_replace = found.bounds.has_free_codes or overwrite
        num_classes = self._model.experiment.labels.num_classes
        with_codes = las_codes.takes_codes(self._stream.point_format, num_classes, may_replace)
        with_codes &= out.suffix.lower() in scan.LAS
        with progress.Bar(1, f"writing {out.name}", "file") as bar:
            least = found.bounds.least
            scan_stream.write(self._stream, out, done.columns, least, with_codes, columns)
            bar.update()

    def shown(
        self, found: Prepared, segmented: labels.TiledSegmentation, done: Done, most: int
    ) -> tuple[Cloud, Segmentation, scene.Whole]:
        """What a page shows: some of the points, their labels, and what is known of all of them.

        Args:
            found: of `prepare`.
            segmented: of `segment`.
            done: of `describe`.
            most: points at most.
        """
        name, of_model = self._stream.path.stem, self._model.experiment.labels
        return (
            *shown.some_points(name, self._points, found.decision, segmented, most),
            shown.whole(segmented, done.outlines, of_model),
        )

    def finish(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _with_stages(bar: progress.Bar, total: int) -> Callable[[int], None]:
    """Counts samples, and tells the time left at every twentieth where there is no bar."""

    def update(count: int) -> None:
        before = 20 * bar.done // max(total, 1)
        bar.update(count)
        if 20 * bar.done // max(total, 1) > before:
            bar.stage(f"{bar.done:,} of {total:,} blocks")

    return update


def needed_on_disk(stream: Stream, num_classes: int, most_points: int) -> int:
    """Bytes that the folder takes at most, about.

    Args:
        stream: of the scan.
        num_classes: C.
        most_points: of a tile.
    """
    raw = RawPoints(Path(), stream).rows.dtype.itemsize
    known = 8 * num_classes + 40  # sums, instances and votes
    each = raw + 2 * sorting.TILE_POINT.itemsize + known + 3 * labels.LABEL.itemsize
    return len(stream) * each + min(len(stream), most_points) * known


def print_tiles(found: Prepared, most_points: int, num_classes: int, is_dry: bool) -> None:
    """Tells how many tiles and blocks there are.

    Args:
        found: of `TiledScan.prepare`.
        most_points: that a tile should have.
        num_classes: C.
        is_dry: whether they are not run.
    """
    cloud = found.cloud
    largest = int(cloud.layout.num_points.max())
    if largest > 2 * most_points:
        print(f"  warning: a single block has {largest:,} points, more than a tile should")
    taken = memory.shown(memory.of_tile(largest, num_classes))
    print(
        f"  {'would run' if is_dry else 'runs'} {int(cloud.num_samples.sum()):,} blocks in "
        f"{len(cloud.layout.tiles)} tiles of at most {largest:,} points, in about {taken} of memory"
    )
