"""SGPN: similarities of points in training, GroupMerging at inference (Wang et al. 2018)."""

import contextlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import threadpoolctl
from keras import ops

from ban_tf.config import Experiment, GroupMergingConfig
from ban_tf.data.store import Store
from ban_tf.instances import group_merging
from ban_tf.instances.group_thresholds import GroupThresholds
from ban_tf.instances.similarity import FeatureSimilarity
from ban_tf.losses.double_hinge import double_hinge
from ban_tf.losses.group_proposal import confidence_loss, inverse_frequency, weighted_semantic_loss
from ban_tf.model.sgpn import THRESHOLDS
from ban_tf.systems.system import Clusters, Objective, System

_OUTPUTS = frozenset({"logits", "similarity_features", "confidence", THRESHOLDS})
FOOTNOTES = (
    "The semantic pre-training that SGPN asks for, of which nothing was published, is the first "
    "part of the run: PointNet's recipe at batch 32, without dropout.",
    "The momentum of every batch norm follows the schedule; the original leaves out the last two.",
    "There is no limit on the groups of a block; the original takes 50.",
    "Similarities are computed in float64 at inference, and thresholds come from a sample of the "
    "training blocks, perfectly separated points among them; the original drops those.",
    "No group is lost where every point has one.",
)


class SgpnObjective:
    """Double hinge of the similarities, weighted cross-entropy, and error of the confidence.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.systems.sgpn import SgpnObjective
        >>> SgpnObjective(experiment).terms
        ('semantic', 'similarity', 'confidence')
    """

    terms = ("semantic", "similarity", "confidence")

    def __init__(self, experiment: Experiment) -> None:
        self._config = experiment.similarity_loss

    def __call__(
        self, labels: Mapping[str, Any], outputs: Mapping[str, Any], epoch: Any
    ) -> dict[str, Any]:
        config = self._config
        factor = ops.minimum(config.factor + config.factor_per_epoch * epoch, config.factor_limit)
        semantic, instance = labels["semantic"], labels["instance"]
        weight = inverse_frequency(instance)
        features = outputs["similarity_features"]
        pairs = double_hinge(features, instance, semantic, weight, factor, config)
        return {
            "semantic": weighted_semantic_loss(semantic, outputs["logits"]),
            "similarity": pairs.loss,
            "confidence": confidence_loss(outputs["confidence"], pairs.iou, semantic),
        }


class SgpnSystem(System):
    """Points of like features are one instance; what is like enough, training blocks tell.

    Example:
        >>> from ban_tf.systems.sgpn import SgpnSystem
        >>> system = SgpnSystem()
        >>> system.embeds, sorted(system.outputs)
        (False, ['confidence', 'logits', 'similarity_features', 'thresholds'])
    """

    def __init__(self) -> None:
        super().__init__("SGPN", "PointNet", _OUTPUTS, FOOTNOTES)

    def objective(self, experiment: Experiment) -> Objective:
        return SgpnObjective(experiment)

    def group(
        self, outputs: Mapping[str, np.ndarray], experiment: Experiment, first_block: int
    ) -> list[Clusters]:
        found = []
        with _one_blas_thread():
            for index in range(len(outputs["logits"])):
                block = {name: values[index] for name, values in outputs.items()}
                try:
                    found.append(_merge(block, experiment.inference.group_merging))
                except ValueError as error:
                    raise ValueError(f"block {first_block + index}: {error}") from error
        return found

    def calibrate(self, model: keras.Model, samples: Store, experiment: Experiment) -> bool:
        """Sets the thresholds of the classes, from some training samples drawn by the seed."""
        config = experiment.inference.group_merging
        thresholds = GroupThresholds(experiment.labels.num_classes, config)
        drawn = samples.draw(config.num_calibration_blocks, experiment.seed)
        size = experiment.inference.batch_size
        for start in range(0, len(drawn), size):
            blocks = samples.read(drawn[start : start + size])
            features = model.predict_on_batch(blocks.features)["similarity_features"]
            with _one_blas_thread():
                for block in zip(features, blocks.instance, blocks.semantic, strict=True):
                    similarity = FeatureSimilarity(block[0], config.margin)
                    thresholds.add(similarity, block[1], block[2])
        model.get_layer(THRESHOLDS).set(thresholds.result())
        return True


def _merge(block: Mapping[str, np.ndarray], config: GroupMergingConfig) -> Clusters:
    groups = group_merging.merge_groups(
        FeatureSimilarity(block["similarity_features"], config.margin),
        block["confidence"],
        block["logits"].argmax(axis=-1),
        block[THRESHOLDS],
        config,
    )
    return Clusters(groups.labels, groups.classes)


def _one_blas_thread() -> contextlib.AbstractContextManager[object]:
    """Small products are slower on many threads, several times so where others use the cores.

    Besides, their rounding then does not depend on the number of cores.
    """
    return threadpoolctl.threadpool_limits(limits=1, user_api="blas")
