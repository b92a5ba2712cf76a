"""Recommends a bandwidth of mean shift from what a trained network makes of labelled samples."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ban_tf import config
from ban_tf.clouds import overlap
from ban_tf.config import NONE
from ban_tf.instances import clustering
from ban_tf.systems import collapse

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
        num_clusters: `[T]`, mean number of clusters in a sample.
        num_instances: mean number of true instances in a sample.
        num_samples: training samples that were clustered.
        finding: that the embedding has collapsed, so that no bandwidth can help; or None.
    """

    bandwidth: float
    tried: tuple[float, ...]
    coverage: tuple[float, ...]
    num_clusters: tuple[float, ...]
    num_instances: float
    num_samples: int
    finding: collapse.Collapse | None

    def __str__(self) -> str:
        lines = [
            f'bandwidth: {{"inference": {{"bandwidth": {self.bandwidth:g}}}}} in a settings file; '
            "training stays as it is",
            "  the middle of those that do about as well as the best, on "
            f"{self.num_samples} training samples with {self.num_instances:.1f} instances each:",
            "  bandwidth  coverage  clusters",
        ]
        for row in zip(self.tried, self.coverage, self.num_clusters, strict=True):
            mark = "  <-" if row[0] == self.bandwidth else ""
            lines.append(f"  {row[0]:9.2f}  {row[1]:8.3f}  {row[2]:8.1f}{mark}")
        return "\n".join(lines if self.finding is None else [*lines, f"  {self.finding}"])


def estimate_bandwidth(
    embedding: np.ndarray,
    instance: np.ndarray,
    inference: config.InferenceConfig,
    bandwidths: Sequence[float] = BANDWIDTHS,
) -> Bandwidth:
    """Clusters samples with each bandwidth and compares the clusters with the true instances.

    Where many bandwidths do equally well, the middle one is the safest.

    Args:
        embedding: float32 `[K, P, E]`.
        instance: int `[K, P]`, at least -1; -1 is no instance. Instances with fewer than
            `min_new_points` points in a sample play no part.
        inference: everything but the bandwidth.
        bandwidths: to try, ascending.

    Raises:
        ValueError: an embedding that is not finite, shapes that do not fit, no instance of
            `min_new_points` points, or bandwidths that do not ascend.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> instance = np.repeat([[0, 1]], 100, axis=1)
        >>> place = 1.0 * instance[..., None] + rng.uniform(-0.05, 0.05, (1, 200, 5))
        >>> inference = config.InferenceConfig()
        >>> found = estimate_bandwidth(place.astype(np.float32), instance, inference, [0.3, 2.0])
        >>> found.bandwidth, found.coverage
        (0.3, (1.0, 0.5))
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
        num_samples=len(embedding),
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
    """Mean over the instances of all samples of the best IoU with a cluster of their sample."""
    sample = np.arange(len(labels))[:, None]
    truth = np.where(instance == NONE, NONE, sample * (instance.max(initial=NONE) + 1) + instance)
    clusters = sample * (labels.max(initial=0) + 1) + labels
    table = overlap.contingency(truth.ravel(), clusters.ravel())
    counts = table.first_sizes >= min_points
    if not counts.any():
        raise ValueError(
            f"at least one instance must have {min_points} points in a sample "
            f"(`min_new_points`). Received: {len(counts)} instances, of at most "
            f"{table.first_sizes.max(initial=0)} points"
        )
    # Every point has a cluster, so every instance has a pair; pairs are sorted by instance.
    starts = np.flatnonzero(np.diff(table.first_index, prepend=-1))
    return float(np.maximum.reduceat(table.iou(), starts)[counts].mean())


def _find_collapse(
    embedding: np.ndarray, labels: np.ndarray, instance: np.ndarray, bandwidth: float
) -> collapse.Collapse | None:
    """Whether samples of several instances are single clusters, though the bandwidth is small."""
    found = collapse.detect_collapse(embedding, labels, bandwidth, semantic=instance)
    if found is None:
        return None
    sentence = (
        f"The embedding has collapsed: even bandwidth {bandwidth:g} leaves samples with several "
        f"instances in one cluster, for their points lie typically {found.spread:.2g} from their "
        "mean, so no bandwidth helps; train longer, or anew with another seed or a lower "
        "learning rate."
    )
    return dataclasses.replace(found, sentence=sentence)
