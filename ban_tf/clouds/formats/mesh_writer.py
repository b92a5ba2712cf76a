"""Meshes written as PLY files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import plyfile


def write(
    path: Path,
    xyz: np.ndarray,
    faces: np.ndarray,
    channels: Mapping[str, np.ndarray | int],
    is_text: bool = False,
) -> None:
    """Writes a mesh as PLY.

    Args:
        path: the file.
        xyz: float `[N, 3]`.
        faces: int `[F, 3]`.
        channels: further properties of the vertices, in order; a number is one for all.
        is_text: ASCII instead of binary.
    """
    kinds = {name: _kind(values) for name, values in channels.items()}
    vertices = np.empty(len(xyz), [*((axis, "f4") for axis in "xyz"), *kinds.items()])
    for axis, values in zip("xyz", xyz.T, strict=True):
        vertices[axis] = values
    for name, values in channels.items():
        vertices[name] = values
    corners = np.empty(len(faces), [("vertex_indices", "i4", (3,))])
    corners["vertex_indices"] = faces
    elements = [
        plyfile.PlyElement.describe(vertices, "vertex"),
        plyfile.PlyElement.describe(corners, "face", len_types={"vertex_indices": "u1"}),
    ]
    plyfile.PlyData(elements, text=is_text, byte_order="<").write(str(path))


def _kind(values: np.ndarray | int) -> str:
    return "u1" if isinstance(values, int) else values.dtype.str[1:]
