"""The objects of a scan: segments of the mesh, and groups of segments that are objects."""

import dataclasses
from pathlib import Path

import numpy as np

from ban_tf.config import NONE
from ban_tf.data import raw_json
from ban_tf.data.reading import Problem, UnreadableError

_SEGMENTS_OF_LOW = "_vh_clean_2."  # in the name of the segments that an annotation refers to


@dataclasses.dataclass(frozen=True)
class Object:
    """One annotated object: its raw name, and the segments that it is made of."""

    label: str
    segments: tuple[int, ...]


def read_segments(path: Path, num_vertices: int) -> np.ndarray:
    """The segment of every vertex, int64 `[N]`.

    Raises:
        UnreadableError: the file is damaged, or made of another mesh.
    """
    values = raw_json.field(path, raw_json.read(path), "segIndices", list)
    try:
        segments = np.array(values, np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableError(path, "segIndices", "must hold whole numbers") from error
    if segments.shape != (num_vertices,):
        raise UnreadableError(
            path, "segIndices", f"has {len(values)} values for {num_vertices} vertices of the mesh"
        )
    return segments


def read_objects(path: Path) -> tuple[list[Object], list[Problem]]:
    """The annotated objects, in the order of the file, and what was wrong with them.

    `scene0217_00` lists every object twice, the second time under other numbers: of a list whose
    halves are equal the first one is read.

    Raises:
        UnreadableError: the file is damaged.
    """
    found = raw_json.read(path)
    groups = raw_json.field(path, found, "segGroups", list)
    objects = [_object(path, group, f"segGroups[{row}]") for row, group in enumerate(groups)]
    problems = []
    half = len(objects) // 2
    if objects and objects[:half] == objects[half:]:
        told = f"lists every object twice, {half} and {half}; the first half is read"
        problems.append(Problem(path, 0, told))
        objects = objects[:half]
    origin = found.get("segmentsFile", "")
    if origin and _SEGMENTS_OF_LOW not in str(origin):
        told = f"segmentsFile: refers to {str(origin)[:80]}, not to the segments of the scan's mesh"
        problems.append(Problem(path, 0, told))
    return objects, problems


def _object(path: Path, group: object, where: str) -> Object:
    label = raw_json.field(path, group, "label", str, where)
    segments = raw_json.field(path, group, "segments", list, where)
    if not all(isinstance(segment, int) for segment in segments):
        raise UnreadableError(path, f"{where}.segments", "must hold whole numbers")
    return Object(label, tuple(segments))


def object_of_vertices(
    segments: np.ndarray, objects: list[Object], path: Path
) -> tuple[np.ndarray, list[Problem]]:
    """The object of every vertex.

    Each object has a list of segments of its own: that of one name is never added to another's, as
    the official reader does by sharing one list between the name and its first object. A segment
    of several objects belongs to the last, as in the official tools.

    Args:
        segments: int64 `[N]`, of every vertex.
        objects: in the order that numbers them.
        path: their file, for errors.

    Returns:
        int32 `[N]`, index into `objects`, `NONE` for vertices of none; and what there is to report.

    Raises:
        UnreadableError: an object has a segment that the mesh has not.

    Example:
        >>> objects = [Object("chair", (7, 3)), Object("desk", (5,))]
        >>> object_of_vertices(np.array([3, 5, 7, 9]), objects, Path("scan.aggregation.json"))[0]
        array([ 0,  1,  0, -1], dtype=int32)
    """
    known, place = np.unique(segments, return_inverse=True)
    owner = np.full(len(known), NONE, np.int32)
    shared = 0
    for index, item in enumerate(objects):
        wanted = np.unique(np.array(item.segments, np.int64))
        rows = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        wrong = known[rows] != wanted
        if wrong.any():
            raise UnreadableError(
                path,
                f"segGroups[{index}].segments",
                f"segment {wanted[wrong][0]} is none of the mesh, which has {len(known)} from "
                f"{known[0]} to {known[-1]}; the annotation may be of another mesh or version",
            )
        shared += int((owner[rows] != NONE).sum())
        owner[rows] = index
    told = f"{shared} segments belong to several objects; each is read as of the last"
    return owner[place].astype(np.int32), [Problem(path, 0, told)] if shared else []
