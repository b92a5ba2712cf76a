"""Writes generated rooms in ScanNetV2's raw format, for those who have none of the real scans.

Segments are patches of the objects, as the over-segmentation of the real meshes.
"""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.formats import mesh_writer
from ban_tf.data import synthetic
from ban_tf.data.facts import rows_of
from ban_tf.data.nyu40 import id_of as nyu40_id
from ban_tf.data.scannet import label_map, layout
from ban_tf.data.scannet.layout import ScanFiles

_FIRST_SCENE = 9001  # no scan of the data set has such a number
# What the generator's objects are called in the annotations, and these names in NYU40.
_RAW_NAMES = {
    "floor": ("floor", "floor"),
    "wall": ("wall", "wall"),
    "door": ("door", "door"),
    "window": ("window", "window"),
    "table": ("table", "table"),
    "desk": ("desk", "desk"),
    "chair": ("chair", "chair"),
    "sofa": ("couch", "sofa"),
    "bookcase": ("bookshelf", "bookshelf"),
    "board": ("whiteboard", "whiteboard"),
    "column": ("pillar", "otherstructure"),
    "picture": ("picture", "picture"),
    "bin": ("trash can", "otherfurniture"),
    "object": ("object", "otherprop"),
}
_COLUMNS = (
    "id", "raw_category", "category", "count", "nyu40id", "eigen13id", "nyuClass", "nyu40class",
    "eigen13class", "ModelNet40", "ModelNet10", "ShapeNetCore55", "synsetoffset", "wnsynsetid",
    "wnsynsetkey", "mpcat40", "mpcat40index",
)  # fmt: skip


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
            for mesh in itertools.islice(synthetic.meshes(wing, len(num_scans), seed), count):
                name = f"scene{number:04d}_00"
                folder = temporary / "scans" / name
                folder.mkdir(parents=True)
                write_scan(ScanFiles(name, part, folder), mesh, _turn(number, seed))
                names.append(name)
                number += 1
            (temporary / layout.LIST.format(part)).write_text("".join(f"{n}\n" for n in names))
        write_label_map(temporary / label_map.NAMES[0])


def write_scan(files: ScanFiles, mesh: synthetic.Mesh, turn: float = 0.0) -> None:
    """Writes the files of one scan, turned about z; its alignment turns it back.

    Args:
        files: where; the folder is there.
        mesh: in the axes of the room.
        turn: radians.
    """
    cos, sin = np.cos(turn), np.sin(turn)
    turned = mesh.xyz @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    mesh_writer.write(files.mesh, turned, mesh.faces, {**_channels(mesh.rgb), "alpha": 255})
    raw = [_RAW_NAMES.get(name, ("", "")) for name in mesh.names]
    nyu40 = np.array([nyu40_id(name) if name else 0 for _, name in raw], np.uint16)
    labels = {**_channels(mesh.rgb), "alpha": 255, "label": nyu40[mesh.object]}
    mesh_writer.write(files.labels, turned, mesh.faces, labels)
    segments = {"params": {"kThresh": "0.010000"}, "sceneId": files.name}
    _write_json(files.segments, {**segments, "segIndices": mesh.segment.tolist()})
    groups = [
        {
            "id": row,
            "objectId": row,
            "segments": np.unique(mesh.segment[mesh.object == index]).tolist(),
            "label": raw[index][0],
        }
        for row, index in enumerate(i for i, (name, _) in enumerate(raw) if name)
    ]
    origin = {"sceneId": f"scannet.{files.name}", "appId": "generated", "segGroups": groups}
    _write_json(files.aggregation, {**origin, "segmentsFile": f"scannet.{files.segments.name}"})
    back = [cos, sin, 0, 0, -sin, cos, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    numbers = " ".join(f"{value:.6f}" for value in back)
    files.meta.write_text(f"axisAlignment = {numbers}\nsceneType = Generated\n")


def write_label_map(path: Path) -> None:
    """Writes the label map of the generated names: v2's columns, most of them empty."""
    ids = {row["name"]: row["id"] for row in rows_of(__package__, "classes_200.tsv")}
    lines = ["\t".join(_COLUMNS)]
    for row, (name, of_nyu40) in enumerate(_RAW_NAMES.values()):
        # Names that are none of the 200 classes get numbers that none of these has.
        values = {"id": ids.get(name, str(_FIRST_SCENE + row)), "nyu40id": str(nyu40_id(of_nyu40))}
        values |= {"raw_category": name, "category": name}
        lines.append("\t".join(values.get(column, "") for column in _COLUMNS))
    path.write_text("".join(f"{line}\n" for line in lines))


def _turn(number: int, seed: int) -> float:
    return float(np.random.default_rng([seed, number]).uniform(0, 2 * np.pi))


def _channels(rgb: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("red", "green", "blue"), rgb.T, strict=True))


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))
