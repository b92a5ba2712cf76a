"""Grouping: the points in a ball around each centre, and their features."""

from typing import Any

from tf_ops import checks, library
from tf_ops.gathering import gathering


def ball_query(xyz: Any, centres: Any, radius: float, num_neighbours: int) -> tuple[Any, Any]:
    """Finds, for each centre, the first points in index order that lie in its ball.

    A point lies in the ball when dx*dx + dy*dy + dz*dz < radius*radius in float32; a point or
    centre with a NaN lies in no ball. These are the first by index, not the nearest: trained
    networks rely on it. Slots after the last hit repeat the first one; an empty ball has index 0
    everywhere and count 0. Nothing carries a gradient.

    Args:
        xyz: float32 `[B, N, 3]` points, in metres.
        centres: float32 `[B, M, 3]`, in metres.
        radius: in metres, > 0 and within the range of float32.
        num_neighbours: K, at least 1.

    Returns:
        index: int32 `[B, M, K]` indices into N.
        count: int32 `[B, M]` how many of them are hits, in [0, K].

    Raises:
        TypeError: an input is not float32, `radius` no number or `num_neighbours` no whole one.
        ValueError: the shapes do not fit, or `radius` or `num_neighbours` is out of range.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> line = np.array([[[0, 0, 0], [1, 0, 0], [2, 0, 0], [6, 0, 0]]], "float32")
        >>> index, count = tf_ops.ball_query(line, line[:, :2], radius=1.5, num_neighbours=3)
        >>> np.asarray(index).tolist()  # around 0 and around 1
        [[[0, 1, 0], [0, 1, 2]]]
        >>> np.asarray(count).tolist()
        [[2, 3]]
    """
    checks.check_float32("xyz", xyz)
    checks.check_float32("centres", centres)
    batch, _, _ = checks.check_shape("xyz", xyz, "[B, N, 3]", None, None, 3)
    checks.check_shape("centres", centres, "[B, M, 3]", batch, None, 3)
    checks.check_positive_float32("radius", radius)
    checks.check_whole("num_neighbours", num_neighbours)
    if num_neighbours < 1:
        raise ValueError(
            f"`num_neighbours` must be at least 1. Received: num_neighbours={num_neighbours}"
        )
    return library.kernels("grouping").ball_query(xyz, centres, radius, num_neighbours)


def group_points(points: Any, index: Any) -> Any:
    """Takes, for each centre, the rows of `points` that `index` names.

    The gradient flows to `points`; rows taken more than once add up in the order of (M, K), so
    the native gradient is the same from run to run.

    Args:
        points: float32 `[B, N, C]`.
        index: int32 `[B, M, K]` indices in [0, N).

    Returns:
        float32 `[B, M, K, C]`.

    Raises:
        TypeError: `points` is not float32, or `index` not int32.
        ValueError: the shapes do not fit.
        tf.errors.InvalidArgumentError: an index is not in [0, N), seen by the native kernel on
            the CPU as the op runs. On a GPU and in the stock kernel its row is zero.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> points = np.array([[[0, 7], [1, 8], [2, 9]]], "float32")
        >>> index = np.array([[[2, 0], [1, 1]]], "int32")  # two centres, two neighbours each
        >>> np.asarray(tf_ops.group_points(points, index)).tolist()
        [[[[2.0, 9.0], [0.0, 7.0]], [[1.0, 8.0], [1.0, 8.0]]]]
    """
    return gathering.gather(points, index, "[B, M, K]")
