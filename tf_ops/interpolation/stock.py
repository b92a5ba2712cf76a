"""Interpolation written in `keras.ops` only, for tests, export and other Keras backends."""

from typing import Any

from keras import ops

from tf_ops.chunks import by_chunks
from tf_ops.gathering import stock as gathering

# Query points of each cloud that are compared at a time; bounds the memory to [B, this, M].
QUERIES_AT_A_TIME = 256


def three_nearest(query: Any, reference: Any) -> tuple[Any, Any]:
    """As `interpolation.three_nearest`; holds some M values for each of a few queries at a time."""
    query = ops.stop_gradient(ops.convert_to_tensor(query))
    reference = ops.stop_gradient(ops.convert_to_tensor(reference))

    def of_chunk(query: Any) -> tuple[Any, Any]:
        dx, dy, dz = (reference[:, None, :, axis] - query[:, :, None, axis] for axis in range(3))
        distance = dx * dx + dy * dy + dz * dz  # [B, N, M]
        distance = ops.where(ops.isnan(distance), float("inf"), distance)
        # Of equal values, top_k returns the one with the lower index first.
        nearest, index = ops.top_k(-distance, 3, sorted=True)
        return -nearest, ops.cast(index, "int32")

    return by_chunks(of_chunk, (query,), QUERIES_AT_A_TIME)


def interpolate(points: Any, index: Any, weights: Any) -> Any:
    """As `interpolation.interpolate`; an index outside [0, M) adds nothing."""
    points = ops.convert_to_tensor(points)
    index = ops.convert_to_tensor(index)
    weights = ops.stop_gradient(ops.convert_to_tensor(weights))
    terms = [gathering.gather(points, index[:, :, k]) * weights[:, :, k : k + 1] for k in range(3)]
    return terms[0] + terms[1] + terms[2]
