"""Shows a training as it goes: a bar with losses and time left, or a line per epoch."""

import keras

from ban_tf import progress
from ban_tf.training import validation
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
        >>> from ban_tf.training.showing import Progress
        >>> progress = Progress(Stage(0, 5, experiment), first_epoch=2, steps_per_epoch=10)
        >>> progress.bar.n, progress.bar.total
        (20, 50)
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
        f"held-out {name} {100 * float((logs or {})[f'val_{name}']):.1f}"
        for name in validation.SCORES
        if f"val_{name}" in (logs or {})
    ]
    return ", ".join([*sorted(losses), *scores])
