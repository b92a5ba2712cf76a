"""The compiled kernels of interpolation and their gradients; called through `interpolation.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library


def three_nearest(query: Any, reference: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """As `interpolation.three_nearest`."""
    found = library.ops().ban_three_nearest(query=query, reference=reference)
    return found.squared_distance, found.index


def interpolate(points: Any, index: Any, weights: Any) -> tf.Tensor:
    """As `interpolation.interpolate`."""
    return library.ops().ban_interpolate(points=points, index=index, weights=weights)


tf.no_gradient("Ban>ThreeNearest")


@tf.RegisterGradient("Ban>Interpolate")
def _interpolate_grad(op: Any, output_grad: tf.Tensor) -> list[tf.Tensor | None]:
    points, index, weights = op.inputs
    points_grad = library.ops().ban_interpolate_grad(
        output_grad=output_grad, index=index, weights=weights, num_points=tf.shape(points)[1]
    )
    return [points_grad, None, None]


@tf.RegisterGradient("Ban>InterpolateGrad")
def _interpolate_grad_grad(op: Any, grad: tf.Tensor) -> list[tf.Tensor | None]:
    _, index, weights, _ = op.inputs
    output = library.ops().ban_interpolate(points=grad, index=index, weights=weights)
    return [output, None, None, None]
