"""Segments a scan in tiles: reads, sorts, runs the network, labels and writes, each part by part.

Everything is kept in a folder beside the copy, `.<copy>.tiles`, from which a run that is stopped
goes on; it is deleted in the end.
"""

import dataclasses
import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ban_tf import config, disk, progress
from ban_tf.clouds import conditioning, storeys
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.clouds.formats import scan_stream
from ban_tf.clouds.formats.stream import Stream
from ban_tf.experiments import instance_boxes
from ban_tf.experiments.large_scans import results, shown
from ban_tf.experiments.large_scans.points import Bounds, RawPoints
from ban_tf.experiments.trained import TrainedModel
from ban_tf.inference import cautions
from ban_tf.inference.key import Key
from ban_tf.inference.results import Segmentation
from ban_tf.inference.sample_outputs import collapse_detector
from ban_tf.inference.tiles import labels, running, sorting
from ban_tf.systems import collapse
from ban_tf.view.viewer import scene

_FORMAT = 2  # of the folder
_HEADER = "header.json"


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
        decision: how its points became those of the cloud.
        rows: the instances.
        outlines: of the instances, as `results.outlines_of` gives them.
    """

    decision: conditioning.Decision
    rows: list[instance_boxes.Row]
    outlines: list[np.ndarray]


def folder_of(out: Path) -> Path:
    """Where what a run has so far is kept, beside the copy."""
    return out.with_name(f".{out.name}.tiles")


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
        self._key = _key(stream, model, options, heights)
        self._points = RawPoints(folder, stream)

    def read(self) -> Bounds:
        """Reads the scan, unless an earlier run has; tells what it is like as a whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _require_same(self._folder, self._key)
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
            self._heights, xyz, lambda: (part for part, _ in self._points.of_cloud(decision))
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
            cautions.warn_of_other_clouds(found.sample, experiment)
            watch = collapse_detector(experiment)
            total, tiles = int(cloud.num_samples.sum()), len(cloud.layout.tiles)
            title = f"segmenting {cloud.name} in {tiles} tiles"
            with progress.Bar(total, title, unit="block") as bar:
                update = _with_stages(bar, total)
                linked = running.run(
                    cloud, self._model.predictor, experiment, self._key, watch, update
                )
            collapsed = watch.result() if watch else None
            if collapsed is not None:
                warnings.warn(str(collapsed), collapse.CollapseWarning, stacklevel=2)
        for warning in caught:
            print(f"warning: {warning.message}")
        with progress.Bar(2 * cloud.num_points, "labelling", "point", scaled=True) as bar:
            return labels.finish(cloud, linked, experiment, self._model.mean_sizes, bar.update)

    def write(
        self,
        found: Prepared,
        segmented: labels.TiledSegmentation,
        out: Path,
        with_codes: bool,
        columns: Sequence[str] | None,
        score: Callable[..., None] | None = None,
    ) -> Done:
        """Writes the labelled copy and describes the instances.

        Args:
            found: of `prepare`.
            segmented: of `segment`.
            out: the copy.
            with_codes: as for `scan_stream.write`.
            columns: of a file of text.
            score: called with the stream, the columns of labels and `segmented`; None for none.
        """
        values = results.columns_of(segmented, self._points)
        with progress.Bar(1, f"writing {out.name}", "file") as bar:
            least = found.bounds.least
            scan_stream.write(self._stream, out, values, least, with_codes, columns)
            bar.update()
        decision, labels_of_model = found.decision, self._model.experiment.labels
        outlines = results.outlines_of(segmented, self._points, decision)
        rows = results.rows_of(segmented, outlines, decision, labels_of_model)
        if score is not None:
            score(self._stream, values, segmented)
        return Done(decision, rows, outlines)

    def shown(
        self, segmented: labels.TiledSegmentation, done: Done, most: int
    ) -> tuple[Cloud, Segmentation, scene.Whole]:
        """What a page shows: some of the points, their labels, and what is known of all of them.

        Args:
            segmented: of `segment`.
            done: of `write`.
            most: points at most.
        """
        name, of_model = self._stream.path.stem, self._model.experiment.labels
        return (
            *shown.some_points(name, self._points, done.decision, segmented, most),
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


def _key(
    stream: Stream,
    model: TrainedModel,
    options: conditioning.Options,
    heights: Sequence[float] | None,
) -> Key:
    """What the labels depend on; the scan by its size and time, as reading it takes long."""
    state = stream.path.stat()
    known = [dataclasses.asdict(options), heights]
    words = [stream.path.name, state.st_size, state.st_mtime_ns, *known]
    scan = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
    of_network = Key.of(np.zeros(0), model.predictor, model.experiment)
    return dataclasses.replace(of_network, cloud=scan)


def _require_same(folder: Path, key: Key) -> None:
    """Refuses a folder that another run has left."""
    path = folder / _HEADER
    header = {"format": str(_FORMAT), **dataclasses.asdict(key)}
    if not path.exists():
        disk.write_whole(path, json.dumps(header))
        return
    there = json.loads(path.read_text())
    others = [name for name in header if there.get(name) != header[name]]
    if others:
        names = {"cloud": "scan or assumptions", "format": "version"}
        told = " and another ".join(names.get(name, name) for name in others)
        raise ValueError(
            f"{folder} was left by a run with another {told}. Delete it to begin anew, or name "
            "another file (`out`)."
        )


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
