"""Scans read and written part by part, whatever their size.

LAS, LAZ, E57, binary PLY with the vertices first, binary PCD and NPY are; other files are read as a
whole, which `scan.read` refuses where they do not fit.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ban_tf.clouds.formats.on_disk import STEP, Column
from ban_tf.clouds.formats.raw_scan import RawScan

Parts = Callable[[int], Iterator[RawScan]]
Write = Callable[[Path, Mapping[str, Column]], None]


@dataclasses.dataclass(frozen=True)
class Stream:
    """A file of points, of which a part at a time is in memory; `N` points.

    Args:
        path: of the file.
        num_points: N, as its header says.
        empty: a scan of no points, with the colours and fields that the file has in their types,
            and with what the file says of itself.
        parts: given the most points of a part, yields scans of the file's points in their order.
        write_copy: writes a copy in the same format with further columns; None where the scan has
            to be read as a whole for that.
        point_format: of a LAS file; None of others.
    """

    path: Path
    num_points: int
    empty: RawScan
    parts: Parts
    write_copy: Write | None = None
    point_format: int | None = None

    def __len__(self) -> int:
        return self.num_points

    @property
    def is_whole(self) -> bool:
        """Whether the file is read as a whole, however few points are asked for."""
        return self.write_copy is None


def of_whole(read: Callable[[], RawScan], scan: RawScan) -> Stream:
    """A stream of a file that is read as a whole for each pass over it.

    Args:
        read: gives the scan.
        scan: what it gave, of which only types are kept.
    """

    def parts(step: int = STEP) -> Iterator[RawScan]:
        whole = read()
        for start in range(0, len(whole), step):
            yield sliced(whole, slice(start, start + step))

    return Stream(scan.path, len(scan), dataclasses.replace(sliced(scan, slice(0)), native=None),
                  parts)  # fmt: skip


def sliced(scan: RawScan, part: slice) -> RawScan:
    """Some points of a scan."""
    return dataclasses.replace(
        scan,
        xyz=scan.xyz[part],
        colors=None if scan.colors is None else scan.colors[part],
        fields={name: values[part] for name, values in scan.fields.items()},
    )


def with_labels(
    parts: Iterator[RawScan], labels: Mapping[str, Column]
) -> Iterator[tuple[RawScan, dict[str, np.ndarray]]]:
    """Yields parts of a scan and the labels of their points."""
    start = 0
    for part in parts:
        stop = start + len(part)
        yield part, {name: column[start:stop] for name, column in labels.items()}
        start = stop
