"""What would fail when a labelled copy is written, refused before the network runs."""

from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.formats import e57, las, las_codes, scan, scan_stream
from ban_tf.clouds.formats.stream import Stream

_LABELS, _PACKED_LABELS, _COORDINATES = 16, 4, 24  # bytes a point


def require_copy(path: Path, num_points: int, least: np.ndarray, most: np.ndarray, out: Path) -> (
    None
):  # fmt: skip
    """Refuses a copy that its format cannot hold, or its disk.

    Args:
        path: of the scan.
        num_points: of the scan.
        least: float64 `[3]`, least coordinates of the scan, NaN where some are.
        most: float64 `[3]`, greatest.
        out: the copy.

    Raises:
        ValueError: the format cannot hold the scan.
        OSError: the disk is too full.
    """
    suffix = out.suffix.lower()
    is_same = scan.is_same_format(path, suffix)
    if suffix == ".e57" and not is_same:
        raise e57.not_written(path, out)
    if suffix in scan.LAS and not is_same:
        las.require_fit(path, least, most)
    each = _LABELS if suffix != ".laz" else _PACKED_LABELS
    if is_same and path.is_file():
        needed = path.stat().st_size * (suffix == path.suffix.lower()) + each * num_points
    else:
        needed = (each + (0 if suffix == ".laz" else _COORDINATES)) * num_points
    disk.require_free(out.parent, needed, f"the labelled copy of {path}")


def require_in_parts(stream: Stream, out: Path) -> None:
    """Refuses a copy that would have to be in memory as a whole, of a scan that does not fit.

    Args:
        stream: of the scan.
        out: the copy.

    Raises:
        ValueError: the format is not written part by part.
    """
    if out.suffix.lower() == ".e57" and not scan.is_same_format(stream.path, ".e57"):
        raise e57.not_written(stream.path, out)
    if not stream.is_whole and not scan_stream.takes(stream, out.suffix):
        raise ValueError(
            f"{stream.path} is too large to be in memory as a whole, as a copy in {out.suffix} "
            f"asks for. Write its own format, LAZ, PLY, PCD or NPY (`out`), or allow more memory "
            "(`max_memory`)."
        )


def note_on_codes(num_classes: int, out: Path) -> str:
    """What is told of a LAS copy of a model with more classes than codes; empty for none."""
    if out.suffix.lower() not in scan.LAS or las_codes.takes_classes(num_classes):
        return ""
    return (
        f"classification stays as it is: LAS leaves fewer codes free than {num_classes} classes; "
        "the field semantic has them"
    )
