"""One function that opens a file of any format as a stream, and one that writes a stream's copy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.formats import (
    e57_stream,
    las_codes,
    las_stream,
    scan,
    table_streams,
)
from ban_tf.clouds.formats.on_disk import Column, Derived
from ban_tf.clouds.formats.stream import Stream, of_whole

_OPEN = {
    ".ply": table_streams.open_ply,
    ".pcd": table_streams.open_pcd,
    ".npy": table_streams.open_npy,
    ".las": las_stream.open_las,
    ".laz": las_stream.open_las,
    ".e57": e57_stream.open_e57,
}
_FROM_ANY = (".ply", ".pcd", ".npy", ".las", ".laz")  # that are written of any stream


def open_scan(path: Path, columns: Sequence[str] | None = None) -> Stream:
    """Opens a file of points, of which little more than its header is read.

    A file that cannot be read part by part is read as a whole, now and in each pass over it.

    Args:
        path: as for `scan.read`.
        columns: as for `scan.read`.

    Raises:
        FileNotFoundError, UnreadableError, ValueError, ImportError: as `scan.read`; that a point
            has a place is not looked at.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "desk.npy"
        >>> np.save(path, np.arange(6.0).reshape(2, 3))
        >>> stream = open_scan(path)
        >>> len(stream), [part.xyz.tolist() for part in stream.parts(1)]
        (2, [[[0.0, 1.0, 2.0]], [[3.0, 4.0, 5.0]]])
    """
    found = open_parts(path) if columns is None else None
    if found is not None:
        return found
    return of_whole(lambda: scan.read(path, columns), scan.read(path, columns))


def open_parts(path: Path) -> Stream | None:
    """The stream of a file that can be read part by part; None of any other.

    Args:
        path: as for `scan.read`.

    Raises:
        FileNotFoundError, UnreadableError, ValueError, ImportError: as `open_scan`.
    """
    scan.require_file(path)
    opener = _OPEN.get(path.suffix.lower())
    return None if opener is None else opener(path)


def takes(stream: Stream, suffix: str) -> bool:
    """Whether a copy of a stream in a format is written part by part.

    Args:
        stream: of the scan.
        suffix: of the copy.
    """
    is_same = scan.is_same_format(stream.path, suffix)
    return (is_same and not stream.is_whole) or (not is_same and suffix.lower() in _FROM_ANY)


def write(
    stream: Stream,
    path: Path,
    labels: Mapping[str, Column],
    least: np.ndarray,
    with_codes: bool = False,
    columns: Sequence[str] | None = None,
) -> None:
    """Writes a copy of a stream with labels, as `scan.write` does of a scan: whole, or not at all.

    Args:
        stream: of the scan; its file must not have changed since it was opened.
        path: the file to write; one that is there is replaced.
        labels: `[N]` each, by name.
        least: float64 `[3]`, least coordinates, of a copy in LAS of another format.
        with_codes: whether a LAS file gets `classification` (`las.classification`).
        columns: as for `open_scan`.

    Raises:
        OSError: the file cannot be written; what was there before is intact.
    """
    added = dict(labels)
    suffix = path.suffix.lower()
    if with_codes:
        added["classification"] = Derived(labels["semantic"], np.dtype("u1"), las_codes.codes_of)
    with disk.whole(path, scan.WAY_OUT) as temporary:
        if scan.is_same_format(stream.path, suffix) and stream.write_copy is not None:
            stream.write_copy(temporary, added)
        elif not takes(stream, suffix):
            whole = scan.read(stream.path, columns)
            values = {name: column[: len(column)] for name, column in added.items()}
            scan.format_of(path).write(whole, temporary, values)
        elif suffix in scan.LAS:
            las_stream.write_other(stream, temporary, added, least)
        else:
            table_streams.write_other(stream, temporary, added)
