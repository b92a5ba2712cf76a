"""BoNet as a system: boxes associated with instances in training, masks at inference."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ban_tf.config import Experiment
from ban_tf.instances import clustering
from ban_tf.losses.bonet import bonet_parts
from ban_tf.losses.semantic import semantic_loss
from ban_tf.systems.system import Clusters, Objective, System

FOOTNOTES = (
    "BoNet's blocks are cut and its rooms assembled, filtered and scored as all others here, with "
    "the original's thresholds; the original sees blocks as JSIS3D prepared them, leaves out rooms "
    "in which an instance has two classes, and rounds masks and coordinates to 16 bits.",
    "Of more than 24 instances in a block, those of the highest ids are not learnt, as in the "
    "original.",
    "All weights start from Glorot's bounds for dense layers; the original's start smaller in the "
    "first layers of the mask branch, which are written as convolutions over channels.",
    "The probability of being outside a box is worked out to the last digit; in the original, "
    "which takes 1 - p in 32 bits, points deep in a wrong box have no gradient.",
    "An instance is told from an empty row by having points; the original looks whether the "
    "corners of its box are all zero.",
)


class BonetObjective:
    """Cross-entropy of the classes plus the losses of boxes, scores and masks.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.systems.bonet import BonetObjective
        >>> BonetObjective(experiment).terms
        ('semantic', 'box', 'score', 'mask')
    """

    terms = ("semantic", "box", "score", "mask")

    def __init__(self, experiment: Experiment) -> None:
        self._config = experiment.box_loss

    def __call__(
        self, labels: Mapping[str, Any], outputs: Mapping[str, Any], epoch: Any
    ) -> dict[str, Any]:
        parts = bonet_parts(labels["instance"], labels["semantic"], outputs, self._config)
        semantic = semantic_loss(labels["semantic"], outputs["logits"])
        return {"semantic": semantic, **parts._asdict()}


class BonetSystem(System):
    """Each point goes to the box that claims it most: the greatest mask times score.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.systems.bonet import BonetSystem
        >>> masks = np.array([[[0.9, 0.8, 0.1], [0.2, 0.1, 0.7]]], "float32")  # two boxes
        >>> logits = np.array([[[1, 0], [1, 0], [0, 1]]], "float32")
        >>> outputs = {"masks": masks, "scores": np.ones((1, 2), "float32"), "logits": logits}
        >>> (found,) = BonetSystem().group(outputs, experiment, first_block=0)
        >>> found.labels.tolist(), found.classes.tolist()
        ([0, 0, 1], [0, 1])
    """

    def __init__(self) -> None:
        outputs = frozenset({"logits", "xyz", "boxes", "scores", "masks"})
        super().__init__("BoNet", "PointNet++", outputs, FOOTNOTES)

    def objective(self, experiment: Experiment) -> Objective:
        return BonetObjective(experiment)

    def group(
        self, outputs: Mapping[str, np.ndarray], experiment: Experiment, first_block: int
    ) -> list[Clusters]:
        found = zip(outputs["masks"], outputs["scores"], outputs["logits"], strict=True)
        clusters = []
        for block, (masks, scores, logits) in enumerate(found, first_block):
            claims = masks * scores[:, None]  # [K, P]
            if not np.isfinite(claims).all():
                raise ValueError(
                    f"the masks and scores of block {block} must be finite; a network that "
                    "diverged gives NaN, use an earlier checkpoint."
                )
            labels = claims.argmax(axis=0).astype(np.int32)
            classes = clustering.cluster_classes(labels, logits.argmax(axis=-1))
            clusters.append(Clusters(labels, classes))
        return clusters
