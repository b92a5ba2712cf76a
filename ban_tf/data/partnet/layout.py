"""Where the shapes of a category lie: in which form, in which file, in which split."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ban_tf.data import raw_json
from ban_tf.data.partnet.catalogue import SPLITS, Task
from ban_tf.data.reading import Problem, UnreadableError

RAW = "raw"
OF_CATEGORY = ("ins_seg_h5",)  # whose folders are of a category, with labels of all its levels
# Searched in this order: what knows most of a shape first. `sem_seg_h5` knows no instances.
FORMS = (
    "ins_seg_h5",
    "ins_seg_h5_for_detection",
    "ins_seg_h5_for_sgpn",
    "ins_seg_h5_gt",
    RAW,
    "sem_seg_h5",
)
SHAPES_PER_FILE = 1024  # of the official files
_FILE = re.compile(rf"({'|'.join(SPLITS)})-(\d+)\.h5")
_RAW_FOLDERS = ("data", "data_v0", ".")
_LISTS = ("stats/train_val_test_split", "train_val_test_split")


@dataclasses.dataclass(frozen=True)
class Place:
    """Shapes of one form in one folder.

    Args:
        form: one of `FORMS`.
        folder: of the HDF5 files, or of the folders of raw shapes.
        lists: folder of the lists that split raw shapes.
    """

    form: str
    folder: Path
    lists: Path | None = None


@dataclasses.dataclass(frozen=True)
class Shape:
    """Where one shape lies.

    Args:
        name: of its cloud.
        split: `train`, `val` or `test`.
        path: its HDF5 file, or its folder.
        file: stem of the official file that it is in, or would be, such as `test-00`.
        row: there.
    """

    name: str
    split: str
    path: Path
    file: str
    row: int


def find(root: Path, task: Task, form: str | None = None) -> Place:
    """Finds the shapes of a task.

    Args:
        root: the folder that holds `ins_seg_h5/` and the like, one of these, or a folder in one;
            or the folder of raw shapes, or its parent.
        task: category and level.
        form: one of `FORMS`; None takes the first that is there.

    Raises:
        FileNotFoundError: nothing of the kind is there.
        ValueError: there is no such form.
    """
    if form is not None and form not in FORMS:
        raise ValueError(f"`form` must be one of {', '.join(FORMS)}. Received: form={form!r}")
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder. Give the one that holds PartNet's data.")
    base = _base(root)
    forms = FORMS if form is None else (form,)
    for one in forms:
        found = _find_raw(base) if one == RAW else _find_files(base, one, task)
        if found is not None:
            return found
    looked = ", ".join(_folder_name(one, task) for one in forms)
    contents = ", ".join(sorted(child.name for child in base.iterdir())[:8])
    raise FileNotFoundError(
        f"{base} has no data of {task.category} for level {task.level}: looked for {looked}. "
        f"It has {contents or 'nothing'}."
    )


def _base(root: Path) -> Path:
    """The folder that holds the folders of forms."""
    of_files = set(FORMS) - {RAW}
    path = root.resolve()
    if path.name in of_files:
        return path.parent
    return path.parent.parent if path.parent.name in of_files else root


def _folder_name(form: str, task: Task) -> str:
    if form == RAW:
        return f"{{{', '.join(_RAW_FOLDERS)}}}/<number>/point_sample"
    return f"{form}/{task.category if form in OF_CATEGORY else task.title}"


def _find_files(base: Path, form: str, task: Task) -> Place | None:
    folder = base / _folder_name(form, task)
    return Place(form, folder) if _files(folder) else None


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Splits and files of a folder, sorted."""
    if not folder.is_dir():
        return []
    found = [(_FILE.fullmatch(path.name), path) for path in sorted(folder.iterdir())]
    return [(match[1], path) for match, path in found if match is not None]


def _find_raw(base: Path) -> Place | None:
    for name in _RAW_FOLDERS:
        folder = base / name
        if folder.is_dir() and any(folder.glob("*/point_sample")):
            lists = [parent / one for parent in (base, base.parent) for one in _LISTS]
            return Place(RAW, folder, next((path for path in lists if path.is_dir()), None))
    return None


def splits(place: Place, task: Task) -> tuple[str, ...]:
    """The splits of which something is there, in their usual order."""
    if place.form == RAW:
        return tuple(split for split in SPLITS if _list_of(place, task, split).is_file())
    there = {split for split, _ in _files(place.folder)}
    return tuple(split for split in SPLITS if split in there)


def shapes(place: Place, task: Task, wanted: Sequence[str] | None = None) -> Iterator[Shape]:
    """The shapes of some splits, in the official order, which is that of the prediction files.

    Args:
        place: from `find`.
        task: category and level.
        wanted: names of splits; None means all that are there.

    Yields:
        One `Shape` for each, and for a file that cannot be listed one of no row (-1), so that
        reading it tells what is wrong.

    Raises:
        FileNotFoundError: a split is not there.
    """
    there = splits(place, task)
    missing = [split for split in wanted or () if split not in there]
    if missing or not there:
        where = place.lists or place.folder
        raise FileNotFoundError(
            f"{where} has no shapes of {task.category} for {', '.join(missing or SPLITS)}; it has "
            f"{', '.join(there) or 'none'}. {_missing_lists(place)}".rstrip()
        )
    list_shapes = _raw_shapes if place.form == RAW else _shapes_of_files
    for split in there if wanted is None else [one for one in there if one in wanted]:
        yield from list_shapes(place, task, split)


def _missing_lists(place: Place) -> str:
    if place.form != RAW:
        return ""
    return (
        "Raw shapes are split by stats/train_val_test_split/<Category>.<split>.json of "
        "github.com/daerduoCarey/partnet_dataset: put `stats` beside their folder."
    )


def _shapes_of_files(place: Place, task: Task, split: str) -> Iterator[Shape]:
    # HDF5 is imported where files of it are read: programs that only look for data start without.
    from ban_tf.data.partnet import h5_files

    for path in (path for own, path in _files(place.folder) if own == split):
        try:
            count = h5_files.num_shapes(path, place.form)
        except UnreadableError:
            yield Shape(path.stem, split, path, path.stem, -1)
            continue
        for row in range(count):
            yield Shape(f"{path.stem}_{row:04d}", split, path, path.stem, row)


def _raw_shapes(place: Place, task: Task, split: str) -> Iterator[Shape]:
    for number, name in enumerate(_listed(place, task, split)):
        folder = place.folder / name
        if folder.is_dir():
            file = f"{split}-{number // SHAPES_PER_FILE:02d}"
            yield Shape(name, split, folder, file, number % SHAPES_PER_FILE)


def _listed(place: Place, task: Task, split: str) -> list[str]:
    path = _list_of(place, task, split)
    records: list[Any] = raw_json.read(path, list)
    names = [
        raw_json.field(path, record, "anno_id", str, f"[{number}]")
        for number, record in enumerate(records)
    ]
    wrong = next((name for name in names if not name.isalnum()), None)
    if wrong is not None:
        raise UnreadableError(path, "anno_id", f"must be a number. Received: {wrong!r}")
    return names


def _list_of(place: Place, task: Task, split: str) -> Path:
    lists = place.lists or place.folder / _LISTS[0]
    return lists / f"{task.category}.{split}.json"


def left_out(place: Place, task: Task) -> list[Problem]:
    """Shapes that a list names and of which there is no folder."""
    if place.form != RAW:
        return []
    return [
        Problem(place.folder / name, 0, f"is listed for {split} and not there; left out")
        for split in splits(place, task)
        for name in _listed(place, task, split)
        if not (place.folder / name).is_dir()
    ]
