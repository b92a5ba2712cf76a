"""What a system is: a network's losses, and its way from outputs to clusters."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import keras
import numpy as np

from ban_tf.config import Experiment
from ban_tf.data.store import Store


class Objective(Protocol):
    """The terms of a loss, each of which may look at all outputs of the network.

    Attributes:
        terms: their names, in the order of the log.

    Example:
        >>> from ban_tf.losses.semantic import semantic_loss
        >>> class ClassesOnly:
        ...     terms = ("semantic",)
        ...
        ...     def __call__(self, labels, outputs, epoch):
        ...         return {"semantic": semantic_loss(labels["semantic"], outputs["logits"])}
        >>> import numpy as np
        >>> labels = {"semantic": np.array([[0, 1]], "int32")}
        >>> outputs = {"logits": np.array([[[9.0, -9.0], [-9.0, 9.0]]], "float32")}
        >>> round(float(ClassesOnly()(labels, outputs, epoch=0)["semantic"]), 3)
        0.0
    """

    @property
    def terms(self) -> tuple[str, ...]: ...

    def __call__(
        self, labels: Mapping[str, Any], outputs: Mapping[str, Any], epoch: Any
    ) -> dict[str, Any]:
        """Computes the terms of a batch; the loss is their plain sum.

        Args:
            labels: `semantic` and `instance`, int32 `[B, N]`.
            outputs: what the network gave.
            epoch: float32 scalar, epochs done so far, those of a pre-training not counted.

        Returns:
            A float32 scalar for each of `terms`.
        """


@dataclasses.dataclass(frozen=True)
class Clusters:
    """The clusters of one block of P points.

    Attributes:
        labels: int32 `[P]`, in [0, G), `NONE` for a point of no cluster.
        classes: int32 `[G]`, class of each cluster, `NONE` for one without points.

    Example:
        >>> import numpy as np
        >>> from ban_tf.systems import Clusters
        >>> found = Clusters(labels=np.array([0, 0, 1], "int32"), classes=np.array([2, 5], "int32"))
        >>> found.classes[found.labels].tolist()  # the class of every point
        [2, 2, 5]
    """

    labels: np.ndarray
    classes: np.ndarray


class System(abc.ABC):
    """One row of the paper's tables.

    Args:
        title: its name there.
        backbone: its backbone there.
        outputs: names of what its network gives; `logits` is always among them.
        footnotes: where it departs from its original, a sentence each; `{batch_size}` in one
            stands for that of the run.

    Example:
        >>> from ban_tf import systems
        >>> system = systems.of("ban")
        >>> system.title, system.backbone, system.embeds, sorted(system.outputs)
        ('BAN', 'PointNet++', True, ['embedding', 'logits'])
    """

    def __init__(
        self, title: str, backbone: str, outputs: frozenset[str], footnotes: tuple[str, ...] = ()
    ) -> None:
        self.title = title
        self.backbone = backbone
        self.outputs = outputs
        self._footnotes = footnotes

    def footnotes(self, experiment: Experiment) -> tuple[str, ...]:
        """Where a run of an experiment departs from the system's original, a sentence each."""
        batch_size = experiment.training.batch_size
        return tuple(sentence.format(batch_size=batch_size) for sentence in self._footnotes)

    @property
    def embeds(self) -> bool:
        """Whether its network gives an embedding, which is clustered."""
        return "embedding" in self.outputs

    @abc.abstractmethod
    def objective(self, experiment: Experiment) -> Objective:
        """The loss that its network is trained with."""

    @abc.abstractmethod
    def group(
        self, outputs: Mapping[str, np.ndarray], experiment: Experiment, first_block: int
    ) -> list[Clusters]:
        """Finds the clusters of some blocks of a room.

        Args:
            outputs: of the network, `[K, ...]` each.
            experiment: thresholds.
            first_block: number of the first of these blocks in the room, for errors.

        Returns:
            K items.

        Raises:
            ValueError: an output that is not finite; the block is named.
        """

    def calibrate(self, model: keras.Model, samples: Store, experiment: Experiment) -> bool:
        """Sets the weights of `model` that are measured after the last epoch.

        Returns:
            Whether it has any.
        """
        return False
