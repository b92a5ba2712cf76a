"""What a stopped evaluation leaves behind: rooms that are done, and the room it was in."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ban_tf import disk
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import names
from ban_tf.inference import digest
from ban_tf.inference.results import SampledSegmentation, Segmentation

_UNREADABLE = (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)
_POINTS = "points"  # array of a file with what the labels are of
_Labels = TypeVar("_Labels", Segmentation, SampledSegmentation)


class UnfinishedEvaluation:
    """A folder that an evaluation keeps until it is finished, and from which it goes on.

    The names of its files tell what they depend on, so that nothing of another network, of other
    data or of other settings is taken up. The code version is not part of the
    key; move the folder away after changing code.

    Args:
        folder: need not exist.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._finished: dict[str, Path] = {}

    def labels_of(
        self,
        room: str,
        origin: str,
        kind: type[_Labels],
        segment: Callable[[Path], _Labels],
        points: str = "",
    ) -> _Labels:
        """The labels of a room: those that an earlier call has kept, else those of `segment`.

        Args:
            room: its name.
            origin: digest of everything that the labels depend on.
            kind: of labels that `segment` returns.
            segment: called with the path of a state file for what it is in the midst of.
            points: `digest.of_cloud` of the room, kept beside the labels.

        Raises:
            OSError: the folder cannot be written.
            ValueError: the labels that were kept are damaged, or a name that no file can have.
        """
        names.require_file_name("`room`", room)
        path = self._folder / f"{room}.{origin}.npz"
        if path.is_file():
            labels = read_labels(path, kind)
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            labels = segment(path.with_suffix(".state"))
            _write(path, labels, points)
        self._finished[room] = path
        return labels

    def finish(self, predictions: Path | None) -> None:
        """Moves the labels to `<predictions>/<room>.npz`, None for nowhere; removes the folder.

        Labels of other rooms, which an earlier evaluation left there, are removed.
        """
        if predictions is not None:
            predictions.mkdir(parents=True, exist_ok=True)
            for path in predictions.glob("*.npz"):
                if path.stem not in self._finished:
                    path.unlink()
            for room, path in self._finished.items():
                os.replace(path, predictions / f"{room}.npz")
        if self._folder.is_dir():
            shutil.rmtree(self._folder)


def _write(path: Path, labels: Segmentation | SampledSegmentation, points: str) -> None:
    with disk.whole(path) as temporary, temporary.open("wb") as file:
        arrays: dict[str, Any] = {**labels.to_arrays(), _POINTS: np.array(points)}
        np.savez_compressed(file, **arrays)


def kept_prediction(out: Path, cloud: str) -> Segmentation:
    """What an evaluation with the covering protocol has predicted for a cloud.

    Args:
        out: folder of its results.
        cloud: its name.

    Raises:
        FileNotFoundError: it has not been evaluated there; the message names the file.
        ValueError: the file is damaged.
    """
    path = out / "predictions" / f"{cloud}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing.")
    return read_labels(path, Segmentation)


def prediction_of(out: Path, cloud: Cloud) -> Segmentation:
    """What an evaluation with the covering protocol has predicted for this very cloud.

    Args:
        out: folder of its results.
        cloud: as it is now.

    Raises:
        FileNotFoundError: it has not been evaluated there.
        ValueError: the file is damaged, or of another version of the cloud.
    """
    found = kept_prediction(out, cloud.name)
    path = out / "predictions" / f"{cloud.name}.npz"
    other = f"{len(found.semantic)} points of {len(cloud)}"
    if len(found.semantic) == len(cloud):
        with np.load(path, allow_pickle=False) as file:
            points = str(file[_POINTS]) if _POINTS in file.files else ""
        if points in ("", digest.of_cloud(cloud)):  # older files do not tell
            return found
        other = "other coordinates or colours"
    raise ValueError(f"{path} is of another version of the cloud: {other}. Evaluate its run again.")


def read_labels(path: Path, kind: type[_Labels]) -> _Labels:
    """Labels that an evaluation kept; ValueError where they are damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return kind.from_arrays({name: file[name] for name in file.files})
    except _UNREADABLE as error:
        raise ValueError(
            f"{path} is damaged ({error}). Move it away and give the same command again."
        ) from error
