"""Grouping in `keras.ops` alone: test twin, portable export, other Keras backends."""

from typing import Any

import numpy as np
from keras import ops


def ball_query(xyz: Any, centres: Any, radius: float, num_neighbours: int) -> tuple[Any, Any]:
    """As `grouping.ball_query`; holds M x N values for one cloud at a time."""
    xyz = ops.stop_gradient(ops.convert_to_tensor(xyz))
    centres = ops.stop_gradient(ops.convert_to_tensor(centres))
    if xyz.shape[0] == 0:  # ops.map wants a first cloud to look at
        shape = (0, ops.shape(centres)[1], num_neighbours)
        return ops.zeros(shape, dtype="int32"), ops.zeros(shape[:2], dtype="int32")

    def of_cloud(pair: tuple[Any, Any]) -> tuple[Any, Any]:
        return _ball_query_of_cloud(pair[0], pair[1], radius, num_neighbours)

    return ops.map(of_cloud, (xyz, centres))


def _ball_query_of_cloud(
    xyz: Any, centres: Any, radius: float, num_neighbours: int
) -> tuple[Any, Any]:
    """The same for one cloud: `[N, 3]` and `[M, 3]` to `[M, K]` and `[M]`."""
    with np.errstate(over="ignore"):  # infinite: then every finite point is inside
        radius2 = float(np.float32(radius) * np.float32(radius))
    num_points = ops.shape(xyz)[0]
    numbers = ops.arange(num_points, dtype="int32")[None, :]
    hit = _squared_distances(centres, xyz) < radius2  # [M, N]
    count = ops.minimum(ops.sum(ops.cast(hit, "int32"), axis=1), num_neighbours)
    # The K smallest row numbers among the hits; padded, so that there are always K to take.
    row_or_end = ops.where(hit, numbers, num_points)
    row_or_end = ops.pad(row_or_end, [[0, 0], [0, num_neighbours]], constant_values=2**31 - 1)
    index = -ops.top_k(-row_or_end, num_neighbours, sorted=True)[0]
    slots = ops.arange(num_neighbours, dtype="int32")[None, :]
    first = ops.where(count[:, None] > 0, index[:, :1], 0)
    return ops.where(slots < count[:, None], index, first), count


def _squared_distances(centres: Any, xyz: Any) -> Any:
    """[M, 3] and [N, 3] to [M, N], as sums of squares in the order x, y, z."""
    offset = [xyz[None, :, axis] - centres[:, None, axis] for axis in range(3)]
    dx, dy, dz = offset
    return dx * dx + dy * dy + dz * dz
