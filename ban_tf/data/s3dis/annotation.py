"""One annotation file of S3DIS: text rows `x y z r g b`, some of them known to be broken."""

import re
import warnings
from pathlib import Path

import numpy as np

from ban_tf.data.reading import Problem

_NUM_COLUMNS = 6
_NUMBER = re.compile(
    r"[-+]?((\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE
)
_STRAY = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffd]+")  # U+FFFD stands for a byte above 127
_CLEAN_BYTES = b"0123456789+-.eE \t\r\n"


def read_annotation(path: Path) -> tuple[np.ndarray, list[Problem]]:
    """Reads an annotation file.

    A clean file takes NumPy's parser, all others a pass over the lines. There, a control
    character inside a row is removed or read as a space, whichever leaves six numbers (both
    happen in S3DIS: `103.0\\x100000` and `185\\x10187`). Rows that do not hold six numbers, that
    are not finite, or whose colours leave 0 to 255, are dropped.

    Args:
        path: the text file.

    Returns:
        float64 `[N, 6]` rows: coordinates in metres, colours 0-255; and the problems met.
    """
    rows = _read_clean(path)
    return _read_carefully(path) if rows is None else (rows, [])


def _read_clean(path: Path) -> np.ndarray | None:
    """Returns the rows if every line of the file holds six plain numbers, else None."""
    content = path.read_bytes()
    if content.translate(None, _CLEAN_BYTES) or not _has_six_words_a_line(content):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy stops at a malformed number with a warning
            values = np.fromstring(content, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    # A word such as `5-3` or `1.2.3` is read as two numbers, so then the count is off.
    if len(values) != _NUM_COLUMNS * _num_lines(content):
        return None
    rows = values.reshape(-1, _NUM_COLUMNS)
    return rows if _valid(rows).all() else None


def _num_lines(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))


def _has_six_words_a_line(content: bytes) -> bool:
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
    expected = _NUM_COLUMNS * np.arange(1, _num_lines(content) + 1)
    return len(word_ends) == expected[-1] and np.array_equal(words_before, expected)


def _valid(rows: np.ndarray) -> np.ndarray:
    colors = rows[:, 3:]
    return np.isfinite(rows).all(axis=1) & (colors >= 0).all(axis=1) & (colors <= 255).all(axis=1)


def _read_carefully(path: Path) -> tuple[np.ndarray, list[Problem]]:
    kept, problems = [], []
    with path.open(encoding="ascii", errors="replace", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            row, problem = _read_row(line)
            if row is not None:
                kept.append(row)
            if problem:
                problems.append(Problem(path, number, problem))
    return np.array(kept, np.float64).reshape(-1, _NUM_COLUMNS), problems


def _read_row(line: str) -> tuple[list[float] | None, str]:
    """Returns the row's values, or None to drop it, and what was wrong ("" for nothing)."""
    line = line.strip(" \t\r\n")
    shown = ascii(line[:80])
    row = _six_numbers(line)
    if row is not None:
        fault = _fault(row)
        return (None, f"{fault} in {shown}; dropped") if fault else (row, "")
    for replacement in ("", " "):
        row = _six_numbers(_STRAY.sub(replacement, line))
        if row is not None and not _fault(row):
            return row, f"stray character in {shown}; repaired to {_show(row)}"
    return None, f"not six numbers: {shown}; dropped"


def _six_numbers(line: str) -> list[float] | None:
    words = re.split("[ \t]+", line.strip(" \t"))
    if len(words) != _NUM_COLUMNS or not all(_NUMBER.fullmatch(word) for word in words):
        return None
    return [float(word) for word in words]


def _fault(row: list[float]) -> str:
    if not np.isfinite(row).all():
        return "a value that is not finite"
    if not all(0 <= color <= 255 for color in row[3:]):
        return "a colour outside 0 to 255"
    return ""


def _show(row: list[float]) -> str:
    return " ".join(f"{value:g}" for value in row)
