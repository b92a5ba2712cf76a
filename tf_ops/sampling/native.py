"""The compiled kernel of sampling; called through `sampling.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library


def farthest_point_sample(xyz: Any, num_samples: int) -> tf.Tensor:
    """As `sampling.farthest_point_sample`."""
    return library.ops().ban_farthest_point_sample(xyz=xyz, num_samples=num_samples)


tf.no_gradient("Ban>FarthestPointSample")
