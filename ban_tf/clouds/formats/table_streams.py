"""Streams of files that hold their points as one table: binary PLY and PCD, and NPY."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ban_tf.clouds.formats import bounds, numpy_files, pcd, ply, ply_mesh, table
from ban_tf.clouds.formats.on_disk import STEP, Column, OnDisk
from ban_tf.clouds.formats.raw_scan import RawScan, as_columns, columns_of, with_columns
from ban_tf.clouds.formats.stream import Stream, with_labels

_COPY_STEP = 1 << 24  # bytes


def open_ply(path: Path) -> Stream | None:
    """A stream of a PLY file; None of one that is text or does not begin with its vertices.

    Raises:
        UnreadableError: it is damaged.
    """
    count = ply_mesh.count_vertices(path)
    if count is None or ply_mesh.is_text_file(path):
        return None
    mesh, start = ply_mesh.start_of(path)
    kind = mesh.vertices.dtype
    if not mesh.has_vertices_first or kind.hasobject:
        return None
    there = path.stat().st_size - start
    bounds.require_bytes(path, "element vertex", count, kind.itemsize, there)
    ply_mesh.require_faces(path, mesh.after, there, count * kind.itemsize, False)
    rows = OnDisk(path, kind, count, start)

    def write(out: Path, added: Mapping[str, Column]) -> None:
        with out.open("wb") as file:
            file.write(ply.header_with(mesh, {name: c.dtype for name, c in added.items()}))
            for part in _labelled(rows, added):
                file.write(part.tobytes())
            _copy_rest(path, rows, file)

    return _of_table(path, rows, "element vertex", write)


def _copy_rest(path: Path, rows: OnDisk, out: BinaryIO) -> None:
    with path.open("rb") as file:
        file.seek(rows.end)
        while part := file.read(_COPY_STEP):
            out.write(part)


def open_pcd(path: Path) -> Stream | None:
    """A stream of a PCD file; None of one that is text or packed.

    Raises:
        UnreadableError: it is damaged.
    """
    found = pcd.table_of(path)
    if found is None:
        return None
    header, rows, about, problems = found

    def write(out: Path, added: Mapping[str, Column]) -> None:
        _write_pcd(out, header, len(rows), _labelled(rows, added), _kind(rows.dtype, added))

    return _of_table(path, rows, "FIELDS", write, about, problems)


def _write_pcd(
    out: Path, header: dict[str, list[str]], count: int, parts: Iterable[np.ndarray], kind: np.dtype
) -> None:
    with out.open("wb") as file:
        file.write(pcd.header_with(header, kind, count))
        for part in parts:
            file.write(part.tobytes())


def open_npy(path: Path) -> Stream | None:
    """A stream of an NPY file; None of one in Fortran's order.

    Raises:
        UnreadableError: it is damaged.
    """
    rows = numpy_files.table_of(path)
    if rows is None:
        return None

    def write(out: Path, added: Mapping[str, Column]) -> None:
        own = rows.dtype if rows.dtype.names else None
        _write_npy(out, len(rows), _labelled(rows, added), _kind(own or _named(rows), added))

    return _of_table(path, rows, "array", write)


def _named(rows: OnDisk) -> np.dtype:
    return _columns(rows[:0]).dtype


def _columns(rows: np.ndarray) -> np.ndarray:
    """Structured rows of an array of points, as they are where it is structured."""
    if rows.dtype.names:
        return rows
    columns = numpy_files.unnamed(rows, rows.shape[1])
    scan = table.scan_of(Path(), columns, "array", is_checked=False)
    return as_columns(columns_of(scan))


def _write_npy(out: Path, count: int, parts: Iterable[np.ndarray], kind: np.dtype) -> None:
    with out.open("wb") as file:
        head = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, {**head, "shape": (count,)})
        for part in parts:
            file.write(part.tobytes())


def _of_table(
    path: Path,
    rows: OnDisk,
    place: str,
    write: object,
    about: Mapping[str, str] | None = None,
    problems: Iterable[str] = (),
) -> Stream:
    def scan_of(part: np.ndarray) -> RawScan:
        named: np.ndarray | dict[str, np.ndarray] = part
        if part.dtype.names is None:
            named = numpy_files.unnamed(part, part.shape[1])
        colors = pcd.packed_colors(part) if part.dtype.names else None
        return table.scan_of(path, named, place, colors, about, tuple(problems), is_checked=False)

    def parts(step: int = STEP) -> Iterator[RawScan]:
        for _, part in rows.slices(step):
            yield scan_of(part)

    return Stream(path, len(rows), scan_of(rows[:0]), parts, write)  # type: ignore[arg-type]


def _kind(own: np.dtype, added: Mapping[str, Column]) -> np.dtype:
    empty = {name: np.empty(0, column.dtype) for name, column in added.items()}
    return with_columns(np.empty(0, own), empty).dtype


def _labelled(rows: OnDisk, added: Mapping[str, Column]) -> Iterator[np.ndarray]:
    for start, part in rows.slices():
        stop = start + len(part)
        yield with_columns(_columns(part), {name: c[start:stop] for name, c in added.items()})


def write_other(stream: Stream, out: Path, added: Mapping[str, Column]) -> None:
    """Writes a PLY, PCD or NPY file of a stream of another format.

    Args:
        stream: of the scan.
        out: the file; its extension tells the format.
        added: `[N]` each, by name.
    """
    suffix = out.suffix.lower()
    fit = ply.fitting if suffix == ".ply" else lambda values: values

    def columns(part: RawScan) -> np.ndarray:
        return as_columns({name: fit(values) for name, values in columns_of(part).items()})

    kind = _kind(columns(stream.empty).dtype, added)
    parts = (
        with_columns(columns(part), labels)
        for part, labels in with_labels(stream.parts(STEP), added)
    )
    if suffix == ".npy":
        _write_npy(out, len(stream), parts, kind)
    elif suffix == ".pcd":
        _write_pcd(out, pcd.new_header(len(stream)), len(stream), parts, kind)
    else:
        with out.open("wb") as file:
            file.write(ply.new_header(kind, len(stream), stream.empty.about))
            for part in parts:
                file.write(part.tobytes())
