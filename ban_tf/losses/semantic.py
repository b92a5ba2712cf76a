"""Semantic loss: cross-entropy over the points of a batch."""

from typing import Any

import keras
from keras import ops

from ban_tf.config import NONE
from ban_tf.losses.labelled import mean_of_labelled


@keras.saving.register_keras_serializable(package="ban")
def semantic_loss(labels: Any, logits: Any) -> Any:
    """Mean softmax cross-entropy of the points that have a class.

    All classes weigh the same (the authors' code).

    Args:
        labels: `[B, N]` class of every point in `[0, C)`, or `NONE` (-1): the point is left out.
        logits: `[B, N, C]` scores before the softmax.

    Returns:
        float32 scalar; 0 if no point has a class.
    """
    labels = ops.cast(labels, "int32")
    has_class = ops.not_equal(labels, NONE)
    entropy = ops.sparse_categorical_crossentropy(
        ops.where(has_class, labels, 0), ops.cast(logits, "float32"), from_logits=True
    )
    return mean_of_labelled(entropy, labels)
