"""The objects and predictions of one cloud, and where they meet: all instance scores start here."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE


@dataclasses.dataclass(frozen=True)
class Objects:
    """The `A` objects and `G` predictions of the points that have a true class and instance.

    Attributes:
        table: how many points each pair of them shares, objects first.
        truth_class: int64 `[A]`, the most frequent class of each object, ties to the smallest.
        predicted_class: int64 `[G]`, the same of each prediction; `NONE` if no point of it has one.
    """

    table: overlap.Contingency
    truth_class: np.ndarray
    predicted_class: np.ndarray

    def same_class(self) -> np.ndarray:
        """bool `[S]`: whether both labels of a pair have one class."""
        table = self.table
        return self.truth_class[table.first_index] == self.predicted_class[table.second_index]


def of_points(
    truth_semantic: np.ndarray,
    truth_instance: np.ndarray,
    predicted_semantic: np.ndarray,
    predicted_instance: np.ndarray,
    num_points: np.ndarray | None = None,
) -> Objects:
    """The objects and predictions of points.

    Args:
        truth_semantic: int `[N]`.
        truth_instance: int `[N]`; `NONE` leaves a point out, also of the predictions.
        predicted_semantic: int `[N]`.
        predicted_instance: int `[N]`, `NONE` for no prediction.
        num_points: int `[N]`, how many points each row stands for; None is one.

    Example:
        >>> found = of_points(*np.array([[0, 0, 1], [7, 7, 8], [0, 0, 0], [5, 5, 5]]))
        >>> found.truth_class, found.predicted_class, found.table.count
        (array([0, 1]), array([0]), array([2, 1]))
    """
    inside = truth_instance != NONE
    if not inside.all():
        truth_semantic, truth_instance = truth_semantic[inside], truth_instance[inside]
        predicted_semantic, predicted_instance = (
            predicted_semantic[inside],
            predicted_instance[inside],
        )
        num_points = None if num_points is None else num_points[inside]
    table = overlap.contingency(truth_instance, predicted_instance, weight=num_points)
    truth_class, _ = overlap.majority(
        table.first_code, truth_semantic, len(table.first_labels), num_points
    )
    predicted_class, _ = overlap.majority(
        table.second_code, predicted_semantic, len(table.second_labels), num_points
    )
    return Objects(table, truth_class, predicted_class)


def checked(
    num_classes: int,
    truth_semantic: np.ndarray,
    truth_instance: np.ndarray,
    predicted_semantic: np.ndarray,
    predicted_instance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The four labellings of a cloud as arrays, after checking that they are labels of its points.

    Args:
        num_classes: C.
        truth_semantic: int `[N]` in [-1, C).
        truth_instance: int `[N]`, at least -1.
        predicted_semantic: int `[N]` in [-1, C).
        predicted_instance: int `[N]`, at least -1.

    Raises:
        TypeError: labels that are not whole numbers.
        ValueError: different lengths, or a label out of range.
    """
    labels = (
        overlap.check_labels("truth_semantic", truth_semantic, num_classes, none=True),
        overlap.check_labels("truth_instance", truth_instance, None, none=True),
        overlap.check_labels("predicted_semantic", predicted_semantic, num_classes, none=True),
        overlap.check_labels("predicted_instance", predicted_instance, None, none=True),
    )
    if len(set(map(len, labels))) != 1:
        names = ("truth_semantic", "truth_instance", "predicted_semantic", "predicted_instance")
        lengths = {name: len(values) for name, values in zip(names, labels, strict=True)}
        raise ValueError(f"all labels must be of the same points. Received: lengths={lengths}")
    return labels


def checked_scores(
    instance_score: np.ndarray | None, predicted_instance: np.ndarray
) -> np.ndarray | None:
    """The scores of the predicted instances as float64 `[G]`, after checking them.

    Args:
        instance_score: float `[G]`, of the instances numbered 0 to G - 1; None if not known.
        predicted_instance: int `[N]` in [-1, G).

    Raises:
        ValueError: no list of numbers, NaN in it, or an instance without a score.

    Example:
        >>> checked_scores([0.5, 0.25], np.array([0, 1, 1, -1]))
        array([0.5 , 0.25])
    """
    if instance_score is None:
        return None
    scores = np.asarray(instance_score)
    if scores.ndim != 1 or scores.dtype.kind not in "fiu" or np.isnan(scores).any():
        raise ValueError(
            "`instance_score` must hold one number per predicted instance, none of them NaN. "
            f"Received: shape={scores.shape}, dtype={scores.dtype}, "
            f"NaN={scores.dtype.kind == 'f' and int(np.isnan(scores).sum())}"
        )
    num_labels = int(np.max(predicted_instance, initial=NONE)) + 1
    if num_labels > len(scores):
        raise ValueError(
            "`instance_score` must hold a score for every predicted instance, which are numbered "
            f"from 0. Received: {len(scores)} scores and instance {num_labels - 1}"
        )
    return scores.astype(np.float64)


def instances_without(
    semantic: np.ndarray, instance: np.ndarray, left_out: Sequence[int]
) -> np.ndarray:
    """`instance` with `NONE` where the class is `NONE` or one of `left_out`.

    Args:
        semantic: int `[N]`.
        instance: int `[N]`.
        left_out: classes.

    Example:
        >>> instances_without(np.array([0, 1, -1]), np.array([5, 6, 7]), left_out=(0,))
        array([-1,  6, -1])
    """
    outside = semantic == NONE
    for index in left_out:
        outside |= semantic == index
    return np.where(outside, NONE, instance) if outside.any() else instance
