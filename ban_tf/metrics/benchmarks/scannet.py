"""The official evaluation of ScanNet: IoU of classes, average precision of instances.

It repeats `evaluate_semantic_label.py` and `evaluate_semantic_instance.py` of the data set's
authors (github.com/ScanNet/ScanNet, BenchmarkScripts/3d_evaluation), for the 20 classes as for
those of ScanNet200:

- Semantic: vertices without one of the classes are skipped; a vertex that is given no class is
  missed; a class's IoU is over all vertices of all scans.
- Instances are of all classes but wall and floor. An object is all vertices of one class and one
  instance; those of a class without an instance are one object, as in the script.
- `AP` is the mean over the nine thresholds 0.50, 0.55, to 0.90; a match has an IoU above.
- Objects and predictions of fewer than 100 vertices are left out.
- Vertices outside the instance classes are void. A prediction without a match is wrong only if the
  share of it that is void, or on small objects of its class, is not above the threshold.
- Of two predictions that match one object the less sure one is wrong. At a threshold of 0.25 a
  prediction can match several objects; objects take predictions in the order of their numbers.
- The area under the curve of precision against recall is taken by steps of the width that the
  recall moves between the points before and after.

Where it departs: an object whose predictions are all ignored stops the script, and gives 0 here;
an IoU of a class that is nowhere stops it, and is NaN here. The script prints no mean IoU; the mean
here is over the classes that have a value.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ban_tf.config import NONE, Labels
from ban_tf.metrics import json_values, means, objects
from ban_tf.metrics.benchmarks import official_tables, proposals
from ban_tf.metrics.benchmarks.proposals import Proposals
from ban_tf.metrics.benchmarks.scannet_precision import MIN_VERTICES, average_precision
from ban_tf.metrics.layout import Table
from ban_tf.metrics.semantic import ConfusionMatrix

THRESHOLDS = np.append(np.arange(0.5, 0.95, 0.05), 0.25)  # as the script makes them
WITHOUT_INSTANCES = ("wall", "floor")


@dataclasses.dataclass(frozen=True, eq=False)
class ScanNetScores:
    """Fractions; `C` classes, NaN where there is no value.

    A class without an object of 100 vertices has no average precision; with objects and without
    predictions it has 0. All average precision is NaN if a prediction came without a score.

    Attributes:
        iou: float64 `[C]`.
        average_precision: float64 `[C]`, mean over nine thresholds; NaN for wall and floor.
        at_50: float64 `[C]`, at 0.5.
        at_25: float64 `[C]`, at 0.25.
    """

    iou: np.ndarray
    average_precision: np.ndarray
    at_50: np.ndarray
    at_25: np.ndarray

    def per_class(self) -> dict[str, np.ndarray]:
        """float64 `[C]` under the benchmark's names."""
        return {
            "IoU": self.iou,
            "AP": self.average_precision,
            "AP50": self.at_50,
            "AP25": self.at_25,
        }

    def means(self) -> dict[str, float]:
        """The mean of each over the classes that have a value, `mIoU` and the others."""
        found = {name: float(means.mean_of_defined(v)) for name, v in self.per_class().items()}
        return {"mIoU": found.pop("IoU"), **found}


class ScanNet:
    """Collects scans, then gives the official scores of all of them.

    Args:
        labels: the benchmark's classes by name, 20 or 200; `wall` and `floor` have no instances.

    Example:
        >>> benchmark = ScanNet(Labels(class_names=("wall", "chair", "table")))
        >>> semantic, instance = np.repeat([0, 1], 150), np.repeat([-1, 3], 150)
        >>> benchmark.add("scene", semantic, instance, semantic, np.repeat([-1, 0], 150), [0.9])
        >>> benchmark.scores().means()
        {'mIoU': 1.0, 'AP': 1.0, 'AP50': 1.0, 'AP25': 1.0}
    """

    name = "scannet"

    def __init__(self, labels: Labels):
        self._labels = labels
        indices = (index for index in labels.of_names(WITHOUT_INSTANCES) if index != NONE)
        self._without = tuple(indices)
        self._confusion = ConfusionMatrix(labels.num_classes)
        self._clouds: dict[str, Proposals] = {}

    def add(
        self,
        cloud: str,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        predicted_semantic: np.ndarray,
        predicted_instance: np.ndarray,
        instance_score: np.ndarray | None = None,
    ) -> None:
        """Adds one scan; arguments and errors as `Benchmark.add`.

        A prediction's class is the most frequent one among all its vertices.
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
        self._confusion.add(labels[0], labels[2])

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
        """Adds one scan whose predictions are masks that may overlap, as a submission has them.

        Args:
            cloud: a name; each cloud counts once.
            truth_semantic: int `[N]` in [-1, C).
            truth_instance: int `[N]`, at least -1.
            masks: G times bool `[N]`, in the order of the submission.
            classes: int `[G]` in [-1, C); `NONE` is a class outside the benchmark's.
            scores: float `[G]`.
            predicted_semantic: int `[N]` in [-1, C); None leaves the scan out of the IoU.

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
            self._confusion.add(labels[0], labels[2])

    def _truth(self, cloud: str, semantic: np.ndarray, instance: np.ndarray) -> proposals.Truth:
        if cloud in self._clouds:
            raise ValueError(f"every cloud counts once. Received twice: cloud={cloud!r}")
        void = np.append(np.isin(np.arange(self._labels.num_classes), self._without), True)
        return proposals.truth_of(semantic, instance.astype(np.int64) + 1, void[semantic])

    def _keep(self, cloud: str, found: Proposals) -> None:
        kept = (found.predicted_size >= MIN_VERTICES) & (found.predicted_class != NONE)
        kept &= ~np.isin(found.predicted_class, self._without)
        self._clouds[cloud] = proposals.only(found, kept)

    def scores(self) -> ScanNetScores:
        """The official scores over all scans added so far."""
        found = proposals.joined(list(self._clouds.values()))
        precision = np.full((len(THRESHOLDS), self._labels.num_classes), np.nan)
        if found.score is not None:
            for row, threshold in zip(precision, THRESHOLDS, strict=True):
                row[:] = average_precision(found, found.score, float(threshold), len(row))
        return ScanNetScores(
            iou=self._confusion.scores().iou,
            average_precision=precision[:-1].mean(axis=0),
            at_50=precision[0],
            at_25=precision[-1],
        )

    def tables(self) -> list[Table]:
        """One table: every class, and the means."""
        scores = self.scores()
        return [
            official_tables.per_class(
                "ScanNet benchmark (official rules): IoU, and AP of 9 thresholds 0.50 to 0.90",
                self._labels.class_names,
                scores.per_class(),
                scores.means().values(),
            )
        ]

    def document(self) -> dict[str, Any]:
        """Means and classes as values of JSON, fractions."""
        scores = self.scores()
        return json_values.plain(
            {
                "name": self.name,
                "thresholds": np.sort(THRESHOLDS[:-1]).round(2),
                "min_vertices": MIN_VERTICES,
                **scores.means(),
                "per_class": {"classes": self._labels.class_names, **scores.per_class()},
            }
        )
