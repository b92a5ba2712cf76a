"""SGPN's losses beside that of the similarities: classes and confidence, rare labels weighted up.

The released code's reading of Wang et al. 2018, sections 4.2 and 4.3.
"""

from typing import Any

from keras import ops

from ban_tf.config import NONE
from ban_tf.losses.instance_means import instance_ranks
from ban_tf.losses.labelled import mean_of_labelled


def inverse_frequency(labels: Any) -> Any:
    """Weighs every point by the rarity of its label in the whole batch.

    Args:
        labels: `[B, N]` ids, any 32-bit values, `NONE` for points without label. Equal ids in
            different blocks count as one, as in the released code.

    Returns:
        float32 `[B, N]`: number of labelled points / number of those with the same label; 0
        without label.
    """
    shape = ops.shape(labels)
    ranks = instance_ranks(ops.reshape(labels, (1, -1)))[0]
    present = ops.cast(ops.not_equal(ranks, NONE), "float32")
    places = ops.maximum(ranks, 0)
    count = ops.segment_sum(present, places, shape[0] * shape[1])
    weight = present * ops.sum(present) / ops.maximum(ops.take(count, places), 1.0)
    return ops.reshape(weight, shape)


def weighted_semantic_loss(labels: Any, logits: Any) -> Any:
    """Mean over the points that have a class of softmax cross-entropy times `inverse_frequency`.

    Args:
        labels: `[B, N]` classes in `[0, C)`, or `NONE`: the point is left out.
        logits: `[B, N, C]` scores before the softmax.

    Returns:
        float32 scalar; 0 if no point has a class.
    """
    labels = ops.cast(labels, "int32")
    entropy = ops.sparse_categorical_crossentropy(
        ops.maximum(labels, 0), ops.cast(logits, "float32"), from_logits=True
    )
    return mean_of_labelled(inverse_frequency(labels) * entropy, labels)


def confidence_loss(confidence: Any, iou: Any, semantic: Any) -> Any:
    """Mean squared error of the confidence, whose target is `iou`.

    Args:
        confidence: `[B, N]`, in [0, 1].
        iou: float32 `[B, N]`, as `double_hinge` gives it.
        semantic: `[B, N]` classes, `NONE` for none: the point is left out.

    Returns:
        float32 scalar; 0 if no point has a class.
    """
    error = ops.cast(confidence, "float32") - ops.stop_gradient(iou)
    return mean_of_labelled(ops.square(error), ops.cast(semantic, "int32"))
