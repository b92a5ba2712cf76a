"""Estimates from training data what one would otherwise try: block size, bandwidth, sizes.

Meant for data other than the paper's. Nothing here changes an experiment; the result says in
words which number to put where.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np

from ban_tf import config, systems
from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE
from ban_tf.data.store import Store
from ban_tf.experiments.doctor import block_size
from ban_tf.instances import clustering
from ban_tf.systems import collapse
from ban_tf.training import instance_sizes

BANDWIDTHS = tuple(round(0.1 * k, 1) for k in range(2, 16))  # 0.2 to 1.5
_NEAR_BEST = 0.005  # coverages this close to the best are as good


@dataclasses.dataclass(frozen=True)
class Bandwidth:
    """A recommended bandwidth of mean shift, and how well each one that was tried did.

    Args:
        bandwidth: the recommendation: the middle of the run of bandwidths around the best whose
            coverage is within 0.005 of it.
        tried: `T` bandwidths, ascending.
        coverage: `[T]`, mean over the true instances of the best IoU with a cluster, in [0, 1].
        num_clusters: `[T]`, mean number of clusters in a block.
        num_instances: mean number of true instances in a block.
        num_blocks: training blocks that were clustered.
        finding: that the embedding has collapsed, so that no bandwidth can help; or None.
    """

    bandwidth: float
    tried: tuple[float, ...]
    coverage: tuple[float, ...]
    num_clusters: tuple[float, ...]
    num_instances: float
    num_blocks: int
    finding: collapse.Collapse | None

    def __str__(self) -> str:
        lines = [
            f"bandwidth: put InferenceConfig(bandwidth={self.bandwidth:g}) into the experiment; "
            "training stays as it is",
            f"  {self.num_blocks} training blocks with {self.num_instances:.1f} instances each:",
            "  bandwidth  coverage  clusters",
        ]
        for row in zip(self.tried, self.coverage, self.num_clusters, strict=True):
            mark = "  <-" if row[0] == self.bandwidth else ""
            lines.append(f"  {row[0]:9.2f}  {row[1]:8.3f}  {row[2]:8.1f}{mark}")
        return "\n".join(lines if self.finding is None else [*lines, f"  {self.finding}"])


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What could be estimated; `str()` says what to put where.

    Args:
        class_names: of the data set.
        sizes: mean instance sizes of the training clouds.
        blocks: None if the raw points were not at hand.
        bandwidth: None without a trained network.
    """

    class_names: tuple[str, ...]
    sizes: instance_sizes.InstanceSizes
    blocks: block_size.BlockSize | None
    bandwidth: Bandwidth | None

    def __str__(self) -> str:
        missing_blocks = "block size: needs the raw points; prepare the blocks from raw data"
        missing_bandwidth = "bandwidth: needs a trained network; give a finished run"
        parts = [self._sizes(), self.blocks or missing_blocks, self.bandwidth or missing_bandwidth]
        return "\n\n".join(str(part) for part in parts)

    def _sizes(self) -> str:
        lines = [
            "mean instance sizes: kept in the run folder by training, for the size filter",
            f"  {'class':12s}  {'drawn points':>12s}  {'raw points':>12s}",
        ]
        raw = np.full(len(self.class_names), np.nan) if self.sizes.raw is None else self.sizes.raw
        for row in zip(self.class_names, self.sizes.drawn, raw, strict=True):
            drawn_and_raw = "  ".join(
                f"{'-' if np.isnan(value) else format(value, '.0f'):>12s}" for value in row[1:]
            )
            lines.append(f"  {row[0]:12s}  {drawn_and_raw}")
        return "\n".join(lines)


def estimate(
    experiment: config.Experiment,
    store: Store,
    clouds: Iterable[Cloud] | None = None,
    model: keras.Model | None = None,
    num_blocks: int = 32,
) -> Estimate:
    """Estimates all that the training clouds and, if there is one, a trained network allow.

    Args:
        experiment: what was trained or is to be; tells what is trained on.
        store: prepared samples of what is trained on.
        clouds: the raw clouds of the training; None takes those that the store keeps.
        model: the trained network; its bandwidth is estimated if it embeds.
        num_blocks: how many training blocks to cluster for the bandwidth.

    Raises:
        ValueError: the store lacks a training cloud, or the data have no usable instance.
    """
    training = store.select(experiment.split.train)
    sizes = instance_sizes.measure(experiment, store)
    if clouds is None and _has_clouds(training):
        clouds = stored_clouds(training)
    blocks = None
    if clouds is not None and isinstance(experiment.samples, config.Blocks):
        blocks = block_size.estimate_block_size(clouds, experiment.samples, experiment.inference)
    bandwidth = None
    if model is not None and systems.of(experiment.network.name).embeds:
        embedding, instance = embed_sample(
            model, training, experiment.inference.batch_size, num_blocks, experiment.seed
        )
        bandwidth = estimate_bandwidth(embedding, instance, experiment.inference)
    return Estimate(experiment.labels.class_names, sizes, blocks, bandwidth)


def stored_clouds(store: Store) -> Iterator[Cloud]:
    """The raw clouds of a store that was prepared from raw data, one after the other.

    Raises:
        FileNotFoundError: the store does not keep a cloud's raw points.
    """
    for stored in store.clouds:
        yield store.load_cloud(stored.name)


def _has_clouds(store: Store) -> bool:
    return all(store.cloud_file(stored.name).is_file() for stored in store.clouds)


def embed_sample(
    model: keras.Model, store: Store, batch_size: int, num_blocks: int = 32, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """What a network makes of some blocks of a store, the same ones for the same seed.

    Args:
        model: outputs `embedding`, as `networks.build` gives it.
        store: prepared blocks with true instances.
        batch_size: blocks per call of the network.
        num_blocks: how many to draw; all of them if there are fewer.
        seed: of the drawing.

    Returns:
        float32 `[K, P, E]` embedding and int32 `[K, P]` true instances.

    Raises:
        ValueError: the store has no blocks.
    """
    sample = store.read(store.draw(num_blocks, seed))
    embedding = [
        model.predict_on_batch(sample.features[start : start + batch_size])["embedding"]
        for start in range(0, len(sample.features), batch_size)
    ]
    return np.concatenate(embedding), sample.instance


def estimate_bandwidth(
    embedding: np.ndarray,
    instance: np.ndarray,
    inference: config.InferenceConfig,
    bandwidths: Sequence[float] = BANDWIDTHS,
) -> Bandwidth:
    """Clusters blocks with each bandwidth and compares the clusters with the true instances.

    Where many bandwidths do equally well, the middle one is the safest.

    Args:
        embedding: float32 `[K, P, E]`.
        instance: int `[K, P]`, at least -1; -1 is no instance. Instances with fewer than
            `min_new_points` points in a block play no part.
        inference: everything but the bandwidth.
        bandwidths: to try, ascending.

    Raises:
        ValueError: an embedding that is not finite, shapes that do not fit, no instance of
            `min_new_points` points, or bandwidths that do not ascend.
    """
    if len(bandwidths) == 0 or np.any(np.diff(bandwidths) <= 0):
        raise ValueError(f"`bandwidths` must ascend. Received: bandwidths={tuple(bandwidths)}")
    if np.shape(instance) != np.shape(embedding)[:2]:
        raise ValueError(
            "`instance` must have shape [K, P] for an embedding [K, P, E]. Received: "
            f"instance.shape={np.shape(instance)}, embedding.shape={np.shape(embedding)}"
        )
    coverage: list[float] = []
    num_clusters: list[float] = []
    finding = None
    for bandwidth in bandwidths:
        settings = dataclasses.replace(inference, bandwidth=bandwidth)
        labels = clustering.cluster_blocks(embedding, settings)
        if not coverage:
            finding = _find_collapse(embedding, labels, instance, bandwidth)
        coverage.append(_coverage(labels, instance, inference.min_new_points))
        num_clusters.append(float(np.mean([block.max() + 1 for block in labels])))
    return Bandwidth(
        bandwidth=float(bandwidths[_middle_of_best(coverage)]),
        tried=tuple(float(value) for value in bandwidths),
        coverage=tuple(coverage),
        num_clusters=tuple(num_clusters),
        num_instances=float(np.mean([len(np.unique(b[b != NONE])) for b in instance])),
        num_blocks=len(embedding),
        finding=finding,
    )


def _middle_of_best(coverage: Sequence[float]) -> int:
    """Index of the middle of the run of values about as good as the best; of two the lower."""
    best = int(np.argmax(coverage))
    good = np.array(coverage) >= coverage[best] - _NEAR_BEST
    breaks = np.flatnonzero(~good)
    first = breaks[breaks < best].max(initial=-1) + 1
    last = breaks[breaks > best].min(initial=len(good)) - 1
    return int(first + last) // 2


def _coverage(labels: np.ndarray, instance: np.ndarray, min_points: int) -> float:
    """Mean over the instances of all blocks of the best IoU with a cluster of their block."""
    block = np.arange(len(labels))[:, None]
    truth = np.where(instance == NONE, NONE, block * (instance.max(initial=NONE) + 1) + instance)
    clusters = block * (labels.max(initial=0) + 1) + labels
    table = overlap.contingency(truth.ravel(), clusters.ravel())
    counts = table.first_sizes >= min_points
    if not counts.any():
        raise ValueError(
            f"at least one instance must have {min_points} points in a block "
            f"(`min_new_points`). Received: {len(counts)} instances, of at most "
            f"{table.first_sizes.max(initial=0)} points"
        )
    # Every point has a cluster, so every instance has a pair; pairs are sorted by instance.
    starts = np.flatnonzero(np.diff(table.first_index, prepend=-1))
    return float(np.maximum.reduceat(table.iou(), starts)[counts].mean())


def _find_collapse(
    embedding: np.ndarray, labels: np.ndarray, instance: np.ndarray, bandwidth: float
) -> collapse.Collapse | None:
    """Whether blocks of several instances are single clusters, though the bandwidth is small."""
    found = collapse.detect_collapse(embedding, labels, bandwidth, semantic=instance)
    if found is None:
        return None
    sentence = (
        f"The embedding has collapsed: even bandwidth {bandwidth:g} leaves blocks with several "
        f"instances in one cluster, for their points lie typically {found.spread:.2g} from their "
        "mean, so no bandwidth helps; train longer, or anew with another seed or a lower "
        "learning rate."
    )
    return dataclasses.replace(found, sentence=sentence)
