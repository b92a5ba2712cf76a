"""Boxes around points that stand upright."""

import numpy as np
from scipy import spatial


def oriented_box(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The upright box of least ground area around some points.

    Args:
        xyz: float64 `[N, 3]`, at least one point, z up.

    Returns:
        The middle `[3]`, the size `[3]` (length, width, height), and the angle of the length about
        z from x in radians, in [0, pi).

    Example:
        >>> corners = np.array([[0.0, 0, 0], [2, 2, 0], [1, 3, 1], [-1, 1, 1]])
        >>> center, size, yaw = oriented_box(corners)
        >>> center.round(6).tolist(), (size**2).round(6).tolist(), round(np.rad2deg(yaw))
        ([0.5, 1.5, 0.5], [8.0, 2.0, 1.0], 45)
    """
    origin = xyz.mean(axis=0)
    ground = xyz[:, :2] - origin[:2]
    hull = _hull(ground)
    edges = np.diff(np.concatenate([hull, hull[:1]]), axis=0)
    # The least rectangle lies along an edge of the hull.
    angles = np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2))
    best: tuple[float, float, np.ndarray, np.ndarray] | None = None
    for angle in angles:
        across = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        turned = hull @ across.T
        low, high = turned.min(axis=0), turned.max(axis=0)
        area = float(np.prod(high - low))
        if best is None or area < best[0] - 1e-12:
            best = (area, float(angle), high - low, across.T @ ((low + high) / 2))
    assert best is not None  # a hull has an edge, if only from a point to itself
    _, yaw, size, middle = best
    if size[1] > size[0]:
        size, yaw = size[::-1], yaw + np.pi / 2
    low, high = xyz[:, 2].min(), xyz[:, 2].max()
    center = np.array([*(middle + origin[:2]), (low + high) / 2])
    return center, np.array([*size, high - low]), float(yaw % np.pi)


def _hull(ground: np.ndarray) -> np.ndarray:
    """float64 `[K, 2]`, the corners of the convex hull; the ends of points on a line."""
    try:
        return ground[spatial.ConvexHull(ground).vertices]
    except (spatial.QhullError, ValueError):  # fewer than three points, or all on a line
        _, _, axes = np.linalg.svd(ground, full_matrices=True)
        along = ground @ axes[0]
        return ground[[int(along.argmin()), int(along.argmax())]]
