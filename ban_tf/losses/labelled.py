"""Means over the points that have a label; the others play no part, whatever stands there."""

from typing import Any

from keras import ops

from ban_tf.config import NONE


def mean_of_labelled(values: Any, labels: Any) -> Any:
    """Mean of `values` over the points whose label is not `NONE`.

    Args:
        values: float32 `[B, N]`.
        labels: int32 `[B, N]`.

    Returns:
        float32 scalar; 0 if no point has a label.

    Example:
        >>> values, labels = ops.array([[1.0, 5.0]]), ops.array([[3, -1]])
        >>> float(mean_of_labelled(values, labels))
        1.0
    """
    labelled = ops.not_equal(labels, NONE)
    num_points = ops.maximum(ops.sum(ops.cast(labelled, "float32")), 1.0)
    return ops.sum(ops.where(labelled, values, 0.0)) / num_points
