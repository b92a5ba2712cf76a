"""Random changes of training blocks; the paper uses none."""

import numpy as np

from ban_tf.config import AugmentationConfig


def augment(
    features: np.ndarray, config: AugmentationConfig, rng: np.random.Generator
) -> np.ndarray:
    """Rotates, scales and jitters blocks and takes colours away; each block on its own.

    Only the metric channels move: 0 and 1, whose zero is the block's middle, and 2, the height.
    Channels 6-8 tell where in the room a point was scanned, which a turned block does not change.

    Args:
        features: float32 `[B, P, 9]` of `data.blocks`.
        config: what to change and how much.
        rng: gives all draws.

    Returns:
        float32 `[B, P, 9]`; the input itself stays as it is.
    """
    features = features.copy()
    num_blocks = len(features)
    xyz = features[..., :3]
    if config.rotate_z:
        angle = rng.uniform(0, 2 * np.pi, (num_blocks, 1))
        cosine, sine = np.cos(angle), np.sin(angle)
        x, y = xyz[..., 0].astype(np.float64), xyz[..., 1].astype(np.float64)
        xyz[..., 0] = cosine * x - sine * y
        xyz[..., 1] = sine * x + cosine * y
    if config.scale:
        xyz *= rng.uniform(1 - config.scale, 1 + config.scale, (num_blocks, 1, 1))
    if config.jitter_m:
        xyz += rng.normal(0, config.jitter_m, xyz.shape)
    if config.drop_color:
        features[rng.random(num_blocks) < config.drop_color, :, 3:6] = 0
    return features
