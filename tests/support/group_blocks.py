"""Blocks for SGPN's merging, with similarities close to the thresholds."""

import numpy as np

from ban_tf.config import GroupMergingConfig


def mode(values):
    """The most frequent value, ties to the smallest."""
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]


def random_block(rng, num_points, num_groups, num_classes, noise):
    """Features on a lattice around centres, so that ties and borderline similarities are common."""
    group = rng.integers(0, num_groups, num_points)
    centres = rng.integers(-6, 7, (num_groups, 3))
    features = (centres[group] + rng.integers(-noise, noise + 1, (num_points, 3))) / 4
    classes = rng.integers(0, num_classes, num_groups)[group]
    semantic = np.where(rng.random(num_points) < 0.05, rng.integers(0, num_classes), classes)
    return features, group, semantic, rng.choice([0.2, 0.4, 0.5, 0.9], num_points)


def matrix_of(features, margin=GroupMergingConfig.margin):
    return margin * ((features[:, None] - features) ** 2).sum(-1)
