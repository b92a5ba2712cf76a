"""What was found in a scan, one row per instance: class, points, size, place, box, confidence."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import spatial

from ban_tf.clouds.boxes import oriented_box
from ban_tf.clouds.conditioning import Conditioned, Decision
from ban_tf.config import Labels
from ban_tf.inference.results import Instance, Segmentation
from ban_tf.metrics.layout import Table

_COLUMNS = ("scan", "instance", "class", "points", "confidence", "center_x", "center_y", "center_z",
            "length_m", "width_m", "height_m", "yaw_deg")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Row:
    """One instance.

    Args:
        instance: its number, as the points carry it.
        class_name: of its class.
        num_points: that carry it.
        confidence: the mean probability of its class over them.
        center: middle of its box, in the unit and axes of the file.
        size_m: length, width and height of its box in metres, the length at least the width.
        yaw_deg: of the length about the upright axis, from x, in [0, 180).
        axes: of the box as unit vectors in the axes of the file: length, width, height.
    """

    instance: int
    class_name: str
    num_points: int
    confidence: float
    center: tuple[float, float, float]
    size_m: tuple[float, float, float]
    yaw_deg: float
    axes: tuple[tuple[float, float, float], ...]


def rows_of(conditioned: Conditioned, found: Segmentation, labels: Labels) -> list[Row]:
    """Describes the instances of a scan, in the order of their numbers.

    Args:
        conditioned: the scan.
        found: its labels.
        labels: of the model.
    """
    xyz = conditioned.cloud.xyz
    order = np.argsort(found.instance, kind="stable")
    order = order[np.searchsorted(found.instance[order], 0) :]  # those of an instance
    starts = np.cumsum([one.num_points for one in found.instances])[:-1]
    rows = []
    for number, points in enumerate(np.split(order, starts) if found.instances else ()):
        rows.append(row_of(number, found.instances[number], xyz[points], conditioned, labels))
    return rows


def row_of(
    number: int,
    one: Instance,
    xyz: np.ndarray,
    placed: Conditioned | Decision,
    labels: Labels,
) -> Row:
    """Describes an instance.

    Args:
        number: of the instance.
        one: what is known of it.
        xyz: float64 `[N, 3]`, its points in the cloud, or those of them that are `outermost`.
        placed: how the points of the file became those of the cloud.
        labels: of the model.
    """
    center, size, yaw = oriented_box(xyz)
    turned = np.array([[np.cos(yaw), np.sin(yaw), 0], [-np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return Row(
        number,
        labels.class_names[one.semantic],
        one.num_points,
        one.score,
        _floats(placed.in_file(center[None])[0]),
        _floats(size),
        float(np.rad2deg(yaw)),
        tuple(_floats(axis) for axis in turned @ placed.turn),
    )


def outermost(xyz: np.ndarray) -> np.ndarray:
    """Those of some points that settle their box: corners of the hull, lowest and highest.

    Args:
        xyz: float64 `[N, 3]`, at least one point, z up.

    Returns:
        float64 `[n, 3]`; `oriented_box` of them is that of all, but for rounding.

    Example:
        >>> square = np.array([[0.0, 0, 0], [2, 0, 0], [1, 0.5, 0], [2, 2, 0], [0, 2, 1]])
        >>> len(outermost(square))
        4
    """
    ground = xyz[:, :2] - xyz[:, :2].mean(axis=0)
    try:
        corners = spatial.ConvexHull(ground).vertices
    except (spatial.QhullError, ValueError):  # fewer than three points, or all on a line
        corners = np.concatenate([ground.argmin(axis=0), ground.argmax(axis=0)])
    heights = [xyz[:, 2].argmin(), xyz[:, 2].argmax()]
    return xyz[np.unique(np.concatenate([corners, heights]))]


def _floats(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def as_table(rows: Sequence[Row], title: str, most: int = 40) -> Table:
    """The instances of a scan for a terminal, the largest first.

    Args:
        rows: of `rows_of`.
        title: heading.
        most: rows that are shown; a note tells of the others.
    """
    shown = sorted(rows, key=lambda row: (-row.num_points, row.instance))[:most]
    cells = [
        (
            str(row.instance),
            row.class_name,
            f"{row.num_points:,}",
            f"{row.confidence:.2f}",
            " x ".join(f"{value:.2f}" for value in row.size_m),
            ", ".join(f"{value:.2f}" for value in row.center),
            f"{row.yaw_deg:.0f}",
        )
        for row in shown
    ]
    notes = ["Size: length, width, height of the upright box. Centre: in the file's unit and axes."]
    if len(rows) > len(shown):
        notes.append(f"{len(rows) - len(shown)} smaller instances are not shown (`csv`, `json`).")
    header = ("No.", "Class", "Points", "Confidence", "Size (m)", "Centre", "Turned by (deg)")
    return Table(title, header, 2, tuple(cells), notes=tuple(notes))


def as_csv(scans: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """All instances of some scans, a line each.

    Args:
        scans: name and instances of each.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for name, rows in scans:
        for row in rows:
            numbers = (row.confidence, *row.center, *row.size_m, row.yaw_deg)
            texts = (f"{value:.6g}" if abs(value) < 1e5 else f"{value:.3f}" for value in numbers)
            writer.writerow([name, row.instance, row.class_name, row.num_points, *texts])
    return file.getvalue()


def of_dict(values: dict[str, Any]) -> Row:
    """The inverse of `dataclasses.asdict`, also after JSON, which has lists for tuples."""
    places = {name: tuple(values[name]) for name in ("center", "size_m")}
    axes = tuple(tuple(axis) for axis in values["axes"])
    return Row(**{**values, **places, "axes": axes})


def as_document(row: Row) -> dict[str, Any]:
    """An instance for JSON."""
    values = dataclasses.asdict(row)
    values["class"] = values.pop("class_name")
    return values
