"""Prints how much memory native attention takes, as JSON.

    python tests/support/attention_memory.py

Run as its own process, so that nothing else moves the memory peak.
"""

import json

import numpy as np
import tensorflow as tf

from tf_ops.attention import native


def gradients(query, key, value):
    """The output and the three gradients of a fixed upstream."""
    with tf.GradientTape() as tape:
        tape.watch([query, key, value])
        output = native.attend(query, key, value, 0.5)
    upstream = tf.cos(tf.range(tf.size(output), dtype=tf.float32))
    grads = tape.gradient(output, [query, key, value], tf.reshape(upstream, tf.shape(output)))
    return [output, *grads]


def draw(batch, num_queries, num_keys, width, channels):
    rng = np.random.default_rng(0)
    shapes = ((batch, num_queries, width), (batch, num_keys, width), (batch, num_keys, channels))
    return [tf.constant(rng.standard_normal(shape, np.float32)) for shape in shapes]


def status_mib(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def peak_mib(work):
    """Memory that `work` takes at most, above what is resident before it."""
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")
    before = status_mib("VmRSS")
    work()
    return status_mib("VmHWM") - before


def main():
    tf.config.threading.set_intra_op_parallelism_threads(2)  # each thread has buffers of its own
    found = {}
    with tf.device("CPU:0"):
        inputs = draw(1, 4096, 4096, 64, 64)
        found["forward_mib"] = peak_mib(lambda: native.attend(*inputs))
        found["both_mib"] = peak_mib(lambda: gradients(*inputs))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
