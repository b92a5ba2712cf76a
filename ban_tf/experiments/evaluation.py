"""Runs trained networks over the clouds that they have not seen and scores what comes out."""

import dataclasses
import pathlib
import warnings
from collections.abc import Callable, Iterable
from typing import TypeVar

import keras
import numpy as np

from ban_tf import config, disk, systems
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import prediction_files, prediction_scores
from ban_tf.data.samples import Samples
from ban_tf.data.store import Store, StoredCloud
from ban_tf.experiments.block_progress import BlockProgress
from ban_tf.experiments.unfinished import UnfinishedEvaluation
from ban_tf.inference import predictor, segmentation
from ban_tf.inference.key import Key
from ban_tf.inference.results import SampledSegmentation, Segmentation
from ban_tf.inference.sample_outputs import collapse_detector
from ban_tf.metrics import benchmarks, table
from ban_tf.metrics.evaluators import Evaluation, Evaluator
from ban_tf.systems import collapse
from ban_tf.training.instance_sizes import InstanceSizes

_Labels = TypeVar("_Labels", Segmentation, SampledSegmentation)


@dataclasses.dataclass(frozen=True)
class Fold:
    """One trained network and the clouds that it has not seen."""

    experiment: config.Experiment
    model: Callable[[], keras.Model]  # loaded when its turn comes: folds need not fit at once
    samples: Store
    sizes: InstanceSizes


def evaluate(
    folds: Iterable[Fold], protocol: config.Protocol, out: pathlib.Path | None = None
) -> Evaluation:
    """Segments the clouds of all folds and scores them, pooled.

    With a folder for the results, an evaluation that was stopped goes on with the same call: clouds
    that were done are not segmented again, and under `covering` the cloud that it was in goes on
    at the block that it had reached. A finished evaluation starts anew. Warns with
    `CollapseWarning` if the embedding of a fold's network has collapsed.

    Args:
        folds: one, or all of a data set, whose clouds are pooled.
        protocol: `covering` or `legacy`.
        out: folder for `scores.json`, `tables.md`, `tables.csv` and `predictions/`, and for
            `unfinished/` until then; None writes nothing.

    Raises:
        FileNotFoundError: `covering`, and the store has no raw points (samples prepared by others).
        ValueError: a network that does not fit its experiment.
        disk.FolderInUseError: another process evaluates into the folder.
    """
    if out is None:
        return _evaluate(folds, protocol, None)
    with disk.one_writer(out):
        evaluation = _evaluate(folds, protocol, out)
        write(evaluation, out)
    return evaluation


def _evaluate(
    folds: Iterable[Fold], protocol: config.Protocol, out: pathlib.Path | None
) -> Evaluation:
    evaluator: Evaluator | None = None
    unfinished = None if out is None else UnfinishedEvaluation(out / "unfinished")
    test: list[str] = []
    for fold in folds:
        if evaluator is None:
            evaluator = evaluator_of(fold.experiment, protocol, fold.samples.benchmark)
        test += fold.experiment.split.test
        _FoldEvaluation(fold, evaluator, unfinished, out, protocol).run()
    if evaluator is None:
        raise ValueError("`folds` must have at least one fold. Received: none")
    if out is not None and unfinished is not None:
        unfinished.finish(out / "predictions" if protocol == "covering" else None)
    return dataclasses.replace(evaluator.evaluation(), test=tuple(sorted(test)))


def evaluator_of(
    experiment: config.Experiment, protocol: config.Protocol, benchmark: str = ""
) -> Evaluator:
    """What scores the clouds of an experiment, none so far.

    Args:
        experiment: names data set, classes and network.
        protocol: which points are evaluated.
        benchmark: name of the data set's official evaluation, which is of every raw point and has
            no part in `legacy`; empty if there is none.
    """
    title = systems.of(experiment.network.name).title
    labels = experiment.labels
    official = benchmarks.of(benchmark if protocol == "covering" else "", labels)
    return Evaluator(experiment.dataset, labels, (), protocol, title, official)


def write(evaluation: Evaluation, out: pathlib.Path) -> None:
    """Writes the scores as JSON, Markdown and CSV; a benchmark's have a CSV file of their own."""
    disk.write_whole(out / "scores.json", table.to_json(evaluation))
    disk.write_whole(out / "tables.md", table.render_markdown(evaluation))
    disk.write_whole(out / "tables.csv", table.render_csv(evaluation))
    if evaluation.benchmark is not None:
        disk.write_whole(out / "benchmark.csv", benchmarks.render_csv(evaluation.benchmark))


def load_cloud(store: Store, name: str) -> Cloud:
    """A cloud as it was read; FileNotFoundError where the store has no raw points."""
    if not store.cloud_file(name).is_file():
        raise FileNotFoundError(
            f"{store.cloud_file(name)} is missing. The covering protocol needs the raw points: "
            "name the raw data (`data`), or use the legacy protocol, which prepared samples "
            "suffice for."
        )
    return store.load_cloud(name)


class _FoldEvaluation:
    """Segments the clouds of one fold and adds them to the evaluator."""

    def __init__(
        self,
        fold: Fold,
        evaluator: Evaluator,
        unfinished: UnfinishedEvaluation | None,
        out: pathlib.Path | None,
        protocol: config.Protocol,
    ) -> None:
        self._fold = fold
        self._segment_cloud = self._sampled if protocol == "legacy" else self._covering
        self._evaluator = evaluator
        self._unfinished = unfinished
        self._out = out
        self._predictor = predictor.as_predictor(fold.model(), fold.experiment.inference.batch_size)
        self._detector = collapse_detector(fold.experiment)
        samples = fold.experiment.samples
        self._progress = BlockProgress(fold.samples.clouds, samples, protocol)

    def run(self) -> None:
        with self._progress:
            for stored in self._fold.samples.clouds:
                self._progress.begin(stored)
                self._segment_cloud(stored)
                self._progress.end(stored)
        collapsed = self._detector.result() if self._detector else None
        if collapsed is not None:
            warnings.warn(str(collapsed), collapse.CollapseWarning, stacklevel=3)

    def _covering(self, stored: StoredCloud) -> None:
        cloud = load_cloud(self._fold.samples, stored.name)
        experiment, sizes = self._fold.experiment, self._fold.sizes.raw

        key = None if self._unfinished is None else Key.of(cloud, self._predictor, experiment)

        def segment(state_file: pathlib.Path | None) -> Segmentation:
            return segmentation.segment(
                cloud,
                self._predictor,
                experiment,
                sizes,
                progress=self._progress.add,
                state_file=state_file,
                detector=self._detector,
                key=key,
            )

        result = self._once(stored, key, sizes, Segmentation, segment)
        truth = experiment.labels.without_stuff(cloud.semantic, cloud.instance)
        self._evaluator.add(
            stored.name,
            cloud.semantic,
            truth,
            result.semantic,
            result.instance,
            result.instance_scores,
        )

    def _sampled(self, stored: StoredCloud) -> None:
        alone = dataclasses.replace(self._fold.samples, clouds=(stored,))
        drawn = alone.read(range(stored.num_samples))
        experiment, sizes = self._fold.experiment, self._fold.sizes.drawn

        features = drawn.features
        key = None if self._unfinished is None else Key.of(features, self._predictor, experiment)

        def segment(_: pathlib.Path | None) -> SampledSegmentation:
            return segmentation.segment_sampled(
                features,
                self._predictor,
                experiment,
                sizes,
                progress=self._progress.add,
                detector=self._detector,
                room_xyz=alone.exact_shares(stored.name),
            )

        result = self._once(stored, key, sizes, SampledSegmentation, segment)
        truth = experiment.labels.without_stuff(drawn.semantic, drawn.instance)
        self._evaluator.add(
            stored.name,
            drawn.semantic.ravel(),
            truth.ravel(),
            result.semantic.ravel(),
            result.instance.ravel(),
            result.instance_scores,
        )
        if self._out is not None and stored.num_samples:
            predictions = self._out / "predictions"
            prediction_files.write_room(
                predictions, _as_prediction(stored, drawn, result, experiment.features)
            )
            prediction_scores.write(predictions, stored.name, result.instance_scores)

    def _once(
        self,
        stored: StoredCloud,
        key: Key | None,
        mean_sizes: np.ndarray | None,
        kind: type[_Labels],
        segment: Callable[[pathlib.Path | None], _Labels],
    ) -> _Labels:
        """The labels of a cloud, segmented now or before the evaluation was stopped."""
        if self._unfinished is None or key is None:
            return segment(None)
        origin = key.digest(mean_sizes)
        return self._unfinished.labels_of(stored.name, origin, kind, segment, key.cloud)


def _as_prediction(
    stored: StoredCloud,
    drawn: Samples,
    result: SampledSegmentation,
    features: config.Features,
) -> prediction_files.RoomPrediction:
    """What the prediction files of the originals hold.

    Coordinates are metres from the cloud's least corner. Samples that others prepared do not tell
    how far the cloud reaches: theirs are shares of it. Without `room_xyz` they are the sample's.
    """
    is_share = features.place("room_xyz") is not None
    xyz = _channels(drawn.features, features, "room_xyz" if is_share else features.names[0])
    if is_share and stored.frame is not None:
        xyz = xyz * stored.frame.extent
    return prediction_files.RoomPrediction(
        stored.name,
        xyz=xyz,
        rgb=np.round(_channels(drawn.features, features, "rgb") * 255),
        probability=result.confidence.ravel(),
        semantic=result.semantic.ravel(),
        instance=result.instance.ravel(),
        truth_semantic=drawn.semantic.ravel(),
        truth_instance=drawn.instance.ravel(),
    )


def _channels(values: np.ndarray, features: config.Features, name: str) -> np.ndarray:
    """float64 `[N, 3]`; zeros where the network does not see them."""
    place = features.place(name)
    if place is None:
        return np.zeros((values[..., 0].size, 3))
    return values[..., place].reshape(-1, 3).astype(np.float64)
