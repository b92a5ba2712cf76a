"""One cloud of a store: where its samples lie, and what is known of it."""

import dataclasses
from pathlib import Path

import numpy as np

from ban_tf.data.samples import Frame, Samples
from ban_tf.data.store import manifest, room_file


@dataclasses.dataclass(frozen=True)
class StoredCloud:
    """One cloud of a store.

    Args:
        name: of the cloud.
        group: that splits name; empty where they name the cloud itself.
        path: of its HDF5 file.
        num_samples: K, may be 0.
        instances: int `[I, 3]`: class, raw points and drawn points of every instance; raw points
            are -1 in data that others prepared.
        frame: where the cloud begins and how far it reaches, metres; None in data that others
            prepared, which do not tell.
        wide_ids: int64 `[I]`, ascending: the ids in the file where int32 does not hold them all;
            their places here are then the ids. None where the file's ids are used.
        content: equal for clouds of the very same points and labels; empty where no other cloud
            can have them.
    """

    name: str
    group: str
    path: Path
    num_samples: int
    instances: np.ndarray
    frame: Frame | None
    wide_ids: np.ndarray | None = None
    content: str = ""

    def read(self, indices: list[int]) -> Samples:
        """Reads samples of the cloud by their places in it, in the order asked for."""
        return room_file.read(self.path, indices, self.wide_ids)


def of_record(folder: Path, record: manifest.Record) -> StoredCloud:
    """The cloud that a manifest records, after checking that its file is there and whole.

    Raises:
        ValueError: it is not; the message names the file.
    """
    path = folder / record.file_name
    if not path.is_file():
        raise ValueError(f"{path} is missing, though the manifest lists it. Prepare again.")
    num_bytes = path.stat().st_size
    if num_bytes != record.num_bytes:
        raise ValueError(
            f"{path} must have {record.num_bytes} bytes: it was cut short or changed since. "
            f"Prepare again, which renews this cloud only. Received: {num_bytes} bytes"
        )
    return StoredCloud(
        name=record.name,
        group=record.group,
        path=path,
        num_samples=record.num_samples,
        instances=np.array(record.instances, np.int64).reshape(-1, 3),
        frame=Frame(np.array(record.origin), np.array(record.extent)),
        content=record.cloud_sha256,
    )
