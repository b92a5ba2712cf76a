"""From embeddings of a block to clusters: mean shift, one block independent of the others.

The compiled op does it, or scikit-learn, with the same labels. The op's stock kernel, made to be
exported, has fixed shapes and does the work of the largest possible number of clusters for every
block; where stock kernels are in use scikit-learn therefore stands in for it.
"""

import joblib
import keras
import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE, InferenceConfig
from ban_tf.instances import scikit_learn
from tf_ops import library
from tf_ops.clustering import clustering as op


def cluster(embedding: np.ndarray, config: InferenceConfig, block: int = 0) -> np.ndarray:
    """Groups the points of one block by mean shift on their embedding; see `cluster_blocks`.

    Args:
        embedding: float32 `[P, E]`.
        config: bandwidth and seeding.
        block: its number, for errors.

    Returns:
        int32 `[P]` labels in [0, G); empty for an empty block.

    Raises:
        ValueError: an embedding that is not finite, or a wrong shape.

    Example:
        >>> embedding = np.array([[0.0, 0.0], [9.0, 9.0], [0.1, 0.0]], np.float32)
        >>> cluster(embedding, InferenceConfig()).tolist()
        [0, 1, 0]
    """
    embedding = np.asarray(embedding)
    if embedding.ndim != 2:
        raise ValueError(
            "`embedding` of a block must have shape [P, E]. "
            f"Received: embedding.shape={embedding.shape}"
        )
    return cluster_blocks(embedding[None], config, first_block=block)[0]


def cluster_blocks(
    embedding: np.ndarray, config: InferenceConfig, first_block: int = 0
) -> np.ndarray:
    """Groups the points of each block by mean shift on their embedding.

    Every point gets a label; label 0 is the cluster of the densest mode (flat kernel of radius
    `bandwidth`, as in the released code of ASIS, JSNet and BAN). Blocks do not influence each
    other, and the labels do not depend on how many threads or processes work on them.

    Args:
        embedding: float32 `[K, P, E]`.
        config: bandwidth, seeding, and the clusterer: `native` is the compiled op, and scikit-learn
            where stock kernels are in use; `sklearn` is scikit-learn everywhere.
        first_block: number of the first of these blocks in its room, for errors.

    Returns:
        int32 `[K, P]` labels, those of a block in [0, G) with its own G.

    Raises:
        ValueError: an embedding that is not finite (the block is named), or a wrong shape.

    Example:
        >>> blocks = np.array([[[0.0], [9.0], [0.1]], [[5.0], [5.1], [5.0]]], np.float32)
        >>> cluster_blocks(blocks, InferenceConfig()).tolist()
        [[0, 1, 0], [0, 0, 0]]
    """
    embedding = np.asarray(embedding)
    if embedding.ndim != 3 or embedding.shape[2] == 0:
        raise ValueError(
            "`embedding` must have shape [K, P, E] with E of at least 1. "
            f"Received: embedding.shape={embedding.shape}"
        )
    _check_finite(embedding, first_block)
    if embedding.size == 0:
        return np.zeros(embedding.shape[:2], np.int32)
    if config.clusterer == "native" and not library.use_stock():
        labels, _, _ = op.mean_shift(embedding, config.bandwidth, config.bin_seeding)
        return keras.ops.convert_to_numpy(labels)
    # It takes up to seconds a block: a process per core, which stay alive for the next call.
    workers = min(joblib.cpu_count(), len(embedding))
    jobs = (joblib.delayed(scikit_learn.mean_shift)(points, config) for points in embedding)
    return np.stack(joblib.Parallel(n_jobs=workers)(jobs))


def _check_finite(embedding: np.ndarray, first_block: int) -> None:
    finite = np.isfinite(embedding).all(axis=2)
    if finite.all():
        return
    block, point = np.argwhere(~finite)[0]
    raise ValueError(
        f"the embedding of block {first_block + block} must be finite; a network that diverged "
        f"gives NaN, use an earlier checkpoint. Received: {np.count_nonzero(~finite[block])} of "
        f"{finite.shape[1]} points that are not, the first "
        f"embedding[{point}]={embedding[block, point]}"
    )


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

    Example:
        >>> cluster_classes(np.array([0, 0, 0, 2]), np.array([4, 7, 7, 9])).tolist()
        [7, -1, 9]
    """
    labels = overlap.check_labels("labels", labels, None, none=True)
    num_clusters = int(labels.max(initial=NONE)) + 1
    classes, _ = overlap.majority(labels, np.asarray(semantic), num_clusters)
    return classes.astype(np.int32)
