"""Ball query written in `keras.ops` only, for tests, export and other Keras backends."""

from typing import Any

import numpy as np
from keras import ops

from tf_ops.chunks import by_chunks

# Centres of each cloud that are compared at a time; bounds the memory to [B, this, N].
CENTRES_AT_A_TIME = 64


def ball_query(xyz: Any, centres: Any, radius: float, num_neighbours: int) -> tuple[Any, Any]:
    """As `grouping.ball_query`; holds some N values for each of a few centres at a time."""
    xyz = ops.stop_gradient(ops.convert_to_tensor(xyz))
    centres = ops.stop_gradient(ops.convert_to_tensor(centres))

    def of_chunk(centres: Any) -> tuple[Any, Any]:
        return _ball_query(xyz, centres, radius, num_neighbours)

    index, count = by_chunks(of_chunk, (centres,), CENTRES_AT_A_TIME)
    return index, count[..., 0]


def _ball_query(xyz: Any, centres: Any, radius: float, num_neighbours: int) -> tuple[Any, Any]:
    """All centres at once: `[B, N, 3]` and `[B, M, 3]` to `[B, M, K]` and `[B, M, 1]`."""
    with np.errstate(over="ignore"):  # infinite: then every finite point is inside
        radius2 = float(np.float32(radius) * np.float32(radius))
    num_points = ops.shape(xyz)[1]
    numbers = ops.arange(num_points, dtype="int32")
    hit = _squared_distances(centres, xyz) < radius2  # [B, M, N]
    count = ops.sum(ops.cast(hit, "int32"), axis=-1, keepdims=True)
    count = ops.minimum(count, num_neighbours)
    # The K smallest row numbers among the hits; padded, so that there are always K to take.
    row_or_end = ops.where(hit, numbers, num_points)
    row_or_end = ops.pad(
        row_or_end, [[0, 0], [0, 0], [0, num_neighbours]], constant_values=2**31 - 1
    )
    index = -ops.top_k(-row_or_end, num_neighbours, sorted=True)[0]
    slots = ops.arange(num_neighbours, dtype="int32")
    first = ops.where(count > 0, index[..., :1], 0)
    return ops.where(slots < count, index, first), count


def _squared_distances(centres: Any, xyz: Any) -> Any:
    """[B, M, 3] and [B, N, 3] to [B, M, N], as sums of squares in the order x, y, z."""
    dx, dy, dz = (xyz[:, None, :, axis] - centres[:, :, None, axis] for axis in range(3))
    return dx * dx + dy * dy + dz * dz
