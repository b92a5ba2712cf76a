"""LAS and LAZ files read and written part by part."""

import copy
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ban_tf.clouds.formats import extras, las, las_header
from ban_tf.clouds.formats.on_disk import STEP, Column
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.clouds.formats.stream import Stream, with_labels
from ban_tf.clouds.problems import UnreadableError


def open_las(path: Path) -> Stream:
    """A stream of a LAS or LAZ file.

    Raises:
        UnreadableError: its header, or its table of chunks, is damaged.
        ImportError: laspy is missing.
    """
    las_header.check(path, is_whole=False)
    laspy = extras.load("laspy", "scans", "LAS and LAZ files")
    with las.faults(path), las.opened(laspy, path) as reader:
        header = reader.header
        none = laspy.ScaleAwarePointRecord.zeros(0, header=header)
        empty = las.scan_of(path, laspy.LasData(copy.deepcopy(header), none), is_light=True)

    def parts(step: int = STEP) -> Iterator[RawScan]:
        for records in _records(laspy, path, step):
            yield las.scan_of(path, records, is_light=True)

    write = functools.partial(_write, laspy, path)
    return Stream(path, header.point_count, empty, parts, write, header.point_format.id)


def _records(laspy: ModuleType, path: Path, step: int) -> Iterator[Any]:
    """Parts of the file as `LasData`, each with a header of its own."""
    with las.faults(path), las.opened(laspy, path) as reader:
        header, done = reader.header, 0
        while done < header.point_count:
            with las.without_panic():
                part = reader.read_points(step)
            if not len(part):
                text = f"there are {done:,} of {header.point_count:,}: it is cut off"
                raise UnreadableError(path, "points", text)
            done += len(part)
            yield laspy.LasData(copy.deepcopy(header), part)


def _write(laspy: ModuleType, path: Path, out: Path, added: Mapping[str, Column]) -> None:
    start = 0

    def labelled() -> Iterator[Any]:
        nonlocal start
        for data in _records(laspy, path, STEP):
            stop = start + len(data.points)
            las.add_dimensions(laspy, data, {name: c[start:stop] for name, c in added.items()})
            start = stop
            yield data

    _write_parts(laspy, out, labelled())


def write_other(
    stream: Stream,
    out: Path,
    added: Mapping[str, Column],
    least: np.ndarray,
) -> None:
    """Writes a LAS or LAZ file of a stream of another format.

    Args:
        stream: of the scan, all points finite and near enough (`las.require_fit`).
        out: the file.
        added: `[N]` each, by name of the dimension.
        least: float64 `[3]`, the least coordinates of the scan.
    """
    laspy = extras.load("laspy", "scans", "LAS and LAZ files")

    def made() -> Iterator[Any]:
        for part, labels in with_labels(stream.parts(STEP), added):
            data = las.new_data(laspy, part, np.floor(least))
            las.add_dimensions(laspy, data, labels)
            yield data

    _write_parts(laspy, out, made())


def _write_parts(laspy: ModuleType, out: Path, parts: Iterator[Any]) -> None:
    writer, evlrs = None, None
    with out.open("wb+") as file:
        for data in parts:
            if writer is None:
                packed = out.suffix.lower() == ".laz"
                writer = laspy.LasWriter(file, data.header, do_compress=packed, closefd=False)
                evlrs = data.evlrs if data.header.version.minor >= 4 else None
            writer.write_points(data.points)
        if writer is not None:
            if evlrs is not None:
                writer.write_evlrs(evlrs)
            writer.close()
