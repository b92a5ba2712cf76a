"""The official evaluation of PartNet: IoU of parts, average precision of part instances.

It repeats `eval_utils.py` and the segmentation tests of the data set's authors
(github.com/daerduoCarey/partnet_seg_exps), for one category at one level:

- Points without a part (`other`) are left out: what is predicted there is no error. They are also
  taken out of a predicted instance before its IoU, but not the instance, which is wrong if nothing
  is left of it.
- Part mIoU: the IoU of each part over all shapes, then the mean over parts, NaN as soon as one
  part is nowhere. Shape mIoU: of each shape the mean over the parts that it has or is given, then
  the mean over shapes.
- AP50: per shape, predictions by falling score take the free instance of their part with the best
  IoU, if that is above 0.5. Then over all shapes by falling score. The mean precision at the 101
  recalls 0, 0.01, to 1 is the average precision, the higher one to the right where it counts, and
  1 at recall 0. The mean over parts is over those that have an instance.
- Shape mAP: the same within each shape over the parts that it has or is given, then the mean over
  shapes.

Scores and recalls are float32 as in the script under the NumPy of its time, which decides whether
a recall is reached. Where the script sorts equal scores in no stated order, here the lower instance
and the earlier shape come first. A point that is given no part, or `other`, is missed; the
script's networks always name a part.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ban_tf.config import NONE, Labels
from ban_tf.metrics import json_values, means, objects
from ban_tf.metrics.benchmarks import official_tables, partnet_precision, proposals
from ban_tf.metrics.benchmarks.proposals import Proposals
from ban_tf.metrics.layout import Table

OTHER = "other"  # a class of this name is no part


@dataclasses.dataclass(frozen=True, eq=False)
class PartNetScores:
    """Fractions; `C` classes, NaN where there is no value.

    Attributes:
        iou: float64 `[C]`, of each part over all shapes.
        shape_iou: mean over shapes; NaN without shapes.
        at_50: float64 `[C]`, AP50 of each part; NaN without instances, or if a prediction came
            without a score.
        shape_ap: mean over shapes of their AP50; NaN likewise.
        num_truth: int64 `[C]`, instances.
        is_part: bool `[C]`, all but `other`.
    """

    iou: np.ndarray
    shape_iou: float
    at_50: np.ndarray
    shape_ap: float
    num_truth: np.ndarray
    is_part: np.ndarray

    @property
    def part_iou(self) -> float:
        """Mean IoU over all parts; NaN if one of them is nowhere, as in the script."""
        return float(np.mean(self.iou[self.is_part])) if self.is_part.any() else np.nan

    @property
    def mean_at_50(self) -> float:
        """Mean AP50 over the parts that have instances."""
        return float(means.mean_of_defined(self.at_50))

    def per_class(self) -> dict[str, np.ndarray]:
        """float64 `[C]` under the benchmark's names."""
        return {"part IoU": self.iou, "part AP50": self.at_50}

    def means(self) -> dict[str, float]:
        """The four official scores under their names."""
        return {
            "part mIoU": self.part_iou,
            "shape mIoU": self.shape_iou,
            "part mAP50": self.mean_at_50,
            "shape mAP50": self.shape_ap,
        }


class PartNet:
    """Collects shapes of one category and level, then gives the official scores of all of them.

    Args:
        labels: the parts of the level; a class called `other` is none.

    Example:
        >>> benchmark = PartNet(Labels(class_names=("leg", "seat")))
        >>> semantic, instance = np.array([0, 0, 1, -1]), np.array([0, 1, 2, -1])
        >>> benchmark.add("chair", semantic, instance, np.zeros(4, int), instance, [0.9, 0.8, 0.7])
        >>> benchmark.scores().means()["shape mIoU"]
        0.3333333333333333
    """

    name = "partnet"

    def __init__(self, labels: Labels):
        self._labels = labels
        self._is_part = np.array([name != OTHER for name in labels.class_names])
        self._shared, self._union = np.zeros((2, labels.num_classes), np.int64)
        self._shape_iou: list[float] = []
        self._shapes: dict[str, Proposals] = {}

    def add(
        self,
        cloud: str,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        predicted_semantic: np.ndarray,
        predicted_instance: np.ndarray,
        instance_score: np.ndarray | None = None,
    ) -> None:
        """Adds one shape; arguments and errors as `Benchmark.add`.

        A prediction's part is the most frequent one among all its points.
        """
        labels = objects.checked(
            self._labels.num_classes,
            truth_semantic,
            truth_instance,
            predicted_semantic,
            predicted_instance,
        )
        score = objects.checked_scores(instance_score, labels[3])
        truth = self._truth(cloud, *labels[:2])
        self._keep(cloud, proposals.of_labels(truth, *labels[2:], score))
        self._add_semantic(labels[0], labels[2])

    def add_masks(
        self,
        cloud: str,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        masks: Sequence[np.ndarray] | np.ndarray,
        classes: np.ndarray,
        scores: np.ndarray,
        predicted_semantic: np.ndarray | None = None,
    ) -> None:
        """Adds one shape whose predictions are masks that may overlap, as `test-NN.h5` has them.

        Args:
            cloud: a name; each cloud counts once.
            truth_semantic: int `[N]` in [-1, C).
            truth_instance: int `[N]`, at least -1.
            masks: G times bool `[N]`, the valid ones.
            classes: int `[G]` in [-1, C).
            scores: float `[G]`.
            predicted_semantic: int `[N]` in [-1, C); None leaves the shape out of the IoU.

        Raises:
            TypeError: labels that are not whole numbers.
            ValueError: a cloud added twice, different lengths, or a label out of range.
        """
        nothing = np.full(np.shape(truth_semantic), NONE)
        semantic = nothing if predicted_semantic is None else predicted_semantic
        labels = objects.checked(
            self._labels.num_classes, truth_semantic, truth_instance, semantic, nothing
        )
        truth = self._truth(cloud, *labels[:2])
        self._keep(cloud, proposals.of_masks(truth, masks, classes, scores))
        if predicted_semantic is not None:
            self._add_semantic(labels[0], labels[2])

    def _truth(self, cloud: str, semantic: np.ndarray, instance: np.ndarray) -> proposals.Truth:
        if cloud in self._shapes:
            raise ValueError(f"every cloud counts once. Received twice: cloud={cloud!r}")
        return proposals.truth_of(semantic, instance, self._is_other(semantic))

    def _is_other(self, semantic: np.ndarray) -> np.ndarray:
        return np.append(~self._is_part, True)[semantic]

    def _keep(self, cloud: str, found: Proposals) -> None:
        kept = np.append(self._is_part, False)[found.predicted_class]
        self._shapes[cloud] = proposals.only(found, kept)

    def _add_semantic(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        inside = ~self._is_other(truth)
        truth, predicted = truth[inside], predicted[inside]
        predicted = np.where(self._is_other(predicted), NONE, predicted)
        num_classes = self._labels.num_classes
        shared = np.bincount(truth[truth == predicted], minlength=num_classes)
        sizes = np.bincount(truth, minlength=num_classes)
        sizes += np.bincount(predicted[predicted != NONE], minlength=num_classes)
        self._shared += shared
        self._union += sizes - shared
        if len(truth):
            self._shape_iou.append(
                float(means.mean_of_defined(means.ratio(shared, sizes - shared)))
            )

    def scores(self) -> PartNetScores:
        """The official scores over all shapes added so far."""
        shapes = list(self._shapes.values())
        at_50, shape_ap = partnet_precision.average_precision(shapes, self._labels.num_classes)
        classes = [shape.truth_class for shape in shapes]
        num_truth = np.bincount(
            np.concatenate([np.zeros(0, np.int64), *classes]), minlength=self._labels.num_classes
        )
        return PartNetScores(
            iou=means.ratio(self._shared, self._union),
            shape_iou=float(means.mean_of_defined(np.array(self._shape_iou))),
            at_50=at_50,
            shape_ap=shape_ap,
            num_truth=num_truth,
            is_part=self._is_part,
        )

    def tables(self) -> list[Table]:
        """The four official scores, and those of each part."""
        scores = self.scores()
        parts = [self._labels.class_names[index] for index in np.flatnonzero(self._is_part)]
        arrays = {name: values[self._is_part] for name, values in scores.per_class().items()}
        missing = [
            name for name, iou in zip(parts, arrays["part IoU"], strict=True) if np.isnan(iou)
        ]
        note = f"Nowhere, so that there is no part mIoU by the official rule: {', '.join(missing)}."
        return [
            official_tables.means("PartNet benchmark (official rules)", scores.means()),
            official_tables.per_class(
                "PartNet benchmark, per part",
                parts,
                arrays,
                (scores.part_iou, scores.mean_at_50),
                notes=[note] if missing and self._shapes else [],
            ),
        ]

    def document(self) -> dict[str, Any]:
        """Means and parts as values of JSON, fractions."""
        scores = self.scores()
        return json_values.plain(
            {
                "name": self.name,
                "num_shapes": len(self._shapes),
                **scores.means(),
                "per_class": {
                    "classes": self._labels.class_names,
                    **scores.per_class(),
                    "num_instances": scores.num_truth,
                },
            }
        )
