"""The official HDF5 files: points, classes and instances of one shape at a time.

Each form has its own names for the same things, see `docs/datasets_partnet.md`. Files hold up to
1024 shapes and are compressed in pieces of many shapes, so neighbours are read together and kept.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ban_tf.config import NONE
from ban_tf.data import raw_json
from ban_tf.data.partnet import hierarchy
from ban_tf.data.partnet.catalogue import Task
from ban_tf.data.reading import UnreadableError

_ROWS = 64  # shapes read together: what HDF5 itself puts into a piece of such files
_DAMAGE = (OSError, KeyError, RuntimeError)  # what h5py raises on a broken file
# Of every form: its fields with their number of axes, the points first.
FIELDS: dict[str, dict[str, int]] = {
    "ins_seg_h5": {"pts": 3, "label": 2},
    "ins_seg_h5_for_detection": {"pts": 3, "gt_label": 2, "gt_mask": 3, "gt_valid": 2},
    "ins_seg_h5_for_sgpn": {"pts": 3, "semseg_one_hot": 3, "insseg_one_hot": 3},
    "ins_seg_h5_gt": {"pts": 3, "gt_mask": 3, "gt_mask_label": 2, "gt_mask_valid": 2},
    "sem_seg_h5": {"data": 3, "label_seg": 2},
}


@dataclasses.dataclass(frozen=True)
class Labelled:
    """One shape of a file: float32 `[N, 3]` points, int32 `[N]` classes and instances."""

    points: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray


def num_shapes(path: Path, form: str) -> int:
    """How many shapes a file holds, once its fields have been looked at.

    Raises:
        UnreadableError: it is no whole HDF5 file, or lacks a field of its form.
    """
    with _open(path) as file:
        counts = {}
        for name, num_axes in FIELDS[form].items():
            field = _field(path, file, name)
            if field.ndim != num_axes:
                raise UnreadableError(
                    path, name, f"must have {num_axes} axes. Received: shape={field.shape}"
                )
            counts[name] = len(field)
        if len(set(counts.values())) != 1:
            raise UnreadableError(
                path, "", f"its fields have different numbers of shapes: {counts}"
            )
        points = next(iter(FIELDS[form]))
        if file[points].shape[-1] != 3:
            raise UnreadableError(
                path, points, f"must be [n, N, 3]. Received: shape={file[points].shape}"
            )
        count = int(next(iter(counts.values())))
    if form == "ins_seg_h5":
        _check_list(path, count)
    return count


def _check_list(path: Path, count: int) -> None:
    """Refuses an `ins_seg_h5` file whose JSON list is missing, damaged or of another length."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise UnreadableError(beside, "", f"is missing; it tells the parts of {path.name}")
    records = _records(beside, beside.stat().st_mtime_ns)
    if len(records) != count:
        raise UnreadableError(
            beside, "", f"lists {len(records)} shapes, and {path.name} has {count}"
        )


def read_shape(path: Path, form: str, task: Task, row: int) -> Labelled:
    """Reads one shape.

    Args:
        path: the file.
        form: one of `FIELDS`.
        task: whose classes the labels become.
        row: of the shape in the file.

    Raises:
        UnreadableError: the file is damaged, or a value is out of range; the message names the
            field.
    """
    stamp = path.stat().st_mtime_ns
    first = row - row % _ROWS
    found = _read_rows(path, stamp, form, task, first)[row - first]
    name = next(iter(FIELDS[form]))
    if not np.isfinite(found.points).all():
        raise UnreadableError(path, name, f"shape {row} has a coordinate that is not finite")
    return found


@functools.lru_cache(maxsize=2)
def _read_rows(path: Path, stamp: int, form: str, task: Task, first: int) -> list[Labelled]:
    """Several neighbouring shapes; `stamp` lets a changed file be read anew."""
    names = list(FIELDS[form])
    with _open(path) as file:
        arrays = {}
        for name in names:
            try:
                arrays[name] = _field(path, file, name)[first : first + _ROWS]
            except _DAMAGE as error:
                raise UnreadableError(path, name, f"cannot be read ({error})") from error
    points = np.asarray(arrays.pop(names[0]), np.float32)
    found = []
    for number, xyz in enumerate(points):
        row = {name: array[number] for name, array in arrays.items()}
        place = _Place(path, task, first + number, len(xyz))
        semantic, instance = _LABELS[form](place, row)
        found.append(Labelled(xyz, semantic, instance))
    return found


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where labels come from, and how many points they are for."""

    path: Path
    task: Task
    row: int
    num_points: int

    def refuse(self, field: str, text: str) -> UnreadableError:
        return UnreadableError(self.path, field, f"shape {self.row}: {text}")

    def check_size(self, field: str, size: int) -> None:
        if size != self.num_points:
            raise self.refuse(field, f"must have {self.num_points} points. Received: {size}")

    def classes(self, field: str, values: np.ndarray, first: int) -> np.ndarray:
        """int32 classes from 0 of labels that count from `first`; less than that is `NONE`."""
        shifted = values.astype(np.int64) - first
        num_classes = len(self.task.parts)
        wrong = (shifted < NONE) | (shifted >= num_classes)
        if wrong.any():
            raise self.refuse(
                field,
                f"labels must be below {num_classes + first}, as {self.task.title} has "
                f"{num_classes} parts. Received: {values[wrong][0]}",
            )
        return shifted.astype(np.int32)


_Labels = tuple[np.ndarray, np.ndarray]


def _of_leaves(place: _Place, row: dict[str, np.ndarray]) -> _Labels:
    """`ins_seg_h5`: leaves of the hierarchy, which the JSON list beside the file tells of."""
    place.check_size("label", len(row["label"]))
    path = place.path.with_suffix(".json")
    records = _records(path, path.stat().st_mtime_ns)
    instances = hierarchy.of_record(path, records[place.row], f"[{place.row}]")
    return hierarchy.label_points(row["label"], instances, place.task)


@functools.lru_cache(maxsize=2)
def _records(path: Path, stamp: int) -> list[Any]:
    return raw_json.read(path, list)


def _of_classes(place: _Place, row: dict[str, np.ndarray]) -> _Labels:
    """`sem_seg_h5`: classes alone, 0 for points without a part."""
    place.check_size("label_seg", len(row["label_seg"]))
    semantic = place.classes("label_seg", row["label_seg"], first=1)
    return semantic, np.full(place.num_points, NONE, np.int32)


def _of_truth(place: _Place, row: dict[str, np.ndarray]) -> _Labels:
    """`ins_seg_h5_gt`: a mask and a class, from 0, of each instance."""
    valid = row["gt_mask_valid"].astype(bool)
    instance = _of_masks(place, row["gt_mask"], valid)
    classes = place.classes("gt_mask_label", np.where(valid, row["gt_mask_label"], 0), first=0)
    return np.where(instance == NONE, NONE, classes[instance]).astype(np.int32), instance


def _of_detection(place: _Place, row: dict[str, np.ndarray]) -> _Labels:
    """`ins_seg_h5_for_detection`: masks of instances, and classes of points, from 1."""
    place.check_size("gt_label", len(row["gt_label"]))
    semantic = place.classes("gt_label", row["gt_label"], first=1)
    instance = _of_masks(place, row["gt_mask"], row["gt_valid"].astype(bool))
    return semantic, np.where(semantic == NONE, NONE, instance).astype(np.int32)


def _of_masks(place: _Place, masks: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The last valid mask that each point lies in, as the official scripts let later ones win."""
    place.check_size("gt_mask", masks.shape[-1])
    if len(masks) != len(valid):
        raise place.refuse("gt_mask", f"has {len(masks)} masks, of which {len(valid)} are judged")
    return _last(masks.astype(bool).T & valid)


def _of_one_hots(place: _Place, row: dict[str, np.ndarray]) -> _Labels:
    """SGPN's: one-hot classes and instances, without any for points without a part.

    `semseg_mask` and `insseg_mask` beside them are weights of a loss, no labels.
    """
    for name in ("semseg_one_hot", "insseg_one_hot"):
        place.check_size(name, len(row[name]))
    semantic = place.classes("semseg_one_hot", _last(row["semseg_one_hot"].astype(bool)), first=0)
    instance = _last(row["insseg_one_hot"].astype(bool))
    return semantic, np.where(semantic == NONE, NONE, instance).astype(np.int32)


def _last(hits: np.ndarray) -> np.ndarray:
    """int32 `[N]`: the last column that is set in each row of bool `[N, K]`, else `NONE`."""
    last = hits.shape[1] - 1 - np.argmax(hits[:, ::-1], axis=1)
    return np.where(hits.any(axis=1), last, NONE).astype(np.int32)


_LABELS: dict[str, Callable[[_Place, dict[str, np.ndarray]], _Labels]] = {
    "ins_seg_h5": _of_leaves,
    "ins_seg_h5_for_detection": _of_detection,
    "ins_seg_h5_for_sgpn": _of_one_hots,
    "ins_seg_h5_gt": _of_truth,
    "sem_seg_h5": _of_classes,
}


@contextlib.contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UnreadableError(path, "", f"is no whole HDF5 file ({error})") from error
    with file:
        yield file


def _field(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise UnreadableError(path, name, f"is missing; the file has {', '.join(file) or 'none'}")
    return found
