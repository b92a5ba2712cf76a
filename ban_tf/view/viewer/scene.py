"""What a page shows of a cloud: numbers of its points as columns, all else as a document."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ban_tf.clouds import boxes, conditioning, overlap
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE, Labels
from ban_tf.view import palette
from ban_tf.view.viewer import columns, opening, similarity, thinning

_FINEST_M = 0.0005  # steps of coordinates: finer than scanners measure
_FEWEST_STEPS, _MOST_STEPS = 8192, 65535  # along the longest side
_PERCENT = 100  # steps of a confidence


class Found(Protocol):
    """Labels that were predicted; a `Segmentation` has these."""

    @property
    def semantic(self) -> np.ndarray:
        """int `[N]`, class of every point, `NONE` for none."""

    @property
    def instance(self) -> np.ndarray:
        """int `[N]`, instance of every point, `NONE` for none."""

    @property
    def confidence(self) -> np.ndarray:
        """float `[N]`, in [0, 1]."""

    @property
    def instance_scores(self) -> np.ndarray:
        """float `[G]`, of the instances 0 to G - 1."""


@dataclasses.dataclass(frozen=True)
class Instance:
    """What is known of an instance from all its points.

    Args:
        semantic: its class.
        num_points: that carry it.
        confidence: of it, in [0, 1]; None for true ones.
        center: middle of its box, float64 `[3]`, metres.
        size: length, width and height of the box, float64 `[3]`, metres.
        yaw: of the length about z from x, radians.
    """

    semantic: int
    num_points: int
    confidence: float | None
    center: np.ndarray
    size: np.ndarray
    yaw: float


@dataclasses.dataclass(frozen=True)
class Whole:
    """What is predicted of a cloud of which only some points are in memory.

    Args:
        num_points: of the whole.
        counts: int64 `[C + 1]`, its points of no class, of class 0, of class 1 ...
        instances: G items, those numbered 0 to G - 1.
    """

    num_points: int
    counts: np.ndarray
    instances: Sequence[Instance]


def shown_rows(cloud: Cloud, max_points: int) -> np.ndarray:
    """int64 `[M]`: the points that a page shows, in its order; see `thinning.rows`."""
    return thinning.rows(cloud.xyz, max_points)


def describe(
    cloud: Cloud,
    labels: Labels,
    found: Found,
    attentions: Sequence[similarity.Attention],
    samples: np.ndarray | None,
    max_points: int,
    is_room: bool,
    whole: Whole | None,
) -> tuple[dict[str, Any], str]:
    """The document of a page, and the text of its columns; arguments as `page.page`."""
    rows = shown_rows(cloud, max_points)
    packed = columns.Columns()
    origin, step = _add_places(packed, cloud.xyz, rows)
    if cloud.rgb is not None:
        _add_colors(packed, cloud.rgb[rows])
    percent = np.rint(np.clip(found.confidence[rows], 0, 1) * _PERCENT)
    packed.add("confidence", percent.astype(np.uint8))
    document: dict[str, Any] = {
        "name": cloud.name,
        "total": len(cloud) if whole is None else whole.num_points,
        "shown": len(rows),
        "origin": origin.tolist(),
        "step": step,
        "spacing": conditioning.spacing_of(cloud.xyz[rows]),
        "isRoom": is_room,
        "opening": _opening(cloud.xyz) if is_room else None,
        "classes": _classes(labels),
        "predicted": _labelling(packed, "predicted", cloud, labels, found, rows, whole),
        "truth": None,
        "attentions": [],
    }
    if (cloud.semantic != NONE).any():
        document["truth"] = _labelling(packed, "truth", cloud, labels, cloud, rows, None)
    if samples is not None:
        packed.add("samples", columns.narrow(samples.reshape(-1)))
        document["samples"] = list(samples.shape)
        document["attentions"] = [_attention(packed, one) for one in attentions]
    document["columns"] = [dataclasses.asdict(one) for one in packed.described]
    return document, packed.text()


def _add_places(
    packed: columns.Columns, xyz: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, float]:
    """Adds coordinates in steps from the lowest corner; returns that corner and the step."""
    low = xyz.min(axis=0)
    longest = float((xyz.max(axis=0) - low).max()) or 1.0
    step = max(longest / _MOST_STEPS, min(_FINEST_M, longest / _FEWEST_STEPS))
    packed.add("place", np.rint((xyz[rows] - low) / step).astype(np.uint16), is_delta=True)
    return low, step


def _add_colors(packed: columns.Columns, rgb: np.ndarray) -> None:
    """Adds colours as green, red less green and blue less green, which vary less."""
    green = rgb[:, 1]
    parts = np.stack([green, rgb[:, 0] - green, rgb[:, 2] - green], axis=1)  # wraps around
    packed.add("color", parts, is_delta=True)


def _opening(xyz: np.ndarray) -> dict[str, Any]:
    return dataclasses.asdict(opening.find(xyz))


def _classes(labels: Labels) -> list[dict[str, Any]]:
    colors = palette.class_colors(np.arange(labels.num_classes), labels)
    return [
        {"name": name, "color": color, "isStuff": name in labels.stuff}
        for name, color in zip(labels.class_names, _hex(colors), strict=True)
    ]


def _hex(colors: np.ndarray) -> list[str]:
    return ["#" + bytes(color).hex() for color in np.rint(colors * 255).astype(np.uint8)]


def _labelling(
    packed: columns.Columns,
    name: str,
    cloud: Cloud,
    labels: Labels,
    found: Any,
    rows: np.ndarray,
    whole: Whole | None,
) -> dict[str, Any]:
    """Adds the labels of the points that are shown; describes the instances of all points."""
    semantic, instance = found.semantic, found.instance
    if whole is None:
        numbers = np.unique(instance[instance != NONE])
        instance = np.where(instance == NONE, NONE, np.searchsorted(numbers, instance))
        scores = getattr(found, "instance_scores", None)
        counts = np.bincount(semantic + 1, minlength=labels.num_classes + 1)
        instances: Sequence[Instance] = _instances(cloud.xyz, semantic, instance, numbers, scores)
    else:
        counts, instances = whole.counts, whole.instances
        numbers = np.arange(len(instances))
    packed.add(f"{name}_semantic", columns.narrow(semantic[rows].astype(np.int64) + 1))
    packed.add(f"{name}_instance", columns.narrow(instance[rows].astype(np.int64) + 1))
    return {"counts": counts.tolist(), "instances": _described(instances, numbers)}


def _instances(
    xyz: np.ndarray,
    semantic: np.ndarray,
    instance: np.ndarray,
    numbers: np.ndarray,
    scores: np.ndarray | None,
) -> list[Instance]:
    """Those that the points carry: `instance` is their place in `numbers`."""
    classes, _ = overlap.majority(instance, semantic, len(numbers))
    order = np.argsort(instance, kind="stable")
    bounds = np.searchsorted(instance[order], np.arange(len(numbers) + 1))
    found = []
    for index, number in enumerate(numbers.tolist()):
        points = order[bounds[index] : bounds[index + 1]]
        score = None if scores is None else float(scores[number])
        box = boxes.oriented_box(xyz[points])
        found.append(Instance(int(classes[index]), len(points), score, *box))
    return found


def _described(instances: Sequence[Instance], numbers: np.ndarray) -> list[dict[str, Any]]:
    colors = _hex(palette.distinct_colors(int(numbers.max(initial=NONE)) + 1)[numbers])
    return [
        {
            "number": number,
            "semantic": one.semantic,
            "points": one.num_points,
            "confidence": one.confidence,
            "center": one.center.tolist(),
            "size": one.size.tolist(),
            "yaw": one.yaw,
            "color": color,
        }
        for one, number, color in zip(instances, numbers.tolist(), colors, strict=True)
    ]


def _attention(packed: columns.Columns, attention: similarity.Attention) -> dict[str, Any]:
    kept = similarity.small(attention)
    rank = kept.query.shape[2]
    packed.add(f"{attention.name}_query", kept.query.reshape(-1, rank))
    packed.add(f"{attention.name}_key", kept.key.reshape(-1, rank))
    return {
        "name": attention.name,
        "rank": rank,
        "scale": kept.scale.tolist(),
        "moved": kept.moved,
    }
