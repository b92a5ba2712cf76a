"""Rows by index in `keras.ops`: what the stock kernels of all folders gather with."""

from typing import Any

from keras import ops


def take_rows(points: Any, index: Any) -> Any:
    """Takes the rows of each cloud that `index` names; a row outside the cloud is zero.

    Args:
        points: float32 `[B, N, C]`.
        index: int32 `[B, Q]`.

    Returns:
        float32 `[B, Q, C]`.
    """
    batch, num_points, channels = ops.shape(points)
    # One row more, of zeros: the place of every index that is outside its cloud.
    flat = ops.reshape(points, (batch * num_points, channels))
    flat = ops.pad(flat, [[0, 1], [0, 0]])
    cloud = ops.arange(batch, dtype="int32")[:, None]
    inside = ops.logical_and(index >= 0, index < num_points)
    return ops.take(flat, ops.where(inside, cloud * num_points + index, batch * num_points), axis=0)
