"""A cloud as one sample, such as a piece of furniture."""

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Shapes
from ban_tf.data.samples import ordering
from ban_tf.data.samples.frame import frame_of


def plan_training(cloud: Cloud, config: Shapes, rng: np.random.Generator) -> np.ndarray:
    """Chooses the points of a shape at random: without repeats where it has enough.

    A shape of exactly P points keeps their order. Of fewer, all are kept, and the rest is drawn
    from them again.

    Args:
        cloud: the shape.
        config: P.
        rng: gives every draw.

    Returns:
        int64 `[1, P]` rows of the cloud.

    Raises:
        ValueError: the cloud is empty.
    """
    frame_of(cloud)
    num_points = len(cloud)
    if num_points > config.num_points:
        return rng.choice(num_points, config.num_points, replace=False)[None]
    repeats = rng.integers(0, num_points, config.num_points - num_points)
    return np.concatenate([np.arange(num_points), repeats])[None]


def plan_covering(cloud: Cloud, config: Shapes) -> np.ndarray:
    """Chooses points spread evenly over a shape; nothing is random.

    Args:
        cloud: the shape.
        config: P.

    Returns:
        int64 `[1, P]` rows of the cloud. Of a shape with fewer points every one is there; of one
        with more, those that are not take the labels of the nearest one that is.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    frame = frame_of(cloud)
    curve = np.argsort(ordering.morton_code(cloud.xyz - frame.origin, frame.extent), kind="stable")
    places = ordering.scattered(config.num_points)
    return curve[places * len(cloud) // config.num_points][None]
