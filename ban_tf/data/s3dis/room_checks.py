"""What the files of a room must have in common, and when too little of them was understood."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ban_tf.data import samples
from ban_tf.data.reading import Problem
from ban_tf.data.s3dis.annotation import LostRow

_WIDE_M = 100.0  # a room beyond it has many points, or is in centimetres
_FEW_PER_M2 = 10.0  # points on a square metre of its ground; scanners give thousands
_LAYOUT = (
    "A row must be `x y z red green blue`: six numbers with spaces between them, metres and "
    "colours of 0 to 255, or `x y z` where a room has no colours."
)


def refuse_lost(where: Path, lost: Sequence[LostRow], num_rows: int) -> None:
    """Says why rows could not be understood, in place of data with holes.

    Args:
        where: a file, or a room.
        lost: its rows that were dropped, at least one.
        num_rows: all of its rows.

    Raises:
        ValueError: always; with the most frequent reason and the first row of it.
    """
    kind, count = Counter(row.kind for row in lost).most_common(1)[0]
    alike = [row for row in lost if row.kind == kind]
    first = alike[0]
    raise ValueError(
        f"{where} would lose {len(lost)} of {num_rows} rows, {count} of them for "
        f"{_words(kind, alike)}, as in {first.path}:{first.line}: {first.row}. {_LAYOUT} "
        "Mend the files, or move them away."
    )


def _words(kind: str, lost: Sequence[LostRow]) -> str:
    ranges = [row.colors for row in lost if row.colors is not None]
    if not ranges:
        return kind
    lowest, highest = min(low for low, _ in ranges), max(high for _, high in ranges)
    return f"colours up to {highest:g}" if highest > 255 else f"colours down to {lowest:g}"


def check_units(room: Path, files: Iterable[np.ndarray]) -> list[Problem]:
    """Refuses a room that can hardly be in metres, and tells of one that may not be.

    Args:
        room: its folder.
        files: float64 `[N, 3]` or `[N, 6]` rows of every file, at least one.

    Returns:
        What there is to report: a wide room of few points.

    Raises:
        ValueError: it is higher than any building, wider than any, or smaller than a hand; with
            its size.
    """
    boxes = [(rows[:, :3].min(axis=0), rows[:, :3].max(axis=0), len(rows)) for rows in files]
    lowest, highest, counts = (np.array(part) for part in zip(*boxes, strict=True))
    size = highest.max(axis=0) - lowest.min(axis=0)
    doubt = samples.doubt_of_metres(size)
    if doubt:
        raise ValueError(
            f"coordinates in {room} must be in metres; {doubt}. "
            f"Received: a room of {samples.shown(size)}"
        )
    per_m2 = counts.sum() / max(size[0] * size[1], 1.0)
    if size[:2].max() <= _WIDE_M or per_m2 >= _FEW_PER_M2:
        return []
    told = (
        f"a room of {samples.shown(size)} has {per_m2:.2g} points on a square metre of ground; "
        "read as metres, but is it in centimetres or feet?"
    )
    return [Problem(room, 0, told)]


def colors_of(
    room: Path, files: dict[Path, np.ndarray]
) -> tuple[list[np.ndarray] | None, list[Problem]]:
    """The colours of all files of a room, in one range.

    Args:
        room: folder of the room.
        files: float64 `[N, 6]` or `[N, 3]` rows of every file, at least one file.

    Returns:
        uint8 `[N, 3]` of every file, or None where the room has no colours; and what there is to
        report: shares of 0 to 1 that were read as such or not, or that there are no colours.

    Raises:
        ValueError: some files have colours and others none, or it is not certain which range
            they are in.
    """
    colorless = [file for file, rows in files.items() if rows.shape[1] == 3]
    if colorless:
        if len(colorless) == len(files):
            told = "has no colours, which only a network without the feature rgb is trained on"
            return None, [Problem(room, 0, told)]
        raise ValueError(
            f"either all files of a room have colours or none, but {colorless[0]} has 3 columns "
            f"and {len(files) - len(colorless)} of {len(files)} in {room} have 6. {_LAYOUT}"
        )
    colors = {file: rows[:, 3:] for file, rows in files.items()}
    small = {file for file, values in colors.items() if values.max() <= 1}
    shares = {file for file in small if (colors[file] != np.rint(colors[file])).any()}
    if len(small) < len(files):
        if shares:
            raise ValueError(
                f"colours must be of one range, but those of {min(shares)} lie between 0 and 1 and "
                f"those of other files in {room} beyond. Write all of them as 0 to 255."
            )
        mixed = [told for file, values in colors.items() for told in _shares_among(file, values)]
        return [np.rint(values).astype(np.uint8) for values in colors.values()], mixed
    if not shares and any(values.max() == 1 for values in colors.values()):
        raise ValueError(
            f"all colours in {room} are 0 or 1, so it is not certain whether they mean 0 to 255 or "
            "0 to 1. Write them as 0 to 255, or leave the columns out."
        )
    read = [np.rint(values * 255).astype(np.uint8) for values in colors.values()]
    reported = [Problem(room, 0, "colours lie in 0 to 1; read as shares of 255")] if shares else []
    return read, reported


def _shares_among(file: Path, colors: np.ndarray) -> list[Problem]:
    """Tells of rows that look like shares of 0 to 1 in a file of colours of 0 to 255."""
    shares = (colors <= 1).all(axis=1) & (colors != np.rint(colors)).any(axis=1)
    if not shares.any():
        return []
    told = (
        f"{shares.sum()} of {len(colors)} rows have colours of 0 to 1 among those of 0 to 255, "
        f"the first valid row {np.argmax(shares) + 1}; read as nearly black"
    )
    return [Problem(file, 0, told)]
