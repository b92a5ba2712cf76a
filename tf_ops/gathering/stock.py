"""Gathering in `keras.ops` alone: test twin, portable export, other Keras backends."""

from typing import Any

from keras import ops


def gather(points: Any, index: Any) -> Any:
    """As `gathering.gather`; the row of an index outside [0, N) is zero."""
    points = ops.convert_to_tensor(points)
    index = ops.convert_to_tensor(index)
    batch, num_points, channels = ops.shape(points)
    # One row more, of zeros: the place of every index that is outside its cloud.
    flat = ops.reshape(points, (batch * num_points, channels))
    flat = ops.pad(flat, [[0, 1], [0, 0]])
    inner_axes = [1] * (len(index.shape) - 1)
    cloud = ops.reshape(ops.arange(batch, dtype="int32"), (batch, *inner_axes))
    inside = ops.logical_and(index >= 0, index < num_points)
    return ops.take(flat, ops.where(inside, cloud * num_points + index, batch * num_points), axis=0)
