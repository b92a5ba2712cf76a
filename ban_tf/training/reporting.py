"""What a training tells as it goes: the log, the progress, scores on what is held out."""

import math

import keras

from ban_tf import disk, progress
from ban_tf.data.store import Store
from ban_tf.model.normalization import MomentumSchedule
from ban_tf.training import checkpoints, log_file, runs, summaries, validation
from ban_tf.training.callbacks import require_finite_weights
from ban_tf.training.stages import Stage


class Progress(keras.callbacks.Callback):
    """A bar over a stage of the training, or a line per epoch, with losses and time left.

    Until the first step is done it says that this is being compiled, which takes far longer.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training.stages import Stage
        >>> from ban_tf.training.reporting import Progress
        >>> progress = Progress(Stage(0, 5, experiment), first_epoch=2, steps_per_epoch=10)
        >>> progress.bar.done
        20
        >>> progress.close()
    """

    def __init__(self, stage: Stage, first_epoch: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.num_epochs = stage.experiment.training.total_epochs
        self.title = f"epoch {first_epoch + 1}/{self.num_epochs}"
        self.is_waiting = True
        self.bar = progress.Bar(
            (stage.end_epoch - stage.first_epoch) * steps_per_epoch,
            f"training, epochs {first_epoch + 1} to {stage.end_epoch}",
            unit="step",
            initial=(first_epoch - stage.first_epoch) * steps_per_epoch,
        )

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.bar.wait("compiling the first step")

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.title = f"epoch {epoch + 1}/{self.num_epochs}"
        if not self.is_waiting:
            self.bar.set_title(self.title)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.is_waiting:
            self.is_waiting = False
            self.bar.resume(self.title)
        self.bar.update(note=_shown(logs))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.stage(f"{self.title}: {_shown(logs)}")

    def close(self) -> None:
        self.bar.close()


def _shown(logs: dict[str, float] | None) -> str:
    """Losses and scores for people; the schedules stand in the log alone."""
    names = {name: name.removesuffix("_loss") for name in logs or {} if name.endswith("loss")}
    losses = [f"{shown} {float((logs or {})[name]):.3f}" for name, shown in names.items()]
    scores = [
        f"held-out {name} {100 * float((logs or {})[f'{log_file.SCORE}{name}']):.1f}"
        for name in validation.SCORES
        if f"{log_file.SCORE}{name}" in (logs or {})
    ]
    return ", ".join([*sorted(losses), *scores])


class Validate(keras.callbacks.Callback):
    """Scores the network on what is held out, every few epochs; keeps the best where asked to.

    The scores go into the logs, from where `Log`, TensorBoard and `Progress`, which come after,
    take them; `summaries` shows TensorBoard what else was found.

    Args:
        run: keeps the best network.
        stage: of its training.
        held_out: samples of the training side that are not trained on.
        log: has the scores of earlier epochs.

    Example:
        >>> from ban_tf.training.reporting import Validate
        >>> Validate.__mro__[1].__name__  # for `fit(callbacks=...)`, before the log
        'Callback'
    """

    def __init__(self, run: runs.Run, stage: Stage, held_out: Store, log: "Log") -> None:
        super().__init__()
        self.run = run
        self.asked = stage.experiment.training.validation
        self.num_epochs = stage.experiment.training.total_epochs
        self.may_keep = self.asked.keep == "best" and not stage.classes_only
        self.validation = validation.Validation(held_out, stage.experiment)
        self.summaries = summaries.HeldOutSummaries(run.tensorboard_folder, stage.experiment.labels)
        ranks = [validation.rank(scores) for scores in log.scores_since(stage.first_epoch)]
        self.best = max((rank for rank in ranks if not math.isnan(rank)), default=-math.inf)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        done, every = epoch + 1, self.asked.every
        if every is None or (done % every != 0 and done != self.num_epochs):
            return
        require_finite_weights(self.model.network, self.run)
        # As the log keeps them, so that a training that was taken up again compares the same.
        scores = self.validation.scores(
            self.model, lambda seen, clouds: self.summaries.write(epoch, seen, clouds())
        )
        found = {name: float(_cell(value)) for name, value in scores.items()}
        if logs is not None:
            logs.update({f"{log_file.SCORE}{name}": value for name, value in found.items()})
        shown = ", ".join(f"{name} {100 * value:.1f}" for name, value in found.items())
        progress.above_bar(f"epoch {done}/{self.num_epochs}: held-out {shown}")
        rank = validation.rank(found)
        if self.may_keep and rank > self.best:
            self.best = rank
            checkpoints.save_model(self.model.network, self.run.best_file, self.run)


class Log(keras.callbacks.Callback):
    """A row per epoch in log.csv; rows a crash left without a checkpoint are done again.

    `step` counts those of the stage's optimiser. Scores on held-out clouds have columns where there
    are any, empty in epochs that were not scored.

    Example:
        >>> import pathlib
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training.stages import Stage
        >>> from ban_tf.training import reporting, runs
        >>> run = runs.Run(pathlib.Path("runs/no_such"), experiment)
        >>> reporting.Log(run, Stage(0, 5, experiment), 0, ("semantic", "instance")).losses
        ('loss', 'semantic_loss', 'instance_loss')
    """

    def __init__(
        self, run: runs.Run, stage: Stage, first_epoch: int, terms: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.losses = ("loss", *(f"{term}_loss" for term in terms))
        training = stage.experiment.training
        validates = training.validation.every is not None
        self.scores = tuple(f"{log_file.SCORE}{name}" for name in validation.SCORES if validates)
        schedules = ("learning_rate", "batch_norm_momentum")
        self.columns = ("epoch", "step", *schedules, *self.losses, *self.scores)
        self.path = run.log_file
        self.momentum = MomentumSchedule(decay=training.batch_norm_decay, unit=training.decay_unit)
        self.per_step = training.per_step
        self.fixed_statistics = stage.fixed_statistics
        self.lines = [",".join(self.columns), *self._earlier(first_epoch)]

    def _earlier(self, first_epoch: int) -> list[str]:
        rows = log_file.read(self.path, self.columns, first_epoch)
        return [row for row in rows if int(row.split(",")[0]) <= first_epoch]

    def scores_since(self, epoch: int) -> list[dict[str, float]]:
        """The scores of those of the epochs after `epoch` that were scored, by name."""
        rows = (dict(zip(self.columns, line.split(","), strict=True)) for line in self.lines[1:])
        return [
            {name.removeprefix(log_file.SCORE): float(row[name]) for name in self.scores}
            for row in rows
            if int(row["epoch"]) > epoch and all(row[name] for name in self.scores)
        ]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        values = {} if logs is None else logs
        optimizer = self.model.optimizer
        step = int(optimizer.iterations)
        # In the logs it reaches TensorBoard too, which comes after; the rate is there already.
        share = 0.0 if self.fixed_statistics else float(self.momentum.share(step * self.per_step))
        values["batch_norm_momentum"] = 1 - share
        row: tuple[float | None, ...] = (
            epoch + 1,
            step,
            float(optimizer.learning_rate),
            values["batch_norm_momentum"],
            *(values[name] for name in self.losses),
            *(values.get(name) for name in self.scores),
        )
        self.lines.append(",".join("" if value is None else _cell(value) for value in row))
        disk.write_whole(self.path, "\n".join(self.lines) + "\n")


def _cell(value: float) -> str:
    return f"{value:.8g}"
