"""Points on the surfaces of solids, as even as PartNet's own are on meshes."""

from collections.abc import Sequence

import numpy as np

from ban_tf.data.synthetic.shapes import BOX, CYLINDER, Part, rotations


def sample(
    solids: Sequence[Part], num_points: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws points on all surfaces, as many on each as it has area.

    Args:
        solids: at least one.
        num_points: N.
        rng: gives every draw.

    Returns:
        float64 `[N, 3]` points, float64 `[N, 3]` normals, and int64 `[N]` the solid of each.
    """
    surfaces = np.array([_area(solid) for solid in solids])
    owner = rng.choice(len(solids), num_points, p=surfaces / surfaces.sum())
    points, normals = np.empty((num_points, 3)), np.empty((num_points, 3))
    for number in np.unique(owner):
        rows, solid = np.flatnonzero(owner == number), solids[number]
        local, normal = _on_unit(solid, len(rows), rng)
        turn = rotations(np.array([solid.yaw]), np.array([solid.tilt]))[0]
        half = np.array(solid.half)
        points[rows] = (local * half) @ turn.T + np.array(solid.centre)
        outward = normal / half
        normals[rows] = outward / np.linalg.norm(outward, axis=1, keepdims=True) @ turn.T
    return points, normals, owner


def _area(solid: Part) -> float:
    x, y, z = solid.half
    if solid.kind == BOX:
        return 8 * (x * y + y * z + x * z)
    if solid.kind == CYLINDER:
        return 2 * np.pi * x * (x + 2 * z)
    mean = (((x * y) ** 1.6 + (x * z) ** 1.6 + (y * z) ** 1.6) / 3) ** (1 / 1.6)
    return 4 * np.pi * mean  # Thomsen's formula, right to about a hundredth


def _on_unit(solid: Part, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals on the solid of half extents 1, its faces weighted by their true area."""
    x, y, z = solid.half
    if solid.kind == BOX:
        axis = rng.choice(3, count, p=np.array([y * z, x * z, x * y]) / (y * z + x * z + x * y))
        local, normal = rng.uniform(-1, 1, (count, 3)), np.zeros((count, 3))
        normal[np.arange(count), axis] = rng.choice((-1.0, 1.0), count)
        local[np.arange(count), axis] = normal[np.arange(count), axis]
        return local, normal
    angle = rng.uniform(0, 2 * np.pi, count)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if solid.kind == CYLINDER:
        on_end = rng.random(count) < x / (x + 2 * z)
        end = rng.choice((-1.0, 1.0), count)
        radius = np.where(on_end, np.sqrt(rng.random(count)), 1.0)
        height = np.where(on_end, end, rng.uniform(-1, 1, count))
        normal = np.column_stack([circle * ~on_end[:, None], end * on_end])
        return np.column_stack([circle * radius[:, None], height]), normal
    height = rng.uniform(-1, 1, count)
    ball = np.column_stack([circle * np.sqrt(1 - height**2)[:, None], height])
    return ball, ball
