"""All scores of one evaluation together: what tables are made of."""

import dataclasses
import types
from collections.abc import Mapping, Sequence

import numpy as np

from ban_tf.config import Labels, Protocol
from ban_tf.config.checking import require_choice
from ban_tf.metrics import objects
from ban_tf.metrics.average_precision import AveragePrecision, PrecisionScores
from ban_tf.metrics.benchmarks.report import Benchmark, Report, report
from ban_tf.metrics.details import Details, DetailsCollector
from ban_tf.metrics.instance import InstanceMatches, InstanceScores
from ban_tf.metrics.panoptic import PanopticQuality, PanopticScores
from ban_tf.metrics.semantic import SemanticScores

INSTANCE_METRICS = ("mCov", "mWCov", "mPrec", "mRec")  # the paper's names
SEMANTIC_METRICS = ("mAcc", "mIoU", "oAcc")
METRICS = INSTANCE_METRICS + SEMANTIC_METRICS
QUALITY_METRICS = ("AP", "AP50", "AP25", "PQ", "SQ", "RQ")  # not in the paper


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The scores of one system on some clouds of a data set.

    Attributes:
        dataset: name of the data set.
        class_names: C names.
        test: names of the clouds, or of the groups of clouds, that were evaluated, ascending.
        protocol: which points were evaluated: `legacy` as the originals do, `covering` all raw
            points.
        method: title of the system, or of whatever else made the predictions.
        clouds: names of the clouds, in the order in which they were added.
        semantic: semantic scores.
        instance: instance scores under the published matching.
        strict: instance scores one to one, comparable with nothing published.
        precision: average precision; undefined where instances came without scores.
        panoptic: panoptic quality.
        benchmark: the data set's official scores; None where it has none, or none was asked for.
        details: confusions, sizes and clouds; None in evaluations that were kept before there were
            any.
    """

    dataset: str
    class_names: tuple[str, ...]
    test: tuple[str, ...]
    protocol: Protocol
    method: str
    clouds: tuple[str, ...]
    semantic: SemanticScores
    instance: InstanceScores
    strict: InstanceScores
    precision: PrecisionScores
    panoptic: PanopticScores
    benchmark: Report | None = None
    details: Details | None = None

    def means(self) -> Mapping[str, float]:
        """The seven scores under the paper's names, as fractions; NaN only without any value."""
        return types.MappingProxyType(
            instance_means(self.instance)
            | {
                "mAcc": self.semantic.mean_accuracy,
                "mIoU": self.semantic.mean_iou,
                "oAcc": self.semantic.overall_accuracy,
            }
        )

    def per_class(self) -> Mapping[str, np.ndarray]:
        """float64 `[C]` under the name of each mean without its m; NaN where undefined.

        The instance scores of stuff are undefined.
        """
        return types.MappingProxyType(
            instance_per_class(self.instance)
            | {"Acc": self.semantic.accuracy, "IoU": self.semantic.iou}
        )

    def quality(self) -> Mapping[str, float]:
        """Means of average precision and panoptic quality, as fractions; NaN without a value."""
        return types.MappingProxyType(self.precision.means() | self.panoptic.means())

    def quality_per_class(self) -> Mapping[str, np.ndarray]:
        """float64 `[C]` under the names of `quality`; NaN where undefined."""
        return types.MappingProxyType(self.precision.per_class() | self.panoptic.per_class())


def instance_means(scores: InstanceScores) -> dict[str, float]:
    """The four instance scores under the paper's names, as fractions."""
    return {
        "mCov": scores.mean_coverage,
        "mWCov": scores.mean_weighted_coverage,
        "mPrec": scores.mean_precision,
        "mRec": scores.mean_recall,
    }


def instance_per_class(scores: InstanceScores) -> dict[str, np.ndarray]:
    """The four instance scores of every class, float64 `[C]`."""
    return {
        "Cov": scores.coverage,
        "WCov": scores.weighted_coverage,
        "Prec": scores.precision,
        "Rec": scores.recall,
    }


class Evaluator:
    """Collects clouds, then gives the `Evaluation` of all of them, pooled.

    Points without a true class play no part in any score, whatever is predicted there. Points with
    a true class but no true instance, and all points of stuff, count in the semantic scores alone.

    Args:
        dataset: name of the data set.
        labels: its classes.
        test: names of the clouds, or of the groups of clouds, that are evaluated; it decides which
            published tables the scores may stand beside.
        protocol: which points are evaluated.
        method: title of the system.
        benchmark: official evaluation that gets the same clouds; None for none.

    Raises:
        TypeError: `test` is one name, no sequence of names.
        ValueError: there is no such protocol.

    Example:
        >>> labels = Labels(class_names=("wall", "chair"))
        >>> evaluator = Evaluator("office", labels, test=("scan3",), protocol="covering")
        >>> semantic, instance = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
        >>> evaluator.add("scan3", semantic, instance, semantic, np.array([0, 0, 1, 2]))
        >>> means = evaluator.evaluation().means()
        >>> means["oAcc"], means["mCov"]
        (1.0, 0.75)
    """

    def __init__(
        self,
        dataset: str,
        labels: Labels,
        test: Sequence[str],
        protocol: Protocol,
        method: str = "BAN",
        benchmark: Benchmark | None = None,
    ):
        if isinstance(test, str):
            raise TypeError(f"`test` must be a sequence of names. Received: test={test!r}")
        require_choice(Protocol, protocol=protocol)
        self._dataset = dataset
        self._labels = labels
        self._test = tuple(sorted(set(test)))
        self._protocol = protocol
        self._method = method
        self._details = DetailsCollector(labels.num_classes, labels.stuff_classes)
        self._matches = InstanceMatches(labels.num_classes, labels.stuff_classes)
        self._precision = AveragePrecision(labels.num_classes, labels.stuff_classes)
        self._panoptic = PanopticQuality(labels.num_classes, labels.stuff_classes)
        self._benchmark = benchmark

    def add(
        self,
        cloud: str,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        predicted_semantic: np.ndarray,
        predicted_instance: np.ndarray,
        instance_score: np.ndarray | None = None,
        num_points: np.ndarray | None = None,
    ) -> None:
        """Adds one cloud; arguments and errors as `InstanceMatches.add`, the cloud is named.

        `instance_score`, float `[G]`, is how sure each instance is: the mean probability of its
        class over its points. Instances are then numbered from 0 to G - 1; ValueError if one has
        no score. None leaves the evaluation without average precision. `num_points`, int `[N]`, is
        how many points of the cloud have the labels of a row, where not each has a row of its own;
        official benchmarks, which look at points, refuse it with a ValueError.
        """
        if num_points is not None and self._benchmark is not None:
            raise ValueError("`num_points` must be None where an official benchmark scores points.")
        try:
            self._matches.check_new(cloud)
            labels = objects.checked(
                self._labels.num_classes,
                truth_semantic,
                truth_instance,
                predicted_semantic,
                predicted_instance,
            )
            score = objects.checked_scores(instance_score, labels[3])
        except (TypeError, ValueError) as error:
            raise type(error)(f"cloud {cloud}: {error}") from error
        stuff = self._labels.stuff_classes
        inside = objects.instances_without(labels[0], labels[1], stuff)
        found = objects.of_points(labels[0], inside, *labels[2:], num_points)
        self._matches.add_objects(cloud, found)
        self._precision.add(found, score)
        if stuff:
            self._panoptic.add(*labels, num_points)
        else:
            self._panoptic.add_objects(found)
        matched = self._matches.match(cloud, "strict")
        self._details.add(labels[0], labels[2], matched, num_points)
        if self._benchmark is not None:
            self._benchmark.add(cloud, *labels, score)

    def evaluation(self) -> Evaluation:
        """The scores of all clouds added so far."""
        return Evaluation(
            dataset=self._dataset,
            class_names=self._labels.class_names,
            test=self._test,
            protocol=self._protocol,
            method=self._method,
            clouds=self._matches.clouds,
            semantic=self._details.confusion.scores(),
            instance=self._matches.scores("legacy"),
            strict=self._matches.scores("strict"),
            precision=self._precision.scores(),
            panoptic=self._panoptic.scores(),
            benchmark=None if self._benchmark is None else report(self._benchmark),
            details=self._details.details(),
        )
