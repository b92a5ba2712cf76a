"""Systems that embed points and cluster the embedding: BAN, ASIS, JSNet and the baselines."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ban_tf.config import Experiment, with_recipe
from ban_tf.instances import clustering
from ban_tf.losses.discriminative import DiscriminativeLoss
from ban_tf.losses.semantic import semantic_loss
from ban_tf.systems.system import Clusters, Objective, System


class EmbeddingObjective:
    """Cross-entropy of the classes plus the discriminative loss of the embedding (paper, 3.4).

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.systems.embedding import EmbeddingObjective
        >>> EmbeddingObjective(experiment).terms
        ('semantic', 'instance')
    """

    terms = ("semantic", "instance")

    def __init__(self, experiment: Experiment) -> None:
        self._discriminative = DiscriminativeLoss(experiment.loss)

    def __call__(
        self, labels: Mapping[str, Any], outputs: Mapping[str, Any], epoch: Any
    ) -> dict[str, Any]:
        return {
            "semantic": semantic_loss(labels["semantic"], outputs["logits"]),
            "instance": self._discriminative(labels["instance"], outputs["embedding"]),
        }


class EmbeddingSystem(System):
    """Discriminative loss in training, mean shift of the embedding at inference.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.systems.embedding import EmbeddingSystem
        >>> embedding = np.array([[[0, 0], [0, 0.1], [5, 5]]], "float32")
        >>> logits = np.array([[[1, 0], [1, 0], [0, 1]]], "float32")
        >>> outputs = {"logits": logits, "embedding": embedding}
        >>> system = EmbeddingSystem("Ours", "PointNet++")
        >>> (found,) = system.group(outputs, experiment, first_block=0)
        >>> found.classes[found.labels].tolist()
        [0, 0, 1]
    """

    def __init__(self, title: str, backbone: str, footnotes: tuple[str, ...] = ()) -> None:
        super().__init__(title, backbone, frozenset({"logits", "embedding"}), footnotes)

    def objective(self, experiment: Experiment) -> Objective:
        return EmbeddingObjective(experiment)

    def group(
        self, outputs: Mapping[str, np.ndarray], experiment: Experiment, first_block: int
    ) -> list[Clusters]:
        labels = clustering.cluster_blocks(
            outputs["embedding"], experiment.inference, first_block=first_block
        )
        semantic = outputs["logits"].argmax(axis=-1)
        return [
            Clusters(block, clustering.cluster_classes(block, classes))
            for block, classes in zip(labels, semantic, strict=True)
        ]


class BanSystem(EmbeddingSystem):
    """The paper's own system, which says where its attention is not the released one.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split, with_recipe
        >>> from ban_tf.systems.embedding import BanSystem
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> released = Experiment(dataset="desks", labels=labels, split=split)
        >>> system, improved = BanSystem("BAN", "PointNet++"), with_recipe(released, "improved")
        >>> len(system.footnotes(released)), len(system.footnotes(improved))
        (0, 1)
    """

    def footnotes(self, experiment: Experiment) -> tuple[str, ...]:
        found = super().footnotes(experiment)
        ban, faithful = experiment.network.ban, with_recipe(experiment, "faithful").network.ban
        if ban == faithful:
            return found
        return (
            *found,
            f"Its attention is not quite the released one: attention_scale={ban.attention_scale}, "
            f"similarity_start={ban.similarity_start} (the released one is the recipe `faithful`).",
        )
