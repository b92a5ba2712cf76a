"""Small made clouds with scored predictions, in which everything that matters happens."""

import numpy as np


def scored_cloud(seed, num_points=240, num_classes=4, num_objects=9, none=True, ties=False):
    """Truth and a damaged copy of it with a score for each predicted instance.

    Objects are runs of points, so that a prediction whose ends are moved overlaps its neighbours.

    Returns:
        truth_semantic, truth_instance, predicted_semantic, predicted_instance, scores.
    """
    rng = np.random.default_rng(seed)
    place = np.arange(num_points)
    cuts = np.sort(rng.integers(0, num_points + 1, num_objects - 1))
    truth = np.searchsorted(cuts, place, side="right")
    semantic = rng.integers(0, num_classes, num_objects)[truth]
    spread = max(num_points // 30, 1)
    moved = np.sort(cuts + rng.integers(-spread, spread + 1, len(cuts)))
    moved = moved[rng.random(len(moved)) < 0.85]
    found = np.searchsorted(moved, place, side="right")
    guess = np.where(
        rng.random(num_points) < 0.15, rng.integers(0, num_classes, num_points), semantic
    )
    scores = rng.random(num_objects)
    if ties:
        scores = np.round(scores * 3) / 3
    if none:
        semantic = np.where(rng.random(num_points) < 0.08, -1, semantic)
        truth = np.where(np.isin(truth, rng.integers(0, num_objects, 1)), -1, truth)
        found = np.where(rng.random(num_points) < 0.08, -1, found)
    return semantic, truth, guess, found, scores
