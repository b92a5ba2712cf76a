"""From a cloud and a network to the class and instance of its points.

Two protocols. `segment` is for users and the default for evaluation: every raw point gets a
prediction and nothing is random. `segment_sampled` repeats the originals: blocks of points drawn
at random, predictions for the drawn points only, no voting.
"""

import dataclasses
from collections.abc import Callable, Iterator

import keras
import numpy as np

from ban_tf import config
from ban_tf.data import blocks
from ban_tf.data.cloud import Cloud
from ban_tf.instances import clustering, merging, voting, voxels

GROUP = 32  # blocks that are clustered together; bounds the memory that outputs take
Progress = Callable[[int], object]


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


@dataclasses.dataclass(frozen=True)
class _BlockOutputs:
    """What the network and the clustering say of one block."""

    probabilities: np.ndarray  # float32 [P, C]
    semantic: np.ndarray  # int64 [P]
    clusters: np.ndarray  # int32 [P]
    classes: np.ndarray  # int32 [G]


def segment(
    cloud: Cloud,
    model: keras.Model,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Segmentation:
    """Segments every point of a cloud; the same cloud and network give the same labels.

    Blocks cover the cloud; a point in several blocks takes the class of the highest mean
    probability and the instance that most of its rows belong to.

    Args:
        cloud: a room or scan with at least one point.
        model: outputs `logits` and `embedding`, as `networks.build` gives it.
        experiment: sizes of the blocks, thresholds.
        mean_sizes: float64 `[C]`, mean number of raw points of each class's instances; smaller
            instances than a share of it are dropped (`InferenceConfig.size_filter`). None: none is.
        progress: called with the number of blocks just done.

    Raises:
        ValueError: an empty cloud, or a network that does not fit the experiment.
    """
    plan = blocks.plan_covering(cloud, experiment.blocks)
    num_classes = experiment.network.num_classes
    voxel, num_voxels = voxels.metric_voxels(cloud.xyz, experiment.inference.voxel_m)
    merger = merging.BlockMerging(num_voxels, num_classes, experiment.inference)
    semantic_votes = voting.SemanticVotes(len(cloud), num_classes)
    instance_votes = voting.InstanceVotes(len(cloud))
    outputs = _run(_features(cloud, plan, experiment), model, experiment)
    for rows, block in zip(plan, outputs, strict=True):
        targets = merger.add(voxel[rows], block.clusters, block.classes)
        semantic_votes.add(rows, block.probabilities)
        instance_votes.add(rows, targets[block.clusters])
        if progress:
            progress(1)
    semantic, confidence = semantic_votes.result()
    instance = merging.filter_by_size(
        instance_votes.result(), semantic, mean_sizes, experiment.inference
    )
    return Segmentation(semantic, instance, confidence)


def segment_sampled(
    features: np.ndarray,
    model: keras.Model,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None = None,
    progress: Progress | None = None,
) -> SampledSegmentation:
    """Segments the drawn blocks of one room as the originals do (legacy protocol).

    Args:
        features: float32 `[K, P, 9]`, all blocks of one room in snake order.
        model: as for `segment`.
        experiment: thresholds.
        mean_sizes: float64 `[C]`, mean number of *drawn* points of each class's instances.
        progress: called with the number of blocks just done.
    """
    if len(features) == 0:
        empty = np.zeros(features.shape[:2], np.int32)
        return SampledSegmentation(empty, empty.copy(), empty.astype(np.float32))
    groups = (features[start : start + GROUP] for start in range(0, len(features), GROUP))
    done = []
    for block in _run(groups, model, experiment):
        done.append(block)
        if progress:
            progress(1)
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
    return SampledSegmentation(semantic, kept.reshape(instance.shape), confidence)


def _features(
    cloud: Cloud, plan: np.ndarray, experiment: config.Experiment
) -> Iterator[np.ndarray]:
    room = blocks.room_coordinates(cloud)
    for start in range(0, len(plan), GROUP):
        part = plan[start : start + GROUP]
        yield blocks.gather(cloud, part, room, experiment.blocks.size_m).features


def _run(
    groups: Iterator[np.ndarray], model: keras.Model, experiment: config.Experiment
) -> Iterator[_BlockOutputs]:
    """Network and clustering over groups of blocks `[<= GROUP, P, 9]`, block by block."""
    first_block = 0
    for features in groups:
        logits, embedding = _predict(features, model, experiment.inference.batch_size)
        if logits.shape[-1] != experiment.network.num_classes:
            raise ValueError(
                "the network must have one output per class of the experiment. Received: "
                f"{logits.shape[-1]} outputs, {experiment.network.num_classes} classes"
            )
        if not np.isfinite(logits).all():
            raise ValueError(
                f"the logits of blocks {first_block} to {first_block + len(features) - 1} must be "
                "finite; a network that diverged gives NaN, use an earlier checkpoint."
            )
        clusters = clustering.cluster_blocks(
            embedding, experiment.inference, first_block=first_block
        )
        probabilities = _softmax(logits)
        for block_probabilities, block_clusters in zip(probabilities, clusters, strict=True):
            semantic = block_probabilities.argmax(axis=-1)
            classes = clustering.cluster_classes(block_clusters, semantic)
            yield _BlockOutputs(block_probabilities, semantic, block_clusters, classes)
        first_block += len(features)


def _predict(
    features: np.ndarray, model: keras.Model, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Logits `[K, P, C]` and embedding `[K, P, E]`; batches are filled up so that all are alike."""
    logits, embedding = [], []
    for start in range(0, len(features), batch_size):
        batch = features[start : start + batch_size]
        filled = np.concatenate([batch, np.repeat(batch[-1:], batch_size - len(batch), axis=0)])
        outputs = model.predict_on_batch(filled)
        logits.append(outputs["logits"][: len(batch)])
        embedding.append(outputs["embedding"][: len(batch)])
    return np.concatenate(logits), np.concatenate(embedding)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
