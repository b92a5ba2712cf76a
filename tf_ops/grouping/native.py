"""The compiled kernels of grouping and their gradients; called through `grouping.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library


def ball_query(
    xyz: Any, centres: Any, radius: float, num_neighbours: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """As `grouping.ball_query`."""
    found = library.ops().ban_ball_query(
        xyz=xyz, centres=centres, radius=radius, num_neighbours=num_neighbours
    )
    return found.index, found.count


def group_points(points: Any, index: Any) -> tf.Tensor:
    """As `grouping.group_points`."""
    return library.ops().ban_group_points(points=points, index=index)


tf.no_gradient("Ban>BallQuery")


@tf.RegisterGradient("Ban>GroupPoints")
def _group_points_grad(op: Any, output_grad: tf.Tensor) -> list[tf.Tensor | None]:
    points, index = op.inputs
    points_grad = library.ops().ban_group_points_grad(
        output_grad=output_grad, index=index, num_points=tf.shape(points)[1]
    )
    return [points_grad, None]


@tf.RegisterGradient("Ban>GroupPointsGrad")
def _group_points_grad_grad(op: Any, grad: tf.Tensor) -> list[tf.Tensor | None]:
    return [library.ops().ban_group_points(points=grad, index=op.inputs[1]), None, None]
