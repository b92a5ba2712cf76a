"""Sampling written in `keras.ops` only, for tests, export and other Keras backends."""

from typing import Any

from keras import ops


def farthest_point_sample(xyz: Any, num_samples: int) -> Any:
    """As `sampling.farthest_point_sample`; N floats of memory per cloud, M steps one by one.

    A step is a dozen small ops over the whole batch: there are as many steps as samples, and each
    op of a step costs more than its arithmetic.
    """
    xyz = ops.stop_gradient(ops.convert_to_tensor(xyz))
    batch, num_points, _ = ops.shape(xyz)
    finite = ops.all(ops.isfinite(xyz), axis=-1)  # [B, N]
    # A point that is not finite ranks after every finite one, even those at distance 0, and stays
    # there: no distance is smaller.
    # (A tensor, not a number: converters turn a choice between two numbers into products.)
    nearest = ops.where(finite, ops.full_like(xyz[..., 0], float("inf")), -1.0)
    planes = ops.transpose(ops.where(finite[..., None], xyz, 0.0), (2, 0, 1))  # [3, B, N]
    flat = ops.reshape(planes, (3, batch * num_points))
    first = (ops.arange(batch, dtype="int32") * num_points)[:, None]  # of each cloud, in `flat`
    slots = ops.arange(num_samples, dtype="int32")[None, :]  # [1, M]
    picked = ops.zeros((batch, num_samples), dtype="int32")

    def step(m: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        nearest, picked = state
        # Of equal values top_k gives the lowest index; argmax promises no such rule.
        last = ops.cast(ops.top_k(nearest, 1)[1], "int32")  # [B, 1]
        picked = ops.where(slots == m, last, picked)
        squared = ops.square(planes - ops.take(flat, first + last, axis=1))
        return ops.minimum(nearest, squared[0] + squared[1] + squared[2]), picked

    _, picked = ops.fori_loop(0, num_samples, step, (nearest, picked))
    return ops.where(ops.any(finite, axis=1, keepdims=True), picked, 0)
