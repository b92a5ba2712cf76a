"""One cloud's samples in one HDF5 file, laid out as the tools of ASIS write it.

`data` float32 `[K, P, C]`, `seglabel` int32 `[K, P]`, `pid` int32 `[K, P]`. Ours also has the
attribute `made_from` (JSON), the table `instances`, a chunk per sample, so that one is read
without its neighbours, and a checksum per chunk, which HDF5 checks on every read.
"""

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ban_tf import disk
from ban_tf.config import NONE
from ban_tf.data.samples import Samples

_CLASS_NAMES = ("seglabel", "seglabels")  # readers of ASIS's files accept both
_DAMAGE = (OSError, KeyError, RuntimeError)  # what h5py raises on a broken file


def write(
    path: Path,
    parts: Iterable[Samples],
    num_points: int,
    num_channels: int,
    instances: np.ndarray,
    made_from: dict[str, Any],
) -> None:
    """Writes a cloud's samples, whole or not at all.

    The file is built in memory: on a full disk HDF5 leaves an open file that it cannot close.

    Args:
        path: the file to write.
        parts: the cloud's samples, piece by piece.
        num_points: P.
        num_channels: C.
        instances: int `[I, 3]`, class, raw points and drawn points of every instance.
        made_from: what `read_origin` returns later.

    Raises:
        OSError: the file cannot be written; the message names it.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        data = _create(file, "data", np.float32, (num_points, num_channels), 4)
        semantic = _create(file, "seglabel", np.int32, (num_points,), 1)
        instance = _create(file, "pid", np.int32, (num_points,), 1)
        for part in parts:
            first = len(data)
            for dataset, values in (
                (data, part.features),
                (semantic, part.semantic),
                (instance, part.instance),
            ):
                dataset.resize(first + len(part), axis=0)
                dataset[first:] = values
        file.create_dataset("instances", data=np.asarray(instances, np.int32).reshape(-1, 3))
        file.attrs["made_from"] = json.dumps(made_from)
    disk.write_whole(path, buffer.getvalue())


def _create(
    file: h5py.File, name: str, dtype: type, shape: tuple[int, ...], level: int
) -> h5py.Dataset:
    return file.create_dataset(
        name,
        shape=(0, *shape),
        maxshape=(None, *shape),
        chunks=(1, *shape),
        dtype=dtype,
        compression="gzip",
        compression_opts=level,
        fletcher32=True,
    )


def read_origin(path: Path) -> dict[str, Any] | None:
    """What the file was made from; None if it is not ours.

    Raises:
        ValueError: it is no readable HDF5 file.
    """
    with _open(path) as file:
        return json.loads(file.attrs["made_from"]) if "made_from" in file.attrs else None


def read_instances(path: Path) -> np.ndarray:
    """The table of instances of a file of ours, int32 `[I, 3]`, as given to `write`."""
    with _open(path) as file:
        return file["instances"][:]


def shape(path: Path) -> tuple[int, int, int]:
    """K, P and C of a file, ours or ASIS's.

    Raises:
        ValueError: a part is missing or has another shape or kind of number; names the file.
    """
    with _open(path) as file:
        data, semantic, instance = _datasets(file)
        if data.ndim != 3 or data.shape[2] < 3 or data.dtype.kind != "f":
            raise ValueError(
                f"`data` of {path} must be floats of shape [K, P, C], C at least 3. "
                f"Received: shape={data.shape}, dtype={data.dtype}"
            )
        for dataset in (semantic, instance):
            if dataset.shape != data.shape[:2] or dataset.dtype.kind not in "iu":
                raise ValueError(
                    f"`{dataset.name[1:]}` of {path} must be whole numbers of shape "
                    f"{data.shape[:2]}, one per point of `data`. "
                    f"Received: shape={dataset.shape}, dtype={dataset.dtype}"
                )
        return data.shape


def read(
    path: Path, indices: Sequence[int] | np.ndarray, wide_ids: np.ndarray | None = None
) -> Samples:
    """Reads samples of a cloud, in the order asked for.

    Opening anew costs less than a tenth of unpacking one block, and leaves nothing open.

    Args:
        path: a file that `shape` accepts.
        indices: `[B]`, each in [0, K).
        wide_ids: int64 `[I]`, ascending: ids of the file, whose places stand for them; None where
            int32 holds the ids.

    Raises:
        ValueError: the file is damaged, or holds a number that is not finite; the message names it.
    """
    with _open(path) as file:
        data, semantic, instance = _datasets(file)
        num_points = data.shape[1]
        features = np.empty((len(indices), *data.shape[1:]), np.float32)
        labels = np.empty((2, len(indices), num_points), np.int32)
        for place, k in enumerate(indices):
            with np.errstate(over="ignore"):  # it becomes infinite, which is refused below
                features[place] = data[k]
            labels[0, place] = semantic[k]
            labels[1, place] = _narrow(_signed(instance[k], instance), wide_ids)
    if not np.isfinite(features).all():
        sample, point, channel = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(
            f"`data` of {path} must be finite. Received: {features[sample, point, channel]} in "
            f"sample {indices[sample]}, point {point}, channel {channel}"
        )
    return Samples(features, labels[0], labels[1])


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Classes and instances of all samples of a cloud, int64 `[K, P]` each."""
    with _open(path) as file:
        _, semantic, instance = _datasets(file)
        return _signed(semantic[:], semantic), _signed(instance[:], instance)


def _signed(labels: np.ndarray, dataset: h5py.Dataset) -> np.ndarray:
    """int64 of the same shape; the greatest number of 32 or 64 bits without a sign is a -1."""
    if labels.dtype.kind != "u" or labels.dtype.itemsize < 4:
        return labels.astype(np.int64)
    is_none = labels == np.iinfo(labels.dtype).max
    signed = np.where(is_none, NONE, labels.astype(np.int64))
    if (signed[~is_none] < 0).any():
        raise ValueError(
            f"`{dataset.name[1:]}` of {dataset.file.filename} must be below 2^63. "
            f"Received: {labels[~is_none].max()}"
        )
    return signed


def _narrow(ids: np.ndarray, wide_ids: np.ndarray | None) -> np.ndarray:
    if wide_ids is None:
        return np.maximum(ids, NONE)
    return np.where(ids >= 0, np.searchsorted(wide_ids, ids), NONE)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is missing, or links to nothing. Restore it, or move the link away."
        ) from error
    except _DAMAGE as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{path} is damaged or holds no samples ({reason}). Prepare it again from the raw data."
        ) from error


def _datasets(file: h5py.File) -> tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset]:
    classes = next((name for name in _CLASS_NAMES if name in file), _CLASS_NAMES[0])
    names = ("data", classes, "pid")
    if not all(isinstance(file.get(name), h5py.Dataset) for name in names):
        raise ValueError(
            f"{file.filename} must hold arrays of every point: features in `data`, classes in "
            f"`seglabel`, instances in `pid`. Received: {', '.join(sorted(file)) or 'nothing'}"
        )
    data, semantic, instance = (file[name] for name in names)
    return data, semantic, instance
