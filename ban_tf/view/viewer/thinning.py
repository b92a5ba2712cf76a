"""Which points of a large cloud a page shows, and in which order."""

import numpy as np

from ban_tf.data.samples import ordering


def rows(xyz: np.ndarray, max_points: int) -> np.ndarray:
    """Rows of the points to show, along a space-filling curve.

    Neighbours in this order are neighbours in space, so that the points compress well, and every
    m-th of them is an even sample of the whole. Nothing is random.

    Args:
        xyz: float64 `[N, 3]`, finite.
        max_points: M at most, at least 1.

    Returns:
        int64 `[min(N, M)]`, each row at most once.

    Example:
        >>> rows(np.array([[0.0, 0, 0], [9, 9, 9], [1, 1, 1], [8, 8, 8]]), max_points=2)
        array([0, 3])
    """
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    order = np.argsort(ordering.morton_code(xyz - low, high - low), kind="stable")
    count = min(len(order), max_points)
    return order[np.arange(count) * len(order) // count]
