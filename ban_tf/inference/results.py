"""What a segmentation gives: labels of the points, and what is known of each instance."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Self

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE

_SLICE = 1 << 20  # points at a time, which bounds what `instances_of` needs beside its arguments


@dataclasses.dataclass(frozen=True)
class Instance:
    """One predicted instance.

    Args:
        semantic: its class: the most frequent among its points, ties to the smallest, as the
            metrics take it.
        score: mean probability of that class over all its points, in [0, 1] but for rounding.
            Points of other classes count with what they give to this one.
        num_points: how many points carry it, at least 1.
    """

    semantic: int
    score: float
    num_points: int


@dataclasses.dataclass(frozen=True)
class _Labels:
    semantic: np.ndarray
    instance: np.ndarray
    confidence: np.ndarray
    instances: tuple[Instance, ...]

    @property
    def instance_scores(self) -> np.ndarray:
        """float64 `[G]`: the score of each instance."""
        return np.array([one.score for one in self.instances], np.float64)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays by name, as `np.savez` takes them.

        Beside the three fields: `instance_semantic` int32, `instance_score` float64 and
        `instance_num_points` int64, each `[G]`.
        """
        found = self.instances
        return {
            "semantic": self.semantic,
            "instance": self.instance,
            "confidence": self.confidence,
            "instance_semantic": np.array([one.semantic for one in found], np.int32),
            "instance_score": self.instance_scores,
            "instance_num_points": np.array([one.num_points for one in found], np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The inverse of `to_arrays`; other arrays are ignored.

        Raises:
            KeyError: an array is missing.
            ValueError: the numbers of instances contradict each other.

        Example:
            >>> label = np.zeros(1, np.int32)
            >>> found = Segmentation(label, label, np.ones(1, np.float32), (Instance(0, 1.0, 1),))
            >>> Segmentation.from_arrays(found.to_arrays()).instances
            (Instance(semantic=0, score=1.0, num_points=1),)
        """
        columns = [arrays[f"instance_{name}"].tolist() for name in _INSTANCE_FIELDS]
        instances = tuple(Instance(*values) for values in zip(*columns, strict=True))
        num_labels = int(arrays["instance"].max(initial=NONE)) + 1
        if len(instances) != num_labels:
            raise ValueError(
                "`instance_semantic` and its like must hold one value per instance. Received: "
                f"{len(instances)} values, {num_labels} instances"
            )
        return cls(arrays["semantic"], arrays["instance"], arrays["confidence"], instances)


_INSTANCE_FIELDS = tuple(field.name for field in dataclasses.fields(Instance))


@dataclasses.dataclass(frozen=True)
class Segmentation(_Labels):
    """Labels of every point of a cloud, in the order of its points.

    Args:
        semantic: int32 `[N]`, class in [0, C).
        instance: int32 `[N]`, instances numbered from 0 without gaps, `NONE` for points of none.
        confidence: float32 `[N]`, mean probability of the class, in [0, 1].
        instances: G items; item g describes the points whose `instance` is g.
        entropy: float32 `[N]`, of the mean probabilities of all classes, in nats; None where it was
            not asked for. It is not kept by `to_arrays`.
    """

    entropy: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class SampledSegmentation(_Labels):
    """Labels of the points of a cloud's drawn samples.

    Args:
        semantic: int32 `[K, P]`; this and the other fields are as in `Segmentation`.
        instance: int32 `[K, P]`.
        confidence: float32 `[K, P]`.
        instances: G items; a point that was drawn several times counts as often.
    """


def instances_of(
    instance: np.ndarray,
    semantic: np.ndarray,
    probability: Callable[[np.ndarray, np.ndarray], np.ndarray],
    step: int = _SLICE,
) -> tuple[Instance, ...]:
    """Describes every instance of a labelling.

    Args:
        instance: int32 `[N]`, in [0, G) without gaps, `NONE` for points of none.
        semantic: int32 `[N]`, predicted class of each point, at least 0.
        probability: given int64 `[n]` points, ascending and within one step, and an int64 `[n]`
            class for each, gives float `[n]` probabilities.
        step: how many points are looked at together.

    Returns:
        G items.

    Example:
        >>> instance, semantic = np.array([0, 0, -1, 0]), np.array([2, 2, 0, 1])
        >>> instances_of(instance, semantic, lambda points, classes: np.full(len(points), 0.5))
        (Instance(semantic=2, score=0.5, num_points=3),)
    """
    num_instances = int(instance.max(initial=NONE)) + 1
    classes, _ = overlap.majority(instance, semantic, num_instances)
    total, size = np.zeros(num_instances), np.zeros(num_instances, np.int64)
    for start in range(0, len(instance), step):
        labels = instance[start : start + step]
        points = np.flatnonzero(labels != NONE)
        labels = labels[points]
        values = probability(start + points, classes[labels])
        total += np.bincount(labels, values, num_instances)
        size += np.bincount(labels, minlength=num_instances)
    rows = zip(classes.tolist(), (total / size).tolist(), size.tolist(), strict=True)
    return tuple(Instance(*row) for row in rows)
