"""Solids with a material, and the scene they make up.

Everything is a box, an upright cylinder or an ellipsoid. A piece of furniture is a list of parts
in its own frame: x along its width, y from its back to its front, z up from the floor.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

BOX, CYLINDER, ELLIPSOID = range(3)
PLAIN, WOOD, FABRIC, TILES, BOOKS, GLASS, MARKER, PAPERS = range(8)

Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Material:
    """Colour, 0-255, and the pattern that varies it (see `materials.paint`)."""

    color: Vector
    texture: int = PLAIN


@dataclasses.dataclass(frozen=True)
class Part:
    """One solid: `half` its half extents, turned by `tilt` about x, then by `yaw` about z."""

    kind: int
    centre: Vector
    half: Vector
    material: Material
    yaw: float = 0.0
    tilt: float = 0.0


def box(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    material: Material,
    yaw: float = 0.0,
    tilt: float = 0.0,
) -> Part:
    """A box between the bounds given on each axis, turned about its centre."""
    centre = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, (z[0] + z[1]) / 2)
    half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2, (z[1] - z[0]) / 2)
    return Part(BOX, centre, half, material, yaw, tilt)


def cylinder(x: float, y: float, z: tuple[float, float], radius: float, material: Material) -> Part:
    """An upright cylinder."""
    low, high = z
    return Part(CYLINDER, (x, y, (low + high) / 2), (radius, radius, (high - low) / 2), material)


def ellipsoid(centre: Vector, half: Vector, material: Material) -> Part:
    """An ellipsoid with its axes along x, y and z."""
    return Part(ELLIPSOID, centre, half, material)


@dataclasses.dataclass(frozen=True)
class Solids:
    """The parts of a scene as arrays; `P` parts in room coordinates.

    Args:
        kind: int `[P]`, one of `BOX`, `CYLINDER`, `ELLIPSOID`.
        centre: float64 `[P, 3]`, metres.
        rotation: float64 `[P, 3, 3]`; columns are the part's axes.
        half: float64 `[P, 3]` half extents, metres.
        color: float64 `[P, 3]`, 0-255.
        texture: int `[P]`.
        object: int `[P]`, index of the object that the part belongs to.
    """

    kind: np.ndarray
    centre: np.ndarray
    rotation: np.ndarray
    half: np.ndarray
    color: np.ndarray
    texture: np.ndarray
    object: np.ndarray


class Scene:
    """Objects of a room, each with a class and some parts."""

    def __init__(self) -> None:
        self.class_names: list[str] = []  # of every object
        self._parts: list[tuple[Part, int, Vector, float]] = []

    def add(
        self,
        class_name: str,
        parts: Iterable[Part],
        at: Vector = (0.0, 0.0, 0.0),
        yaw: float = 0.0,
    ) -> None:
        """Adds an object: its parts turned by `yaw` about z, then moved to `at`."""
        index = len(self.class_names)
        self.class_names.append(class_name)
        self._parts += [(part, index, at, yaw) for part in parts]

    def solids(self) -> Solids:
        """Returns all parts in room coordinates."""
        parts = [part for part, *_ in self._parts]
        yaw = np.array([yaw for *_, yaw in self._parts])
        at = np.array([at for _, _, at, _ in self._parts])
        centre = np.array([part.centre for part in parts])
        own = rotations(
            np.array([part.yaw for part in parts]), np.array([part.tilt for part in parts])
        )
        turn = rotations(yaw, np.zeros(len(parts)))
        return Solids(
            kind=np.array([part.kind for part in parts]),
            centre=np.einsum("pij,pj->pi", turn, centre) + at,
            rotation=turn @ own,
            half=np.array([part.half for part in parts]),
            color=np.array([part.material.color for part in parts], np.float64),
            texture=np.array([part.material.texture for part in parts]),
            object=np.array([index for _, index, _, _ in self._parts]),
        )


def rotations(yaw: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """Rotation matrices `[P, 3, 3]`: by `tilt` about x first, then by `yaw` about z (radians)."""
    cos_yaw, sin_yaw, cos_tilt, sin_tilt = np.cos(yaw), np.sin(yaw), np.cos(tilt), np.sin(tilt)
    zero = np.zeros_like(yaw)
    rows = [
        [cos_yaw, -sin_yaw * cos_tilt, sin_yaw * sin_tilt],
        [sin_yaw, cos_yaw * cos_tilt, -cos_yaw * sin_tilt],
        [zero, sin_tilt, cos_tilt],
    ]
    return np.moveaxis(np.array(rows), -1, 0)
