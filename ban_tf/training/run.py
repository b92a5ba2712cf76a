"""A run folder: everything one training leaves behind, in files that survive an interruption.

config.json        the experiment, every number of it
sources.json       where the raw data and the prepared blocks lie, from here where they are near
provenance.json    git revision, versions, machine, start of the run
seconds.json       how long training took, interruptions left out
log.csv            losses, learning rate, batch-norm momentum and held-out scores of every epoch
tensorboard/       the same for TensorBoard
initial.keras      the network that training starts from, if not from scratch
checkpoints/       epoch_0012.keras ...; the newest two; best.keras where the best is kept
model.keras        the trained network
model_epoch_0100.keras  the trained network of a run that was asked for more epochs afterwards
evaluation/        scores, tables and predictions, one folder per protocol
.lock              while a process writes here

A run is finished when its network is trained and evaluated.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

from ban_tf import config, disk
from ban_tf.training import side_files, sources
from ban_tf.training.sources import Sources

CHECKPOINT = re.compile(r"epoch_(\d{4,})\.keras")
KEPT_CHECKPOINTS = 2
FOLDS_FILE = "folds.json"  # of a folder of several runs, one per split


@dataclasses.dataclass(frozen=True)
class Run:
    """Paths and state of one run folder; made by `start` or `load`.

    Example:
        >>> import pathlib
        >>> from ban_tf.training.run import Run
        >>> Run(pathlib.Path("runs/no_such"), experiment=None).checkpoints()
        []
    """

    folder: pathlib.Path
    experiment: config.Experiment

    @property
    def model_file(self) -> pathlib.Path:
        return self.folder / "model.keras"

    @property
    def initial_file(self) -> pathlib.Path:
        return self.folder / "initial.keras"

    @property
    def best_file(self) -> pathlib.Path:
        return self.folder / "checkpoints" / "best.keras"

    @property
    def is_trained(self) -> bool:
        return self.model_file.is_file()

    @property
    def has_network(self) -> bool:
        """Whether there is a network to evaluate: the trained one or a checkpoint."""
        return self.is_trained or bool(self.checkpoints())

    @property
    def epochs_done(self) -> int:
        """Of the network that stands for the run: the trained one, else the newest checkpoint."""
        if self.is_trained:
            return self.experiment.training.total_epochs
        kept = self.checkpoints()
        return kept[-1][0] if kept else 0

    @property
    def log_file(self) -> pathlib.Path:
        return self.folder / "log.csv"

    @property
    def tensorboard_folder(self) -> pathlib.Path:
        return self.folder / "tensorboard"

    @property
    def sources_file(self) -> pathlib.Path:
        return self.folder / "sources.json"

    def evaluation_folder(self, protocol: str) -> pathlib.Path:
        return self.folder / "evaluation" / protocol

    def keep_initial(self, path: pathlib.Path) -> None:
        """Keeps a copy of the network that training is to start from.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the run has begun with another one, or from scratch.
        """
        content = path.read_bytes()
        if self.initial_file.is_file() and self.initial_file.read_bytes() == content:
            return
        if self.initial_file.is_file() or self.checkpoints():
            raise ValueError(
                f"{self.folder} was begun without {path}. Choose another folder (`run`)."
            )
        disk.write_whole(self.initial_file, content)

    def checkpoints(self) -> list[tuple[int, pathlib.Path]]:
        """(epochs done, file), oldest first."""
        files = (self.folder / "checkpoints").glob("epoch_*.keras")
        matches = ((CHECKPOINT.fullmatch(path.name), path) for path in files)
        return sorted((int(match.group(1)), path) for match, path in matches if match)

    def checkpoint_file(self, epochs_done: int) -> pathlib.Path:
        return self.folder / "checkpoints" / f"epoch_{epochs_done:04d}.keras"

    def drop_old_checkpoints(self) -> None:
        for _, path in self.checkpoints()[:-KEPT_CHECKPOINTS]:
            path.unlink()

    @contextlib.contextmanager
    def training_time(self) -> Iterator[Callable[[], None]]:
        """Adds the time within it to `training_seconds`, whatever ends it.

        Gives a function that adds the time so far: what is killed afterwards has lost no more.
        """
        before, begin = self.training_seconds() or 0.0, time.monotonic()

        def note() -> None:
            seconds = before + time.monotonic() - begin
            disk.write_whole(self.folder / "seconds.json", json.dumps({"training": seconds}) + "\n")

        try:
            yield note
        finally:
            note()

    def training_seconds(self) -> float | None:
        """How long training has taken so far; None if it was never timed."""
        path = self.folder / "seconds.json"
        if not path.is_file():
            return None
        values = side_files.read(path, side_files.MOVE_AWAY)
        return side_files.number(path, values, "training", side_files.MOVE_AWAY)

    def provenance(self) -> dict[str, Any]:
        """Revision, versions, machine and start of the run; empty where they were not kept."""
        path = self.folder / "provenance.json"
        if not path.is_file():
            return {}
        return side_files.read(path, side_files.MOVE_AWAY)

    def check_side_files(self) -> None:
        """Raises ValueError if a file is damaged that is needed when the work is done."""
        self.training_seconds()
        self.provenance()

    def sources(self) -> Sources:
        """Where the data lie that the run was trained on.

        Raises:
            FileNotFoundError: the run was stopped before its data were ready.
            ValueError: sources.json is damaged.
        """
        return sources.load(self.sources_file)

    def save_sources(self, found: Sources) -> None:
        """Keeps where the data lie; what lies in or beside the run may move with it."""
        folder = self.folder.resolve()
        is_fold = (folder.parent / FOLDS_FILE).is_file()
        sources.save(self.sources_file, found, folder.parent.parent if is_fold else folder.parent)

    def keep_trained(self) -> None:
        """Puts the trained network aside, so that training can go on."""
        epochs = self.experiment.training.total_epochs
        os.replace(self.model_file, self.folder / f"model_epoch_{epochs:04d}.keras")

    def forget_start(self) -> None:
        """Removes what makes the folder a run, if training there has come to nothing yet."""
        if self.has_network:
            return
        for name in ("config.json", "provenance.json", "sources.json", "initial.keras"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "evaluation", ignore_errors=True)
