"""Blocks that others prepared, as ASIS's tools leave them: no manifest, and nothing to trust."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE, Experiment, Features, names
from ban_tf.data.samples import Samples
from ban_tf.data.store import manifest, room_file
from ban_tf.data.store.stored_cloud import StoredCloud

_SUFFIXES = (".h5", ".hdf5")
_LOOKED_AT = 4  # samples of a file whose features are looked at before any work
_ROUNDED = 1e-3  # a share of a length may be rounded beyond it by so much
_WIDEST_M = 20.0  # of half a block; beyond, coordinates are not in metres
_NARROWEST_M = 0.005  # of half a block; within, they are not in metres either


def list_files(folder: Path) -> list[Path]:
    """The HDF5 files of a folder, sorted; hidden ones (`._room.h5` of macOS) are none of them."""
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )


def open_clouds(
    folder: Path, expected: Experiment | None, group_of: Callable[[str], str]
) -> tuple[tuple[StoredCloud, ...], int, Features]:
    """The clouds of a folder without a manifest, the points of a sample, and its channels.

    Args:
        folder: the folder.
        expected: what the samples must suit; None accepts any that are alike.
        group_of: tells the group of a cloud.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: a file is damaged, of another layout or of ours, or holds values that cannot be
            right; the message names the file and the field.
    """
    paths = list_files(folder)
    if not paths:
        raise FileNotFoundError(f"There are no prepared blocks in {folder}. Prepare them first.")
    for path in paths:
        names.require_file_name(f"the name of a file of {folder}", path.stem)
    names.require_distinct(f"cloud of {folder}", [path.stem for path in paths])
    shapes = {}
    for path in paths:
        if room_file.read_origin(path) is not None:
            raise ValueError(
                f"{folder} has prepared clouds but no {manifest.FILE_NAME} of this version: its "
                "preparation was interrupted, or an earlier version made it. Prepare again from "
                "the raw data; finished clouds are reused."
            )
        shapes[path] = room_file.shape(path)
    features = Features() if expected is None else expected.features
    num_points = (
        max(shape[1] for shape in shapes.values())
        if expected is None
        else expected.samples.num_points
    )
    for path, shape in shapes.items():
        if shape[1:] != (num_points, features.num_channels):
            raise ValueError(
                f"every sample of {path} must have {num_points} points of {features.num_channels} "
                "channels, as the others and the experiment; ask for as many (`num_points` of the "
                f"samples), or name another folder (`blocks`). Received: {shape[1]} points of "
                f"{shape[2]} channels"
            )
        _check_features(path, shape[0], features)
    num_classes = None if expected is None else expected.labels.num_classes
    contents = _contents(paths)
    clouds = (
        dataclasses.replace(
            _cloud(path, shapes[path][0], num_classes, group_of), content=contents.get(path, "")
        )
        for path in paths
    )
    return tuple(clouds), num_points, features


def _contents(paths: list[Path]) -> dict[Path, str]:
    """SHA-256 of the files that have as many bytes as another: only these can be alike."""
    sizes = Counter(path.stat().st_size for path in paths)
    return {path: _digest(path) for path in paths if sizes[path.stat().st_size] > 1}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cloud(
    path: Path, num_samples: int, num_classes: int | None, group_of: Callable[[str], str]
) -> StoredCloud:
    semantic, instance = (labels.ravel() for labels in room_file.read_labels(path))
    lowest, highest = (int(semantic.min()), int(semantic.max())) if len(semantic) else (0, 0)
    if lowest < NONE or (num_classes is not None and highest >= num_classes):
        top = "" if num_classes is None else f" and below {num_classes}"
        raise ValueError(
            f"classes in {path} must be at least 0{top}, or -1 for a point without one (some tools "
            f"write 255). Received: {lowest} to {highest}"
        )
    used = instance >= 0
    distinct, code = overlap.number(instance[used])
    classes, _ = overlap.majority(code, semantic[used], len(distinct))
    drawn = np.bincount(code, minlength=len(distinct))
    is_wide = len(distinct) > 0 and distinct[-1] > np.iinfo(np.int32).max
    return StoredCloud(
        name=path.stem,
        group=group_of(path.stem),
        path=path,
        num_samples=num_samples,
        instances=np.stack([classes, np.full(len(distinct), -1), drawn], axis=1),
        frame=None,
        wide_ids=distinct if is_wide else None,
    )


def _check_features(path: Path, num_samples: int, features: Features) -> None:
    """Looks at a few samples of a file; the others are looked at when they are read."""
    if not num_samples:
        return
    places = np.unique(np.linspace(0, num_samples - 1, _LOOKED_AT).astype(int))
    check_values(path, room_file.read(path, places), features)


def check_values(path: Path, looked_at: Samples, features: Features) -> None:
    """Refuses channels whose numbers cannot be what their names say.

    Args:
        path: of the file, for the message.
        looked_at: some of its samples, at least one.
        features: what the channels are.

    Raises:
        ValueError: colours or shares of a room outside 0 to 1, or coordinates not in metres.
    """
    colors, xy = features.place("rgb"), features.place("block_xyz")
    shares = features.place("room_xyz")
    if shares is not None:
        values = looked_at.features[..., shares]
        if values.min() < -_ROUNDED or values.max() > 1 + _ROUNDED:
            raise ValueError(
                f"places in the room in `data` of {path} must be shares of its length, in [0, 1] "
                f"(channels {shares.start} to {shares.stop - 1}); divide metres by it. "
                f"Received: {values.min():g} to {values.max():g}"
            )
    if colors is not None:
        values = looked_at.features[..., colors]
        if values.min() < 0 or values.max() > 1:
            raise ValueError(
                f"colours in `data` of {path} must be in [0, 1] (channels {colors.start} to "
                f"{colors.stop - 1}); divide those of 0 to 255 by 255. "
                f"Received: {values.min():g} to {values.max():g}"
            )
    if xy is not None:
        farthest = float(np.abs(looked_at.features[..., :2]).max())
        if farthest > _WIDEST_M:
            raise ValueError(
                f"x and y in `data` of {path} must be metres from the block's middle; divide "
                f"millimetres by 1000. Received: {farthest:g} from it"
            )
        if 0 < farthest < _NARROWEST_M:
            raise ValueError(
                f"x and y in `data` of {path} must be metres from the block's middle; multiply "
                f"kilometres by 1000. Received: {farthest:g} from it at most"
            )
