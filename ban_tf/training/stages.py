"""The parts of a training, each with an optimiser of its own: pre-training, then the rest."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from ban_tf import systems
from ban_tf.config import Experiment
from ban_tf.losses.semantic import semantic_loss


@dataclasses.dataclass(frozen=True)
class Stage:
    """Consecutive epochs that are trained alike.

    Args:
        first_epoch: its first one, counted from the start of the training.
        end_epoch: the one after its last.
        experiment: with the batch size and learning rate of this stage.
        classes_only: whether it trains what the class scores depend on, by the semantic loss.
        fixed_statistics: whether batch-norm statistics are frozen and dropout is off.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training.stages import Stage
        >>> Stage(0, 5, experiment).objective().terms
        ('semantic', 'instance')
    """

    first_epoch: int
    end_epoch: int
    experiment: Experiment
    classes_only: bool = False
    fixed_statistics: bool = False

    def objective(self) -> systems.Objective:
        """The losses of the experiment's system, or the classes' alone."""
        objective = systems.of(self.experiment.network.name).objective(self.experiment)
        return SemanticObjective(objective.terms) if self.classes_only else objective

    def choose_trainable(self, network: keras.Model) -> None:
        """Marks the layers that this stage trains."""
        scores = keras.Model(network.inputs, network.output["logits"])
        needed = {id(layer) for layer in scores.layers}
        for layer in network.layers:
            layer.trainable = not self.classes_only or id(layer) in needed


class SemanticObjective:
    """The semantic loss; the other terms of a system are zero.

    Args:
        terms: of the system, `semantic` among them.

    Example:
        >>> import numpy as np
        >>> from ban_tf.training.stages import SemanticObjective
        >>> labels = {"semantic": np.array([[0, 1]], "int32")}
        >>> outputs = {"logits": np.array([[[9.0, -9.0], [-9.0, 9.0]]], "float32")}
        >>> losses = SemanticObjective(("semantic", "instance"))(labels, outputs, epoch=0)
        >>> {term: round(float(loss), 3) for term, loss in losses.items()}
        {'semantic': 0.0, 'instance': 0.0}
    """

    def __init__(self, terms: tuple[str, ...]) -> None:
        self.terms = terms

    def __call__(
        self, labels: Mapping[str, Any], outputs: Mapping[str, Any], epoch: Any
    ) -> dict[str, Any]:
        losses = dict.fromkeys(self.terms, ops.zeros(()))
        return losses | {"semantic": semantic_loss(labels["semantic"], outputs["logits"])}


def stages(experiment: Experiment) -> list[Stage]:
    """The stages of a training, in order; the last ends it.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.config import with_network
        >>> from ban_tf.training.stages import stages
        >>> [stage.classes_only for stage in stages(with_network(experiment, "sgpn"))]
        [True, False]
    """
    training = experiment.training
    early = training.pretraining
    if early.num_epochs == 0:
        return [Stage(0, training.num_epochs, experiment)]
    pretraining = dataclasses.replace(
        experiment,
        training=dataclasses.replace(
            training, batch_size=early.batch_size, learning_rate=early.learning_rate
        ),
    )
    return [
        Stage(0, early.num_epochs, pretraining, classes_only=True),
        Stage(early.num_epochs, training.total_epochs, experiment, fixed_statistics=True),
    ]


def stage_after(plan: list[Stage], epochs_done: int) -> Stage:
    """The stage that the last of `epochs_done` epochs belonged to; the first if none is done.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training.stages import Stage, stage_after
        >>> plan = [Stage(0, 5, experiment), Stage(5, 20, experiment)]
        >>> stage_after(plan, epochs_done=6).end_epoch
        20
    """
    return next(stage for stage in plan if epochs_done <= stage.end_epoch)
