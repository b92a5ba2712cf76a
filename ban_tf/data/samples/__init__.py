"""How clouds become samples for the network: cut into blocks, or each a shape of its own.

Every function here takes `config.Blocks` or `config.Shapes` and leaves the work to the module of
that name, so nothing else needs to ask which of them an experiment has.
"""

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks, Features, Sampling
from ban_tf.data.samples import blocks, features, shapes
from ban_tf.data.samples.arrays import Samples
from ban_tf.data.samples.features import shares_of_extent
from ban_tf.data.samples.frame import Frame, doubt_of_metres, frame_of, shown

__all__ = [
    "Frame",
    "Samples",
    "doubt_of_metres",
    "frame_of",
    "gather",
    "plan_covering",
    "plan_training",
    "shares_of_extent",
    "shown",
]


def plan_training(cloud: Cloud, config: Sampling, rng: np.random.Generator) -> np.ndarray:
    """Plans samples to train on, as the originals draw them; also those of the legacy protocol.

    Args:
        cloud: a labelled cloud.
        config: how it becomes samples.
        rng: gives every draw.

    Returns:
        int64 `[K, P]` rows of the cloud; K may be 0 for blocks, and is 1 for shapes.

    Raises:
        ValueError: the cloud is empty, or not in metres.

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> from ban_tf.config import Shapes
        >>> cloud = unlabelled("chair", np.random.default_rng(0).uniform(0, 1, (3, 3)))
        >>> plan_training(cloud, Shapes(num_points=3), np.random.default_rng(0))
        array([[0, 1, 2]])
    """
    if isinstance(config, Blocks):
        return blocks.plan_training(cloud, config, rng)
    return shapes.plan_training(cloud, config, rng)


def plan_covering(cloud: Cloud, config: Sampling) -> np.ndarray:
    """Plans samples from which every point of the cloud gets its labels; nothing is random.

    Args:
        cloud: any cloud with points.
        config: how it becomes samples.

    Returns:
        int64 `[K, P]` rows of the cloud, K at least 1.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    if isinstance(config, Blocks):
        return blocks.plan_covering(cloud, config)
    return shapes.plan_covering(cloud, config)


def gather(
    cloud: Cloud,
    plan: np.ndarray,
    config: Sampling,
    channels: Features,
    frame: Frame | None = None,
) -> Samples:
    """Computes the features and takes the labels of planned samples.

    Args:
        cloud: the cloud that was planned.
        plan: int `[K, P]` rows of the cloud: a whole plan or any slice of it.
        config: how the cloud became samples.
        channels: what the network sees.
        frame: `frame_of(cloud)`, to spare computing it for every slice; None computes it.

    Raises:
        ValueError: the cloud is empty, or not in metres.

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> cloud = unlabelled("scan", np.random.default_rng(0).uniform(0, 1, (500, 3)))
        >>> config = Blocks(num_points=64)
        >>> gather(cloud, plan_covering(cloud, config), config, Features()).features.shape
        (8, 64, 9)
    """
    frame = frame_of(cloud) if frame is None else frame
    made = features.make(cloud, plan, frame, config, channels)
    return Samples(made, cloud.semantic[plan], cloud.instance[plan])
