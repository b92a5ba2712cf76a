"""Rooms as a hand-held scanner's software gives them: a mesh, whose vertices belong to objects.

A room's scan becomes a mesh: a vertex per small cell that holds an echo, and faces between cells
that touch. Segments are patches of the objects, as an over-segmentation of a mesh.
"""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from ban_tf.data.synthetic.building import Scan, scan_wing

_ROOMS_PER_WING = 4
_POINTS_PER_M2 = 3000.0
_CELL_M, _PATCH_M = 0.05, 0.5
_UNSEEN = ("ceiling", "beam")  # who scans by hand hardly looks up
_LOW_M, _HIGH_M = 0.2, 1.0  # above the floor: what stands on it, and what hangs on walls
_UNANNOTATED_SHARE = 0.1  # of the small things


@dataclasses.dataclass(frozen=True)
class Mesh:
    """A scanned mesh with annotations; `N` vertices, `F` faces, `G` objects.

    Args:
        xyz: float64 `[N, 3]`, metres.
        rgb: uint8 `[N, 3]`.
        faces: int32 `[F, 3]`.
        segment: int64 `[N]`, as in the files: any numbers.
        object: int32 `[N]`, index into `names`.
        names: name of every object; empty for one that nobody annotated.
    """

    xyz: np.ndarray
    rgb: np.ndarray
    faces: np.ndarray
    segment: np.ndarray
    object: np.ndarray
    names: tuple[str, ...]


def meshes(wing: int, step: int, seed: int) -> Iterator[Mesh]:
    """Endless rooms of every `step`-th wing, so that lists of different wings share none.

    Args:
        wing: the first, from 1.
        step: to the next wing.
        seed: of the building.
    """
    for number in itertools.count(wing, step):
        for room in scan_wing(number, _ROOMS_PER_WING, _POINTS_PER_M2, seed):
            yield mesh_of(room, np.random.default_rng([seed, number, len(room.xyz)]))


def mesh_of(room: Scan, rng: np.random.Generator) -> Mesh:
    """The mesh of a generated room; what lies about is told apart, some of it by nobody.

    Args:
        room: as it was scanned.
        rng: decides what nobody annotated.
    """
    unseen = np.array([name in _UNSEEN for name in room.class_names])
    rows = np.flatnonzero(~unseen[room.object])
    cells = np.floor(room.xyz[rows] / _CELL_M).astype(np.int64)
    kept, first = np.unique(cells, axis=0, return_index=True)
    rows = rows[first]
    xyz, owner = room.xyz[rows], room.object[rows]
    patches = np.column_stack([owner, np.floor(xyz / _PATCH_M).astype(np.int64)])
    _, vertex, segment = np.unique(patches, axis=0, return_index=True, return_inverse=True)
    return Mesh(
        xyz=xyz,
        rgb=room.rgb[rows],
        faces=_faces(kept),
        segment=vertex[segment.ravel()].astype(np.int64),
        object=owner.astype(np.int32),
        names=tuple(_names(room, xyz, owner, rng)),
    )


def _faces(cells: np.ndarray) -> np.ndarray:
    """int32 `[F, 3]`: two triangles for every four cells that make a square."""
    low = cells.min(axis=0)
    shape = cells.max(axis=0) - low + 2
    keys = np.ravel_multi_index(tuple((cells - low).T), tuple(shape))
    order = np.argsort(keys)
    keys = keys[order]

    def find(step: int) -> tuple[np.ndarray, np.ndarray]:
        at = np.minimum(np.searchsorted(keys, keys + step), len(keys) - 1)
        return order[at], keys[at] == keys + step

    steps = [int(shape[1] * shape[2]), int(shape[2]), 1]
    made = []
    for a, b in itertools.combinations(steps, 2):
        (right, is_right), (up, is_up), (across, is_across) = find(a), find(b), find(a + b)
        whole = is_right & is_up & is_across
        made += [np.stack([order, right, up], 1)[whole], np.stack([up, right, across], 1)[whole]]
    return np.concatenate(made).astype(np.int32)


def _names(
    room: Scan, xyz: np.ndarray, owner: np.ndarray, rng: np.random.Generator
) -> Iterator[str]:
    floor = xyz[:, 2].min()
    for index, name in enumerate(room.class_names):
        height = xyz[owner == index, 2].min(initial=np.inf) - floor
        if name == "clutter":
            name = "bin" if height < _LOW_M else "picture" if height > _HIGH_M else "object"
            if rng.random() < _UNANNOTATED_SHARE:
                name = ""
        elif name == "table" and room.name.startswith("office"):
            name = "desk"
        yield name if np.isfinite(height) else ""
