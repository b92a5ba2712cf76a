"""Average precision of scored instances, by COCO's rule.

A prediction is right if its IoU with an object of its class reaches a threshold; of several for
one object only one is. Predictions are taken by falling score: how precise they are so far, against
the share of the objects that are found so far, is the curve whose mean precision at 101 shares (0,
0.01, to 1) is the average precision. At each share the best precision at that or a larger one
counts.

`AP` is the mean over the ten thresholds 0.50, 0.55, to 0.95; `AP50` and `AP25` are at one.
Thresholds are reached exactly: 0.6 by 3 of 5 points. Predictions of one score enter the curve
together, so that no order of clouds or instances matters.

The score of an instance is the mean probability of its class over its points. Points without a true
class or instance, and stuff, are left out of both sides, as in `instance`. The benchmarks of data
sets have rules of their own (`benchmarks`).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ban_tf.metrics import equality, means
from ban_tf.metrics.objects import Objects

THRESHOLDS = tuple(range(50, 100, 5))  # of `AP`, in percent
RULE = "COCO: mean of 10 thresholds 0.50 to 0.95, 101 recalls"
_LOWEST = 25
_NUM_STEPS = 100  # parts of the recall


@dataclasses.dataclass(frozen=True, eq=False)
class PrecisionScores:
    """Average precision of `C` classes; means run over the classes that have a value.

    A class without an object has none, one with objects and without predictions has 0. Stuff has
    none. All are NaN if a prediction came without a score.

    Attributes:
        average: float64 `[C]`, mean over the ten thresholds.
        at_50: float64 `[C]`, at an IoU of 0.5.
        at_25: float64 `[C]`, at an IoU of 0.25.
        scored: whether every prediction had a score.
    """

    average: np.ndarray
    at_50: np.ndarray
    at_25: np.ndarray
    scored: bool = True

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same, NaN included."""
        return equality.same(self, other)

    def means(self) -> dict[str, float]:
        """AP, AP50 and AP25 over the classes that have a value, as fractions."""
        return {
            name: float(means.mean_of_defined(values)) for name, values in self.per_class().items()
        }

    def per_class(self) -> dict[str, np.ndarray]:
        """float64 `[C]` under the names of the means."""
        return {"AP": self.average, "AP50": self.at_50, "AP25": self.at_25}


def undefined(num_classes: int) -> PrecisionScores:
    """Scores of predictions without scores.

    Example:
        >>> undefined(2).means()["AP"]
        nan
    """
    nothing = np.full(num_classes, np.nan)
    return PrecisionScores(nothing, nothing, nothing, scored=False)


@dataclasses.dataclass(frozen=True)
class _Cloud:
    """Predictions of one cloud: class, score, and which are right at each threshold."""

    predicted_class: np.ndarray  # int64 [G]
    score: np.ndarray  # float64 [G]
    right: np.ndarray  # bool [T, G]


class AveragePrecision:
    """Collects clouds, then gives the average precision over all of them, pooled.

    Args:
        num_classes: C.
        stuff: indices of the classes without instances.

    Example:
        Of two objects one is found, and a second prediction is wrong but less sure:

        >>> from ban_tf.metrics import objects
        >>> truth, found = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, -1, -1, 1])
        >>> precision = AveragePrecision(num_classes=1)
        >>> classes = np.zeros(6, int)
        >>> cloud = objects.of_points(classes, truth, classes, found)
        >>> precision.add(cloud, np.array([0.75, 0.5]))
        >>> {name: round(value, 4) for name, value in precision.scores().means().items()}
        {'AP': 0.505, 'AP50': 0.505, 'AP25': 1.0}
    """

    def __init__(self, num_classes: int, stuff: Sequence[int] = ()):
        self._stuff = tuple(stuff)
        self._num_truth = np.zeros(num_classes, np.int64)
        self._clouds: list[_Cloud] = []
        self._scored = True

    def add(self, found: Objects, instance_score: np.ndarray | None) -> None:
        """Adds one cloud.

        Args:
            found: its objects and predictions.
            instance_score: float64, by the labels of the predictions; None if they have none.
        """
        classes = found.truth_class
        self._num_truth += np.bincount(classes[classes >= 0], minlength=len(self._num_truth))
        labels = found.table.second_labels
        if instance_score is None:
            self._scored &= len(labels) == 0
            instance_score = np.zeros(labels.max(initial=-1) + 1)
        score = instance_score[labels]
        right = [_right(found, score, percent) for percent in (_LOWEST, *THRESHOLDS)]
        kept = (found.predicted_class >= 0) & ~np.isin(found.predicted_class, self._stuff)
        self._clouds.append(
            _Cloud(found.predicted_class[kept], score[kept], np.stack(right)[:, kept])
        )

    def scores(self) -> PrecisionScores:
        """Scores over all clouds added so far."""
        num_classes = len(self._num_truth)
        if not self._scored:
            return undefined(num_classes)
        rows = np.full((1 + len(THRESHOLDS), num_classes), np.nan)
        if self._clouds:
            classes = np.concatenate([cloud.predicted_class for cloud in self._clouds])
            score = np.concatenate([cloud.score for cloud in self._clouds])
            right = np.concatenate([cloud.right for cloud in self._clouds], axis=1)
        for index in np.flatnonzero(self._num_truth):
            mine = np.flatnonzero(classes == index)
            mine = mine[np.argsort(-score[mine], kind="stable")]
            last = np.flatnonzero(np.diff(score[mine], append=-np.inf))  # of each score
            for row, flags in zip(rows, right, strict=True):
                row[index] = _area(np.cumsum(flags[mine])[last], last + 1, self._num_truth[index])
        return PrecisionScores(average=rows[1:].mean(axis=0), at_50=rows[1], at_25=rows[0])


def _right(found: Objects, score: np.ndarray, percent: int) -> np.ndarray:
    """bool `[G]`: the predictions that find an object, each the best that is still free.

    Predictions choose by falling score, those of one score by falling IoU; ties go to the lowest
    label.
    """
    table = found.table
    reaches = found.same_class() & (100 * table.count >= percent * table.union())
    first, second = table.first_index[reaches], table.second_index[reaches]
    order = np.lexsort((first, second, -table.iou()[reaches], -score[second]))
    right = np.zeros(len(score), bool)
    free = np.ones(len(table.first_labels), bool)
    for truth, predicted in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if free[truth] and not right[predicted]:
            free[truth], right[predicted] = False, True
    return right


def _area(num_right: np.ndarray, num_taken: np.ndarray, num_truth: int) -> float:
    """Mean precision at the 101 recalls, of cumulative counts by falling score."""
    precision = num_right / num_taken
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    needed = -(-np.arange(_NUM_STEPS + 1) * num_truth // _NUM_STEPS)  # objects, rounded up
    return float(best[np.searchsorted(num_right, needed)].mean())
