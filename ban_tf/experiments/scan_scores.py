"""How the labels of a scan meet those that it brings: counts, few however large the scan is."""

from collections.abc import Iterable

import numpy as np

from ban_tf import config
from ban_tf.config import NONE
from ban_tf.metrics.evaluators import Evaluator

_COLUMNS = 5  # true class and instance, predicted class and instance, points


def count(
    truth_semantic: np.ndarray,
    truth_instance: np.ndarray,
    semantic: np.ndarray,
    instance: np.ndarray,
    labels: config.Labels,
) -> np.ndarray:
    """How many points have the same true and predicted labels.

    Args:
        truth_semantic: int `[N]`, `NONE` where there is none.
        truth_instance: int `[N]`, of any size; those of stuff are left out.
        semantic: int `[N]`, predicted.
        instance: int `[N]`, predicted.
        labels: of the model.

    Returns:
        int64 `[K, 5]`: the four labels, and the number of points.

    Example:
        >>> labels = config.Labels(class_names=("desk", "lamp"))
        >>> ones = np.ones(3, np.int32)
        >>> count(ones, np.array([0, 0, 10**12]), ones, ones, labels).tolist()
        [[1, 0, 1, 1, 2], [1, 1000000000000, 1, 1, 1]]
    """
    own = labels.without_stuff(truth_semantic, truth_instance)
    columns = [np.asarray(one, np.int64) for one in (truth_semantic, own, semantic, instance)]
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:  # a code at a time, as the product of all could leave int64
        values, place = np.unique(column, return_inverse=True)
        code = np.unique(code * len(values) + place.ravel(), return_inverse=True)[1].ravel()
    _, first, points = np.unique(code, return_index=True, return_counts=True)
    return np.column_stack([*(column[first] for column in columns), points])


def together(parts: Iterable[np.ndarray]) -> np.ndarray:
    """The counts of all points, of those of parts of them; int64 `[K, 5]`."""
    rows = np.concatenate([np.zeros((0, _COLUMNS), np.int64), *parts])
    kinds, place = np.unique(rows[:, :4], axis=0, return_inverse=True)
    totals = np.zeros(len(kinds), np.int64)
    np.add.at(totals, place.ravel(), rows[:, 4])
    return np.column_stack([kinds, totals])


def add(scorer: Evaluator, name: str, counts: np.ndarray, scores: np.ndarray) -> None:
    """Scores a scan.

    Args:
        scorer: gets it.
        name: of the scan.
        counts: of `count`.
        scores: float64 `[G]`, of the predicted instances.
    """
    numbers = np.unique(counts[:, 1], return_inverse=True)[1].ravel()
    truth_instance = np.where(counts[:, 1] == NONE, NONE, numbers)
    scorer.add(name, counts[:, 0], truth_instance, counts[:, 2], counts[:, 3], scores, counts[:, 4])
