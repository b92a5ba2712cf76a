"""The compiled kernel of gathering and its gradient; called through `gathering.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library


def gather(points: Any, index: Any) -> tf.Tensor:
    """As `gathering.gather`."""
    return library.ops().ban_gather_points(points=points, index=index)


@tf.RegisterGradient("Ban>GatherPoints")
def _gather_grad(op: Any, output_grad: tf.Tensor) -> list[tf.Tensor | None]:
    points, index = op.inputs
    points_grad = library.ops().ban_gather_points_grad(
        output_grad=output_grad, index=index, num_points=tf.shape(points)[1]
    )
    return [points_grad, None]


@tf.RegisterGradient("Ban>GatherPointsGrad")
def _gather_grad_grad(op: Any, grad: tf.Tensor) -> list[tf.Tensor | None]:
    return [library.ops().ban_gather_points(points=grad, index=op.inputs[1]), None, None]
