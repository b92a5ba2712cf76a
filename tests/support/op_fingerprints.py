"""Prints a digest of what every compiled op computes on the CPU, as JSON.

    python tests/support/op_fingerprints.py 3        # on three threads

Run as its own process, because TensorFlow's number of threads is fixed at its first op. Sizes are
odd and large enough for every op to be shared among threads.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from tf_ops import library
from tf_ops.attention import native as attention
from tf_ops.clustering import clustering
from tf_ops.grouping import grouping
from tf_ops.interpolation import interpolation
from tf_ops.sampling import sampling

# One large cloud and several smaller ones: work is shared within clouds and between them.
CLOUDS = ((1, 20011), (5, 2503))  # B, N
NUM_CENTRES = 701
# B, N, M, C; three rows for each of M. The last outputs are written in a way of their own, and so
# are, on one thread alone, the gradients of the last but one.
ROWS = ((1, 2503, 3001, 67), (3, 1009, 601, 129), (1, 301, 601, 128), (1, 2003, 9001, 128))
ATTENTION = ((1, 1100, 700, 5, 40), (3, 130, 260, 64, 16))  # B, N, M, D, C
EMBEDDINGS = ((1, 4099, 5), (5, 1201, 3))  # B, N, E


def normal(seed: int, *shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).standard_normal(shape, np.float32))


def clouds() -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
    for batch, num_points in CLOUDS:
        xyz = normal(0, batch, num_points, 3)
        yield xyz, xyz[:, :NUM_CENTRES] + np.float32(0.01)


def rows() -> Iterable[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Points `[B, N, C]`, index and weights `[B, M, 3]`; some points are taken very often."""
    for batch, num_points, num_rows, channels in ROWS:
        rng = np.random.default_rng(1)
        index = (num_points * rng.random((batch, num_rows, 3)) ** 3).astype(np.int32)
        yield normal(2, batch, num_points, channels), tf.constant(index), normal(3, *index.shape)


def with_gradient(run: Callable, *inputs: tf.Tensor) -> list[tf.Tensor]:
    """What `run` gives and the gradients of a fixed upstream."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = run(*inputs)
    upstream = tf.cos(tf.range(tf.size(output), dtype=tf.float32))
    return [output, *tape.gradient(output, inputs, tf.reshape(upstream, tf.shape(output)))]


def farthest_point_sample() -> Iterable:
    return [sampling.farthest_point_sample(xyz, 101) for xyz, _ in clouds()]


def ball_query() -> Iterable:
    return [grouping.ball_query(xyz, centres, 0.3, 32) for xyz, centres in clouds()]


def three_nearest() -> Iterable:
    return [interpolation.three_nearest(xyz, centres) for xyz, centres in clouds()]


def gather_points() -> Iterable:
    for points, index, _ in rows():
        yield with_gradient(lambda p, i=index[:, :, 0]: sampling.gather_points(p, i), points)


def group_points() -> Iterable:
    for points, index, _ in rows():
        yield with_gradient(lambda p, i=index: grouping.group_points(p, i), points)


def interpolate() -> Iterable:
    for points, index, weights in rows():
        yield with_gradient(
            lambda p, i=index, w=weights: interpolation.interpolate(p, i, w), points
        )


def attend() -> Iterable:
    for batch, num_queries, num_keys, width, channels in ATTENTION:
        inputs = (
            normal(4, batch, num_queries, width),
            normal(5, batch, num_keys, width),
            normal(6, batch, num_keys, channels),
        )
        yield with_gradient(lambda q, k, v: attention.attend(q, k, v, 0.5), *inputs)


def mean_shift() -> Iterable:
    for seed, shape in enumerate(EMBEDDINGS):
        spread = 0.2 * normal(seed, *shape)
        yield clustering.mean_shift(spread + tf.round(3 * normal(7, *shape)), 0.6)


OPS = (
    *(farthest_point_sample, gather_points, ball_query, group_points),
    *(three_nearest, interpolate, attend, mean_shift),
)


def digest(run: Callable[[], Iterable]) -> str:
    """sha256 of the bits of every output and gradient."""
    found = hashlib.sha256()
    with tf.device("CPU:0"):
        for tensor in tf.nest.flatten(list(run())):
            found.update(tensor.numpy().tobytes())
    return found.hexdigest()


def main(num_threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    assert not library.use_stock()
    print(json.dumps({run.__name__: [digest(run), digest(run)] for run in OPS}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
