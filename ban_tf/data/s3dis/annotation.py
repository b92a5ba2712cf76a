"""One annotation file of S3DIS: text rows `x y z r g b`, some of them known to be broken."""

import dataclasses
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from ban_tf.data.reading import Problem

_COLORED, _COLORLESS = 6, 3  # columns
_FARTHEST_M = 1e8  # maps reach to some 2e7 m; float32 would hold no more of a room
_WORDS = {_COLORED: "six", _COLORLESS: "three"}
_NUMBER = re.compile(
    r"[-+]?((\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]+")
_NO_ASCII = "\ufffd"  # stands for a byte above 127
_CLEAN_BYTES = b"0123456789+-.eE \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True)
class LostRow(Problem):
    """A row that was dropped.

    Args:
        kind: why, in the same words for all rows that are wrong alike.
        colors: the least and greatest colour, where these are what is wrong.
        row: the row as it stands in the file.
    """

    kind: str
    row: str
    colors: tuple[float, float] | None = None


def read_annotation(path: Path) -> tuple[np.ndarray, list[Problem]]:
    """Reads an annotation file.

    A clean file takes NumPy's parser, all others a pass over the lines. There, a control
    character inside a row is removed or read as a space, whichever leaves six numbers (both
    happen in S3DIS: `103.0\\x100000` and `185\\x10187`). Rows that do not hold six numbers, that
    are not finite or on no map, or whose colours leave 0 to 255, are dropped: a byte above 127 may
    have been a minus, and its row is worth less than a wrong value.

    Args:
        path: the text file; where most rows hold three numbers, it is one without colours.

    Returns:
        float64 `[N, 6]` rows, coordinates in metres and colours as they are written, or `[N, 3]`
        without colours; and the problems met.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "chair_1.txt"
        >>> _ = path.write_bytes(b"1.5 2 0.25 10 20 255\\n1.5 2 0.25 185\\x10187 193\\n1 2\\n")
        >>> rows, problems = read_annotation(path)
        >>> rows[1].tolist()
        [1.5, 2.0, 0.25, 185.0, 187.0, 193.0]
        >>> [problem.line for problem in problems]
        [2, 3]
    """
    content = path.read_bytes()
    problems = []
    if content.startswith(_BYTE_ORDER_MARK):
        content = content[len(_BYTE_ORDER_MARK) :]
        problems = [Problem(path, 1, "byte order mark; read past it")]
    for num_columns in (_COLORED, _COLORLESS):
        rows = _read_clean(content, num_columns)
        if rows is not None:
            return rows, problems
    rows, more = _read_carefully(path, content)
    return rows, problems + more


def _read_clean(content: bytes, num_columns: int) -> np.ndarray | None:
    """Returns the rows if every line holds as many plain numbers as there are columns."""
    if content.translate(None, _CLEAN_BYTES) or not _has_words(content, num_columns):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy stops at a malformed number with a warning
            values = np.fromstring(content, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    # A word such as `5-3` or `1.2.3` is read as two numbers, so then the count is off.
    if len(values) != num_columns * _num_lines(content):
        return None
    rows = values.reshape(-1, num_columns)
    return rows if _valid(rows).all() else None


def _num_lines(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))


def _has_words(content: bytes, num_columns: int) -> bool:
    codes = np.frombuffer(content, np.uint8)
    if not len(codes):
        return False
    is_blank = codes <= ord(" ")
    word_ends = np.flatnonzero(is_blank[1:] & ~is_blank[:-1])
    line_ends = np.flatnonzero(codes == ord("\n"))
    if not is_blank[-1]:
        word_ends = np.append(word_ends, len(codes) - 1)
        line_ends = np.append(line_ends, len(codes))
    words_before = np.searchsorted(word_ends, line_ends)
    expected = num_columns * np.arange(1, _num_lines(content) + 1)
    return len(word_ends) == expected[-1] and np.array_equal(words_before, expected)


def _valid(rows: np.ndarray) -> np.ndarray:
    colors = rows[:, 3:]
    places = np.abs(rows[:, :3]) <= _FARTHEST_M  # false for NaN too
    return (
        np.isfinite(rows).all(axis=1)
        & places.all(axis=1)
        & (colors >= 0).all(axis=1)
        & (colors <= 255).all(axis=1)
    )


def _read_carefully(path: Path, content: bytes) -> tuple[np.ndarray, list[Problem]]:
    lines = content.decode("ascii", errors="replace").split("\n")
    words = Counter(len(line.split()) for line in lines if line.strip())
    most = 2 * words[_COLORLESS] > words.total()
    num_columns = _COLORLESS if most else _COLORED
    kept: list[list[float]] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row, problem = _read_row(path, number, line.strip(" \t\r\n"), num_columns)
        if row is not None:
            kept.append(row)
        if problem is not None:
            problems.append(problem)
    return np.array(kept, np.float64).reshape(-1, num_columns), problems


def _read_row(
    path: Path, number: int, line: str, num_columns: int
) -> tuple[list[float] | None, Problem | None]:
    """Returns the row's values, or None to drop it, and what was wrong."""
    shown = ascii(line[:80])
    row = _numbers(line, num_columns)
    if row is not None:
        lost = _fault(path, number, row, shown)
        return (row, None) if lost is None else (None, lost)
    for replacement in ("", " "):
        row = _numbers(_CONTROL.sub(replacement, line), num_columns)
        if row is not None and _fault(path, number, row, shown) is None:
            repaired = f"stray character in {shown}; repaired to {_show(row)}"
            return row, Problem(path, number, repaired)
    kind = _kind(line)
    text = f"not {_WORDS[num_columns]} numbers: {shown}; dropped"
    return None, LostRow(path, number, text, kind, shown)


def _numbers(line: str, num_columns: int) -> list[float] | None:
    words = re.split("[ \t]+", line.strip(" \t"))
    if len(words) != num_columns or not all(_NUMBER.fullmatch(word) for word in words):
        return None
    return [float(word) for word in words]


def _kind(line: str) -> str:
    """What is wrong with a row that does not hold the numbers that it should."""
    for character, name in ((_NO_ASCII, "bytes above 127"), (",", "commas"), (";", "semicolons")):
        if character in line:
            return name
    words = line.split()
    if all(_NUMBER.fullmatch(word) for word in words):
        return f"{len(words)} columns"
    return "words that are no numbers"


def _fault(path: Path, number: int, row: list[float], shown: str) -> LostRow | None:
    colors = row[3:]
    if not np.isfinite(row).all():
        text, kind = "a value that is not finite", "values that are not finite"
        return LostRow(path, number, f"{text} in {shown}; dropped", kind, shown)
    if any(abs(coordinate) > _FARTHEST_M for coordinate in row[:3]):
        text, kind = "a coordinate that is on no map", f"coordinates beyond {_FARTHEST_M:g} m"
        return LostRow(path, number, f"{text} in {shown}; dropped", kind, shown)
    if not all(0 <= color <= 255 for color in colors):
        text = f"a colour outside 0 to 255 in {shown}; dropped"
        return LostRow(path, number, text, "colours", shown, (min(colors), max(colors)))
    return None


def _show(row: list[float]) -> str:
    return " ".join(f"{value:g}" for value in row)
