"""Semantic loss: cross-entropy over the points of a batch."""

from typing import Any

import keras
from keras import ops

from ban_tf.config import NONE


@keras.saving.register_keras_serializable(package="ban")
def semantic_loss(labels: Any, logits: Any) -> Any:
    """Mean soft-max cross-entropy of the points that have a class.

    No class weights; clutter is a class like any other (the authors' code).

    Args:
        labels: `[B, N]` class of every point in `[0, C)`, or `NONE` (-1): the point is left out.
        logits: `[B, N, C]` scores before the soft-max.

    Returns:
        float32 scalar; 0 if no point has a class.
    """
    labels = ops.cast(labels, "int32")
    has_class = ops.not_equal(labels, NONE)
    entropy = ops.sparse_categorical_crossentropy(
        ops.where(has_class, labels, 0), ops.cast(logits, "float32"), from_logits=True
    )
    num_points = ops.maximum(ops.sum(ops.cast(has_class, "float32")), 1.0)
    return ops.sum(ops.where(has_class, entropy, 0.0)) / num_points
