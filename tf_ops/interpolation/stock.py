"""Interpolation in `keras.ops` alone: test twin, portable export, other Keras backends."""

from typing import Any

from keras import ops

from tf_ops.gathering import stock as gathering


def three_nearest(query: Any, reference: Any) -> tuple[Any, Any]:
    """As `interpolation.three_nearest`; holds N x M values for one cloud at a time."""
    query = ops.stop_gradient(ops.convert_to_tensor(query))
    reference = ops.stop_gradient(ops.convert_to_tensor(reference))
    if query.shape[0] == 0:  # ops.map wants a first cloud to look at
        return ops.zeros_like(query), ops.zeros_like(query, dtype="int32")
    return ops.map(lambda pair: _three_nearest_of_cloud(*pair), (query, reference))


def _three_nearest_of_cloud(query: Any, reference: Any) -> tuple[Any, Any]:
    """The same for one cloud: `[N, 3]` and `[M, 3]` to `[N, 3]` twice."""
    offset = [reference[None, :, axis] - query[:, None, axis] for axis in range(3)]
    dx, dy, dz = offset
    distance = dx * dx + dy * dy + dz * dz  # [N, M]
    distance = ops.where(ops.isnan(distance), float("inf"), distance)
    # Of equal values, top_k returns the one with the lower index first.
    nearest, index = ops.top_k(-distance, 3, sorted=True)
    return -nearest, ops.cast(index, "int32")


def interpolate(points: Any, index: Any, weights: Any) -> Any:
    """As `interpolation.interpolate`; an index outside [0, M) adds nothing."""
    points = ops.convert_to_tensor(points)
    index = ops.convert_to_tensor(index)
    weights = ops.stop_gradient(ops.convert_to_tensor(weights))
    terms = [gathering.gather(points, index[:, :, k]) * weights[:, :, k : k + 1] for k in range(3)]
    return terms[0] + terms[1] + terms[2]
