"""Sampling in `keras.ops` alone: test twin, portable export, other Keras backends."""

from typing import Any

from keras import ops

from tf_ops.gathering import stock as gathering


def farthest_point_sample(xyz: Any, num_samples: int) -> Any:
    """As `sampling.farthest_point_sample`; N floats of memory per cloud, M steps one by one."""
    xyz = ops.stop_gradient(ops.convert_to_tensor(xyz))
    num_points = ops.shape(xyz)[1]
    numbers = ops.arange(num_points, dtype="int32")[None, :]  # [1, N]
    finite = ops.all(ops.isfinite(xyz), axis=-1)  # [B, N]
    # A point that is not finite stands behind every finite one, those at distance 0 included.
    nearest = ops.where(finite, float("inf"), -1.0)
    coordinates = ops.where(finite[..., None], xyz, 0.0)
    slots = ops.arange(num_samples, dtype="int32")[None, :]  # [1, M]
    picked = ops.zeros((ops.shape(xyz)[0], num_samples), dtype="int32")

    def farthest(distance: Any) -> Any:
        # The initial values let a batch of no clouds through.
        largest = ops.max(distance, axis=1, keepdims=True, initial=-2.0)
        # argmax promises no tie rule; the smallest index among equals does.
        tied = ops.where(distance == largest, numbers, num_points)
        return ops.min(tied, axis=1, keepdims=True, initial=2**31 - 1)  # [B, 1]

    def step(m: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        nearest, picked = state
        last = farthest(nearest)
        picked = ops.where(slots == m, last, picked)
        return ops.minimum(nearest, _squared_distance_to(coordinates, last, nearest)), picked

    _, picked = ops.fori_loop(0, num_samples, step, (nearest, picked))
    return ops.where(ops.any(finite, axis=1, keepdims=True), picked, 0)


def _squared_distance_to(coordinates: Any, index: Any, nearest: Any) -> Any:
    """Squared distances [B, N] to the point `index` [B, 1] of each cloud."""
    offset = coordinates - gathering.gather(coordinates, index)
    dx, dy, dz = offset[..., 0], offset[..., 1], offset[..., 2]
    return ops.where(nearest < 0.0, nearest, dx * dx + dy * dy + dz * dz)
