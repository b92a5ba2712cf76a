"""Only the points that have a label; the others play no part, whatever stands there."""

from typing import Any

from keras import ops

from ban_tf.config import NONE


def is_labelled(*labels: Any) -> Any:
    """Which points have a label of each kind.

    Args:
        labels: integer `[B, N]` each: classes, instances.

    Returns:
        bool `[B, N]`, False where any of them is `NONE` (-1).

    Example:
        >>> is_labelled(ops.array([[0, 2, -1]]), ops.array([[7, -1, -1]])).numpy().tolist()
        [[True, False, False]]
    """
    found = [ops.not_equal(ops.cast(kind, "int32"), NONE) for kind in labels]
    return found[0] if len(found) == 1 else ops.logical_and(*found)


def where_labelled(values: Any, labelled: Any, otherwise: float = 0.0) -> Any:
    """Replaces what is said of points without a label, before any arithmetic.

    A weight of 0 behind the arithmetic would not do: 0 times NaN is NaN, and so is its gradient.
    The gradient of what is replaced is 0.

    Args:
        values: float `[B, N, ...]`, or `[B, ...]` where whole blocks are meant.
        labelled: bool `[B, N]`, or `[B]`.
        otherwise: a number at which what follows has a finite value and slope.

    Returns:
        Shape and dtype of `values`.

    Example:
        >>> values = ops.array([[[1.0, 2.0], [float("nan"), 3.0]]])
        >>> where_labelled(values, ops.array([[True, False]])).numpy().tolist()
        [[[1.0, 2.0], [0.0, 0.0]]]
    """
    shape = (*ops.shape(labelled), *(1 for _ in values.shape[len(labelled.shape) :]))
    return ops.where(ops.reshape(labelled, shape), values, otherwise)


def mean_of_labelled(values: Any, labelled: Any) -> Any:
    """Mean of `values` over the points, or blocks, that have a label.

    It is the mean over all, the others counted as 0, times all / labelled: where nothing lacks a
    label, to the last digit the plain mean of the originals.

    Args:
        values: float32 or float64 `[B, N]` or `[B, K]`, finite where there is a label.
        labelled: bool `[B, N]`, or `[B]` of whole blocks.

    Returns:
        Scalar of the dtype of `values`; 0 if nothing has a label.

    Example:
        >>> values, labels = ops.array([[1.0, 5.0]]), ops.array([[3, -1]])
        >>> float(mean_of_labelled(values, is_labelled(labels)))
        1.0
    """
    number = ops.sum(ops.cast(labelled, values.dtype))
    everything = ops.cast(ops.size(labelled), values.dtype)
    mean = ops.where(number > 0, ops.mean(where_labelled(values, labelled)), 0.0)
    return mean * (everything / ops.maximum(number, 1.0))
