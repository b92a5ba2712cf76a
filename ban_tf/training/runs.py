"""A run folder: everything one training leaves behind, in files that survive an interruption.

config.json        the experiment, every number of it
sources.json       where the raw data and the prepared blocks lie
provenance.json    git revision, versions, machine, start of the run
seconds.json       how long training took, interruptions left out
log.csv            losses, learning rate, batch-norm momentum and held-out scores of every epoch
tensorboard/       the same for TensorBoard
initial.keras      the network that training starts from, if not from scratch
checkpoints/       epoch_0012.keras ...; the newest two; best.keras where the best is kept
model.keras        the finished network; a run is finished when this file exists
evaluation/        scores, tables and predictions, one folder per protocol
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any

from ban_tf import config, disk
from ban_tf.config import files
from ban_tf.training import provenance, side_files

CHECKPOINT = re.compile(r"epoch_(\d{4,})\.keras")
KEPT_CHECKPOINTS = 2
FOLDS_FILE = "folds.json"  # of a folder of several runs, one per split


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where a run's data lie: the prepared store, and the raw data it was made from, if known.

    Example:
        >>> import pathlib
        >>> from ban_tf.training.runs import Sources
        >>> Sources(blocks=pathlib.Path("blocks"), data=None).blocks.name
        'blocks'
    """

    blocks: pathlib.Path
    data: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Run:
    """Paths and state of one run folder; made by `start` or `load`.

    Example:
        >>> import pathlib
        >>> from ban_tf.training.runs import Run
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
    def is_finished(self) -> bool:
        return self.model_file.is_file()

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
    def training_time(self) -> Iterator[None]:
        """Adds the time within it to `training_seconds`, whatever ends it."""
        begin = time.monotonic()
        try:
            yield
        finally:
            seconds = (self.training_seconds() or 0.0) + time.monotonic() - begin
            disk.write_whole(self.folder / "seconds.json", json.dumps({"training": seconds}) + "\n")

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
        path = self.sources_file
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: name the data (`data` or `blocks`), or give the training "
                "command again."
            )
        way_out = "Restore it, or move it away and name the data (`data` or `blocks`)."
        values = side_files.read(path, way_out)
        try:
            data = values["data"]
            blocks, folder = values["blocks"], self.folder.resolve()
            # Joining an absolute path gives just that one.
            return Sources((folder / blocks).resolve(), (folder / data).resolve() if data else None)
        except (ValueError, KeyError, TypeError) as error:
            raise side_files.damaged(path, error, way_out) from error

    def save_sources(self, sources: Sources) -> None:
        """Keeps where the data lie: relative to the run where they move together with it."""
        values = {
            "blocks": self._place(sources.blocks),
            "data": self._place(sources.data) if sources.data else None,
        }
        disk.write_whole(self.sources_file, json.dumps(values, indent=2) + "\n")

    def _place(self, path: pathlib.Path) -> str:
        folder, path = self.folder.resolve(), path.resolve()
        is_fold = (folder.parent / FOLDS_FILE).is_file()
        moves_along = path.is_relative_to(folder.parent if is_fold else folder)
        return os.path.relpath(path, folder) if moves_along else str(path)


def check(folder: pathlib.Path, experiment: config.Experiment) -> None:
    """Refuses a folder in which `start` cannot train, before any work is done.

    Raises:
        ValueError: the folder holds a finished run, a run of another experiment, the runs of
            several folds, or a model of unknown origin.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import runs
        >>> runs.check(pathlib.Path("runs/no_such"), experiment=None)  # there is nothing to refuse
    """
    run = Run(folder, experiment)
    if not (folder / "config.json").is_file():
        if run.is_finished:
            raise ValueError(
                f"{folder} holds a model without config.json. Choose another folder (`run`)."
            )
        if (folder / FOLDS_FILE).is_file():
            raise ValueError(
                f"{folder} holds the runs of several folds. Choose another folder (`run`)."
            )
        return
    require_same(load(folder), experiment)
    run.check_side_files()
    if run.is_finished:
        raise ValueError(
            f"{folder} holds a finished run. Evaluate it, or train anew in another folder (`run`)."
        )


def require_same(run: Run, experiment: config.Experiment) -> None:
    """Raises ValueError, naming every difference, if `run` is of another experiment.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> import pathlib
        >>> from ban_tf.training import runs
        >>> runs.require_same(runs.Run(pathlib.Path("runs/no_such"), experiment), experiment)
    """
    difference = files.differences(run.experiment, experiment)
    if difference:
        raise ValueError(
            f"{run.folder} holds a run of another experiment ({difference}). "
            "Ask for the same settings (the reduced ones are `quick`), or choose another folder "
            "(`run`)."
        )


def start(folder: pathlib.Path, experiment: config.Experiment) -> Run:
    """A new run in `folder`, or the unfinished one of the same experiment that lies there.

    Raises:
        ValueError: as `check`.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training import runs
        >>> run = runs.start(pathlib.Path(tempfile.mkdtemp()), experiment)
        >>> run.is_finished, sorted(path.name for path in run.folder.glob("*.json"))
        (False, ['config.json', 'provenance.json'])
    """
    check(folder, experiment)
    config_file = folder / "config.json"
    if not config_file.is_file():
        disk.write_whole(
            folder / "provenance.json", json.dumps(provenance.collect(), indent=2) + "\n"
        )
        disk.write_whole(config_file, config.to_json(experiment))
    return Run(folder, experiment)


def load(folder: pathlib.Path) -> Run:
    """The run in `folder`, whatever its state.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: its config.json is damaged or of another version, or the folder holds the runs
            of several folds.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import runs
        >>> runs.load(pathlib.Path("runs/no_such"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: runs/no_such is not a run folder: it has no config.json. ...
    """
    config_file = folder / "config.json"
    if not config_file.is_file():
        if (folder / FOLDS_FILE).is_file():
            raise ValueError(
                f"{folder} holds the runs of several folds: name one of them, or evaluate them "
                f"together. Received: run={folder}"
            )
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has no config.json. Train a network there first, or "
            "name another folder (`run`)."
        )
    try:
        return Run(folder, config.from_json(config_file.read_text(encoding="utf-8")))
    except files.UNREADABLE as error:
        raise ValueError(f"{config_file} is damaged or of another version: {error}") from error
