"""Makes the channels that a network sees of every point: the functions behind `config.features`."""

from collections.abc import Callable

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks, Features, Sampling
from ban_tf.data.samples.frame import Frame

# From the points' offsets from the frame's origin, float64 [K, P, 3], to channels [K, P, C].
_Make = Callable[[np.ndarray, Frame, Sampling], np.ndarray]


def make(
    cloud: Cloud, plan: np.ndarray, frame: Frame, samples: Sampling, features: Features
) -> np.ndarray:
    """Computes the channels of planned points; a sample's do not depend on the other samples.

    Args:
        cloud: the cloud that was planned.
        plan: int `[K, P]` rows of the cloud.
        frame: of the cloud.
        samples: tells the edge of a block.
        features: which channels, in which order.

    Returns:
        float32 `[K, P, C]`. Colours are zero where the cloud has none; the share of an axis on
        which the cloud has no extent is zero.
    """
    shifted = cloud.xyz[plan] - frame.origin
    made = np.zeros((*plan.shape, features.num_channels), np.float32)
    if not plan.size:
        return made
    for name, place in features.places().items():
        if name == "rgb":
            if cloud.rgb is not None:
                made[..., place] = cloud.rgb[plan] / 255.0
        else:
            made[..., place] = MAKERS[name](shifted, frame, samples)
    return made


def _block_xyz(shifted: np.ndarray, frame: Frame, samples: Sampling) -> np.ndarray:
    """x and y from the block's middle, half an edge from its least x and y; height as it is."""
    assert isinstance(samples, Blocks)  # which `Experiment` asks for
    middle = shifted[..., :2].min(axis=1, keepdims=True) + samples.size_m / 2
    return np.concatenate([shifted[..., :2] - middle, shifted[..., 2:]], axis=-1)


def shares_of_extent(shifted: np.ndarray, frame: Frame) -> np.ndarray:
    """Offsets from the frame's origin as shares of its extent: float64 `[..., 3]`, in [0, 1]."""
    shifted = frame.within(shifted)
    return shifted / np.where(frame.extent > 0, frame.extent, 1.0)


def _room_xyz(shifted: np.ndarray, frame: Frame, samples: Sampling) -> np.ndarray:
    return shares_of_extent(shifted, frame)


def _xyz(shifted: np.ndarray, frame: Frame, samples: Sampling) -> np.ndarray:
    """About the middle of the cloud's box, scaled so that the box fits into the unit sphere."""
    radius = np.linalg.norm(frame.extent) / 2
    return (shifted - frame.extent / 2) / (radius if radius > 0 else 1.0)


MAKERS: dict[str, _Make] = {"block_xyz": _block_xyz, "room_xyz": _room_xyz, "xyz": _xyz}
