"""Prints the peak memory of ASIS's association with its gradient, in MiB, as JSON.

    python tests/support/association_memory.py 2048 4096

One block of each size asked for. Run as its own process, so that nothing else moves the memory
peak. Sizes must ascend.
"""

import dataclasses
import json
import sys

import numpy as np
import tensorflow as tf

from attention_memory import peak_mib
from ban_tf.config import AsisConfig
from ban_tf.model.association import InstanceAssociation


def main(sizes: list[int]) -> None:
    layer = InstanceAssociation(**dataclasses.asdict(AsisConfig()))

    @tf.function(input_signature=[tf.TensorSpec((None, None, 5)), tf.TensorSpec((None, None, 128))])
    def both_ways(embedding, features):
        with tf.GradientTape() as tape:
            tape.watch(features)
            total = tf.reduce_sum(layer(embedding, features))
        return tape.gradient(total, features)

    both_ways(tf.zeros((1, 64, 5)), tf.zeros((1, 64, 128)))
    rng, peaks = np.random.default_rng(0), []
    for size in sizes:
        embedding, features = (
            tf.constant(rng.normal(size=(1, size, width)), tf.float32) for width in (5, 128)
        )
        peaks.append(peak_mib(lambda x=embedding, y=features: both_ways(x, y)))
    print(json.dumps(peaks))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
