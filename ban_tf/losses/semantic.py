"""Semantic loss: cross-entropy over the points of a batch."""

from typing import Any

import keras
from keras import ops

from ban_tf.losses.labelled import is_labelled, where_labelled
from ban_tf.losses.precision import loss_dtype


@keras.saving.register_keras_serializable(package="ban")
def semantic_loss(labels: Any, logits: Any) -> Any:
    """Mean softmax cross-entropy of the points that have a class.

    All classes weigh the same (the authors' code).

    Args:
        labels: integer `[B, N]`, class of every point in `[0, C)`, or `NONE` (-1): the point is
            left out, whatever its logits are.
        logits: float `[B, N, C]`, scores before the softmax.

    Returns:
        Scalar, float64 for logits of float64 and float32 for all others; 0 if no point has a
        class.

    Example:
        >>> labels, logits = ops.array([[1, -1]]), ops.array([[[0.0, 0.0], [0.0, 9.0]]])
        >>> round(float(semantic_loss(labels, logits)), 4)  # log 2
        0.6931
    """
    entropy, labelled = cross_entropy(labels, logits), is_labelled(labels)
    num_points = ops.maximum(ops.sum(ops.cast(labelled, entropy.dtype)), 1.0)
    return ops.sum(where_labelled(entropy, labelled)) / num_points


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Softmax cross-entropy of every point, for losses that average it.

    Args:
        labels: integer `[B, N]` in `[0, C)`, or `NONE`.
        logits: float `[B, N, C]`, anything at points of `NONE`.

    Returns:
        `[B, N]`, of the dtype that `loss_dtype` tells; without meaning and without slope at points
        of `NONE`, but finite.

    Example:
        >>> entropy = cross_entropy(ops.array([[0, 1]]), ops.array([[[0.0, 0.0], [0.0, 9.0]]]))
        >>> [round(float(value), 4) for value in entropy[0]]
        [0.6931, 0.0001]
    """
    labels, labelled = ops.cast(labels, "int32"), is_labelled(labels)
    logits = where_labelled(ops.cast(logits, loss_dtype(logits)), labelled)
    return ops.sparse_categorical_crossentropy(
        ops.where(labelled, labels, 0), logits, from_logits=True
    )
