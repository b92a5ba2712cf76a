"""Random changes of training samples; the paper uses none."""

import numpy as np

from ban_tf.config import AugmentationConfig, Features
from ban_tf.config.features import KNOWN


def augment(
    features: np.ndarray,
    channels: Features,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Rotates, scales and jitters samples and takes colours away; each sample on its own.

    Only channels that move do (`config.features.KNOWN`). A position as a share of the room tells
    where a point was scanned, which a turned block does not change.

    Args:
        features: float32 `[B, P, C]`.
        channels: what they are.
        config: what to change and how much.
        rng: gives all draws.

    Returns:
        float32 `[B, P, C]`; the input itself stays as it is.

    Example:
        >>> features = np.ones((1, 2, 3), np.float32)
        >>> config = AugmentationConfig(scale=0.5)
        >>> changed = augment(
        ...     features, Features(names=("xyz",)), config, np.random.default_rng(0)
        ... )
        >>> bool((changed != features).all())
        True
    """
    features = features.copy()
    num_samples = len(features)
    if config.rotate_z:
        angle = rng.uniform(0, 2 * np.pi, (num_samples, 1))
        for xyz in _moving(features, channels):
            _rotate_z(xyz, angle)
    if config.scale:
        factor = rng.uniform(1 - config.scale, 1 + config.scale, (num_samples, 1, 1))
        for xyz in _moving(features, channels):
            xyz *= factor
    if config.jitter_m:
        for xyz in _moving(features, channels):
            xyz += rng.normal(0, config.jitter_m, xyz.shape)
    if config.drop_color:
        dropped = rng.random(num_samples) < config.drop_color
        for name, place in channels.places().items():
            if KNOWN[name].is_color:
                features[dropped, :, place] = 0
    return features


def _moving(features: np.ndarray, channels: Features) -> list[np.ndarray]:
    """Views of the coordinates that may move, `[B, P, 3]` each."""
    return [features[..., place] for name, place in channels.places().items() if KNOWN[name].moves]


def _rotate_z(xyz: np.ndarray, angle: np.ndarray) -> None:
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = xyz[..., 0].astype(np.float64), xyz[..., 1].astype(np.float64)
    xyz[..., 0] = cosine * x - sine * y
    xyz[..., 1] = sine * x + cosine * y
