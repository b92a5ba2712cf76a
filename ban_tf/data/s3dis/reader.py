"""S3DIS v1.2: raw `Area_<N>/<room>/Annotations/<class>_<k>.txt` to clouds.

A row is understood in full or dropped with a report that names file and line; a room is never
dropped. The defects that the published files are known to have are handled in `annotation.py`.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Labels
from ban_tf.data.reading import Problem, Scan
from ban_tf.data.s3dis.annotation import read_annotation
from ban_tf.data.s3dis.labels import LABELS
from ban_tf.data.s3dis.layout import GROUP, Room, area_of, list_areas, list_rooms
from ban_tf.data.s3dis.repeats import Kept

UNKNOWN_CLASS = "clutter"  # where unknown classes (v1.2 has a few `stairs`) go, as in the authors'
_READER = "s3dis reader 2"  # part of every fingerprint: raise it when the reading changes


def scans(root: Path, names: Sequence[str] | None = None, labels: Labels = LABELS) -> list[Scan]:
    """Lists the raw rooms of some areas, or of all.

    Args:
        root: the folder of `Area_<N>` folders, or its parent.
        names: of areas, such as `Area_5`; None for all that are there.
        labels: the classes; `clutter` must be one of them.

    Returns:
        One scan per room, sorted by area, then by name with numbers by value; its group is the
        area.

    Raises:
        FileNotFoundError: the root, an area, or a room's `Annotations` is missing.
    """
    areas = list_areas(root) if names is None else [area_of(name) for name in names]
    version = f"{_READER} {labels.class_names}"
    return [
        Scan(
            name=room.cloud_name,
            group=GROUP.format(room.area),
            files=tuple(room.annotation_files()),
            read=functools.partial(read_room, room, labels.class_names),
            version=version,
        )
        for room in list_rooms(root, areas)
    ]


def read_room(
    room: Room, class_names: Sequence[str] = LABELS.class_names
) -> tuple[Cloud, list[Problem]]:
    """Reads a raw room.

    The class of a file is the part of its name before the first underscore; unknown classes
    become `clutter`. Instances are numbered in the order of `Room.annotation_files`, over the
    files that hold points. A file whose points all occur in another one (such as the published
    `wall_3 (1).txt`) is skipped.

    Args:
        room: the room.
        class_names: names by class index; must contain `clutter`.

    Returns:
        The cloud, `xyz` in raw metres (not shifted), and what had to be repaired or left out.

    Raises:
        ValueError: no `clutter` among the names, or not one valid point in the room.
    """
    if UNKNOWN_CLASS not in class_names:
        raise ValueError(
            f"`class_names` must contain {UNKNOWN_CLASS!r}, the class of unknown names. "
            f"Received: class_names={tuple(class_names)}"
        )
    problems: list[Problem] = []
    kept = Kept()
    unknown: set[str] = set()
    classes = []
    for file in room.annotation_files():
        rows, row_problems = read_annotation(file)
        problems += row_problems
        if not len(rows):
            problems.append(Problem(file, 0, "holds no valid point; left out"))
            continue
        original = kept.original_of(file, rows)
        if original is not None:
            problems.append(Problem(file, 0, f"repeats {original.name}; left out"))
            continue
        name = file.stem.split("_")[0].lower()
        if name not in class_names and name not in unknown:
            unknown.add(name)
            problems.append(Problem(file, 0, f"class {name!r} is unknown; read as clutter"))
        kept.add(file, rows)
        classes.append(class_names.index(name if name in class_names else UNKNOWN_CLASS))
    if not kept.rows:
        raise ValueError(
            f"Room {room.folder} has no valid point in {len(room.annotation_files())} annotation "
            "files. Unpack it again, or move the folder away if it is not a room."
        )
    return _assemble(room, list(kept.rows.values()), classes), problems


def _assemble(room: Room, files: list[np.ndarray], classes: list[int]) -> Cloud:
    sizes = [len(rows) for rows in files]
    return Cloud(
        name=room.cloud_name,
        xyz=np.concatenate([rows[:, :3] for rows in files]),
        rgb=np.concatenate([np.rint(rows[:, 3:]).astype(np.uint8) for rows in files]),
        semantic=np.repeat(np.array(classes, np.int32), sizes),
        instance=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
    )
