"""A network with the losses and the optimiser of a stage, ready for `fit`."""

from typing import Any

import keras

from ban_tf import systems
from ban_tf.training import schedule, stages


class JointTrainer(keras.Model):
    """Trains a network on the sum of loss terms, each of which may look at all of its outputs.

    Checkpoints are of `network`, which shares the optimiser; the trainer itself is not saved.

    Args:
        network: what is trained.
        objective: the terms.
        fixed_statistics: whether the network runs as at inference, with the batch-norm statistics
            that it has; their scale and offset are trained all the same.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from ban_tf.training.stages import SemanticObjective
        >>> from ban_tf.training.joint import JointTrainer
        >>> network = keras.Sequential([keras.layers.Dense(2)])
        >>> joint = JointTrainer(network, SemanticObjective(("semantic",)))
        >>> tuple(joint(np.zeros((1, 4, 6), "float32")).shape)
        (1, 4, 2)
    """

    def __init__(
        self, network: keras.Model, objective: systems.Objective, fixed_statistics: bool = False
    ) -> None:
        super().__init__(name="trainer")
        self.network = network
        self.fixed_statistics = fixed_statistics
        self.objective = objective
        self.epoch = keras.Variable(0.0, trainable=False, name="epoch")  # set by a callback
        self.term_means = [keras.metrics.Mean(name=f"{term}_loss") for term in objective.terms]

    def call(self, points: Any, training: bool | None = None) -> Any:
        return self.network(points, training=training and not self.fixed_statistics)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        terms = self.objective(y, y_pred, self.epoch)
        for mean in self.term_means:
            mean.update_state(terms[mean.name.removesuffix("_loss")])
        return sum(terms.values())


def compile_for_training(
    model: keras.Model, stage: stages.Stage, steps_per_epoch: int
) -> JointTrainer:
    """Gives `model` a fresh optimiser of the stage's settings, and wraps it with its losses.

    Example:
        >>> from ban_tf.config import Experiment, Labels, NetworkConfig, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> network = NetworkConfig(name="pointnet")
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split, network=network)
        >>> from ban_tf.training import joint, stages, trainer
        >>> (stage,) = stages.stages(experiment)
        >>> model = trainer.build_network(experiment)
        >>> joint = joint.compile_for_training(model, stage, steps_per_epoch=100)
        >>> joint.optimizer is model.optimizer, int(joint.optimizer.iterations)
        (True, 0)
    """
    training = stage.experiment.training
    stage.choose_trainable(model)
    rate = schedule.learning_rate(training, steps_per_epoch)
    model.compile(keras.optimizers.Adam(rate, epsilon=training.adam_epsilon), jit_compile=False)
    # Build the optimizer here; if the first step did it, TensorFlow would trace the step twice.
    model.optimizer.build(model.trainable_variables)
    trainer = JointTrainer(model, stage.objective(), stage.fixed_statistics)
    trainer.compile(model.optimizer, jit_compile=False)
    trainer.build(model.input_shape)
    return trainer
