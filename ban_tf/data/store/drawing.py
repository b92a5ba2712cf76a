"""Which points of a cloud its stored samples were drawn from, whenever that is asked."""

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks
from ban_tf.data import samples
from ban_tf.data.store import manifest


def plan(cloud: Cloud, settings: manifest.Settings) -> np.ndarray:
    """int64 `[K, P]` rows of the cloud: the samples that a store of these settings has of it.

    The draw depends on the seed and the cloud's name alone, so neither the order of the clouds nor
    the number of workers changes it.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    rng = np.random.default_rng([settings.seed, *cloud.name.encode()])
    return samples.plan_training(cloud, settings.samples, rng)


def exact_shares(cloud: Cloud, settings: manifest.Settings) -> np.ndarray | None:
    """The channels `room_xyz` of the drawn points before they are rounded to float32.

    ASIS and BAN cut the rooms of the test anew and take the voxels of their merging from these;
    rounded, points on the borders of voxels change sides, in rooms of round coordinates up to six
    of a hundred.

    Args:
        cloud: as it was read.
        settings: of the store.

    Returns:
        float64 `[K, P, 3]`; None where the samples are shapes, which are not merged.

    Raises:
        ValueError: the cloud is empty, or not in metres.
    """
    if not isinstance(settings.samples, Blocks):
        return None
    frame = samples.frame_of(cloud)
    shares = samples.shares_of_extent(cloud.xyz - frame.origin, frame)
    return shares[plan(cloud, settings)]
