"""Prediction files in the text format of ASIS, JSNet and BAN.

A folder holds two files per room, one row per point:

    <room>_pred.txt   x y z red green blue probability semantic instance
    <room>_gt.txt     semantic instance

Coordinates are metres, colours 0-255, the probability is that of the predicted class, and -1 says
that a point has no instance.
"""

import dataclasses
import os
import pathlib
import warnings
from collections.abc import Iterator

import numpy as np

from ban_tf import disk
from ban_tf.config import NONE, names

PREDICTED_SUFFIX = "_pred.txt"
TRUTH_SUFFIX = "_gt.txt"
_PREDICTED_COLUMNS = len("x y z red green blue probability semantic instance".split())
_TRUTH_COLUMNS = len("semantic instance".split())
_ROUNDING = 1e-3  # share of a range by which a rounded value may leave it
_PART = 1 << 14  # rows formatted at a time


@dataclasses.dataclass(frozen=True)
class RoomPrediction:
    """One room as its two files hold it; `N` points.

    Attributes:
        name: of the cloud.
        xyz: float64 `[N, 3]`, metres.
        rgb: float64 `[N, 3]`, 0-255.
        probability: float32 `[N]` of the predicted class.
        semantic: int32 `[N]`, predicted class.
        instance: int32 `[N]`, predicted instance, `NONE` where there is none.
        truth_semantic: int32 `[N]`, true class, `NONE` where it is unknown.
        truth_instance: int32 `[N]`, true instance, `NONE` where there is none.
    """

    name: str
    xyz: np.ndarray
    rgb: np.ndarray
    probability: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray
    truth_semantic: np.ndarray
    truth_instance: np.ndarray


def list_rooms(folder: str | os.PathLike[str]) -> list[str]:
    """The names of the rooms in a folder, sorted; every one has both files.

    Raises:
        FileNotFoundError: no such folder, no prediction files in it, or one of a pair is missing.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder of prediction files. Received: folder={folder}")
    files = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    predicted, truth = (
        {name.removesuffix(suffix) for name in files if name.endswith(suffix)}
        for suffix in (PREDICTED_SUFFIX, TRUTH_SUFFIX)
    )
    if not predicted | truth:
        raise FileNotFoundError(
            f"a folder of predictions holds `<room>{PREDICTED_SUFFIX}` and `<room>{TRUTH_SUFFIX}`. "
            f"Received: folder={folder} with neither"
        )
    for room in sorted(predicted ^ truth):
        suffix = PREDICTED_SUFFIX if room in truth else TRUTH_SUFFIX
        raise FileNotFoundError(f"a room needs both its files. Missing: {folder / (room + suffix)}")
    return sorted(predicted)


def read_room(folder: str | os.PathLike[str], room: str, num_classes: int) -> RoomPrediction:
    """Reads the two files of one room.

    Args:
        folder: where they lie.
        room: the name before the suffix.
        num_classes: C; classes are in [0, C), and a true class may be -1.

    Raises:
        ValueError: an empty file, a row with too few or too many columns, a value that is no
            number, a label, colour or probability out of range, or files of different lengths; the
            message names the file and the line.
    """
    predicted_path = pathlib.Path(folder) / (room + PREDICTED_SUFFIX)
    truth_path = pathlib.Path(folder) / (room + TRUTH_SUFFIX)
    predicted = _read_rows(predicted_path, _PREDICTED_COLUMNS)
    truth = _read_rows(truth_path, _TRUTH_COLUMNS)
    if len(predicted) != len(truth):
        shorter = predicted_path if len(predicted) < len(truth) else truth_path
        raise ValueError(
            "the two files of a room must have the same number of rows; one was cut. Received: "
            f"{predicted_path} with {len(predicted)}, {truth_path} with {len(truth)}; {shorter} "
            f"ends at line {_line_of_row(shorter, min(len(predicted), len(truth)) - 1)}"
        )
    _check_finite(predicted_path, predicted)
    _check_range(predicted_path, "colours", predicted[:, 3:6], 255)
    _check_range(predicted_path, "probability", predicted[:, 6:7], 1)
    columns = [
        _labels(predicted_path, "semantic", predicted[:, 7], 0, num_classes),
        _labels(predicted_path, "instance", predicted[:, 8], NONE, 2**31),
        _labels(truth_path, "semantic", truth[:, 0], NONE, num_classes),
        _labels(truth_path, "instance", truth[:, 1], NONE, 2**31),
    ]
    return RoomPrediction(
        room,
        predicted[:, 0:3],
        predicted[:, 3:6],
        predicted[:, 6].astype(np.float32),
        *columns,
    )


def read_rooms(folder: str | os.PathLike[str], num_classes: int) -> Iterator[RoomPrediction]:
    """Reads every room of a folder, one at a time, sorted by name; see `read_room`."""
    for room in list_rooms(folder):
        yield read_room(folder, room, num_classes)


def write_room(folder: str | os.PathLike[str], room: RoomPrediction) -> list[pathlib.Path]:
    """Writes the two files of one room; each appears only when it is complete.

    Args:
        folder: made if there is none.
        room: what to write; coordinates keep micrometres and probabilities six decimals.

    Returns:
        The two paths.

    Raises:
        ValueError: arrays of different lengths, or a name that no file can have.
        OSError: a full disk and the like; earlier files stay as they were.

    Example:
        >>> import tempfile
        >>> one = np.zeros(1, np.int32)
        >>> room = RoomPrediction(
        ...     "office_1", np.zeros((1, 3)), np.zeros((1, 3)), np.ones(1, np.float32), *[one] * 4
        ... )
        >>> folder = tempfile.mkdtemp()
        >>> [path.name for path in write_room(folder, room)]
        ['office_1_pred.txt', 'office_1_gt.txt']
        >>> read_room(folder, "office_1", num_classes=13).xyz
        array([[0., 0., 0.]])
    """
    names.require_file_name("`name` of a room", room.name)
    folder = pathlib.Path(folder)
    lengths = {
        field.name: len(getattr(room, field.name))
        for field in dataclasses.fields(room)
        if field.name != "name"
    }
    if len(set(lengths.values())) != 1:
        raise ValueError(f"all fields of a room need one row per point. Received: {lengths}")
    predicted = np.column_stack(
        [room.xyz, room.rgb, room.probability, room.semantic, room.instance]
    )
    truth = np.column_stack([room.truth_semantic, room.truth_instance])
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / (room.name + suffix) for suffix in (PREDICTED_SUFFIX, TRUTH_SUFFIX)]
    row_format = "%.6f %.6f %.6f %d %d %d %.6f %d %d\n"
    disk.write_whole(paths[0], _text(predicted, row_format))
    disk.write_whole(paths[1], _text(truth, "%d %d\n"))
    return paths


def _text(rows: np.ndarray, row_format: str) -> bytes:
    """Rows as lines; one formatting call per part is much faster than one per row."""
    parts = [rows[start : start + _PART] for start in range(0, len(rows), _PART)]
    lines = (row_format * len(part) % tuple(part.ravel().tolist()) for part in parts)
    return "".join(lines).encode()


def _read_rows(path: pathlib.Path, num_columns: int) -> np.ndarray:
    """float64 `[N, num_columns]`, N of at least 1; blank lines are skipped."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
            rows = np.loadtxt(path, comments=None, ndmin=2, encoding="utf-8")
    except ValueError as error:  # UnicodeDecodeError is one
        raise ValueError(_first_bad_line(path, num_columns)) from error
    if rows.size == 0:
        raise ValueError(
            f"{path}: no rows. The released test scripts of ASIS and BAN fill their prediction "
            "files only with --verbose."
        )
    if rows.shape[1] != num_columns:
        raise ValueError(_first_bad_line(path, num_columns))
    return rows


def _lines(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of the lines that are not blank."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _line_of_row(path: pathlib.Path, row: int) -> int:
    return next((number for index, (number, _) in enumerate(_lines(path)) if index == row), 0)


def _first_bad_line(path: pathlib.Path, num_columns: int) -> str:
    for number, line in _lines(path):
        fields = line.split()
        wrong = next((field for field in fields if not _is_number(field)), None)
        if wrong is not None:
            return f"{path}, line {number}: a value is no number. Received: {wrong!r}"
        if len(fields) != num_columns:
            return (
                f"{path}, line {number}: a row needs {num_columns} columns, or the file was cut. "
                f"Received: {len(fields)} columns, {line.strip()!r}"
            )
    return f"{path}: no rows of {num_columns} columns could be read"


def _is_number(field: str) -> bool:
    if not field.isascii() or "_" in field:  # which Python reads, and NumPy does not
        return False
    try:
        float(field)
    except ValueError:
        return False
    return True


def _check_finite(path: pathlib.Path, rows: np.ndarray) -> None:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        narrow = rows.astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(narrow).all(axis=1))
    if len(broken):
        raise ValueError(
            f"{path}, line {_line_of_row(path, broken[0])}: every value must be finite in float32. "
            f"Received: {rows[broken[0]].tolist()}"
        )


def _check_range(path: pathlib.Path, name: str, values: np.ndarray, highest: float) -> None:
    """Refuses what is below 0 or above `highest` by more than rounding: columns out of order."""
    slack = _ROUNDING * highest
    wrong = ((values < -slack) | (values > highest + slack)).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{path}, line {_line_of_row(path, row)}: {name} must be in 0 to {highest}; a row "
            "is `x y z red green blue probability semantic instance`. "
            f"Received: {values[row].tolist()}"
        )


def _labels(
    path: pathlib.Path, name: str, column: np.ndarray, lowest: int, limit: int
) -> np.ndarray:
    """int32 `[N]`; refuses what is not a whole number in [lowest, limit)."""
    wrong = ~((column >= lowest) & (column < limit) & (column == np.floor(column)))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{path}, line {_line_of_row(path, row)}: `{name}` must be a whole number, at least "
            f"{lowest} and below {limit}. Received: {name}={column[row]:g}"
        )
    return column.astype(np.int32)
