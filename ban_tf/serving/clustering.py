"""Instances of blocks inside the graph: mean shift of the embedding, one block after the other."""

import tensorflow as tf

from ban_tf.config import InferenceConfig
from tf_ops import library
from tf_ops.clustering import clustering as op
from tf_ops.clustering import stock

MAX_ITERATIONS = 300  # as scikit-learn's, which `instances.clustering` follows


def cluster_blocks(
    embedding: tf.Tensor, num_points: tf.Tensor, config: InferenceConfig
) -> tuple[tf.Tensor, tf.Tensor]:
    """Clusters the first points of each block, with the kernels that are chosen while it is traced.

    Args:
        embedding: float32 `[B, N, E]`, E known; rows beyond `num_points` may hold anything.
        num_points: int32 `[B]`, in [1, N].
        config: bandwidth and seeding.

    Returns:
        int32 `[B, N]` labels, from 0, and 0 beyond `num_points`; and int32 `[B]`, how often the
        ball that moved longest moved, `MAX_ITERATIONS + 1` where that bound stopped it and 0 where
        the compiled op, which does not tell, was used.

    Example:
        >>> import tf_ops
        >>> embedding = tf.constant([[[0.0], [9.0], [0.1], [float("nan")]]])
        >>> with tf_ops.stock_kernels():
        ...     labels, moves = cluster_blocks(embedding, tf.constant([3]), InferenceConfig())
        >>> labels.numpy().tolist(), moves.numpy().tolist()
        ([[0, 1, 0, 0]], [2])
    """
    is_stock = library.use_stock()
    length, width = tf.shape(embedding)[1], embedding.shape[2]

    def of_block(block: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        points = tf.ensure_shape(block[0][: block[1]], [None, width])
        if is_stock:
            labels, _, _, moves = stock.cluster_block(
                points, config.bandwidth, config.bin_seeding, MAX_ITERATIONS
            )
        else:
            labels, _, _ = op.mean_shift(
                points[None], config.bandwidth, config.bin_seeding, MAX_ITERATIONS
            )
            labels, moves = labels[0], tf.constant(0)
        return tf.pad(labels, [[0, length - block[1]]]), moves

    return tf.map_fn(
        of_block,
        (embedding, num_points),
        fn_output_signature=(tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)),
    )


def drop_stuff(
    labels: tf.Tensor, semantic: tf.Tensor, present: tf.Tensor, num_classes: int, stuff: list[int]
) -> tf.Tensor:
    """Numbers instances from 1; points of a cluster that is of a stuff class have 0.

    Args:
        labels: int32 `[B, N]` of clusters, from 0.
        semantic: int32 `[B, N]`, class of each point.
        present: bool `[B, N]`; what is not there has 0 and is of no class.
        num_classes: C.
        stuff: classes without instances. A cluster's class is the most frequent among its points,
            ties to the smallest.

    Returns:
        int32 `[B, N]`.

    Example:
        >>> labels, semantic = tf.constant([[0, 0, 1, 0]]), tf.constant([[3, 3, 2, 2]])
        >>> here = tf.constant([[True, True, True, False]])
        >>> drop_stuff(labels, semantic, here, num_classes=4, stuff=[3]).numpy().tolist()
        [[0, 0, 2, 0]]
    """
    is_kept = present
    if stuff:
        batch, length = tf.unstack(tf.shape(labels))
        cluster = labels + length * tf.range(batch)[:, None]  # of the whole batch
        cells = tf.reshape(cluster * num_classes + semantic, [-1])
        counted = tf.reshape(tf.cast(present, tf.int32), [-1])
        counts = tf.math.unsorted_segment_sum(counted, cells, batch * length * num_classes)
        counts = tf.reshape(counts, [batch * length, num_classes])
        # Of equal counts top_k gives the first class; argmax promises no such rule.
        of_cluster = tf.math.top_k(counts, 1)[1][:, 0]
        of_point = tf.gather(of_cluster, cluster)
        is_stuff = tf.reduce_any(of_point[..., None] == tf.constant(stuff), axis=-1)
        is_kept = tf.logical_and(present, tf.logical_not(is_stuff))
    return tf.where(is_kept, labels + 1, 0)
