"""SGPN's losses beside that of the similarities: classes and confidence, rare labels weighted up.

The released code's reading of Wang et al. 2018, sections 4.2 and 4.3.
"""

from typing import Any

from keras import ops

from ban_tf.losses.instance_means import instance_ranks
from ban_tf.losses.labelled import is_labelled, mean_of_labelled, where_labelled
from ban_tf.losses.precision import loss_dtype
from ban_tf.losses.semantic import cross_entropy


def inverse_frequency(labels: Any, dtype: str = "float32") -> Any:
    """Weighs every point by the rarity of its label in the whole batch.

    Args:
        labels: integer `[B, N]` ids, any 32-bit values, `NONE` (-1) for points without label.
            Equal ids in different blocks count as one, as in the released code.
        dtype: of the weights.

    Returns:
        `[B, N]`: number of labelled points / number of those with the same label, at least 1; 0
        without label.

    Example:
        >>> inverse_frequency(ops.array([[4, 4, 9, -1]])).numpy().tolist()
        [[1.5, 1.5, 3.0, 0.0]]
    """
    shape = ops.shape(labels)
    ranks = instance_ranks(ops.reshape(labels, (1, -1)))[0]
    present = ops.cast(is_labelled(ranks), dtype)
    places = ops.maximum(ranks, 0)
    count = ops.segment_sum(present, places, shape[0] * shape[1])
    weight = present * ops.sum(present) / ops.maximum(ops.take(count, places), 1.0)
    return ops.reshape(weight, shape)


def weighted_semantic_loss(labels: Any, logits: Any) -> Any:
    """Mean over the points that have a class of softmax cross-entropy times `inverse_frequency`.

    Args:
        labels: integer `[B, N]`, classes in `[0, C)`, or `NONE` (-1): the point is left out,
            whatever its logits are.
        logits: float `[B, N, C]`, scores before the softmax.

    Returns:
        Scalar, float64 for logits of float64 and float32 for all others; 0 if no point has a
        class.

    Example:
        >>> logits = ops.zeros((1, 4, 2))  # log 2 at each point, whatever its class
        >>> round(float(weighted_semantic_loss(ops.array([[0, 0, 1, -1]]), logits)), 4)  # 2 log 2
        1.3863
    """
    entropy = cross_entropy(labels, logits)
    weight = inverse_frequency(labels, loss_dtype(entropy))
    return mean_of_labelled(weight * entropy, is_labelled(labels))


def confidence_loss(confidence: Any, iou: Any, semantic: Any) -> Any:
    """Mean squared error of the confidence, whose target is `iou`.

    Args:
        confidence: float `[B, N]`, in [0, 1].
        iou: float `[B, N]`, in [0, 1], as `double_hinge` gives it; carries no gradient.
        semantic: integer `[B, N]` classes, `NONE` (-1) for none: the point is left out, whatever
            its confidence and IoU are.

    Returns:
        Scalar, float64 for a confidence of float64 and float32 for all others; 0 if no point has a
        class.

    Example:
        >>> confidence, iou = ops.array([[0.5, 0.9]]), ops.array([[1.0, 0.1]])
        >>> float(confidence_loss(confidence, iou, ops.array([[2, -1]])))
        0.25
    """
    dtype, labelled = loss_dtype(confidence), is_labelled(semantic)
    confidence = where_labelled(ops.cast(confidence, dtype), labelled)
    iou = where_labelled(ops.cast(ops.stop_gradient(iou), dtype), labelled)
    return mean_of_labelled(ops.square(confidence - iou), labelled)
