"""Interpolation: features of few points, carried to many by their three nearest."""

from typing import Any

from keras import ops

from tf_ops import checks, library

# Keeps the weight of a coincident point finite; the original's value.
SMALLEST_SQUARED_DISTANCE = 1e-10


def three_nearest(query: Any, reference: Any) -> tuple[Any, Any]:
    """Finds the three reference points nearest to each query point.

    Distances are dx*dx + dy*dy + dz*dz in float32. Ties go to the lowest index. A distance that
    is NaN counts as infinite, so there are always three different indices. Nothing carries a
    gradient.

    Args:
        query: float32 `[B, N, 3]`, in metres.
        reference: float32 `[B, M, 3]`, in metres, `M >= 3`.

    Returns:
        squared_distance: float32 `[B, N, 3]` in m², ascending.
        index: int32 `[B, N, 3]` indices into M.

    Raises:
        TypeError: an input is not float32.
        ValueError: the shapes do not fit, or M is known and less than three.
        tf.errors.InvalidArgumentError: M is less than three, known only as the op runs.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> query = np.array([[[2, 0, 0]]], "float32")
        >>> reference = np.array([[[0, 0, 0], [1, 0, 0], [4, 0, 0], [9, 0, 0]]], "float32")
        >>> squared_distance, index = tf_ops.three_nearest(query, reference)
        >>> np.asarray(squared_distance).tolist(), np.asarray(index).tolist()
        ([[[1.0, 4.0, 4.0]]], [[[1, 0, 2]]])
    """
    checks.check_float32("query", query)
    checks.check_float32("reference", reference)
    batch, _, _ = checks.check_shape("query", query, "[B, N, 3]", None, None, 3)
    _, num_references, _ = checks.check_shape("reference", reference, "[B, M, 3]", batch, None, 3)
    if num_references is not None and num_references < 3:
        raise ValueError(
            "`reference` must have at least three points per cloud, or there are no three "
            f"nearest. Received: M={num_references}"
        )
    return library.kernels("interpolation").three_nearest(query, reference)


def three_nearest_weights(squared_distance: Any) -> Any:
    """Turns squared distances into weights that add up to one.

    A weight is 1 / max(d², 1e-10), divided by the sum of the three, as in PointNet++.

    Args:
        squared_distance: float32 `[B, N, 3]` in m², not all three infinite.

    Returns:
        float32 `[B, N, 3]`.

    Raises:
        TypeError: `squared_distance` is not float32.
        ValueError: it is not `[B, N, 3]`.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> squared_distance = np.array([[[1, 2, 2]]], "float32")
        >>> np.asarray(tf_ops.three_nearest_weights(squared_distance)).tolist()
        [[[0.5, 0.25, 0.25]]]
    """
    checks.check_float32("squared_distance", squared_distance)
    checks.check_shape("squared_distance", squared_distance, "[B, N, 3]", None, None, 3)
    inverse = 1.0 / ops.maximum(squared_distance, SMALLEST_SQUARED_DISTANCE)
    return inverse / ops.sum(inverse, axis=-1, keepdims=True)


def interpolate(points: Any, index: Any, weights: Any) -> Any:
    """Sums three rows of `points` with weights: ((p0*w0) + p1*w1) + p2*w2.

    The gradient flows to `points` alone; contributions to a row add up in the order of (N, 3),
    so the native gradient is the same from run to run.

    Args:
        points: float32 `[B, M, C]`.
        index: int32 `[B, N, 3]` indices in [0, M).
        weights: float32 `[B, N, 3]`.

    Returns:
        float32 `[B, N, C]`.

    Raises:
        TypeError: `points` or `weights` is not float32, or `index` not int32.
        ValueError: the shapes do not fit.
        tf.errors.InvalidArgumentError: an index is not in [0, M), seen by the native kernel on
            the CPU as the op runs. On a GPU and in the stock kernel it adds nothing.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> points = np.array([[[1], [2], [3], [4]]], "float32")
        >>> index = np.array([[[1, 0, 2]]], "int32")
        >>> weights = np.array([[[0.5, 0.25, 0.25]]], "float32")
        >>> np.asarray(tf_ops.interpolate(points, index, weights)).tolist()
        [[[2.0]]]
    """
    checks.check_float32("points", points)
    checks.check_int32("index", index)
    checks.check_float32("weights", weights)
    batch, _, _ = checks.check_shape("points", points, "[B, M, C]", None, None, None)
    _, num_queries, _ = checks.check_shape("index", index, "[B, N, 3]", batch, None, 3)
    checks.check_shape("weights", weights, "[B, N, 3]", batch, num_queries, 3)
    return library.kernels("interpolation").interpolate(points, index, weights)
