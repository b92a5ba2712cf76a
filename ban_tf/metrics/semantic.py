"""Semantic scores (oAcc, mAcc, mIoU) from a confusion matrix."""

import dataclasses

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE
from ban_tf.metrics import equality, means


@dataclasses.dataclass(frozen=True, eq=False)
class SemanticScores:
    """Fractions in [0, 1], pooled over all points of all clouds.

    Means run over the classes that have a value: a class without a true point has no accuracy, a
    class that is neither true nor predicted anywhere has no IoU. Both hold NaN in the array and
    are left out of the mean; `absent` names them. A class that is predicted although it is absent
    from the truth has IoU 0 and counts, as in the authors' evaluation.

    Attributes:
        overall_accuracy: share of the points whose class is right; NaN without points.
        accuracy: float64 `[C]`, share of each class's points that were found.
        iou: float64 `[C]`, intersection over union of each class.
        num_points: points with a true class.
        absent: classes without a true point, ascending.
    """

    overall_accuracy: float
    accuracy: np.ndarray
    iou: np.ndarray
    num_points: int
    absent: tuple[int, ...]

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same, NaN included."""
        return equality.same(self, other)

    @property
    def mean_accuracy(self) -> float:
        """Mean over the classes that have an accuracy."""
        return float(means.mean_of_defined(self.accuracy))

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that have an IoU."""
        return float(means.mean_of_defined(self.iou))


class ConfusionMatrix:
    """Counts points by (true class, predicted class), cloud after cloud.

    Points without a true class are ignored. A point with a true class but no prediction counts as
    wrong; it stands in the last column of `counts`.

    Args:
        num_classes: C.

    Example:
        >>> matrix = ConfusionMatrix(num_classes=2)
        >>> matrix.add(truth=np.array([0, 0, 1, -1]), predicted=np.array([0, 1, 1, 0]))
        >>> matrix.scores().iou.tolist()
        [0.5, 0.5]
    """

    def __init__(self, num_classes: int):
        self.counts = np.zeros((num_classes, num_classes + 1), np.int64)

    def add(
        self, truth: np.ndarray, predicted: np.ndarray, num_points: np.ndarray | None = None
    ) -> None:
        """Adds the points of one cloud.

        Args:
            truth: int `[N]` in [-1, C); `NONE` is ignored.
            predicted: int `[N]` in [-1, C).
            num_points: int `[N]`, how many points each row stands for; None is one.

        Raises:
            TypeError: labels that are not whole numbers.
            ValueError: arrays of different lengths, or a label out of range.
        """
        num_classes = len(self.counts)
        truth = overlap.check_labels("truth", truth, num_classes, none=True)
        predicted = overlap.check_labels("predicted", predicted, num_classes, none=True)
        if len(truth) != len(predicted):
            raise ValueError(
                "`truth` and `predicted` must label the same points. "
                f"Received: len(truth)={len(truth)}, len(predicted)={len(predicted)}"
            )
        known = truth != NONE
        column = np.where(predicted == NONE, num_classes, predicted)[known]
        cell = truth[known].astype(np.int64) * (num_classes + 1) + column
        weight = None if num_points is None else num_points[known]
        counts = np.bincount(cell, weight, self.counts.size).astype(np.int64)
        self.counts += counts.reshape(self.counts.shape)

    def scores(self) -> SemanticScores:
        """Scores over everything added so far."""
        hits = np.diagonal(self.counts)
        truth = self.counts.sum(axis=1)
        predicted = self.counts[:, :-1].sum(axis=0)
        return SemanticScores(
            overall_accuracy=float(means.ratio(hits.sum(), truth.sum())),
            accuracy=means.ratio(hits, truth),
            iou=means.ratio(hits, truth + predicted - hits),
            num_points=int(truth.sum()),
            absent=tuple(int(index) for index in np.flatnonzero(truth == 0)),
        )
