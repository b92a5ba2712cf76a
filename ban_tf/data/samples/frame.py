"""Where a cloud begins and how far it reaches: what positions are measured against."""

import dataclasses

import numpy as np

from ban_tf.clouds.cloud import Cloud

_MAX_EXTENT_M = 10_000.0


@dataclasses.dataclass(frozen=True)
class Frame:
    """The frame of one cloud, in metres.

    Args:
        origin: float64 `[3]`, the least x, y and z.
        extent: float64 `[3]`, the greatest x, y and z after `origin` was taken off.
    """

    origin: np.ndarray
    extent: np.ndarray


def frame_of(cloud: Cloud) -> Frame:
    """The frame of a cloud.

    Raises:
        ValueError: the cloud is empty, or wider than 10 km (not in metres).

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> frame_of(unlabelled("scan", np.array([[1.0, 2, 3], [4, 2, 8]]))).extent
        array([3., 0., 5.])
    """
    if len(cloud) == 0:
        raise ValueError(f"cloud {cloud.name} must have at least one point. Received: 0 points")
    origin = cloud.xyz.min(axis=0)
    extent = cloud.xyz.max(axis=0) - origin
    if extent.max() > _MAX_EXTENT_M:
        raise ValueError(
            f"cloud {cloud.name} must be in metres and at most {_MAX_EXTENT_M:.0f} m wide; rescale "
            f"it or drop stray points. Received: extent={extent.round(3).tolist()}"
        )
    return Frame(origin, extent)
