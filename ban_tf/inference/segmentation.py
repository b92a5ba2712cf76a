"""From a cloud and a network to the class and instance of its points.

Two protocols. `segment` is for users and the default for evaluation: every raw point gets a
prediction and nothing is random. `segment_sampled` repeats the originals: blocks of points drawn
at random, predictions for the drawn points only, no voting.

Blocks go through the network in groups; another thread clusters and merges a group while the
network runs the next. Features and outputs of at most `InferenceConfig.blocks_in_flight` blocks are
in memory, whatever the size of the room. What grows with the room in `segment`, beside the cloud:
per point about 16 bytes of the plan (4 a row), 8 of its voxel, 4 C + 4 of its summed probabilities,
12 for each instance that rows of it were given; per occupied voxel 4 C bytes.
"""

import collections
import contextvars
import dataclasses
import warnings
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path

import keras
import numpy as np

from ban_tf import config, systems
from ban_tf.clouds.cloud import Cloud
from ban_tf.data.samples import blocks
from ban_tf.inference.room_state import BlockOutputs, RoomState, StateFile, fingerprint
from ban_tf.instances import merging
from ban_tf.systems import collapse

Progress = Callable[[int], object]
_Outputs = dict[str, np.ndarray]  # of the network, for some blocks
_Add = Callable[[int, _Outputs], None]  # number of the first block; consecutive blocks


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """Labels of every point of a cloud, in the order of its points.

    Args:
        semantic: int32 `[N]`, class in [0, C).
        instance: int32 `[N]`, instances numbered from 0, `NONE` for points of none.
        confidence: float32 `[N]`, mean probability of the class, in [0, 1].
    """

    semantic: np.ndarray
    instance: np.ndarray
    confidence: np.ndarray


@dataclasses.dataclass(frozen=True)
class SampledSegmentation:
    """Labels of the points of a room's blocks, `[K, P]`; the fields are those of `Segmentation`."""

    semantic: np.ndarray
    instance: np.ndarray
    confidence: np.ndarray


def segment(
    cloud: Cloud,
    model: keras.Model,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None = None,
    progress: Progress | None = None,
    state_file: Path | None = None,
    state_every_s: float = 60.0,
    detector: collapse.CollapseDetector | None = None,
) -> Segmentation:
    """Segments every point of a cloud; the same cloud and network give the same labels.

    Blocks cover the cloud; a point in several blocks takes the class of the highest mean
    probability and the instance that most of its rows belong to. Warns with `CollapseWarning` if
    the network's embedding has collapsed, so that there can be no instances.

    Args:
        cloud: a room or scan with at least one point.
        model: as `networks.build` makes the network that `experiment` names.
        experiment: sizes of the blocks, thresholds.
        mean_sizes: float64 `[C]`, mean number of raw points of each class's instances; smaller
            instances than a share of it are dropped (`InferenceConfig.size_filter`). None: none is.
        progress: called with the number of blocks just done, those of an earlier run included.
        state_file: where a run that is stopped, by an error or Ctrl-C too, leaves what it has; the
            same call then goes on from there, to the same labels to the bit. Deleted at the end.
            About as large as the sums and votes above. None: nothing is kept.
        state_every_s: seconds between two states, in case the process is killed; more in rooms
            whose state takes long to write.
        detector: from `collapse_detector`, to judge several rooms together; the caller then asks
            it, and there is no warning.

    Raises:
        ValueError: an empty cloud, a network that does not fit the experiment, or a state file
            that is damaged or of another cloud, network or experiment.
        OSError: the state file cannot be written.
    """
    plan = _compact(blocks.plan_covering(cloud, experiment.blocks))
    room = RoomState(cloud.xyz, experiment)
    keeper = None
    if state_file is not None:
        keeper = StateFile(state_file, fingerprint(cloud, model, experiment, plan), state_every_s)
        keeper.load(room)
        if progress:
            progress(room.num_blocks)

    watch = collapse_detector(experiment) if detector is None else detector

    def add(first_block: int, outputs: _Outputs) -> None:
        group = _cluster(first_block, outputs, experiment, watch)
        room.add(plan[first_block : first_block + len(group)], group)
        if keeper:
            keeper.save_if_due(room)

    groups = _features(cloud, plan, room.num_blocks, experiment)
    try:
        _run(groups, room.num_blocks, model, experiment, add, progress)
        semantic, confidence, instance = room.result()
        instance = merging.filter_by_size(instance, semantic, mean_sizes, experiment.inference)
    except BaseException:  # Ctrl-C too: it is a way to stop, and nothing is swallowed
        if keeper:
            keeper.save(room)
        raise
    if keeper:
        keeper.delete()
    if detector is None:
        _warn_of_collapse(watch)
    return Segmentation(semantic, instance, confidence)


def segment_sampled(
    features: np.ndarray,
    model: keras.Model,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None = None,
    progress: Progress | None = None,
    detector: collapse.CollapseDetector | None = None,
) -> SampledSegmentation:
    """Segments the drawn blocks of one room as the originals do (legacy protocol).

    Args:
        features: float32 `[K, P, 9]`, all blocks of one room in snake order.
        model: as for `segment`.
        experiment: thresholds.
        mean_sizes: float64 `[C]`, mean number of *drawn* points of each class's instances.
        progress: called with the number of blocks just done.
        detector: as for `segment`.
    """
    if len(features) == 0:
        empty = np.zeros(features.shape[:2], np.int32)
        return SampledSegmentation(empty, empty.copy(), empty.astype(np.float32))
    size = _group_size(experiment.inference)
    groups = (features[start : start + size] for start in range(0, len(features), size))
    watch = collapse_detector(experiment) if detector is None else detector
    done: list[BlockOutputs] = []

    def add(first_block: int, outputs: _Outputs) -> None:
        done.extend(_cluster(first_block, outputs, experiment, watch))

    _run(groups, 0, model, experiment, add, progress)
    semantic = np.stack([block.semantic for block in done]).astype(np.int32)
    instance = merging.merge_legacy(
        features[..., 6:9],
        np.stack([block.clusters for block in done]),
        [block.classes for block in done],
        experiment.network.num_classes,
        experiment.inference,
    )
    kept = merging.filter_by_size(
        instance.ravel(), semantic.ravel(), mean_sizes, experiment.inference
    )
    confidence = np.stack([block.probabilities.max(axis=-1) for block in done])
    if detector is None:
        _warn_of_collapse(watch)
    return SampledSegmentation(semantic, kept.reshape(instance.shape), confidence)


def collapse_detector(experiment: config.Experiment) -> collapse.CollapseDetector | None:
    """What watches the embeddings of an experiment's network; None if it has none."""
    if "embedding" not in systems.of(experiment.network.name).outputs:
        return None
    return collapse.CollapseDetector(experiment.inference.bandwidth)


def _warn_of_collapse(detector: collapse.CollapseDetector | None) -> None:
    found = detector.result() if detector else None
    if found is not None:
        warnings.warn(str(found), collapse.CollapseWarning, stacklevel=3)


def _compact(plan: np.ndarray) -> np.ndarray:
    """The plan with four bytes a row instead of eight, wherever four suffice."""
    return plan.astype(np.int32) if plan.max() <= np.iinfo(np.int32).max else plan


def _group_size(inference: config.InferenceConfig) -> int:
    """Half the blocks in flight: one group is clustered while the network runs another.

    Whole batches, so that a run with any number of blocks in flight makes the same batches.
    """
    batches = inference.blocks_in_flight // 2 // inference.batch_size
    return max(batches, 1) * inference.batch_size


def _features(
    cloud: Cloud, plan: np.ndarray, first_block: int, experiment: config.Experiment
) -> Iterator[np.ndarray]:
    room = blocks.room_coordinates(cloud)
    size = _group_size(experiment.inference)
    for start in range(first_block, len(plan), size):
        part = plan[start : start + size]
        yield blocks.gather(cloud, part, room, experiment.blocks.size_m).features


def _run(
    groups: Iterator[np.ndarray],
    first_block: int,
    model: keras.Model,
    experiment: config.Experiment,
    add: _Add,
    progress: Progress | None,
) -> None:
    """Network over groups of blocks `[<= group size, P, 9]`; `add` on a thread beside it.

    Groups are added in order, one at a time, and the first error in that order is raised. Where
    the network fails or is interrupted, the group before is still added.
    """
    context = contextvars.copy_context()  # the choice of kernels, which is a thread's own
    waiting: collections.deque[futures.Future[int]] = collections.deque()

    def work(first: int, outputs: _Outputs) -> int:
        add(first, outputs)
        return len(outputs["logits"])

    def wait() -> None:
        while waiting:
            num_done = waiting.popleft().result()
            if progress:
                progress(num_done)

    with futures.ThreadPoolExecutor(max_workers=1) as worker:
        try:
            for features in groups:
                outputs = predict(features, model, experiment.inference.batch_size)
                wait()
                _check_logits(outputs["logits"], first_block, experiment.network.num_classes)
                waiting.append(worker.submit(context.run, work, first_block, outputs))
                first_block += len(features)
        finally:
            wait()


def _check_logits(logits: np.ndarray, first_block: int, num_classes: int) -> None:
    if logits.shape[-1] != num_classes:
        raise ValueError(
            "the network must have one output per class of the experiment. Received: "
            f"{logits.shape[-1]} outputs, {num_classes} classes"
        )
    if not np.isfinite(logits).all():
        raise ValueError(
            f"the logits of blocks {first_block} to {first_block + len(logits) - 1} must be "
            "finite; a network that diverged gives NaN, use an earlier checkpoint."
        )


def _cluster(
    first_block: int,
    outputs: _Outputs,
    experiment: config.Experiment,
    detector: collapse.CollapseDetector | None,
) -> list[BlockOutputs]:
    system = systems.of(experiment.network.name)
    found = system.group(outputs, experiment, first_block)
    if detector:
        labels = np.stack([block.labels for block in found])
        detector.add(outputs["embedding"], labels, outputs["logits"].argmax(axis=-1))
    return [
        BlockOutputs(_softmax(logits), logits.argmax(axis=-1), block.labels, block.classes)
        for logits, block in zip(outputs["logits"], found, strict=True)
    ]


def predict(features: np.ndarray, model: keras.Model, batch_size: int) -> _Outputs:
    """Outputs `[K, ...]` of a network for features `[K, P, 9]`, K at least 1.

    The last batch is filled up, so that all are alike.
    """
    parts = []
    for start in range(0, len(features), batch_size):
        batch = features[start : start + batch_size]
        filled = np.concatenate([batch, np.repeat(batch[-1:], batch_size - len(batch), axis=0)])
        outputs = model.predict_on_batch(filled)
        parts.append({name: values[: len(batch)] for name, values in outputs.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
