"""Runs trained networks over the rooms of their test areas and scores what comes out."""

import dataclasses
import json
import pathlib
import warnings
from collections.abc import Callable, Iterable
from typing import TypeVar

import keras
import numpy as np
from tqdm import tqdm

from ban_tf import config, systems
from ban_tf.clouds import cloud_cache
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import prediction_files
from ban_tf.data.samples.blocks import Blocks
from ban_tf.data.store import Store, StoredRoom
from ban_tf.experiments.unfinished import UnfinishedEvaluation
from ban_tf.inference import room_state, segmentation
from ban_tf.instances import merging
from ban_tf.metrics import table
from ban_tf.metrics.evaluators import Evaluation, Evaluator
from ban_tf.systems import collapse
from ban_tf.training import runs

_Labels = TypeVar("_Labels", segmentation.Segmentation, segmentation.SampledSegmentation)
SIZES_FILE = "mean_instance_sizes.json"


@dataclasses.dataclass(frozen=True)
class InstanceSizes:
    """Mean number of points of each class's training instances, float64 `[C]`, NaN for none.

    Args:
        drawn: counted on the drawn points of the blocks (legacy protocol).
        raw: counted on the raw points (covering protocol); None where they are not known.
    """

    drawn: np.ndarray
    raw: np.ndarray | None

    def of(self, protocol: config.Protocol) -> np.ndarray | None:
        return self.drawn if protocol == "legacy" else self.raw


@dataclasses.dataclass(frozen=True)
class Fold:
    """One trained network and the rooms that it has not seen."""

    experiment: config.Experiment
    model: Callable[[], keras.Model]  # loaded when its turn comes: six folds need not fit at once
    rooms: Store
    sizes: InstanceSizes


def measure_instance_sizes(experiment: config.Experiment, store: Store) -> InstanceSizes:
    """Mean instance sizes over the training areas of a store."""
    training = store.select(experiment.train_areas)
    num_classes = experiment.dataset.num_classes
    drawn = merging.mean_instance_sizes(training.instance_sizes("drawn"), num_classes)
    if store.settings is None:
        return InstanceSizes(drawn, None)
    raw = merging.mean_instance_sizes(training.instance_sizes("raw"), num_classes)
    return InstanceSizes(drawn, raw)


def save_instance_sizes(run: runs.Run, sizes: InstanceSizes) -> None:
    """Keeps them with the run, so that evaluation needs no training data."""
    values = {
        name: None if sizes_of is None else [None if np.isnan(v) else float(v) for v in sizes_of]
        for name, sizes_of in (("drawn", sizes.drawn), ("raw", sizes.raw))
    }
    runs.write_text(run.folder / SIZES_FILE, json.dumps(values) + "\n")


def load_instance_sizes(folder: pathlib.Path) -> InstanceSizes:
    """The inverse of `save_instance_sizes`.

    Raises:
        FileNotFoundError: the run was started but never prepared its data.
        ValueError: the file is damaged.
    """
    path = folder / SIZES_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: start the training of this run once more.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        raw = values["raw"]
        return InstanceSizes(
            np.array([*values["drawn"]], np.float64),
            None if raw is None else np.array(raw, np.float64),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged ({error!r}). Delete it and give the training command again."
        ) from error


def evaluate(
    folds: Iterable[Fold], protocol: config.Protocol, out: pathlib.Path | None = None
) -> Evaluation:
    """Segments the rooms of all folds and scores them, pooled.

    With a folder for the results, an evaluation that was stopped goes on with the same call: rooms
    that were done are not segmented again, and under `covering` the room that it was in goes on at
    the block that it had reached. A finished evaluation starts anew. Warns with `CollapseWarning`
    if the embedding of a fold's network has collapsed.

    Args:
        folds: one, or the six of the 6-fold protocol.
        protocol: `covering` or `legacy`.
        out: folder for `scores.json`, `tables.md`, `tables.csv` and `predictions/`, and for
            `unfinished/` until then; None writes nothing.

    Raises:
        FileNotFoundError: `covering`, and the store has no clouds (blocks prepared by others).
        ValueError: a network that does not fit its experiment.
    """
    evaluator: Evaluator | None = None
    unfinished = None if out is None else UnfinishedEvaluation(out / "unfinished")
    areas: list[int] = []
    for fold in folds:
        if evaluator is None:
            first = fold.experiment
            title = systems.of(first.network.name).title
            evaluator = Evaluator(first.dataset, (), protocol, title)
        areas.append(fold.experiment.test_area)
        _FoldEvaluation(fold, evaluator, unfinished, out).run(protocol)
    if evaluator is None:
        raise ValueError("`folds` must have at least one fold. Received: none")
    evaluation = dataclasses.replace(evaluator.evaluation(), areas=tuple(sorted(areas)))
    if out is not None and unfinished is not None:
        unfinished.finish(out / "predictions" if protocol == "covering" else None)
        write(evaluation, out)
    return evaluation


def write(evaluation: Evaluation, out: pathlib.Path) -> None:
    """Writes the scores as JSON, Markdown and CSV."""
    runs.write_text(out / "scores.json", table.to_json(evaluation))
    runs.write_text(out / "tables.md", table.render_markdown(evaluation))
    runs.write_text(out / "tables.csv", table.render_csv(evaluation))


def cloud_file(store: pathlib.Path, room: str) -> pathlib.Path:
    """Where a prepared store keeps a room as it was read."""
    return store / "clouds" / f"{room}.npz"


def _load_cloud(store: Store, room: StoredRoom) -> Cloud:
    path = cloud_file(store.path, room.name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing. Covering evaluation needs the raw points: name the raw data with "
            "--data, or use --protocol legacy, which the prepared blocks suffice for."
        )
    return cloud_cache.load_cloud(path)


class _FoldEvaluation:
    """Segments the rooms of one fold and adds them to the evaluator."""

    def __init__(
        self,
        fold: Fold,
        evaluator: Evaluator,
        unfinished: UnfinishedEvaluation | None,
        out: pathlib.Path | None,
    ) -> None:
        self._fold = fold
        self._evaluator = evaluator
        self._unfinished = unfinished
        self._out = out
        self._model = fold.model()
        self._detector = segmentation.collapse_detector(fold.experiment)

    def run(self, protocol: config.Protocol) -> None:
        segment_room = self._sampled if protocol == "legacy" else self._covering
        rooms = self._fold.rooms.rooms
        with tqdm(total=len(rooms), unit="room", mininterval=0.5) as bar:
            for room in rooms:
                bar.set_description(f"evaluating {room.name}", refresh=True)
                segment_room(room)
                bar.update()
        collapsed = self._detector.result() if self._detector else None
        if collapsed is not None:
            warnings.warn(str(collapsed), collapse.CollapseWarning, stacklevel=3)

    def _covering(self, room: StoredRoom) -> None:
        cloud = _load_cloud(self._fold.rooms, room)
        sizes = self._fold.sizes.raw

        def segment(state_file: pathlib.Path | None) -> segmentation.Segmentation:
            return segmentation.segment(
                cloud,
                self._model,
                self._fold.experiment,
                sizes,
                state_file=state_file,
                detector=self._detector,
            )

        points = [cloud.xyz] if cloud.rgb is None else [cloud.xyz, cloud.rgb]
        result = self._once(room, points, sizes, segmentation.Segmentation, segment)
        self._evaluator.add(
            room.name, cloud.semantic, cloud.instance, result.semantic, result.instance
        )

    def _sampled(self, room: StoredRoom) -> None:
        drawn = dataclasses.replace(self._fold.rooms, rooms=(room,)).read(range(room.num_blocks))
        sizes = self._fold.sizes.drawn

        def segment(_: pathlib.Path | None) -> segmentation.SampledSegmentation:
            return segmentation.segment_sampled(
                drawn.features, self._model, self._fold.experiment, sizes, detector=self._detector
            )

        result = self._once(
            room, [drawn.features], sizes, segmentation.SampledSegmentation, segment
        )
        self._evaluator.add(
            room.name,
            drawn.semantic.ravel(),
            drawn.instance.ravel(),
            result.semantic.ravel(),
            result.instance.ravel(),
        )
        if self._out is not None and room.num_blocks:
            predictions = self._out / "predictions"
            prediction_files.write_room(predictions, _as_prediction(room.name, drawn, result))

    def _once(
        self,
        room: StoredRoom,
        points: list[np.ndarray],
        mean_sizes: np.ndarray | None,
        kind: type[_Labels],
        segment: Callable[[pathlib.Path | None], _Labels],
    ) -> _Labels:
        """The labels of a room, segmented now or before the evaluation was stopped."""
        if self._unfinished is None:
            return segment(None)
        origin = room_state.origin(points, self._model, self._fold.experiment, mean_sizes)
        return self._unfinished.labels_of(room.name, origin, kind, segment)


def _as_prediction(
    name: str, drawn: Blocks, result: segmentation.SampledSegmentation
) -> prediction_files.RoomPrediction:
    features = drawn.features.reshape(-1, drawn.features.shape[-1])
    return prediction_files.RoomPrediction(
        name,
        xyz=features[:, 6:9].astype(np.float64) * _room_extent(drawn.features),
        rgb=np.round(features[:, 3:6].astype(np.float64) * 255),
        probability=result.confidence.ravel(),
        semantic=result.semantic.ravel(),
        instance=result.instance.ravel(),
        truth_semantic=drawn.semantic.ravel(),
        truth_instance=drawn.instance.ravel(),
    )


def _room_extent(features: np.ndarray) -> np.ndarray:
    """float64 `[3]`: the room's extent in metres, from how metres and shares differ in a block."""
    metres = np.ptp(features[..., 0:3].astype(np.float64), axis=1)
    shares = np.ptp(features[..., 6:9].astype(np.float64), axis=1)
    widest = shares.argmax(axis=0)
    axes = np.arange(3)
    wide = shares[widest, axes]
    return np.divide(metres[widest, axes], wide, out=np.zeros(3), where=wide > 0)
