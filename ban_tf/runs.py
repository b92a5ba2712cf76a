"""A run folder: everything one training leaves behind, in files that survive an interruption.

config.json        the experiment, every number of it
sources.json       where the raw data and the prepared blocks lie
provenance.json    git revision, versions, machine, start of the run
log.csv            losses, learning rate and batch-norm momentum of every epoch
tensorboard/       the same for TensorBoard
checkpoints/       epoch_0012.keras ...; the newest two
model.keras        the finished network; a run is finished when this file exists
evaluation/        scores, tables and predictions, one folder per protocol
"""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import subprocess
from typing import Any

from ban_tf import config

CHECKPOINT = re.compile(r"epoch_(\d{4})\.keras")
KEPT_CHECKPOINTS = 2


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes `path` whole or not at all: under a temporary name first, then moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


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
    def is_finished(self) -> bool:
        return self.model_file.is_file()

    @property
    def log_file(self) -> pathlib.Path:
        return self.folder / "log.csv"

    @property
    def tensorboard_folder(self) -> pathlib.Path:
        return self.folder / "tensorboard"

    def evaluation_folder(self, protocol: str) -> pathlib.Path:
        return self.folder / "evaluation" / protocol

    def checkpoints(self) -> list[tuple[int, pathlib.Path]]:
        """(epochs done, file), oldest first."""
        found = []
        for path in sorted((self.folder / "checkpoints").glob("epoch_*.keras")):
            match = CHECKPOINT.fullmatch(path.name)
            if match:
                found.append((int(match.group(1)), path))
        return found

    def checkpoint_file(self, epochs_done: int) -> pathlib.Path:
        return self.folder / "checkpoints" / f"epoch_{epochs_done:04d}.keras"

    def drop_old_checkpoints(self) -> None:
        for _, path in self.checkpoints()[:-KEPT_CHECKPOINTS]:
            path.unlink()

    def sources(self) -> Sources:
        values = json.loads((self.folder / "sources.json").read_text(encoding="utf-8"))
        data = values["data"]
        return Sources(pathlib.Path(values["blocks"]), pathlib.Path(data) if data else None)

    def save_sources(self, sources: Sources) -> None:
        values = {
            "blocks": str(sources.blocks.resolve()),
            "data": str(sources.data.resolve()) if sources.data else None,
        }
        write_text(self.folder / "sources.json", json.dumps(values, indent=2) + "\n")


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


def start(folder: pathlib.Path, experiment: config.Experiment) -> Run:
    """A new run in `folder`, or the unfinished one of the same experiment that lies there.

    Raises:
        ValueError: the folder holds a finished run, a run of another experiment, or other files.
    """
    run = Run(folder, experiment)
    config_file = folder / "config.json"
    if config_file.is_file():
        difference = _difference(load(folder).experiment, experiment)
        if difference:
            raise ValueError(
                f"{folder} holds a run of another experiment ({difference}). "
                "Choose another folder with --run."
            )
        if run.is_finished:
            raise ValueError(
                f"{folder} holds a finished run. Evaluate it with eval/eval_*.py --run {folder}, "
                "or train anew with another --run."
            )
        return run
    if folder.is_dir() and (folder / "model.keras").exists():
        raise ValueError(f"{folder} holds a model without config.json. Choose another --run.")
    write_text(folder / "provenance.json", json.dumps(provenance(), indent=2) + "\n")
    write_text(config_file, config.to_json(experiment))
    return run


def load(folder: pathlib.Path) -> Run:
    """The run in `folder`, whatever its state.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: its config.json is damaged or of another version.
    """
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has no config.json. Train with train/train_*.py, "
            "or name the folder with --run."
        )
    try:
        return Run(folder, config.from_json(config_file.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise ValueError(f"{config_file} cannot be used: {error}") from error


def newest(root: pathlib.Path) -> pathlib.Path:
    """The folder of the newest run below `root`: one with config.json, or a six-fold parent.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [path.parent for path in root.glob("*/config.json")]
    found += [path.parent.parent for path in root.glob("*/area*/config.json")]
    if not found:
        raise FileNotFoundError(
            f"There is no run below {root}. Train one first, or name one with --run."
        )
    return max(sorted(set(found)), key=_last_change)


def _last_change(folder: pathlib.Path) -> int:
    files = [*folder.glob("config.json"), *folder.glob("area*/config.json")]
    files += [*folder.glob("model.keras"), *folder.glob("area*/model.keras")]
    return max(path.stat().st_mtime_ns for path in files)


def provenance() -> dict[str, Any]:
    """Where results come from: revision, versions, machine, time."""
    versions: dict[str, str | None] = {}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "scikit-learn", "h5py"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "revision": _git_revision(),
        "versions": {"python": platform.python_version(), **versions},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _git_revision() -> str:
    here = pathlib.Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
