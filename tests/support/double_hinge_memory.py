"""Prints, as JSON, the memory in MiB that SGPN's loss of similarities and its gradient take.

    python tests/support/double_hinge_memory.py 4096 ...

One block of each size, which must ascend. Run as its own process, so that nothing else moves the
memory peak.
"""

import json
import sys

import numpy as np
import tensorflow as tf

from attention_memory import peak_mib
from ban_tf.config import SimilarityLossConfig
from ban_tf.losses.double_hinge import double_hinge


@tf.function(reduce_retracing=True)
def gradient(features, instance):
    weight = tf.ones(tf.shape(instance))
    with tf.GradientTape() as tape:
        tape.watch(features)
        pairs = double_hinge(features, instance, instance, weight, 2.0, SimilarityLossConfig())
    return tape.gradient(pairs.loss, features), pairs.iou


def main(sizes):
    rng = np.random.default_rng(0)

    def draw(size):
        features = rng.random((1, size, 128), np.float32)
        return tf.constant(features), tf.constant(rng.integers(0, 9, (1, size)), tf.int32)

    gradient(*draw(100))
    gradient(*draw(200))  # any size from here on
    inputs = [draw(size) for size in sizes]
    print(json.dumps([peak_mib(lambda data=data: gradient(*data)) for data in inputs]))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
