"""The compiled kernel of clustering; called through `clustering.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library


def mean_shift(
    embedding: Any, bandwidth: Any, bin_seeding: bool, max_iterations: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """As `clustering.mean_shift`."""
    result = library.ops().ban_mean_shift(
        embedding=embedding,
        bandwidth=bandwidth,
        bin_seeding=bin_seeding,
        max_iterations=max_iterations,
    )
    return result.labels, result.centres, result.num_clusters


tf.no_gradient("Ban>MeanShift")
