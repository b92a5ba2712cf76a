"""ScanNetV2: raw scans to clouds, a point per vertex of the mesh.

The classes are those of `labels.ply`, which the benchmark takes; without it, and for the 200
classes, those of the annotated objects by the label map. The objects are the instances.
"""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.clouds.formats import ply_mesh
from ban_tf.config import NONE
from ban_tf.data.reading import Problem, Scan, UnreadableError
from ban_tf.data.scannet import annotation, label_map, layout
from ban_tf.data.scannet.classes import Choice, Classes, is_nyu40, of_choice
from ban_tf.data.scannet.layout import ScanFiles

_READER = "scannet reader 1"  # part of every fingerprint: raise it when the reading changes
_COLORED = ("x", "y", "z", "red", "green", "blue")
_ALIGNMENT = "axisAlignment"
_DISAGREEMENT = 0.01  # of the vertices: where classes of both sources differ by more it is told


def scans(root: Path, names: Sequence[str] | None = None, choice: Choice = "20") -> list[Scan]:
    """Lists the raw scans below a folder.

    Args:
        root: the folder of `scans/` and `scans_test/`, or one of these.
        names: of lists (`train`, `val`, `test`) or of scans; None for all that are there.
        choice: which classes.

    Returns:
        One scan each, sorted by name; its group is the list that names it.

    Raises:
        FileNotFoundError: there is no scan, none of a list or name, or no label map where the
            classes need one.
        ValueError: the label map is not as it should be.
    """
    found = layout.find(root)
    if names is not None:
        absent = set(names) - {name for scan in found for name in (scan.name, scan.part)}
        if absent:
            there = sorted({scan.part for scan in found})
            raise FileNotFoundError(
                f"{root} has no scan of {', '.join(sorted(absent))}; it has scans of "
                f"{', '.join(there)}."
            )
        found = [scan for scan in found if {scan.name, scan.part} & set(names)]
    classes = of_choice(choice)
    mapping = _label_map(root, found, classes)
    version = f"{_READER} {choice} {_digest(mapping)}"
    return [
        Scan(
            name=scan.name,
            group=scan.part,
            files=scan.present(),
            read=functools.partial(read_scan, scan, choice, mapping),
            version=version,
        )
        for scan in found
    ]


def left_out(root: Path, choice: Choice = "20") -> list[Problem]:
    """What is not read of a folder, and rows of the label map that say nothing; by file."""
    path = layout.find_label_map(root)
    rows = () if path is None else label_map.read(path, of_choice(choice).id_column).problems
    return [*rows, *layout.left_out(root)]


def read_scan(
    files: ScanFiles, choice: Choice = "20", ids: dict[str, int] | None = None
) -> tuple[Cloud, list[Problem]]:
    """Reads one raw scan.

    Args:
        files: of the scan; without labels where these are hidden.
        choice: which classes.
        ids: from raw names of objects to ids, for scans without `labels.ply` and for 200 classes.

    Returns:
        The cloud, a point per vertex in the order of the mesh, turned by the scan's axis alignment
        if it has any; and what was repaired or left out.

    Raises:
        UnreadableError: a file is damaged, or does not fit the mesh; file and field are named.
    """
    vertices = ply_mesh.read_vertices(files.mesh, _COLORED)
    xyz, rgb = ply_mesh.coordinates(vertices), ply_mesh.colors(vertices)
    turn = read_alignment(files.meta)
    if turn is not None:
        xyz = xyz @ turn[:3, :3].T + turn[:3, 3]
    if not files.is_labelled:
        return unlabelled(files.name, xyz, rgb), []
    classes = of_choice(choice)
    objects, problems = annotation.read_objects(files.aggregation)
    segments = annotation.read_segments(files.segments, len(xyz))
    instance, more = annotation.object_of_vertices(segments, objects, files.aggregation)
    by_object, unknown = _classes_of(objects, classes, ids or {}, files.aggregation)
    semantic, told = _semantic(files, classes, by_object[instance], ids is not None)
    instance = np.where(semantic == NONE, NONE, instance).astype(np.int32)
    problems += [*more, *unknown, *told]
    return Cloud(files.name, xyz, rgb, semantic, instance), problems


def read_alignment(path: Path) -> np.ndarray | None:
    """The matrix that turns a scan to the axes of its room, float64 `[4, 4]`; None if none is told.

    Raises:
        UnreadableError: the file tells it with other than 16 finite numbers.
    """
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == _ALIGNMENT:
            try:
                matrix = np.array(value.split(), np.float64).reshape(4, 4)
            except ValueError as error:
                raise UnreadableError(path, _ALIGNMENT, "must be 16 numbers") from error
            if not np.isfinite(matrix).all():
                raise UnreadableError(path, _ALIGNMENT, "must be finite")
            return matrix
    return None


def _classes_of(
    objects: list[annotation.Object], classes: Classes, ids: dict[str, int], path: Path
) -> tuple[np.ndarray, list[Problem]]:
    """The class of every object, and `NONE` last for the vertices of no object."""
    unknown = sorted({item.label for item in objects} - set(ids)) if ids else []
    found = classes.class_of(np.array([ids.get(item.label, 0) for item in objects], np.int64))
    problems = [
        Problem(path, 0, f"label {label!r} is not in the label map; its objects have no class")
        for label in unknown
    ]
    return np.append(found, np.int32(NONE)), problems


def _semantic(
    files: ScanFiles, classes: Classes, by_object: np.ndarray, is_mapped: bool
) -> tuple[np.ndarray, list[Problem]]:
    """The class of every vertex, int32 `[N]`, and what there is to report."""
    if classes.choice != "20":
        return by_object, []
    if not files.labels.is_file():
        told = "is missing; classes are those of the objects by the label map"
        return by_object, [Problem(files.labels, 0, told)]
    vertices = ply_mesh.read_vertices(files.labels, ("label",))
    if len(vertices) != len(by_object):
        raise UnreadableError(
            files.labels, "label", f"has {len(vertices)} values for {len(by_object)} vertices"
        )
    ids = vertices["label"].astype(np.int64)
    problems = []
    for wrong in np.unique(ids[~is_nyu40(ids)]):
        told = f"label: {wrong} at {(ids == wrong).sum()} vertices is no NYU40 id; read as no class"
        problems.append(Problem(files.labels, 0, told))
    semantic = classes.class_of(ids)
    differ = (semantic != by_object) & (by_object != NONE) & is_nyu40(ids)
    if is_mapped and differ.mean() > _DISAGREEMENT:
        told = (
            f"label: differs from {files.aggregation.name} at {differ.sum()} of {len(ids)} "
            "vertices, as if of another version of the annotation; the classes are of this file, "
            "the instances of the other"
        )
        problems.append(Problem(files.labels, 0, told))
    return semantic, problems


def _label_map(root: Path, found: list[ScanFiles], classes: Classes) -> dict[str, int] | None:
    """From raw names to ids; None where there is no label map and none is needed."""
    path = layout.find_label_map(root)
    if path is not None:
        return label_map.read(path, classes.id_column).ids
    labelled = [scan for scan in found if scan.is_labelled]
    lacking = [scan for scan in labelled if classes.choice != "20" or not scan.labels.is_file()]
    if lacking:
        raise FileNotFoundError(
            f"{root} has no {label_map.NAMES[0]}, which tells the classes of {lacking[0].name} and "
            "others. Put it beside the folders of the scans."
        )
    return None


def _digest(mapping: dict[str, int] | None) -> str:
    return hashlib.sha256(repr(sorted((mapping or {}).items())).encode()).hexdigest()[:16]
