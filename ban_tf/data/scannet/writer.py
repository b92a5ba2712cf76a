"""Writes generated rooms in ScanNetV2's raw format, for those who have none of the real scans.

A room's scan becomes a mesh: a vertex per small cell that holds an echo, and faces between cells
that touch. Segments are patches of the objects, as the over-segmentation of the real meshes.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import plyfile

from ban_tf import disk
from ban_tf.data import synthetic
from ban_tf.data.facts import rows_of
from ban_tf.data.scannet import label_map, layout
from ban_tf.data.scannet.layout import ScanFiles

_FIRST_SCENE = 9001  # no scan of the data set has such a number
_ROOMS_PER_WING = 4
_POINTS_PER_M2 = 3000.0
_CELL_M, _PATCH_M = 0.05, 0.5
_UNSEEN = ("ceiling", "beam")  # who scans by hand hardly looks up
_UNANNOTATED_SHARE = 0.1  # of the small things
# What the generator's classes are called in the annotations, with their NYU40 ids.
_RAW_NAMES = {
    "floor": 2, "wall": 1, "door": 8, "window": 9, "table": 7, "desk": 14, "chair": 5,
    "couch": 6, "bookshelf": 10, "whiteboard": 30, "pillar": 38, "picture": 11,
    "trash can": 39, "object": 40,
}  # fmt: skip
_OF_GENERATOR = {
    "sofa": "couch", "bookcase": "bookshelf", "board": "whiteboard", "column": "pillar",
}  # fmt: skip
_COLUMNS = (
    "id", "raw_category", "category", "count", "nyu40id", "eigen13id", "nyuClass", "nyu40class",
    "eigen13class", "ModelNet40", "ModelNet10", "ShapeNetCore55", "synsetoffset", "wnsynsetid",
    "wnsynsetkey", "mpcat40", "mpcat40index",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Mesh:
    """A scanned mesh with annotations; `N` vertices, `F` faces, `G` objects.

    Args:
        xyz: float64 `[N, 3]`, metres.
        rgb: uint8 `[N, 3]`.
        faces: int32 `[F, 3]`.
        segment: int64 `[N]`, as in the files: any numbers.
        object: int32 `[N]`, index into `names`.
        names: raw name of every object; empty for one that nobody annotated.
    """

    xyz: np.ndarray
    rgb: np.ndarray
    faces: np.ndarray
    segment: np.ndarray
    object: np.ndarray
    names: tuple[str, ...]


def write_scans(root: Path, num_scans: Mapping[str, int], seed: int = 0) -> None:
    """Writes rooms as `<root>/scans/<scan>/...`, with lists and a label map beside them.

    Args:
        root: the folder to make; it must not exist, or be empty.
        num_scans: how many of each list, such as `{"train": 6, "val": 2}`.
        seed: any integer from 0; equal arguments give equal files.

    Raises:
        FileExistsError: `root` holds something.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is not an empty folder. Choose another, or move it away.")
    number = _FIRST_SCENE
    with disk.whole(root) as temporary:
        for wing, (part, count) in enumerate(num_scans.items(), start=1):
            names = []
            for mesh in itertools.islice(_meshes(wing, len(num_scans), seed), count):
                name = f"scene{number:04d}_00"
                folder = temporary / "scans" / name
                folder.mkdir(parents=True)
                write_scan(ScanFiles(name, part, folder), mesh, _turn(number, seed))
                names.append(name)
                number += 1
            (temporary / layout.LIST.format(part)).write_text("".join(f"{n}\n" for n in names))
        write_label_map(temporary / label_map.NAMES[0])


def write_scan(files: ScanFiles, mesh: Mesh, turn: float = 0.0) -> None:
    """Writes the files of one scan, turned about z; its alignment turns it back.

    Args:
        files: where; the folder is there.
        mesh: in the axes of the room.
        turn: radians.
    """
    cos, sin = np.cos(turn), np.sin(turn)
    turned = mesh.xyz @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    write_mesh(files.mesh, turned, mesh.faces, {**_channels(mesh.rgb), "alpha": 255})
    nyu40 = np.array([_RAW_NAMES.get(name, 0) for name in mesh.names], np.uint16)
    labels = {**_channels(mesh.rgb), "alpha": 255, "label": nyu40[mesh.object]}
    write_mesh(files.labels, turned, mesh.faces, labels)
    segments = {"params": {"kThresh": "0.010000"}, "sceneId": files.name}
    _write_json(files.segments, {**segments, "segIndices": mesh.segment.tolist()})
    groups = [
        {
            "id": row,
            "objectId": row,
            "segments": np.unique(mesh.segment[mesh.object == index]).tolist(),
            "label": mesh.names[index],
        }
        for row, index in enumerate(i for i, name in enumerate(mesh.names) if name)
    ]
    origin = {"sceneId": f"scannet.{files.name}", "appId": "generated", "segGroups": groups}
    _write_json(files.aggregation, {**origin, "segmentsFile": f"scannet.{files.segments.name}"})
    back = [cos, sin, 0, 0, -sin, cos, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    numbers = " ".join(f"{value:.6f}" for value in back)
    files.meta.write_text(f"axisAlignment = {numbers}\nsceneType = Generated\n")


def write_mesh(
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


def write_label_map(path: Path) -> None:
    """Writes the label map of the generated names: v2's columns, most of them empty."""
    ids = {row["name"]: row["id"] for row in rows_of(__package__, "classes_200.tsv")}
    lines = ["\t".join(_COLUMNS)]
    for row, (name, nyu40) in enumerate(_RAW_NAMES.items()):
        # Names that are none of the 200 classes get numbers that none of these has.
        values = {"id": ids.get(name, str(_FIRST_SCENE + row)), "nyu40id": str(nyu40)}
        values |= {"raw_category": name, "category": name}
        lines.append("\t".join(values.get(column, "") for column in _COLUMNS))
    path.write_text("".join(f"{line}\n" for line in lines))


def _meshes(wing: int, step: int, seed: int) -> Iterator[Mesh]:
    """Rooms of every `step`-th wing, so that lists share none."""
    for number in itertools.count(wing, step):
        for room in synthetic.scan_wing(number, _ROOMS_PER_WING, _POINTS_PER_M2, seed):
            yield mesh_of(room, np.random.default_rng([seed, number, len(room.xyz)]))


def mesh_of(room: synthetic.Scan, rng: np.random.Generator) -> Mesh:
    """The mesh of a generated room, annotated as in ScanNet."""
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
        names=tuple(_raw_names(room, xyz, owner, rng)),
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


def _raw_names(
    room: synthetic.Scan, xyz: np.ndarray, owner: np.ndarray, rng: np.random.Generator
) -> Iterator[str]:
    floor = xyz[:, 2].min()
    for index, name in enumerate(room.class_names):
        height = xyz[owner == index, 2].min(initial=np.inf) - floor
        if name == "clutter":
            name = "trash can" if height < 0.2 else "picture" if height > 1 else "object"
            if rng.random() < _UNANNOTATED_SHARE:
                name = ""
        elif name == "table" and room.name.startswith("office"):
            name = "desk"
        is_seen = bool(np.isfinite(height))
        yield _OF_GENERATOR.get(name, name) if is_seen else ""


def _turn(number: int, seed: int) -> float:
    return float(np.random.default_rng([seed, number]).uniform(0, 2 * np.pi))


def _channels(rgb: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("red", "green", "blue"), rgb.T, strict=True))


def _kind(values: np.ndarray | int) -> str:
    return "u1" if isinstance(values, int) else values.dtype.str[1:]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))
