"""E57 files read and written part by part."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ban_tf.clouds.formats import e57, e57_tree, table
from ban_tf.clouds.formats.on_disk import STEP, Column
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.clouds.formats.stream import Stream
from ban_tf.clouds.problems import UnreadableError


def open_e57(path: Path) -> Stream:
    """A stream of all scans of an E57 file.

    Raises:
        UnreadableError: it is damaged, or one of its scans has no coordinates.
        ImportError: pye57 is missing.
    """
    with e57.opened(path) as (pye57, image):
        headers = e57.headers_of(path, pye57, image)
        none = [
            e57.placed(
                path, pye57, header, k,
                {name: np.zeros(0) for name in e57.wanted_of(pye57, header)},
            )
            for k, header in enumerate(headers)
        ]  # fmt: skip
        counts = [header.point_count for header in headers]
        about = e57.about_of(image)
    shared = [name for name in none[0] if all(name in columns for columns in none)]
    left = sorted({name for columns in none for name in columns} - set(shared))
    problems = e57.problems_of(left, len(counts))

    def scan_of(columns: dict[str, np.ndarray], number: int) -> RawScan:
        kept = {name: columns[name] for name in shared}
        if len(counts) > 1:
            kept["scan"] = np.full(len(kept["x"]), number)
        return table.scan_of(path, kept, "data3D", None, about, problems, is_checked=False)

    def parts(step: int = STEP) -> Iterator[RawScan]:
        with e57.opened(path) as (pye57, image):
            for number, header in enumerate(e57.headers_of(path, pye57, image)):
                wanted, done = e57.wanted_of(pye57, header), 0
                for columns in e57_tree.points_of(pye57, image, header.points, wanted, step):
                    found = e57.placed(path, pye57, header, number, columns)
                    done += len(found["x"])
                    yield scan_of(found, number)
                if done < header.point_count:
                    text = f"has {done:,} of {header.point_count:,} points"
                    raise UnreadableError(path, f"data3D[{number}]", text)

    def write(out: Path, added: Mapping[str, Column]) -> None:
        with e57.opened(path) as (pye57, _):
            e57_tree.copy(pye57, path, out, added, e57.STEP)

    return Stream(path, sum(counts), scan_of(none[0], 0), parts, write)
