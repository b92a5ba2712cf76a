"""From the labels of a large cloud to those of its file: columns, boxes of instances, scores."""

from collections.abc import Sequence

import numpy as np

from ban_tf.clouds import scan_facts
from ban_tf.clouds.conditioning import Decision
from ban_tf.clouds.formats.on_disk import STEP, OnDisk
from ban_tf.clouds.formats.raw_scan import LABELS
from ban_tf.clouds.formats.stream import Stream
from ban_tf.config import NONE, Labels
from ban_tf.experiments import instance_boxes, scan_files, scan_scores
from ban_tf.experiments.large_scans.points import RawPoints
from ban_tf.inference.tiles.labels import LABEL, TiledSegmentation


def columns_of(found: TiledSegmentation, points: RawPoints) -> dict[str, OnDisk]:
    """Labels of every point of the file, by name, on disk; -1 and 0 where one has no place.

    Args:
        found: labels of the points with a place.
        points: of the file.
    """
    folder = found.labels.path.parent
    columns = {name: OnDisk(folder / f"{name}.column", LABEL[name]) for name in LABELS}
    for column in columns.values():
        column.path.unlink(missing_ok=True)
    done = 0
    for _, rows in points.rows.slices():
        is_there = scan_facts.is_there(rows["xyz"])
        stop = done + int(np.count_nonzero(is_there))
        labels = found.labels[done:stop]
        done = stop
        for name, column in columns.items():
            empty = NONE if column.dtype.kind == "i" else 0
            values = np.full(len(rows), empty, column.dtype)
            values[is_there] = labels[name]
            column.append(values)
    return columns


def outlines_of(
    found: TiledSegmentation, points: RawPoints, decision: Decision
) -> list[np.ndarray]:
    """The points of each instance that settle its box, float64 `[n, 3]`, in the cloud.

    Args:
        found: labels of the points with a place.
        points: of the file.
        decision: how they became those of the cloud.
    """
    outer: list[list[np.ndarray]] = [[] for _ in found.instances]
    done = 0
    for xyz, _ in points.of_cloud(decision):
        instance = found.labels[done : done + len(xyz)]["instance"]
        done += len(xyz)
        order = np.argsort(instance, kind="stable")
        numbers, first = np.unique(instance[order], return_index=True)
        for number, part in zip(numbers.tolist(), np.split(order, first[1:]), strict=True):
            if number != NONE:
                outer[number].append(instance_boxes.outermost(xyz[part]))
    return [instance_boxes.outermost(np.concatenate(parts)) for parts in outer]


def rows_of(
    found: TiledSegmentation, outlines: Sequence[np.ndarray], decision: Decision, labels: Labels
) -> list[instance_boxes.Row]:
    """Describes the instances, as `instance_boxes.rows_of` but for the last digits.

    Args:
        found: labels of the points with a place.
        outlines: of `outlines_of`.
        decision: how the points of the file became those of the cloud.
        labels: of the model.
    """
    return [
        instance_boxes.row_of(number, one, outline, decision, labels)
        for number, (one, outline) in enumerate(zip(found.instances, outlines, strict=True))
    ]


def counts_of(
    stream: Stream,
    columns: dict[str, OnDisk],
    labels: Labels,
    truth_names: tuple[str, ...] | None,
) -> np.ndarray:
    """How the labels meet those that a scan brings, as `scan_scores.count` of all its points.

    Args:
        stream: of the scan.
        columns: labels of every point of the file.
        labels: of the model.
        truth_names: as for `scan_files.truth_of`.
    """
    found = np.zeros((0, 5), np.int64)
    start = 0
    for part in stream.parts(STEP):
        stop = start + len(part)
        truth = scan_files.truth_of(part, labels, None, truth_names, is_part=True)
        is_there = scan_facts.is_there(part.xyz)
        semantic, instance = (columns[one][start:stop][is_there] for one in LABELS[:2])
        own_class, own = truth.semantic[is_there], truth.instance[is_there]
        counts = scan_scores.count(own_class, own, semantic, instance, labels)
        found = scan_scores.together([found, counts])
        start = stop
    return found
