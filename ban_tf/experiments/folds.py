"""Folders of runs: several folds of one training, and the newest run of a folder."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from ban_tf import disk
from ban_tf.config import Split
from ban_tf.training import runs, side_files


def folder_of(parent: Path, split: Split) -> Path:
    """Where the run of one of several splits lies."""
    return parent / split.name


def save(parent: Path, splits: Sequence[Split]) -> None:
    """Marks a folder as that of several runs, one per split."""
    disk.write_whole(
        parent / runs.FOLDS_FILE,
        json.dumps({"splits": [dataclasses.asdict(split) for split in splits]}, indent=2) + "\n",
    )


def forget(parent: Path) -> None:
    """Takes the mark away if no run of a split has begun."""
    if not any(parent.glob("*/config.json")):
        (parent / runs.FOLDS_FILE).unlink(missing_ok=True)


def splits_of(parent: Path) -> list[Split]:
    """The splits of a folder of several runs.

    Raises:
        FileNotFoundError: it is no such folder.
        ValueError: the file that lists them is damaged.
    """
    path = parent / runs.FOLDS_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{parent} holds no training of several folds: it has no {runs.FOLDS_FILE}. Train all "
            "splits first, or name another folder (`run`)."
        )
    way_out = "Give the training command again, which writes it anew."
    try:
        splits = [
            Split(name=one["name"], train=tuple(one["train"]), test=tuple(one["test"]))
            for one in side_files.read(path, way_out)["splits"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise side_files.damaged(path, error, way_out) from error
    if not splits:
        raise side_files.damaged(path, "it lists no split", way_out)
    return splits


def finished(parent: Path) -> list[runs.Run]:
    """The trained runs of all splits, whose tests are pooled.

    Raises:
        FileNotFoundError: there is none, or one is missing.
        ValueError: one is not finished, or differs from the others in more than its split.
    """
    splits = splits_of(parent)
    first = runs.load(folder_of(parent, splits[0])).experiment
    found = []
    for split in splits:
        run = runs.load(folder_of(parent, split))
        runs.require_same(run, dataclasses.replace(first, split=split))
        if not run.is_trained:
            raise ValueError(
                f"{run.folder} is not finished; the pooled tables need all of "
                f"{', '.join(one.name for one in splits)}. Give the training command again to "
                "resume it."
            )
        found.append(run)
    return found


def newest(root: Path) -> Path:
    """The folder of the newest run below `root`, or of several folds, that has a network.

    Trained runs go before those whose training has not ended.

    Raises:
        FileNotFoundError: there is none.
    """
    found = _below(root)
    if not found:
        raise FileNotFoundError(
            f"There is no run below {root} that has a network. Train one first, or name its folder "
            "(`run`)."
        )
    return max(found, key=_rank)


def newest_of(root: Path, network: str) -> Path:
    """The folder of the newest run of a network below `root`, as `newest`.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [folder for folder in _below(root) if _network(folder) == network]
    if not found:
        raise FileNotFoundError(
            f"There is no run of {network} below {root}. Train that network first, or give the "
            "folder of its run."
        )
    return max(found, key=_rank)


def _below(root: Path) -> list[Path]:
    """Folders of runs, and of several, in which training has come to a first checkpoint."""
    marks = [*root.glob("*/config.json"), *root.glob(f"*/{runs.FOLDS_FILE}")]
    return sorted({path.parent for path in marks if _networks(path.parent)})


def _networks(folder: Path) -> list[Path]:
    """Network files of a run, or of those of several folds."""
    places = ("model.keras", "checkpoints/epoch_*.keras")
    names = [*places, *(f"*/{place}" for place in places)]
    return [path for name in names for path in folder.glob(name)]


def _network(folder: Path) -> str:
    if (folder / "config.json").is_file():
        return runs.load(folder).experiment.network.name
    begun = (path.parent for path in sorted(folder.glob("*/config.json")))
    return runs.load(next(begun, folder)).experiment.network.name


def _rank(folder: Path) -> tuple[bool, int]:
    """Trained runs are above all others, newer ones above older ones."""
    places = sorted(folder.glob("*/config.json")) or [folder / "config.json"]
    is_trained = all((place.parent / "model.keras").is_file() for place in places)
    return is_trained, _last_change(folder)


def _last_change(folder: Path) -> int:
    names = ("config.json", runs.FOLDS_FILE)
    files = [file for name in names for file in (*folder.glob(name), *folder.glob(f"*/{name}"))]
    return max(path.stat().st_mtime_ns for path in (*files, *_networks(folder)))
