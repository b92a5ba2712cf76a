"""SceneNN: meshes whose vertices carry the number of an object, and XML that names the objects.

The classes are the 40 of NYU Depth v2. Scenes stand with y up and are turned to z up.
"""

import functools
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.clouds.formats import ply_mesh
from ban_tf.config import NONE, Labels
from ban_tf.data import nyu40
from ban_tf.data.reading import Problem, Scan, UnreadableError
from ban_tf.data.scenenn import layout
from ban_tf.data.scenenn.layout import SceneFiles

LABELS = Labels(class_names=nyu40.NAMES)
_READER = "scenenn reader 1"  # part of every fingerprint: raise it when the reading changes
# Names in the annotations for classes that NYU40 spells otherwise.
_OTHERWISE = {"prop": "otherprop", "fridge": "refridgerator", "refrigerator": "refridgerator"}
_UNKNOWN = ("", "unknown")
_COLORED = ("red", "green", "blue")


def scans(root: Path, names: Sequence[str] | None = None) -> list[Scan]:
    """Lists the raw scenes below a folder.

    Args:
        root: the folder of the scenes' folders, or of all their files.
        names: of lists (`train`, `test`) or of scenes; None for all that are there.

    Returns:
        One scan each, sorted by name; its group is the list that names it.

    Raises:
        FileNotFoundError: there is no scene, or none of a list or name.
    """
    found = layout.find(root)
    if names is not None:
        absent = set(names) - {name for scene in found for name in (scene.name, scene.part)}
        if absent:
            raise FileNotFoundError(f"{root} has no scene of {', '.join(sorted(absent))}.")
        found = [scene for scene in found if {scene.name, scene.part} & set(names)]
    return [
        Scan(
            name=scene.name,
            group=scene.part,
            files=scene.present(),
            read=functools.partial(read_scene, scene),
            version=_READER,
        )
        for scene in found
    ]


def read_scene(files: SceneFiles) -> tuple[Cloud, list[Problem]]:
    """Reads one raw scene.

    Colours are those of the mesh in `color_ply_fixed`, where there is one. The annotated mesh of
    some releases is painted by its objects: such colours would tell the labels and are left out.

    Returns:
        The cloud, a point per vertex in the order of the mesh, and what was left out.

    Raises:
        UnreadableError: a file is damaged, or does not fit the mesh; file and field are named.
    """
    vertices = ply_mesh.read_vertices(files.mesh, ("x", "y", "z", "label"))
    x, y, z = ply_mesh.coordinates(vertices).T
    numbers = vertices["label"].astype(np.int64)
    objects, problems = read_objects(files.annotation)
    known, place = np.unique(numbers, return_inverse=True)
    classes = np.array([objects.get(int(number), NONE) for number in known], np.int32)
    is_object = np.isin(known, list(objects))
    semantic = classes[place]
    index = np.where(is_object, np.cumsum(is_object) - 1, NONE)
    instance = np.where(semantic == NONE, NONE, index[place]).astype(np.int32)
    lost = int((~is_object[place]).sum())
    if lost:
        told = f"label: {lost} of {len(numbers)} vertices belong to no object of the annotation"
        problems.append(Problem(files.mesh, 0, f"{told}; read as unannotated"))
    rgb, more = _colors(files, vertices, place)
    cloud = Cloud(files.name, np.stack([x, -z, y], axis=1), rgb, semantic, instance)
    return cloud, [*problems, *more, *_upside_down(files, cloud)]


def read_objects(path: Path) -> tuple[dict[int, int], list[Problem]]:
    """The class of every annotated object by its number, `NONE` where it has none.

    The class is the attribute `nyu_class` of its `label` element, or what its `text` names.

    Raises:
        UnreadableError: the file is damaged.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except (OSError, ElementTree.ParseError) as error:
        raise UnreadableError(path, "", f"is no whole XML file ({error})") from error
    found: dict[int, int] = {}
    problems = []
    for row, element in enumerate(root.iter("label")):
        number = element.get("id", "")
        if not number.isdecimal():
            raise UnreadableError(
                path, f"label[{row}].id", f"must be a number. Received: {number!r}"
            )
        given = element.get("nyu_class")
        name = _named(element.get("text", "") if given is None else given)
        found[int(number)] = LABELS.of_names([name])[0]
        if given is not None and found[int(number)] == NONE and name not in _UNKNOWN:
            told = f"label[{row}].nyu_class: {given!r} is none of NYU40; the object has no class"
            problems.append(Problem(path, 0, told))
    return found, problems


def _named(text: str) -> str:
    """A class as NYU40 spells it: without the number that tells objects of one class apart."""
    name = re.sub(r"[\s_]*\d+$", "", text.strip().lower())
    return _OTHERWISE.get(name, name)


def _colors(
    files: SceneFiles, vertices: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray | None, list[Problem]]:
    """uint8 `[N, 3]` or None, and what there is to report."""
    if files.colors is not None:
        painted = ply_mesh.read_vertices(files.colors, _COLORED)
        if len(painted) == len(vertices):
            return ply_mesh.colors(painted), []
        told = f"has {len(painted)} vertices, the mesh {len(vertices)}; its colours are left out"
        return None, [Problem(files.colors, 0, told)]
    rgb = ply_mesh.colors(vertices)
    if rgb is None:
        return None, []
    of_objects = np.unique(np.column_stack([place, rgb]), axis=0)
    if len(of_objects) == len(np.unique(place)):  # one colour each
        told = "red: each object is painted in one colour, which would tell the labels; left out"
        return None, [Problem(files.mesh, 0, told)]
    return rgb, []


def _upside_down(files: SceneFiles, cloud: Cloud) -> list[Problem]:
    """Tells of a scene whose floor is not below its middle."""
    floor = cloud.xyz[cloud.semantic == LABELS.class_names.index("floor"), 2]
    if not len(floor) or np.median(floor) < np.median(cloud.xyz[:, 2]):
        return []
    return [Problem(files.mesh, 0, "y: the floor is not below; the scene may not stand with y up")]
