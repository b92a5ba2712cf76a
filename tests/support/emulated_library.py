"""The emulated CUDA kernels as TensorFlow functions, in place of the compiled library."""

import collections
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from cuda_emulation import EmulatedOps

BallQuery = collections.namedtuple("BallQuery", ["index", "count"])
ThreeNearest = collections.namedtuple("ThreeNearest", ["squared_distance", "index"])
MeanShift = collections.namedtuple("MeanShift", ["labels", "centres", "num_clusters"])


class EmulatedLibrary:
    """Has the wrappers that `library.ops()` returns, gradients included.

    Args:
        device: one of `cuda_emulation.DEVICES`.
    """

    def __init__(self, device: str):
        self._ops = EmulatedOps(device)

    def _run(self, prepare: Callable, inputs: list, outputs: list[tuple]) -> list[tf.Tensor]:
        """Runs a call on the values of `inputs`, in a graph as well.

        `outputs` holds a data type and a static shape each.
        """

        def compute(*values: np.ndarray) -> list[np.ndarray]:
            return list(self._ops.run(prepare(*values)))

        inputs = [tf.convert_to_tensor(value) for value in inputs]
        # A list of one output comes back as a tensor when run eagerly.
        results = tf.nest.flatten(
            tf.numpy_function(compute, inputs, [dtype for dtype, _ in outputs])
        )
        return [
            tf.ensure_shape(result, shape)
            for result, (_, shape) in zip(results, outputs, strict=True)
        ]

    def ban_farthest_point_sample(self, xyz, num_samples):
        def prepare(xyz):
            return self._ops.farthest_point_sample(xyz, num_samples)

        return self._run(prepare, [xyz], [(tf.int32, [xyz.shape[0], num_samples])])[0]

    def ban_ball_query(self, xyz, centres, radius, num_neighbours):
        def prepare(xyz, centres):
            return self._ops.ball_query(xyz, centres, radius, num_neighbours)

        sizes = list(centres.shape[:2])
        outputs = [(tf.int32, [*sizes, num_neighbours]), (tf.int32, sizes)]
        return BallQuery(*self._run(prepare, [xyz, centres], outputs))

    def ban_three_nearest(self, query, reference):
        outputs = [(tf.float32, query.shape), (tf.int32, query.shape)]
        return ThreeNearest(*self._run(self._ops.three_nearest, [query, reference], outputs))

    def ban_gather_points(self, points, index):
        @tf.custom_gradient
        def gather(points):
            def backward(upstream):
                return self.ban_gather_points_grad(upstream, index, tf.shape(points)[1])

            outputs = [(tf.float32, [*index.shape, points.shape[2]])]
            return self._run(self._ops.gather_points, [points, index], outputs)[0], backward

        return gather(tf.convert_to_tensor(points))

    def ban_gather_points_grad(self, output_grad, index, num_points):
        @tf.custom_gradient
        def scatter(output_grad):
            outputs = [(tf.float32, [index.shape[0], None, output_grad.shape[-1]])]
            inputs = [output_grad, index, num_points]
            result = self._run(self._ops.gather_points_grad, inputs, outputs)[0]
            return result, lambda upstream: self.ban_gather_points(upstream, index)

        return scatter(tf.convert_to_tensor(output_grad))

    def ban_interpolate(self, points, index, weights):
        @tf.custom_gradient
        def interpolate(points):
            def backward(upstream):
                return self.ban_interpolate_grad(upstream, index, weights, tf.shape(points)[1])

            outputs = [(tf.float32, [*index.shape[:2], points.shape[2]])]
            inputs = [points, index, weights]
            return self._run(self._ops.interpolate, inputs, outputs)[0], backward

        return interpolate(tf.convert_to_tensor(points))

    def ban_interpolate_grad(self, output_grad, index, weights, num_points):
        @tf.custom_gradient
        def spread(output_grad):
            outputs = [(tf.float32, [index.shape[0], None, output_grad.shape[2]])]
            inputs = [output_grad, index, weights, num_points]
            result = self._run(self._ops.interpolate_grad, inputs, outputs)[0]
            return result, lambda upstream: self.ban_interpolate(upstream, index, weights)

        return spread(tf.convert_to_tensor(output_grad))

    def ban_mean_shift(self, embedding, bandwidth, bin_seeding, max_iterations):
        def prepare(embedding):
            return self._ops.mean_shift(embedding, bandwidth, bin_seeding, max_iterations)

        batch, num_points, _ = embedding.shape
        outputs = [
            (tf.int32, [batch, num_points]),
            (tf.float32, embedding.shape),
            (tf.int32, [batch]),
        ]
        return MeanShift(*self._run(prepare, [embedding], outputs))
