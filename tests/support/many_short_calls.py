"""Calls an op thousands of times from several threads at once; prints how many results differ.

    python tests/support/many_short_calls.py

Run as its own process, because TensorFlow's number of threads is fixed at its first op. Each call
is just long enough to be shared, so threads of the pool often come when all is done.
"""

import concurrent.futures

import numpy as np
import tensorflow as tf

from tf_ops.sampling import sampling

THREADS, CALLERS, CALLS = 5, 4, 300
NUM_SAMPLES = 400


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    rng = np.random.default_rng(0)
    xyz = tf.constant(rng.random((8, 1024, 3), np.float32))
    expected = sampling.farthest_point_sample(xyz, NUM_SAMPLES).numpy()

    def call(_: int) -> bool:
        return bool((sampling.farthest_point_sample(xyz, NUM_SAMPLES).numpy() != expected).any())

    with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
        print(sum(callers.map(call, range(CALLERS * CALLS))))


if __name__ == "__main__":
    main()
