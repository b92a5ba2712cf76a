"""S3DIS v1.2: raw `Area_<N>/<room>/Annotations/<class>_<k>.txt` to clouds.

A row is understood in full or dropped with a report that names file and line; a room is never
dropped, and one of which most would be is refused. The defects that the published files are known
to have are handled in `annotation.py`.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE, Labels
from ban_tf.data.reading import Problem, Scan
from ban_tf.data.s3dis.annotation import LostRow, read_annotation
from ban_tf.data.s3dis.labels import LABELS
from ban_tf.data.s3dis.layout import GROUP, Room, area_of, class_of, list_areas, list_rooms
from ban_tf.data.s3dis.repeats import Kept
from ban_tf.data.s3dis.room_checks import check_units, colors_of, refuse_lost

UNKNOWN_CLASS = "clutter"  # where unknown classes (v1.2 has a few `stairs`) go, as in the authors'
READ_AS_CLUTTER = ("stairs", "staris")  # the unknown ones of S3DIS itself, one misspelt
_READER = "s3dis reader 4"  # part of every fingerprint: raise it when the reading changes


def scans(root: Path, names: Sequence[str] | None = None, labels: Labels = LABELS) -> list[Scan]:
    """Lists the raw rooms of some areas, or of all.

    Args:
        root: the folder of `Area_<N>` folders, or its parent.
        names: of areas, such as `Area_5`; None for all that are there.
        labels: the classes; names that are none of them become `clutter`, or have no class where
            that is none either.

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
    become `clutter`, or `NONE` where that is no class. Instances are numbered in the order of
    `Room.annotation_files`, over the files that hold points. A file that repeats an earlier one is
    skipped: it has as many rows, all of which occur there, or it is named as a copy of that one
    (such as the published `wall_3 (1).txt`) and all of its rows occur there. Colours of 0 to 1 are
    read as shares of 255 where all of the room's are, and a room of coordinates alone has no
    colours.

    Args:
        room: the room.
        class_names: names by class index.

    Returns:
        The cloud, `xyz` in raw metres (not shifted), and what had to be repaired or left out.

    Raises:
        ValueError: not one valid point in the room, a file that would lose all of its rows, a room
            that would lose most, one not in metres, or colours of no certain range; the message
            gives the reason and the first row of it.
    """
    problems = room.left_out()
    lost: list[LostRow] = []
    kept = Kept()
    names = []
    for file in room.annotation_files():
        rows, row_problems = read_annotation(file)
        problems += row_problems
        lost_here = [problem for problem in row_problems if isinstance(problem, LostRow)]
        lost += lost_here
        if lost_here and not len(rows):
            refuse_lost(file, lost_here, len(lost_here))
        if not len(rows):
            problems.append(Problem(file, 0, "holds no valid point; left out"))
            continue
        original = kept.original_of(file, rows)
        if original is not None:
            problems.append(Problem(file, 0, f"repeats {original.name}; left out"))
            continue
        name = class_of(file)
        if name not in class_names and name not in names:
            problems.append(Problem(file, 0, f"class {name!r} is unknown; {_fate(class_names)}"))
        kept.add(file, rows)
        names.append(name)
    if not kept.rows:
        raise ValueError(
            f"Room {room.folder} has no valid point in {len(room.annotation_files())} annotation "
            "files. Unpack it again, or move the folder away if it is not a room."
        )
    num_kept = sum(map(len, kept.rows.values()))
    if len(lost) > num_kept:
        refuse_lost(room.folder, lost, len(lost) + num_kept)
    problems += check_units(room.folder, kept.rows.values())
    colors, reported = colors_of(room.folder, kept.rows)
    classes = [_class_index(name, class_names) for name in names]
    return _assemble(room, list(kept.rows.values()), colors, classes), problems + reported


def _fate(class_names: Sequence[str]) -> str:
    known = UNKNOWN_CLASS in class_names
    return f"read as {UNKNOWN_CLASS}" if known else "its points have no class"


def _class_index(name: str, class_names: Sequence[str]) -> int:
    known = next((known for known in (name, UNKNOWN_CLASS) if known in class_names), None)
    return NONE if known is None else class_names.index(known)


def _assemble(
    room: Room, files: list[np.ndarray], colors: list[np.ndarray] | None, classes: list[int]
) -> Cloud:
    sizes = [len(rows) for rows in files]
    return Cloud(
        name=room.cloud_name,
        xyz=np.concatenate([rows[:, :3] for rows in files]),
        rgb=None if colors is None else np.concatenate(colors),
        semantic=np.repeat(np.array(classes, np.int32), sizes),
        instance=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
    )
