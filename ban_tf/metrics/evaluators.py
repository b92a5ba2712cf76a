"""All scores of one evaluation together: what tables are made of."""

import dataclasses
import types
from collections.abc import Mapping

import numpy as np

from ban_tf.config import DatasetConfig, Protocol
from ban_tf.metrics.instance import InstanceMatches, InstanceScores
from ban_tf.metrics.semantic import ConfusionMatrix, SemanticScores

INSTANCE_METRICS = ("mCov", "mWCov", "mPrec", "mRec")  # the paper's names, its Table 1
SEMANTIC_METRICS = ("mAcc", "mIoU", "oAcc")  # its Table 2
METRICS = INSTANCE_METRICS + SEMANTIC_METRICS


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The scores of one system on some rooms of a data set.

    Attributes:
        dataset: name of the data set.
        class_names: C names.
        areas: the areas that were evaluated, ascending.
        protocol: how points were drawn: `legacy` as the originals do, `covering` all raw points.
        method: title of the system, or what else made the predictions.
        rooms: names of the rooms.
        semantic: semantic scores.
        instance: instance scores under the published matching.
        strict: instance scores one to one, comparable with nothing published.
    """

    dataset: str
    class_names: tuple[str, ...]
    areas: tuple[int, ...]
    protocol: Protocol
    method: str
    rooms: tuple[str, ...]
    semantic: SemanticScores
    instance: InstanceScores
    strict: InstanceScores

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
        """float64 `[C]` under the name of each mean without its m; NaN where undefined."""
        return types.MappingProxyType(
            instance_per_class(self.instance)
            | {"Acc": self.semantic.accuracy, "IoU": self.semantic.iou}
        )


def instance_means(scores: InstanceScores) -> dict[str, float]:
    """The four instance scores under the paper's names."""
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
    """Collects rooms, then gives the `Evaluation` of all of them, pooled.

    Args:
        dataset: the classes.
        areas: the areas the rooms come from; six areas of S3DIS are the 6-fold protocol.
        protocol: how the points of the rooms were drawn.
        method: title of the system.
    """

    def __init__(
        self,
        dataset: DatasetConfig,
        areas: tuple[int, ...],
        protocol: Protocol,
        method: str = "BAN",
    ):
        self._dataset = dataset
        self._areas = tuple(sorted(set(areas)))
        self._protocol = protocol
        self._method = method
        self._confusion = ConfusionMatrix(dataset.num_classes)
        self._matches = InstanceMatches(dataset.num_classes)

    def add(
        self,
        room: str,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        predicted_semantic: np.ndarray,
        predicted_instance: np.ndarray,
    ) -> None:
        """Adds one room; arguments and errors as `InstanceMatches.add`, the room is named."""
        try:
            self._matches.add(
                room, truth_semantic, truth_instance, predicted_semantic, predicted_instance
            )
        except (TypeError, ValueError) as error:
            raise type(error)(f"room {room}: {error}") from error
        self._confusion.add(truth_semantic, predicted_semantic)

    def evaluation(self) -> Evaluation:
        """The scores of all rooms added so far."""
        return Evaluation(
            dataset=self._dataset.name,
            class_names=self._dataset.class_names,
            areas=self._areas,
            protocol=self._protocol,
            method=self._method,
            rooms=self._matches.rooms,
            semantic=self._confusion.scores(),
            instance=self._matches.scores("legacy"),
            strict=self._matches.scores("strict"),
        )
