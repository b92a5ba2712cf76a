"""Instance scores: coverage, weighted coverage, precision and recall.

Two matchings stand side by side. `legacy` is the evaluation of ASIS, JSNet and BAN, which the
published tables use. `strict` lets every prediction answer for one object only; it is not
comparable with published numbers.

Points without a true instance or without a true class are left out of both sides of both matchings,
before anything is counted. Here `legacy` departs from the authors' script, which takes the points
of instance -1 for one more object and lets predictions keep all their points. The two agree to the
last bit where every point has an instance, as in the data that the published tables are of.

Points of stuff, classes without instances, are left out in the same way, and a prediction of such a
class is none. So a prediction that reaches onto a wall of stuff loses nothing by that.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE
from ban_tf.metrics import equality, means, objects

Matching = Literal["legacy", "strict"]


@dataclasses.dataclass(frozen=True, eq=False)
class InstanceScores:
    """Scores of `C` classes; means run over the classes that have a value.

    A class without a true object has no coverage and no recall; without predictions it has no
    precision under `legacy`, and precision 0 under `strict` if it has objects. Such entries are
    NaN in the arrays and left out of the means; `absent` and `unpredicted` name them. Stuff has no
    value at all, and 0 objects and predictions.

    Attributes:
        matching: `legacy` or `strict`.
        coverage: float64 `[C]`, mean over clouds of the objects' mean best IoU.
        weighted_coverage: float64 `[C]`, the same with objects weighted by their size.
        precision: float64 `[C]`, share of the predictions with IoU of at least 0.5.
        recall: float64 `[C]`, matched predictions per object (above 1 is possible in `legacy`).
        num_truth: int64 `[C]`, objects.
        num_predicted: int64 `[C]`, predictions.
        num_matched: int64 `[C]`, predictions with IoU of at least 0.5.
        stuff: indices of the classes without instances, ascending.
    """

    matching: Matching
    coverage: np.ndarray
    weighted_coverage: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    num_truth: np.ndarray
    num_predicted: np.ndarray
    num_matched: np.ndarray
    stuff: tuple[int, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same, NaN included."""
        return equality.same(self, other)

    @property
    def mean_coverage(self) -> float:
        """mCov over the classes that have a value."""
        return float(means.mean_of_defined(self.coverage))

    @property
    def mean_weighted_coverage(self) -> float:
        """mWCov over the classes that have a value."""
        return float(means.mean_of_defined(self.weighted_coverage))

    @property
    def mean_precision(self) -> float:
        """mPrec over the classes that have a value."""
        return float(means.mean_of_defined(self.precision))

    @property
    def mean_recall(self) -> float:
        """mRec over the classes that have a value."""
        return float(means.mean_of_defined(self.recall))

    @property
    def absent(self) -> tuple[int, ...]:
        """Classes without a true object, but for stuff."""
        return self._without(self.num_truth)

    @property
    def unpredicted(self) -> tuple[int, ...]:
        """Classes without a predicted object, but for stuff."""
        return self._without(self.num_predicted)

    def _without(self, counts: np.ndarray) -> tuple[int, ...]:
        return tuple(int(c) for c in np.flatnonzero(counts == 0) if c not in self.stuff)


@dataclasses.dataclass(frozen=True)
class CloudMatch:
    """One cloud under one matching; best IoU of each object, and which predictions matched."""

    truth_class: np.ndarray
    truth_size: np.ndarray
    truth_best_iou: np.ndarray
    predicted_class: np.ndarray
    predicted_size: np.ndarray
    predicted_matched: np.ndarray


class InstanceMatches:
    """Collects clouds, then scores them under both matchings.

    Only points with a true instance and a true class that is no stuff play a part: a prediction
    that lies wholly on others is none, and one that reaches beyond them is as large as its part
    inside. The class of an object or prediction is the most frequent class of its points, ties to
    the smallest; only pairs of the same class can match.

    Args:
        num_classes: C.
        stuff: indices of the classes without instances.

    Raises:
        ValueError: `stuff` names no class.

    Example:
        A perfect prediction of an object of which only two points are labelled:

        >>> matches = InstanceMatches(num_classes=1)
        >>> truth_semantic, truth_instance = np.array([0, 0, -1, -1]), np.array([7, 7, -1, -1])
        >>> everywhere = np.zeros(4, int)
        >>> matches.add("scan", truth_semantic, truth_instance, everywhere, everywhere)
        >>> matches.scores("legacy").mean_coverage, matches.scores("strict").mean_coverage
        (1.0, 1.0)
    """

    def __init__(self, num_classes: int, stuff: Sequence[int] = ()):
        if not set(stuff) <= set(range(num_classes)):
            raise ValueError(
                "`stuff` must hold indices of classes. "
                f"Received: stuff={tuple(stuff)}, num_classes={num_classes}"
            )
        self._num_classes = num_classes
        self._stuff = tuple(sorted(set(stuff)))
        self._clouds: dict[str, dict[Matching, CloudMatch]] = {}

    @property
    def clouds(self) -> tuple[str, ...]:
        """The names of the clouds added so far."""
        return tuple(self._clouds)

    def add(
        self,
        cloud: str,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        predicted_semantic: np.ndarray,
        predicted_instance: np.ndarray,
    ) -> None:
        """Adds one cloud of `N` points.

        Args:
            cloud: a name; each cloud counts once.
            truth_semantic: int `[N]` in [-1, C); `NONE` (-1) and stuff leave the point out.
            truth_instance: int `[N]`, at least -1; `NONE` leaves the point out.
            predicted_semantic: int `[N]` in [-1, C).
            predicted_instance: int `[N]`, at least -1; `NONE` is no prediction.

        Raises:
            TypeError: labels that are not whole numbers.
            ValueError: a cloud added twice, different lengths, or a label out of range.
        """
        self.check_new(cloud)
        labels = objects.checked(
            self._num_classes,
            truth_semantic,
            truth_instance,
            predicted_semantic,
            predicted_instance,
        )
        inside = objects.instances_without(labels[0], labels[1], self._stuff)
        self.add_objects(cloud, objects.of_points(labels[0], inside, *labels[2:]))

    def add_objects(self, cloud: str, found: objects.Objects) -> None:
        """Adds one cloud, of which only what plays a part is given; ValueError as for `add`."""
        self.check_new(cloud)
        self._clouds[cloud] = {
            "legacy": _match_cloud(found, one_to_one=False),
            "strict": _match_cloud(found, one_to_one=True),
        }

    def match(self, cloud: str, matching: Matching) -> CloudMatch:
        """How the objects of a cloud that was added are matched."""
        return self._clouds[cloud][matching]

    def check_new(self, cloud: str) -> None:
        """Raises ValueError if the cloud was added before."""
        if cloud in self._clouds:
            raise ValueError(f"every cloud counts once. Received twice: cloud={cloud!r}")

    def scores(self, matching: Matching = "legacy") -> InstanceScores:
        """Scores over all clouds added so far, under one matching."""
        clouds = [matches[matching] for matches in self._clouds.values()]
        num_classes = self._num_classes
        shape = (len(clouds), num_classes)
        coverage, weighted = np.full(shape, np.nan), np.full(shape, np.nan)
        totals = np.zeros((3, num_classes), np.int64)
        for row, cloud in enumerate(clouds):
            coverage[row], weighted[row] = coverage_of(cloud, num_classes)
            matched_class = cloud.predicted_class[cloud.predicted_matched]
            for total, classes in zip(
                totals, (cloud.truth_class, cloud.predicted_class, matched_class), strict=True
            ):
                total += np.bincount(classes[classes != NONE], minlength=num_classes)
        num_truth, num_predicted, num_matched = totals
        num_predicted[list(self._stuff)] = 0
        precision = means.ratio(num_matched, num_predicted)
        if matching == "strict":
            precision[(num_predicted == 0) & (num_truth > 0)] = 0.0
        return InstanceScores(
            matching=matching,
            coverage=means.mean_of_defined(coverage, axis=0),
            weighted_coverage=means.mean_of_defined(weighted, axis=0),
            precision=precision,
            recall=means.ratio(num_matched, num_truth),
            num_truth=num_truth,
            num_predicted=num_predicted,
            num_matched=num_matched,
            stuff=self._stuff,
        )


def _match_cloud(found: objects.Objects, one_to_one: bool) -> CloudMatch:
    """Matches the objects and predictions of one cloud."""
    table, same = found.table, found.same_class()
    if one_to_one:
        same &= pairs_one_to_one(table, same)
    # Counts are compared, not quotients: two exact halves both reach 0.5.
    reaches = same & (2 * table.count >= table.union())
    truth_best_iou = np.zeros(len(table.first_labels))
    np.maximum.at(truth_best_iou, table.first_index[same], table.iou()[same])
    predicted_matched = np.zeros(len(table.second_labels), bool)
    predicted_matched[table.second_index[reaches]] = True
    return CloudMatch(
        truth_class=found.truth_class,
        truth_size=table.first_sizes,
        truth_best_iou=truth_best_iou,
        predicted_class=found.predicted_class,
        predicted_size=table.second_sizes,
        predicted_matched=predicted_matched,
    )


def pairs_one_to_one(table: overlap.Contingency, allowed: np.ndarray) -> np.ndarray:
    """Chooses pairs by falling IoU so that each label is in one pair at most.

    Args:
        table: of `S` pairs.
        allowed: bool `[S]`, the pairs that may be chosen.

    Returns:
        bool `[S]`. Ties go to the smaller object, then the smaller prediction. Among pairs with
        IoU of at least 0.5 no other choice has more pairs: they only compete as exact halves of
        one label.
    """
    candidates = np.flatnonzero(allowed)
    order = np.lexsort(
        (
            table.second_index[candidates],
            table.first_index[candidates],
            -table.iou()[candidates],
        )
    )
    free_first = np.ones(len(table.first_labels), bool)
    free_second = np.ones(len(table.second_labels), bool)
    chosen = np.zeros(len(allowed), bool)
    for pair in candidates[order]:
        first, second = table.first_index[pair], table.second_index[pair]
        if free_first[first] and free_second[second]:
            free_first[first] = free_second[second] = False
            chosen[pair] = True
    return chosen


def coverage_of(cloud: CloudMatch, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and weighted coverage `[C]` of one cloud, NaN for classes it does not contain."""
    classes, best, sizes = cloud.truth_class, cloud.truth_best_iou, cloud.truth_size
    coverage = means.ratio(
        np.bincount(classes, best, num_classes), np.bincount(classes, minlength=num_classes)
    )
    weighted = means.ratio(
        np.bincount(classes, best * sizes, num_classes), np.bincount(classes, sizes, num_classes)
    )
    return coverage, weighted
