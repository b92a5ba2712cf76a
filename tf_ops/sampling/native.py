"""The compiled kernels of sampling and their gradients; called through `sampling.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library


def farthest_point_sample(xyz: Any, num_samples: int) -> tf.Tensor:
    """As `sampling.farthest_point_sample`."""
    return library.ops().ban_farthest_point_sample(xyz=xyz, num_samples=num_samples)


def gather_points(points: Any, index: Any) -> tf.Tensor:
    """As `sampling.gather_points`."""
    return library.ops().ban_gather_points(points=points, index=index)


tf.no_gradient("Ban>FarthestPointSample")


@tf.RegisterGradient("Ban>GatherPoints")
def _gather_points_grad(op: Any, output_grad: tf.Tensor) -> list[tf.Tensor | None]:
    points, index = op.inputs
    points_grad = library.ops().ban_gather_points_grad(
        output_grad=output_grad, index=index, num_points=tf.shape(points)[1]
    )
    return [points_grad, None]


@tf.RegisterGradient("Ban>GatherPointsGrad")
def _gather_points_grad_grad(op: Any, grad: tf.Tensor) -> list[tf.Tensor | None]:
    return [library.ops().ban_gather_points(points=grad, index=op.inputs[1]), None, None]
