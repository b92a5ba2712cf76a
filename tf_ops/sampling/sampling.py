"""Farthest point sampling: one cloud in, well spread point indices out; and rows by index."""

from typing import Any

from tf_ops import checks, library
from tf_ops.gathering import gathering


def farthest_point_sample(xyz: Any, num_samples: int) -> Any:
    """Picks `num_samples` points, each as far as possible from those before it.

    The first pick is the first finite point (all three coordinates finite). Each later pick is
    the finite point with the largest squared distance to its nearest pick; ties go to the lowest
    index, so the result is the same on every device. When there are fewer distinct points than
    samples, the lowest finite index is picked again. Points that are not finite are never
    picked, unless a cloud has no finite point: then every index is 0. Indices carry no gradient.

    Args:
        xyz: float32 `[B, N, 3]` coordinates, in metres.
        num_samples: M, how many points to pick, `1 <= num_samples <= N`.

    Returns:
        int32 `[B, num_samples]` indices into N.

    Raises:
        TypeError: `xyz` is not float32, or `num_samples` no whole number.
        ValueError: `xyz` is not `[B, N, 3]`, or `num_samples` is not in [1, N] for a known N.
        tf.errors.InvalidArgumentError: `num_samples > N` where N is known only as the op runs
            (native kernels; the stock ones do not see it).

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> line = np.array([[[0, 0, 0], [1, 0, 0], [2, 0, 0], [6, 0, 0]]], "float32")
        >>> np.asarray(tf_ops.farthest_point_sample(line, 3)).tolist()
        [[0, 3, 2]]
    """
    checks.check_float32("xyz", xyz)
    _, num_points, _ = checks.check_shape("xyz", xyz, "[B, N, 3]", None, None, 3)
    checks.check_whole("num_samples", num_samples)
    if num_samples < 1 or (num_points is not None and num_samples > num_points):
        raise ValueError(
            "`num_samples` must be in [1, N], where N is the number of points in `xyz`. "
            f"Received: num_samples={num_samples}, N={num_points}"
        )
    return library.kernels("sampling").farthest_point_sample(xyz, num_samples)


def gather_points(points: Any, index: Any) -> Any:
    """Takes the rows of `points` that `index` names.

    The gradient flows to `points`; rows taken more than once add up in the order of M, so the
    native gradient is the same from run to run.

    Args:
        points: float32 `[B, N, C]`.
        index: int32 `[B, M]` indices in [0, N).

    Returns:
        float32 `[B, M, C]`.

    Raises:
        TypeError: `points` is not float32, or `index` not int32.
        ValueError: the shapes do not fit.
        tf.errors.InvalidArgumentError: an index is not in [0, N), seen by the native kernel on
            the CPU as the op runs. On a GPU and in the stock kernel its row is zero.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> points = np.array([[[0, 7], [1, 8], [2, 9]]], "float32")
        >>> np.asarray(tf_ops.gather_points(points, np.array([[2, 0, 2]], "int32"))).tolist()
        [[[2.0, 9.0], [0.0, 7.0], [2.0, 9.0]]]
    """
    return gathering.gather(points, index, "[B, M]")
