"""Writes generated rooms in SceneNN's raw format, for those who have none of the real scenes."""

import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.formats import mesh_writer
from ban_tf.data import synthetic
from ban_tf.data.scenenn import layout

_FIRST_SCENE = 901  # no scene of the data set has such a number
_FIRST_OBJECT = 1000  # numbers of objects are any
_CLASSES = {  # what NYU40 calls the generator's objects, where it is not the same
    "bookcase": "bookshelf", "board": "whiteboard", "column": "otherstructure",
    "bin": "otherfurniture", "object": "prop",
}  # fmt: skip


def write_scenes(root: Path, num_scenes: Mapping[str, int], seed: int = 0) -> None:
    """Writes rooms as `<root>/<id>/<id>.ply` and `.xml`, their colours in `color_ply_fixed`.

    Args:
        root: the folder to make; it must not exist, or be empty.
        num_scenes: how many of each list, such as `{"train": 6, "test": 2}`.
        seed: any integer from 0; equal arguments give equal files.

    Raises:
        FileExistsError: `root` holds something.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is not an empty folder. Choose another, or move it away.")
    number = _FIRST_SCENE
    with disk.whole(root) as temporary:
        (temporary / "color_ply_fixed").mkdir(parents=True)
        for wing, (part, count) in enumerate(num_scenes.items(), start=1):
            names = []
            for mesh in itertools.islice(synthetic.meshes(wing, len(num_scenes), seed), count):
                names.append(str(number))
                write_scene(temporary, str(number), mesh)
                number += 1
            (temporary / layout.LIST.format(part)).write_text("".join(f"{n}\n" for n in names))


def write_scene(root: Path, name: str, mesh: synthetic.Mesh) -> None:
    """Writes the files of one scene.

    Args:
        root: of all scenes; it has the folder `color_ply_fixed`.
        name: three digits.
        mesh: with z up.
    """
    folder = root / name
    folder.mkdir()
    x, y, z = mesh.xyz.T
    turned = np.stack([x, z, -y], axis=1)
    number = (mesh.object + _FIRST_OBJECT).astype(np.uint32)
    paint = np.random.default_rng(len(mesh.names)).integers(0, 256, (len(mesh.names), 3))
    painted = {**_channels(paint[mesh.object].astype(np.uint8)), "label": number}
    mesh_writer.write(folder / f"{name}.ply", turned, mesh.faces, painted)
    colors = root / "color_ply_fixed" / f"{name}.ply"
    mesh_writer.write(colors, turned, mesh.faces, _channels(mesh.rgb))
    annotation = ElementTree.Element("annotation")
    for index, found in enumerate(mesh.names):
        values = {"id": str(index + _FIRST_OBJECT), "text": f"{found}{index}"}
        values["nyu_class"] = _CLASSES.get(found, found) or "unknown"
        ElementTree.SubElement(annotation, "label", values)
    ElementTree.indent(annotation)
    ElementTree.ElementTree(annotation).write(folder / f"{name}.xml", encoding="utf-8")


def _channels(rgb: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("red", "green", "blue"), rgb.T, strict=True))
