"""Panoptic quality: how well segments of things and stuff are recognised, and how well cut.

Every object is a segment, and so are all points of one stuff class in a cloud. A predicted segment
matches a true one of its class if their IoU is above 0.5, so that no segment has two matches. Then

    SQ = mean IoU of the matches
    RQ = matches / (matches + (unmatched true + unmatched predicted) / 2)
    PQ = SQ * RQ

(Kirillov et al., Panoptic Segmentation, CVPR 2019). Points without a true class, and points of a
thing without a true instance, are left out of both sides: a prediction that lies wholly on them is
none, and one that reaches onto them loses nothing by it. A point of a predicted thing belongs to
that, any other to the stuff of its predicted class, if that is stuff.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE
from ban_tf.metrics import equality, means, objects

RULE = "segments match above IoU 0.5; unlabelled points left out of both sides"


@dataclasses.dataclass(frozen=True, eq=False)
class PanopticScores:
    """Panoptic quality of `C` classes; means run over the classes that have a value.

    A class without a segment on either side has no value, NaN. One whose segments never match has
    0 in all three, as in the authors' evaluation.

    Attributes:
        quality: float64 `[C]`, PQ.
        segmentation: float64 `[C]`, SQ.
        recognition: float64 `[C]`, RQ.
        stuff: indices of the classes without instances, ascending.
    """

    quality: np.ndarray
    segmentation: np.ndarray
    recognition: np.ndarray
    stuff: tuple[int, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same, NaN included."""
        return equality.same(self, other)

    def means(self) -> dict[str, float]:
        """PQ, SQ and RQ over the classes that have a value, as fractions."""
        return {
            name: float(means.mean_of_defined(values)) for name, values in self.per_class().items()
        }

    def per_class(self) -> dict[str, np.ndarray]:
        """float64 `[C]` under the names of the means."""
        return {"PQ": self.quality, "SQ": self.segmentation, "RQ": self.recognition}

    def of_things(self) -> "PanopticScores":
        """The same with NaN for stuff."""
        return self._without(self.stuff)

    def of_stuff(self) -> "PanopticScores":
        """The same with NaN for things."""
        return self._without(sorted(set(range(len(self.quality))) - set(self.stuff)))

    def _without(self, classes: Sequence[int]) -> "PanopticScores":
        gone = np.isin(np.arange(len(self.quality)), classes)
        return PanopticScores(
            quality=np.where(gone, np.nan, self.quality),
            segmentation=np.where(gone, np.nan, self.segmentation),
            recognition=np.where(gone, np.nan, self.recognition),
            stuff=self.stuff,
        )


def undefined(num_classes: int, stuff: tuple[int, ...] = ()) -> PanopticScores:
    """Scores of what was not looked at.

    Example:
        >>> undefined(2).means()["PQ"]
        nan
    """
    nothing = np.full(num_classes, np.nan)
    return PanopticScores(nothing, nothing, nothing, stuff)


class PanopticQuality:
    """Collects clouds, then gives the panoptic quality over all of them, pooled.

    Args:
        num_classes: C.
        stuff: indices of the classes without instances.

    Example:
        A wall of four points and a chair of two, of which one is called wall:

        >>> quality = PanopticQuality(num_classes=2, stuff=(0,))
        >>> semantic, instance = np.array([0, 0, 0, 0, 1, 1]), np.array([-1, -1, -1, -1, 5, 5])
        >>> found, shapes = np.array([0, 0, 0, 0, 0, 1]), np.array([-1, -1, -1, -1, -1, 0])
        >>> quality.add(semantic, instance, found, shapes)
        >>> quality.scores().quality.tolist(), quality.scores().means()["SQ"]
        ([0.8, 0.0], 0.4)
    """

    def __init__(self, num_classes: int, stuff: Sequence[int] = ()):
        self._stuff = tuple(sorted(set(stuff)))
        self._is_stuff = np.isin(np.arange(num_classes + 1), self._stuff)  # the last is `NONE`
        self._num_matched, self._num_truth, self._num_predicted = np.zeros(
            (3, num_classes), np.int64
        )
        self._iou = np.zeros(num_classes)

    def add(
        self,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        predicted_semantic: np.ndarray,
        predicted_instance: np.ndarray,
        num_points: np.ndarray | None = None,
    ) -> None:
        """Adds one cloud of `N` points.

        Args:
            truth_semantic: int `[N]` in [-1, C); `NONE` leaves the point out.
            truth_instance: int `[N]`, at least -1; `NONE` leaves a point of a thing out.
            predicted_semantic: int `[N]` in [-1, C).
            predicted_instance: int `[N]`, at least -1; `NONE` is no thing.
            num_points: int `[N]`, how many points each row stands for; None is one.
        """
        truth = objects.instances_without(truth_semantic, truth_instance, self._stuff)
        if not self._stuff:
            self.add_objects(
                objects.of_points(
                    truth_semantic, truth, predicted_semantic, predicted_instance, num_points
                )
            )
            return
        truth = self._with_stuff(truth, truth_semantic)
        inside = truth != NONE
        semantic, predicted = predicted_semantic[inside], predicted_instance[inside]
        num_points = None if num_points is None else num_points[inside]
        labels, code = overlap.number(predicted)
        classes, _ = overlap.majority(
            np.where(predicted == NONE, NONE, code), semantic, len(labels), num_points
        )
        things = np.where(self._is_stuff[classes][code], NONE, predicted)
        self.add_objects(
            objects.of_points(
                truth_semantic[inside],
                truth[inside],
                semantic,
                self._with_stuff(things, semantic),
                num_points,
            )
        )

    def add_objects(self, found: objects.Objects) -> None:
        """Adds one cloud, of whose stuff each class is one object and one prediction."""
        table = found.table
        matched = found.same_class() & (2 * table.count > table.union())
        classes = found.truth_class[table.first_index[matched]]
        num_classes = len(self._iou)
        self._iou += np.bincount(classes, table.iou()[matched], num_classes)
        for total, values in (
            (self._num_matched, classes),
            (self._num_truth, found.truth_class),
            (self._num_predicted, found.predicted_class),
        ):
            total += np.bincount(values[values != NONE], minlength=num_classes)

    def scores(self) -> PanopticScores:
        """Scores over all clouds added so far."""
        recognition = means.ratio(self._num_matched, (self._num_truth + self._num_predicted) / 2)
        segmentation = self._iou / np.maximum(self._num_matched, 1)
        segmentation[np.isnan(recognition)] = np.nan
        return PanopticScores(
            segmentation * recognition, segmentation, recognition, tuple(map(int, self._stuff))
        )

    def _with_stuff(self, things: np.ndarray, semantic: np.ndarray) -> np.ndarray:
        """Labels of segments: things as they are, then each class of stuff."""
        first = int(things.max(initial=NONE)) + 1
        is_stuff = (things == NONE) & self._is_stuff[semantic]
        return np.where(is_stuff, first + semantic.astype(np.int64), things)
