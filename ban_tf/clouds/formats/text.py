"""Scans as text, a point per line: XYZ, TXT, CSV, ASC, PTS.

Labels are put behind each line, whose own text stays as it is, to the last digit.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ban_tf.clouds.formats import bounds, numpy_files, rows, table
from ban_tf.clouds.formats.raw_scan import RawScan, columns_of
from ban_tf.clouds.problems import UnreadableError

_COMMENTS = (b"#", b"//", b";")
_LONGEST_LINE = 1 << 16  # bytes
_MOST_COLUMNS = 1024
_WIDTHS = (3, 4, 6, 7)
_BYTES = 96  # of a line's numbers while they are read


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a file of text is laid out.

    Args:
        delimiter: between values; empty for blanks.
        names: of the columns; empty where the file has no line of names.
        header: the line of names, counted from 1, which may be a comment; 0 where there is none.
        has_count: whether the first line is the number of points alone (PTS).
        num_columns: of each line.
    """

    delimiter: str
    names: tuple[str, ...]
    header: int
    has_count: bool
    num_columns: int


def read(path: Path, columns: Sequence[str] | None = None) -> RawScan:
    """Reads lines of numbers between commas, semicolons, tabs or blanks.

    Empty lines and comments (`#`, `//`, `;`) are passed over. A line of names tells the columns.
    Without one the first three are coordinates; of six the last three are colours, of four and
    seven there is one more value after the coordinates.

    Args:
        path: the file.
        columns: names of the columns, instead of what the file tells; `x`, `y` and `z` among them.

    Raises:
        UnreadableError: no numbers where they should be; the message has the line.
    """
    with path.open("rb") as file:
        layout, first = _layout(path, file)
    wanted = {place: name for place, name in enumerate(_names(path, layout, columns))}
    numeric = [place for place in wanted if _is_number(_split(first, layout)[place])]
    least = 2 * layout.num_columns
    bounds.require_memory(path, path.stat().st_size // least, _BYTES, "lines")
    values = _values(path, layout, numeric)
    problems = []
    words = [wanted[place] for place in wanted if place not in numeric]
    if words:
        problems.append(f"the columns {', '.join(words)} hold words, which are kept and not read")
    if not layout.names and columns is None:
        told = " ".join(wanted.values())
        problems.append(f"the file does not name its columns; they are taken as {told}")
    by_name = {wanted[place]: column for place, column in zip(numeric, values.T, strict=True)}
    return table.scan_of(path, by_name, "columns", problems=problems, native=layout)


def _names(path: Path, layout: Layout, columns: Sequence[str] | None) -> tuple[str, ...]:
    names = layout.names if columns is None else tuple(columns)
    if not names:
        if layout.num_columns in _WIDTHS:
            names = tuple(
                numpy_files.unnamed(np.zeros((0, layout.num_columns)), layout.num_columns)
            )
        else:
            others = tuple(f"column_{k}" for k in range(4, layout.num_columns + 1))
            names = ("x", "y", "z", *others)
    if len(names) != layout.num_columns:
        raise UnreadableError(
            path, "columns", f"there are {layout.num_columns}, and {len(names)} names of them"
        )
    if len(set(names)) < len(names):
        raise UnreadableError(path, "columns", f"have a name twice: {', '.join(names)[:200]}")
    return names


def _layout(path: Path, file: BinaryIO) -> tuple[Layout, str]:
    """How the file is laid out, and its first line of numbers."""
    names: tuple[str, ...] = ()
    header, has_count = 0, False
    told: list[tuple[int, str]] = []  # comments before the first point
    for number, line in _lines(path, file, told):
        delimiter = next((one for one in (",", ";", "\t") if one in line), "")
        words = [word.strip() for word in (line.split(delimiter) if delimiter else line.split())]
        if len(words) == 1 and number == 1 and words[0].isdigit():
            has_count = True
            continue
        if not header and not any(map(_is_number, words)):
            names, header = tuple(word.strip("\"'") for word in words), number
            continue
        if not 3 <= len(words) <= _MOST_COLUMNS:
            raise UnreadableError(
                path, "", f"a point takes three numbers. Received: {line[:60]!r}", number
            )
        if not header:
            header, names = _names_in_comment(told, delimiter, len(words))
        return Layout(delimiter, names, header, has_count, len(words)), line
    raise UnreadableError(path, "", "has no line of numbers")


def _names_in_comment(
    told: list[tuple[int, str]], delimiter: str, num_columns: int
) -> tuple[int, tuple[str, ...]]:
    """Line and names of the columns, where the last comment has as many, x, y and z among them."""
    for number, text in told[-1:]:
        rest = text.lstrip("#/; ")
        words = rest.split(delimiter) if delimiter else rest.split()
        names = tuple(word.strip().strip("\"'") for word in words)
        if len(names) == num_columns and {"x", "y", "z"} <= {name.lower() for name in names}:
            return number, names
    return 0, ()


def _lines(
    path: Path, file: BinaryIO, comments: list[tuple[int, str]] | None = None
) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are neither empty nor comments, which `comments` takes."""
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise UnreadableError(path, "", f"is longer than {_LONGEST_LINE:,} bytes", number)
        if b"\0" in line:
            raise UnreadableError(path, "", "holds bytes that are no text", number)
        text = line.strip()
        if text.startswith(_COMMENTS):
            if comments is not None:
                comments.append((number, text.decode("utf-8", errors="replace")))
        elif text:
            yield number, text.decode("utf-8", errors="replace").lstrip("\ufeff")


def _points(path: Path, file: BinaryIO, layout: Layout) -> Iterator[tuple[int, str]]:
    """Number and text of the lines of points."""
    for number, line in _lines(path, file):
        if number != layout.header and not (layout.has_count and number == 1):
            yield number, line


def _split(line: str, layout: Layout) -> list[str]:
    return line.split(layout.delimiter) if layout.delimiter else line.split()


def _values(path: Path, layout: Layout, numeric: list[int]) -> np.ndarray:
    """float64 `[N, len(numeric)]`."""
    try:
        with path.open("rb") as file:
            return np.loadtxt(
                (line for _, line in _points(path, file, layout)),
                delimiter=layout.delimiter or None,
                usecols=numeric,
                comments=None,
                ndmin=2,
            )
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise _explained(path, layout, numeric, error) from error


def _explained(path: Path, layout: Layout, numeric: list[int], error: Exception) -> UnreadableError:
    """The first line that is not as the others, and why."""
    with path.open("rb") as file:
        for number, line in _points(path, file, layout):
            words = _split(line, layout)
            if len(words) <= max(numeric):
                text = f"has {len(words)} values, and the first line {layout.num_columns}"
                return UnreadableError(path, "", text, number)
            for place in numeric:
                if not _is_number(words[place]):
                    text = f"value {place + 1} is no number: {words[place].strip()[:40]!r}"
                    return UnreadableError(path, "", text, number)
    return UnreadableError(path, "", str(error)[:200])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word


def write(scan: RawScan, path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Writes a line per point; those of a scan of the same extension stay, with more behind.

    Args:
        scan: as it was read.
        path: the file to write; `.csv` is written with commas, other new files with blanks.
        added: `[N]` each, by name of the column; one that is there is replaced.
    """
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        if isinstance(scan.native, Layout) and path.suffix.lower() == scan.path.suffix.lower():
            file.writelines(_extended(scan.path, scan.native, added))
        else:
            file.writelines(_made(scan, "," if path.suffix.lower() == ".csv" else " ", added))


def _extended(path: Path, layout: Layout, added: Mapping[str, np.ndarray]) -> Iterator[str]:
    delimiter = layout.delimiter or " "
    left = [place for place, name in enumerate(layout.names) if name not in added]
    is_changed = bool(layout.names) and len(left) < len(layout.names)
    new = rows.texts(added)
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw.decode("utf-8", errors="surrogateescape").rstrip("\r\n")
            text = raw.strip()
            is_point = text and not text.startswith(_COMMENTS)
            is_point = is_point and not (layout.has_count and number == 1)
            if number != layout.header and not is_point:
                yield f"{line}\n"
                continue
            if is_changed:
                mark = line[: len(line) - len(line.lstrip("#/; "))]
                words = _split(line.removeprefix(mark), layout)
                line = mark + delimiter.join(words[place] for place in left)
            more = tuple(added) if number == layout.header else next(new)
            yield f"{line}{delimiter}{delimiter.join(more)}\n"


def _made(scan: RawScan, delimiter: str, added: Mapping[str, np.ndarray]) -> Iterator[str]:
    columns = {name: values for name, values in columns_of(scan).items() if name not in added}
    yield f"{'' if delimiter == ',' else '# '}{delimiter.join([*columns, *added])}\n"
    for start in range(0, len(scan), rows.STEP):
        part = slice(start, start + rows.STEP)
        own = zip(*(map(repr, values[part].tolist()) for values in columns.values()), strict=True)
        new = rows.texts({name: values[part] for name, values in added.items()})
        for old, more in zip(own, new, strict=True):
            yield f"{delimiter.join((*old, *more))}\n"
