"""From embeddings of a block to clusters: mean shift, one block independent of the others."""

import warnings

import joblib
import numpy as np
from sklearn.cluster import MeanShift

from ban_tf import overlap
from ban_tf.config import InferenceConfig
from ban_tf.data.cloud import NONE


def cluster(embedding: np.ndarray, config: InferenceConfig, block: str = "a block") -> np.ndarray:
    """Groups the points of one block by mean shift on their embedding.

    Every point gets a label; label 0 is the cluster of the densest mode (flat kernel of radius
    `bandwidth`, as in the released code of ASIS, JSNet and BAN).

    Args:
        embedding: float32 `[P, E]`.
        config: bandwidth and seeding.
        block: what to call the block in an error.

    Returns:
        int32 `[P]` labels in [0, G); empty for an empty block.

    Raises:
        ValueError: not two-dimensional, or an embedding that is not finite.
    """
    embedding = np.asarray(embedding)
    if embedding.ndim != 2 or embedding.shape[1] == 0:
        raise ValueError(
            f"the embedding of {block} must have shape [P, E] with E of at least 1. "
            f"Received: embedding.shape={embedding.shape}"
        )
    broken = np.flatnonzero(~np.isfinite(embedding).all(axis=1))
    if len(broken):
        raise ValueError(
            f"the embedding of {block} must be finite; a network that diverged gives NaN, use an "
            f"earlier checkpoint. Received: {len(broken)} of {len(embedding)} points that are not, "
            f"the first embedding[{broken[0]}]={embedding[broken[0]]}"
        )
    if len(embedding) == 0:
        return np.zeros(0, np.int32)
    return _mean_shift(embedding, config).astype(np.int32)


def _mean_shift(embedding: np.ndarray, config: InferenceConfig) -> np.ndarray:
    """int64 `[P]` labels of at least one finite point."""
    estimator = MeanShift(bandwidth=config.bandwidth, bin_seeding=config.bin_seeding)
    with warnings.catch_warnings():
        # With as many cells as points scikit-learn says that it seeds with the points instead:
        # what is wanted, and certain for a block of one point.
        warnings.filterwarnings("ignore", "Binning data failed", UserWarning)
        try:
            return estimator.fit(embedding).labels_
        except ValueError:
            # A cell's corner is further from its centre than the bandwidth (E > 4), so if all
            # points lie in corners no seed has a point. The points themselves always do.
            if not config.bin_seeding:
                raise
            return estimator.set_params(bin_seeding=False).fit(embedding).labels_


def cluster_blocks(
    embedding: np.ndarray,
    config: InferenceConfig,
    num_workers: int | None = None,
    first_block: int = 0,
) -> list[np.ndarray]:
    """Clusters many blocks, in as many processes as asked for.

    Args:
        embedding: float32 `[K, P, E]`.
        config: bandwidth and seeding.
        num_workers: processes; None for one per CPU core. The result does not depend on it. The
            processes stay alive for the next call.
        first_block: number of the first of these blocks in its room, for errors.

    Returns:
        K arrays int32 `[P]`, in the order of the blocks.

    Raises:
        ValueError: an embedding that is not finite (the block is named), or a wrong shape.
    """
    if np.ndim(embedding) != 3:
        raise ValueError(
            "`embedding` must have shape [K, P, E]. "
            f"Received: embedding.shape={np.shape(embedding)}"
        )
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"`num_workers` must be at least 1. Received: num_workers={num_workers}")
    jobs = (
        joblib.delayed(cluster)(points, config, f"block {first_block + index}")
        for index, points in enumerate(embedding)
    )
    # One process needs no pool, and neither do so few blocks.
    wanted = min(joblib.cpu_count() if num_workers is None else num_workers, len(embedding))
    return list(joblib.Parallel(n_jobs=max(wanted, 1))(jobs))


def cluster_classes(labels: np.ndarray, semantic: np.ndarray) -> np.ndarray:
    """The class of each cluster: the most frequent among its points, ties to the smallest.

    Args:
        labels: int `[P]`, at least -1; -1 is no cluster.
        semantic: int `[P]`, class of each point.

    Returns:
        int32 `[G]` with G one more than the largest label; `NONE` for a cluster without points.

    Raises:
        TypeError: labels that are not whole numbers.
        ValueError: arrays of different lengths, or a label below -1.
    """
    labels = overlap.check_labels("labels", labels, None, none=True)
    num_clusters = int(labels.max(initial=NONE)) + 1
    classes, _ = overlap.majority(labels, np.asarray(semantic), num_clusters)
    return classes.astype(np.int32)
