"""What an evaluation saw beyond its scores: confusions, sizes of objects, and each cloud alone."""

import dataclasses

import numpy as np

from ban_tf.config import NONE
from ban_tf.metrics import equality, means
from ban_tf.metrics.instance import CloudMatch, coverage_of
from ban_tf.metrics.semantic import ConfusionMatrix

NUM_SIZES = 32  # bins of sizes
FRACTIONS = ("cloud_accuracy", "cloud_iou", "cloud_coverage")  # the other arrays are counts


@dataclasses.dataclass(frozen=True, eq=False)
class Details:
    """Counts over all clouds, and scores of each of the `K` clouds by itself.

    Objects are matched one to one, at an IoU of at least 0.5, within their class. Sizes are numbers
    of points, in 32 bins of which number s holds those from 2^s on and below 2^(s + 1).

    Attributes:
        confusion: int64 `[C, C + 1]`, points by true and predicted class; the last column counts
            those without a predicted class.
        true_sizes: int64 `[32]`, true objects by size.
        found_sizes: int64 `[32]`, those of them that are matched.
        predicted_sizes: int64 `[32]`, predicted objects by size.
        cloud_points: int64 `[K]`, points with a true class.
        cloud_objects: int64 `[K]`, true objects.
        cloud_predicted: int64 `[K]`, predicted ones.
        cloud_found: int64 `[K]`, matched ones.
        cloud_accuracy: float64 `[K]`, oAcc.
        cloud_iou: float64 `[K]`, mIoU; means, as the following, over the classes that have a value
            in the cloud, and NaN where none has.
        cloud_coverage: float64 `[K]`, mCov.
    """

    confusion: np.ndarray
    true_sizes: np.ndarray
    found_sizes: np.ndarray
    predicted_sizes: np.ndarray
    cloud_points: np.ndarray
    cloud_objects: np.ndarray
    cloud_predicted: np.ndarray
    cloud_found: np.ndarray
    cloud_accuracy: np.ndarray
    cloud_iou: np.ndarray
    cloud_coverage: np.ndarray

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same, NaN included."""
        return equality.same(self, other)

    def worst_first(self) -> np.ndarray:
        """int64 `[K]`: clouds by rising mCov, then by rising mIoU; those without any at the end."""
        return np.lexsort((self.cloud_iou, self.cloud_coverage))


class DetailsCollector:
    """Collects clouds, then gives the `Details` of all of them.

    Args:
        num_classes: C.
        stuff: indices of the classes without instances.

    Example:
        >>> DetailsCollector(num_classes=2).details().confusion.tolist()
        [[0, 0, 0], [0, 0, 0]]
    """

    def __init__(self, num_classes: int, stuff: tuple[int, ...] = ()):
        self._stuff = stuff
        self._confusion = ConfusionMatrix(num_classes)
        self._sizes = np.zeros((3, NUM_SIZES), np.int64)
        self._counts: list[tuple[int, ...]] = []
        self._fractions: list[tuple[float, ...]] = []

    @property
    def confusion(self) -> ConfusionMatrix:
        """That of all clouds added so far."""
        return self._confusion

    def add(
        self,
        truth_semantic: np.ndarray,
        predicted_semantic: np.ndarray,
        match: CloudMatch,
        num_points: np.ndarray | None = None,
    ) -> None:
        """Adds one cloud.

        Args:
            truth_semantic: int `[N]` in [-1, C).
            predicted_semantic: int `[N]` in [-1, C).
            match: of its objects, one to one.
            num_points: int `[N]`, how many points each row stands for; None is one.
        """
        num_classes = len(self._confusion.counts)
        alone = ConfusionMatrix(num_classes)
        alone.add(truth_semantic, predicted_semantic, num_points)
        self._confusion.counts += alone.counts
        found = match.truth_best_iou >= 0.5
        things = (match.predicted_class != NONE) & ~np.isin(match.predicted_class, self._stuff)
        predicted_size = match.predicted_size[things]
        sizes = (match.truth_size, match.truth_size[found], predicted_size)
        for total, values in zip(self._sizes, sizes, strict=True):
            total += np.bincount(_bin(values), minlength=NUM_SIZES)
        scores = alone.scores()
        coverage, _ = coverage_of(match, num_classes)
        self._counts.append((scores.num_points, len(found), len(predicted_size), int(found.sum())))
        mean_coverage = float(means.mean_of_defined(coverage))
        self._fractions.append((scores.overall_accuracy, scores.mean_iou, mean_coverage))

    def details(self) -> Details:
        """Those of all clouds added so far."""
        counts = np.array(self._counts, np.int64).reshape(-1, 4).T
        fractions = np.array(self._fractions, np.float64).reshape(-1, 3).T
        return Details(self._confusion.counts.copy(), *self._sizes.copy(), *counts, *fractions)


def _bin(sizes: np.ndarray) -> np.ndarray:
    """The bin of each size of at least 1: exact, unlike a logarithm."""
    return np.frexp(sizes.astype(np.float64))[1] - 1
