"""From PartNet's files to clouds, whichever of its forms they have."""

import collections
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE
from ban_tf.data.partnet import layout, raw_folder
from ban_tf.data.partnet.catalogue import SPLITS, Task
from ban_tf.data.partnet.layout import RAW, Shape
from ban_tf.data.reading import Problem, Scan

_READER = "partnet reader 1"  # part of every fingerprint: raise it when the reading changes


def scans(
    root: Path,
    names: Sequence[str] | None = None,
    *,
    task: Task,
    form: str | None = None,
    other_as_class: bool = False,
) -> list[Scan]:
    """Lists the shapes of a task.

    Args:
        root: as for `layout.find`.
        names: of splits or of clouds; None for all.
        task: category and level.
        form: one of `layout.FORMS`; None takes the first that is there.
        other_as_class: give points without a part the class `other`, which comes first, and make
            those of a shape one instance of it.

    Returns:
        One scan per shape, sorted by name; its group is its split. A shape of an HDF5 file is
        called after its place, such as `test-00_0007`, a raw one after its annotation.

    Raises:
        FileNotFoundError: nothing of the kind is there.
        reading.UnreadableError: a list of raw shapes is damaged.
    """
    place = layout.find(root, task, form)
    wanted = None if names is None else [split for split in SPLITS if split in names]
    found = list(layout.shapes(place, task, wanted or None))
    if names is not None:
        found = [shape for shape in found if shape.split in names or shape.name in names]
    counts = collections.Counter(shape.path for shape in found)
    version = f"{_READER} {place.form} {task.title} {other_as_class}"
    return [
        Scan(
            name=shape.name,
            group=shape.split,
            files=_files(place.form, shape),
            read=functools.partial(read, shape, place.form, task, other_as_class),
            version=version,
            num_sharing=counts[shape.path],
        )
        for shape in sorted(found, key=lambda shape: shape.name)
    ]


def _files(form: str, shape: Shape) -> tuple[Path, ...]:
    if form == RAW:
        return raw_folder.files(shape.path)
    if form in layout.OF_CATEGORY:
        beside = shape.path.with_suffix(".json")
        return (shape.path, beside) if beside.is_file() else (shape.path,)
    return (shape.path,)


def left_out(root: Path, *, task: Task, form: str | None = None) -> list[Problem]:
    """What lists name and is not there; arguments as for `scans`."""
    return layout.left_out(layout.find(root, task, form), task)


def read(
    shape: Shape, form: str, task: Task, other_as_class: bool = False
) -> tuple[Cloud, list[Problem]]:
    """Reads a shape; arguments as for `scans`.

    Returns:
        The cloud, z up (PartNet's own coordinates have y up), and nothing that was left out: points
        keep their places, by which predictions are compared.

    Raises:
        reading.UnreadableError: a file is damaged; the message names it and the field.
    """
    if form == RAW:
        xyz, semantic, instance = raw_folder.read(shape.path, task)
    else:
        from ban_tf.data.partnet import h5_files

        if shape.row < 0:  # what could not be listed: told now, when others are read as well
            h5_files.num_shapes(shape.path, form)
        found = h5_files.read_shape(shape.path, form, task, max(shape.row, 0))
        xyz, semantic, instance = found.points, found.semantic, found.instance
    if other_as_class:
        semantic, instance = with_other(semantic, instance)
    upright = np.stack([xyz[:, 0], -xyz[:, 2], xyz[:, 1]], axis=1).astype(np.float64)
    return Cloud(shape.name, upright, None, semantic, instance, shape.split), []


def with_other(semantic: np.ndarray, instance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels in which points without a part are of class 0 and form one instance.

    Example:
        >>> with_other(np.array([1, -1, 0], np.int32), np.array([0, -1, 1], np.int32))
        (array([2, 0, 1], dtype=int32), array([0, 2, 1], dtype=int32))
    """
    other = semantic == NONE
    return semantic + np.int32(1), np.where(other, instance.max(initial=NONE) + 1, instance)
