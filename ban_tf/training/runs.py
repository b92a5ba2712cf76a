"""A run folder: everything one training leaves behind, in files that survive an interruption.

config.json        the experiment, every number of it
sources.json       where the raw data and the prepared blocks lie
provenance.json    git revision, versions, machine, start of the run
seconds.json       how long training took, interruptions left out
log.csv            losses, learning rate and batch-norm momentum of every epoch
tensorboard/       the same for TensorBoard
initial.keras      the network that training starts from, if not from scratch
checkpoints/       epoch_0012.keras ...; the newest two
model.keras        the finished network; a run is finished when this file exists
evaluation/        scores, tables and predictions, one folder per protocol
"""

import contextlib
import dataclasses
import json
import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any

from ban_tf import config, disk
from ban_tf.training import provenance

CHECKPOINT = re.compile(r"epoch_(\d{4,})\.keras")
KEPT_CHECKPOINTS = 2


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes `path` whole or not at all, as `disk.write_whole`; its folder is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.write_whole(path, text.encode())


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where a run's data lie: the prepared store, and the raw data it was made from, if known."""

    blocks: pathlib.Path
    data: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Run:
    """Paths and state of one run folder; made by `start`, `load` or `newest`."""

    folder: pathlib.Path
    experiment: config.Experiment

    @property
    def model_file(self) -> pathlib.Path:
        return self.folder / "model.keras"

    @property
    def initial_file(self) -> pathlib.Path:
        return self.folder / "initial.keras"

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
                f"{self.folder} was begun without {path}. Choose another folder with --run."
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
            write_text(self.folder / "seconds.json", json.dumps({"training": seconds}) + "\n")

    def training_seconds(self) -> float | None:
        """How long training has taken so far; None if it was never timed."""
        path = self.folder / "seconds.json"
        if not path.is_file():
            return None
        try:
            return float(json.loads(path.read_text(encoding="utf-8"))["training"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error!r}). Delete it.") from error

    def provenance(self) -> dict[str, Any]:
        """Revision, versions, machine and start of the run; empty where they were not kept."""
        path = self.folder / "provenance.json"
        if not path.is_file():
            return {}
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error!r}). Delete it.") from error

    def sources(self) -> Sources:
        """Where the data lie that the run was trained on.

        Raises:
            FileNotFoundError: the run was stopped before its data were ready.
            ValueError: sources.json is damaged.
        """
        path = self.sources_file
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: name the data with --data or --blocks, or give the training "
                "command again."
            )
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            data = values["data"]
            return Sources(pathlib.Path(values["blocks"]), pathlib.Path(data) if data else None)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged ({error!r}). Delete it and name the data with --data."
            ) from error

    def save_sources(self, sources: Sources) -> None:
        values = {
            "blocks": str(sources.blocks.resolve()),
            "data": str(sources.data.resolve()) if sources.data else None,
        }
        write_text(self.sources_file, json.dumps(values, indent=2) + "\n")


def _difference(old: config.Experiment, new: config.Experiment) -> str:
    def flat(values: Any, prefix: str = "") -> dict[str, Any]:
        if not isinstance(values, dict):
            return {prefix: values}
        return {
            key: leaf
            for name, value in values.items()
            for key, leaf in flat(value, f"{prefix}.{name}" if prefix else name).items()
        }

    before, after = flat(dataclasses.asdict(old)), flat(dataclasses.asdict(new))
    return "; ".join(
        f"{key}: {before.get(key)!r} there, {after.get(key)!r} asked for"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def check(folder: pathlib.Path, experiment: config.Experiment) -> None:
    """Refuses a folder in which `start` cannot train, before any work is done.

    Raises:
        ValueError: the folder holds a finished run, a run of another experiment, the folds of a
            six-fold training, or a model of unknown origin.
    """
    run = Run(folder, experiment)
    if not (folder / "config.json").is_file():
        if run.is_finished:
            raise ValueError(f"{folder} holds a model without config.json. Choose another --run.")
        if _folds(folder):
            raise ValueError(
                f"{folder} holds the folds of a six-fold training. Choose another --run."
            )
        return
    require_same(load(folder), experiment)
    if run.is_finished:
        raise ValueError(
            f"{folder} holds a finished run. Evaluate it with eval/eval_*.py --run {folder}, "
            "or train anew with another --run."
        )


def require_same(run: Run, experiment: config.Experiment) -> None:
    """Raises ValueError, naming every difference, if `run` is of another experiment."""
    difference = _difference(run.experiment, experiment)
    if difference:
        raise ValueError(
            f"{run.folder} holds a run of another experiment ({difference}). "
            "Choose another folder with --run."
        )


def start(folder: pathlib.Path, experiment: config.Experiment) -> Run:
    """A new run in `folder`, or the unfinished one of the same experiment that lies there.

    Raises:
        ValueError: as `check`.
    """
    check(folder, experiment)
    config_file = folder / "config.json"
    if not config_file.is_file():
        write_text(folder / "provenance.json", json.dumps(provenance.collect(), indent=2) + "\n")
        write_text(config_file, config.to_json(experiment))
    return Run(folder, experiment)


def load(folder: pathlib.Path) -> Run:
    """The run in `folder`, whatever its state.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: its config.json is damaged or of another version, or the folder is that of a
            six-fold training.
    """
    config_file = folder / "config.json"
    if not config_file.is_file():
        folds = _folds(folder)
        if folds:
            raise ValueError(
                f"{folder} holds the folds of a six-fold training: evaluate them together with "
                f"--six-fold, or name one with --run, such as {folds[0]}."
            )
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has no config.json. Train with train/train_*.py, "
            "or name the folder with --run."
        )
    try:
        return Run(folder, config.from_json(config_file.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{config_file} is damaged or of another version: {error}") from error


def _folds(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path.parent for path in folder.glob("area*/config.json"))


def folds(parent: pathlib.Path) -> list[Run]:
    """The runs `parent/area<N>` of a six-fold training, whatever their state, sorted by area.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [load(folder) for folder in _folds(parent)]
    if not found:
        raise FileNotFoundError(
            f"{parent} holds no six-fold training: it has no area1, area2 ... Train one with "
            "train/train_*.py --six-fold, or name its folder with --run."
        )
    return sorted(found, key=lambda run: run.experiment.test_area)


def newest(root: pathlib.Path) -> pathlib.Path:
    """The folder of the newest run below `root`: one with config.json, or a six-fold parent.

    Raises:
        FileNotFoundError: there is none.
    """
    found = _below(root)
    if not found:
        raise FileNotFoundError(
            f"There is no run below {root}. Train one first, or name one with --run."
        )
    return max(found, key=_last_change)


def newest_of(root: pathlib.Path, network: str) -> pathlib.Path:
    """The folder of the newest run of a network below `root`.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [folder for folder in _below(root) if _network(folder) == network]
    if not found:
        raise FileNotFoundError(
            f"There is no run of {network} below {root}. Train one with --network {network} first, "
            "or give its folder."
        )
    return max(found, key=_last_change)


def _below(root: pathlib.Path) -> list[pathlib.Path]:
    found = [path.parent for path in root.glob("*/config.json")]
    found += [path.parent.parent for path in root.glob("*/area*/config.json")]
    return sorted(set(found))


def _network(folder: pathlib.Path) -> str:
    run = load(folder) if (folder / "config.json").is_file() else folds(folder)[0]
    return run.experiment.network.name


def _last_change(folder: pathlib.Path) -> int:
    files = [*folder.glob("config.json"), *folder.glob("area*/config.json")]
    files += [*folder.glob("model.keras"), *folder.glob("area*/model.keras")]
    return max(path.stat().st_mtime_ns for path in files)
