"""Trains a network on prepared blocks, in a run folder that can be left and taken up again."""

import csv
import math
import os
import pathlib
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from ban_tf import config, runs
from ban_tf.data import pipeline, store
from ban_tf.losses import discriminative, semantic
from ban_tf.model import networks


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a number."""


@keras.saving.register_keras_serializable(package="ban")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`max(limit, initial * factor ** floor(seen / every))`, the originals' staircase.

    Args:
        initial: the value at step 0.
        factor: what a stair multiplies it by.
        every: length of a stair, in units of `per_step`.
        limit: the lowest value.
        per_step: what one optimiser step counts: the batch size when decay goes by samples (the
            authors' code), 1 when it goes by iterations (the paper's words).
    """

    def __init__(
        self, initial: float, factor: float, every: int, limit: float, per_step: int = 1
    ) -> None:
        super().__init__()
        self.initial = initial
        self.factor = factor
        self.every = every
        self.limit = limit
        self.per_step = per_step

    def __call__(self, step: Any) -> Any:
        # Integer division first: a float32 count of samples is exact only up to 2^24.
        stairs = keras.ops.cast(step, "int64") * self.per_step // self.every
        value = self.initial * keras.ops.power(self.factor, keras.ops.cast(stairs, "float32"))
        return keras.ops.maximum(keras.ops.cast(value, "float32"), self.limit)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial": self.initial,
            "factor": self.factor,
            "every": self.every,
            "limit": self.limit,
            "per_step": self.per_step,
        }


def compile_for_training(model: keras.Model, experiment: config.Experiment) -> None:
    """Gives `model` the experiment's optimiser and losses; the total is their plain sum."""
    training = experiment.training
    schedule = training.learning_rate
    per_step = training.batch_size if training.decay_unit == "samples" else 1
    rate = StepDecay(
        schedule.initial, schedule.factor, schedule.every, schedule.limit, per_step=per_step
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate, epsilon=training.adam_epsilon),
        loss={
            "logits": semantic.semantic_loss,
            "embedding": discriminative.DiscriminativeLoss(experiment.loss),
        },
        jit_compile=False,
    )


class _Checkpoint(keras.callbacks.Callback):
    """Saves network and optimiser under a temporary name, then moves it into place."""

    def __init__(self, run: runs.Run, every: int) -> None:
        super().__init__()
        self.run = run
        self.every = every

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if (epoch + 1) % self.every == 0:
            save_model(self.model, self.run.checkpoint_file(epoch + 1))
            self.run.drop_old_checkpoints()


class _StopAtNan(keras.callbacks.Callback):
    """Stops with the step and the last good checkpoint when the loss is not finite."""

    def __init__(self, run: runs.Run) -> None:
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        losses = {name: float(value) for name, value in (logs or {}).items()}
        if all(math.isfinite(value) for value in losses.values()):
            return
        kept = self.run.checkpoints()
        good = (
            f"the last good checkpoint is {kept[-1][1]}" if kept else "there is no checkpoint yet"
        )
        raise TrainingDivergedError(
            f"The loss is not finite at step {int(self.model.optimizer.iterations)}: {losses}; "
            f"{good}. A lower learning rate, or a look at the blocks, should help; "
            "the same command resumes from that checkpoint."
        )


class _Progress(keras.callbacks.Callback):
    """One bar over the whole training with losses and time left."""

    def __init__(self, first_epoch: int, num_epochs: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.num_epochs = num_epochs
        self.bar = tqdm(
            total=num_epochs * steps_per_epoch,
            initial=first_epoch * steps_per_epoch,
            unit="step",
            desc=f"epoch {first_epoch + 1}/{num_epochs}",
            mininterval=0.5,
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.set_description(f"epoch {epoch + 1}/{self.num_epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        parts = {
            "loss": (logs or {})["loss"],
            "semantic": (logs or {})["logits_loss"],
            "instance": (logs or {})["embedding_loss"],
        }
        self.bar.set_postfix({k: f"{float(v):.3f}" for k, v in parts.items()}, refresh=False)
        self.bar.update()

    def close(self) -> None:
        self.bar.close()


class _Log(keras.callbacks.Callback):
    """Appends a row per epoch to log.csv; rows a crash left without a checkpoint are redone."""

    COLUMNS = ("epoch", "step", "learning_rate", "loss", "semantic_loss", "instance_loss")

    def __init__(self, path: pathlib.Path, first_epoch: int) -> None:
        super().__init__()
        self.path = path
        rows = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if int(row["epoch"]) <= first_epoch]
        lines = [",".join(self.COLUMNS), *(",".join(row[c] for c in self.COLUMNS) for row in rows)]
        runs.write_text(path, "\n".join(lines) + "\n")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        values = logs or {}
        optimizer = self.model.optimizer
        row = (
            epoch + 1,
            int(optimizer.iterations),
            float(optimizer.learning_rate),
            values["loss"],
            values["logits_loss"],
            values["embedding_loss"],
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(",".join(f"{value:.8g}" for value in row) + "\n")


def save_model(model: keras.Model, path: pathlib.Path) -> None:
    """Saves `model` as `.keras`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp_{path.name}")
    model.save(temporary)
    os.replace(temporary, path)


def build_network(experiment: config.Experiment) -> keras.Model:
    """The experiment's network with fresh weights, the same for the same seed."""
    keras.utils.set_random_seed(experiment.seed)
    return networks.build(
        experiment.network,
        batch_norm=experiment.training.batch_norm_decay,
        decay_unit=experiment.training.decay_unit,
    )


def train(run: runs.Run, blocks: store.Store) -> keras.Model:
    """Trains the run's network from its last checkpoint, or from scratch, to the last epoch.

    Deterministic: the order of blocks depends on the seed and the epoch alone, and the state of
    dropout lies in the checkpoint, so an interrupted run ends with the same weights.

    Args:
        run: an unfinished run.
        blocks: prepared blocks of the training areas.

    Returns:
        The trained network, saved as `run.model_file`.

    Raises:
        TrainingDivergedError: the loss became NaN or infinite.
        ValueError: fewer blocks than a batch.
    """
    experiment = run.experiment
    training = experiment.training
    model = build_network(experiment)
    compile_for_training(model, experiment)
    first_epoch = _resume(model, run)
    steps = pipeline.steps_per_epoch(blocks, training.batch_size, training.max_blocks_per_epoch)
    batches = pipeline.batches(
        blocks,
        batch_size=training.batch_size,
        seed=experiment.seed,
        first_epoch=first_epoch,
        num_epochs=training.num_epochs,
        augmentation=training.augmentation,
        max_blocks_per_epoch=training.max_blocks_per_epoch,
        num_classes=experiment.dataset.num_classes,
    )
    progress = _Progress(first_epoch, training.num_epochs, steps)
    try:
        model.fit(
            batches,
            initial_epoch=first_epoch,
            epochs=training.num_epochs,
            steps_per_epoch=steps,
            verbose=0,
            callbacks=[
                _StopAtNan(run),
                _Log(run.log_file, first_epoch),
                keras.callbacks.TensorBoard(run.tensorboard_folder, write_graph=False),
                _Checkpoint(run, training.checkpoint_every),
                progress,
            ],
        )
    finally:
        progress.close()
    save_model(model, run.model_file)
    return model


def _resume(model: keras.Model, run: runs.Run) -> int:
    """Loads the newest checkpoint into `model`; returns the epochs already done."""
    kept = run.checkpoints()
    if not kept:
        return 0
    epochs_done, path = kept[-1]
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} cannot be loaded ({error}). Delete this file to resume from the one before "
            "it, or start a new --run."
        ) from error
    return epochs_done


def load_model(path: pathlib.Path) -> keras.Model:
    """A trained network: a `.keras` file, or a run folder (its finished or newest model).

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: the file is damaged, or of something else.
    """
    if path.is_dir():
        run = runs.load(path)
        kept = run.checkpoints()
        if not run.is_finished and not kept:
            raise FileNotFoundError(f"{path} has no model yet: its training saved no checkpoint.")
        path = run.model_file if run.is_finished else kept[-1][1]
    if not path.is_file():
        raise FileNotFoundError(f"There is no model at {path}.")
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not a network of this project: {error}") from error
    names = set(model.output_names)
    if not {"logits", "embedding"} <= names:
        raise ValueError(
            f"{path} is not a segmentation network: it must have the outputs `logits` and "
            f"`embedding`. Received: {sorted(names)}"
        )
    return model


def make_deterministic(seed: int) -> None:
    """Seeds Python, NumPy and the backend, and asks TensorFlow for deterministic kernels."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
