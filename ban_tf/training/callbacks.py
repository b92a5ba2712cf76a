"""What happens beside the optimiser's steps: epochs, checkpoints, dropout, a loss that is none."""

import math
from collections.abc import Callable

import keras
import numpy as np

from ban_tf.training import checkpoints, network_file, runs
from ban_tf.training.stages import Stage

_GENERATOR = "seed_generator_state"  # the name Keras gives the state of dropout


class TrainingDivergedError(RuntimeError):
    """The loss or a weight is no longer a number.

    Example:
        >>> from ban_tf.training.callbacks import TrainingDivergedError
        >>> issubclass(TrainingDivergedError, RuntimeError)
        True
    """


class SetEpoch(keras.callbacks.Callback):
    """Tells the losses that change with the epoch which one of the stage it is.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training.stages import Stage
        >>> from ban_tf.training.callbacks import SetEpoch
        >>> SetEpoch(Stage(5, 20, experiment)).first_epoch  # epoch 5 is 0 for the losses
        5
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.first_epoch = stage.first_epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.model.epoch.assign(epoch - self.first_epoch)


class Checkpoint(keras.callbacks.Callback):
    """Saves network and optimiser under a temporary name, then moves it into place.

    Args:
        run: whose checkpoints they are.
        every: how many epochs lie between two.
        after: called once a checkpoint is in its place.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import callbacks, runs
        >>> run = runs.Run(pathlib.Path("runs/no_such"), experiment=None)
        >>> callbacks.Checkpoint(run, every=2, after=print).on_epoch_end(epoch=0)  # not yet
    """

    def __init__(self, run: runs.Run, every: int, after: Callable[[], None]) -> None:
        super().__init__()
        self.run = run
        self.every = every
        self.after = after

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if (epoch + 1) % self.every == 0:
            require_finite_weights(self.model.network, self.run)
            file = self.run.checkpoint_file(epoch + 1)
            checkpoints.save_model(self.model.network, file, self.run)
            self.run.drop_old_checkpoints()
            self.after()


class StopAtNan(keras.callbacks.Callback):
    """Stops with the step and the last good checkpoint when the loss is not finite.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import callbacks, runs
        >>> run = runs.Run(pathlib.Path("runs/no_such"), experiment=None)
        >>> callbacks.StopAtNan(run).on_train_batch_end(0, {"loss": 0.5})  # a number: it goes on
    """

    def __init__(self, run: runs.Run) -> None:
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        losses = {name: float(value) for name, value in (logs or {}).items()}
        if not all(math.isfinite(value) for value in losses.values()):
            raise _diverged(f"The loss is not finite: {losses}", self.model, self.run)


class SeedDropout(keras.callbacks.Callback):
    """Starts the dropout of an epoch from the seed and the epoch alone.

    A `.keras` file does not hold where the random generators stand, so training that goes on from
    one would not drop what uninterrupted training drops.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from ban_tf.training.callbacks import SeedDropout
        >>> from ban_tf.training.stages import SemanticObjective
        >>> from ban_tf.training.joint import JointTrainer
        >>> network = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5)])
        >>> callback, dropped = SeedDropout(seed=1), []
        >>> callback.set_model(JointTrainer(network, SemanticObjective(("semantic",))))
        >>> for _ in range(2):
        ...     callback.on_epoch_begin(epoch=3)
        ...     dropped.append(np.asarray(network(np.ones((8, 4)), training=True)))
        >>> bool((dropped[0] == dropped[1]).all())
        True
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        states = [weight for weight in self.model.network.variables if weight.name == _GENERATOR]
        for index, state in enumerate(states):
            sequence = np.random.SeedSequence([self.seed, epoch, index])
            state.assign(sequence.generate_state(*state.shape).astype(state.dtype))


def require_finite_weights(model: keras.Model, run: runs.Run) -> None:
    """A gradient can be NaN under a finite loss: such weights must not pass for a checkpoint.

    Example:
        >>> import pathlib
        >>> import keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> from ban_tf.training import callbacks, runs
        >>> run = runs.Run(pathlib.Path("runs/no_such"), experiment=None)
        >>> callbacks.require_finite_weights(model, run)  # says nothing: they are
    """
    weight = network_file.first_not_finite(model)
    if weight:
        raise _diverged(f"The weight {weight} is not finite", model, run)


def _diverged(what: str, model: keras.Model, run: runs.Run) -> TrainingDivergedError:
    kept = run.checkpoints()
    good = f"the last good checkpoint is {kept[-1][1]}" if kept else "there is no checkpoint yet"
    return TrainingDivergedError(
        f"{what}, at step {int(model.optimizer.iterations)}; {good}. The same command would go the "
        "same way again: look at the samples, or train in another folder (`run`) with a lower "
        "`learning_rate`."
    )
