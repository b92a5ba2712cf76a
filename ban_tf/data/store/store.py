"""Prepared blocks on disk: one HDF5 file per room, `room_filelist.txt` and `manifest.json`.

The files are those of ASIS's tools, so blocks prepared with them can be used as they are
(without a manifest, read-only), and blocks prepared here can be read there.
"""

import bisect
import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import BlockConfig
from ban_tf.data.samples.blocks import Blocks
from ban_tf.data.store import manifest, room_file

Counting = Literal["drawn", "raw"]


@dataclasses.dataclass(frozen=True)
class StoredRoom:
    """One room of a store.

    Args:
        name: e.g. `Area_5_office_1`.
        area: of the room, None if its name does not tell.
        path: of its HDF5 file.
        num_blocks: K, may be 0.
        instances: int `[I, 3]`: class, raw points and drawn points of every instance; raw points
            are -1 in data that others prepared.
    """

    name: str
    area: int | None
    path: Path
    num_blocks: int
    instances: np.ndarray


@dataclasses.dataclass(frozen=True)
class Store:
    """Blocks of some rooms; `len()` is their number, numbered through in the order of `rooms`.

    Args:
        path: the folder.
        rooms: sorted by name.
        num_points: P, points of a block.
        settings: what the blocks were made with; None for data that others prepared.
    """

    path: Path
    rooms: tuple[StoredRoom, ...]
    num_points: int
    settings: manifest.Settings | None

    @classmethod
    def open(cls, path: Path, expected: BlockConfig | None = None) -> "Store":
        """Opens a folder of prepared blocks, after checking that it is whole.

        Args:
            path: the folder.
            expected: what the blocks must have been made with; None accepts anything. Data that
                others prepared can only be held to `num_points`.

        Raises:
            FileNotFoundError: nothing is prepared there.
            ValueError: a room's file is missing, damaged or not of this store, or the blocks were
                made with other settings; the message names it and the way out.
        """
        found = manifest.load(path)
        if found is None:
            return _open_foreign(path, expected)
        if expected is not None:
            differences = manifest.block_differences(expected, found.settings.blocks)
            manifest.refuse_differences(differences, path)
        _refuse_unlisted(path, found)
        rooms = tuple(_stored(path, record) for record in found.rooms)
        return cls(path, rooms, found.settings.blocks.num_points, found.settings)

    def __len__(self) -> int:
        return sum(room.num_blocks for room in self.rooms)

    @property
    def dataset(self) -> str:
        """Name of the data set; for data that others prepared, that of the folder."""
        return self.path.resolve().name if self.settings is None else self.settings.dataset

    @property
    def areas(self) -> tuple[int, ...]:
        return tuple(sorted({room.area for room in self.rooms if room.area is not None}))

    def select(self, areas: Iterable[int]) -> "Store":
        """The same store, with the rooms of some areas only.

        Raises:
            ValueError: an area has no room here.
        """
        wanted = set(areas)
        missing = sorted(wanted - set(self.areas))
        if missing:
            raise ValueError(
                f"{self.path} has no blocks of areas {missing}; prepare them first. "
                f"Received: areas={sorted(wanted)}, prepared areas={list(self.areas)}"
            )
        rooms = tuple(room for room in self.rooms if room.area in wanted)
        return dataclasses.replace(self, rooms=rooms)

    def read(self, indices: Sequence[int] | np.ndarray) -> Blocks:
        """Reads blocks, in the order asked for; every room's file is opened once.

        Args:
            indices: `[B]`, each in [0, len).

        Raises:
            IndexError: an index is out of range.
            ValueError: a file is damaged; the message names it.
        """
        first = self._first_blocks()
        places: dict[int, list[int]] = {}
        for place, index in enumerate(indices):
            if not 0 <= index < first[-1]:
                raise IndexError(f"blocks are numbered from 0 to {first[-1] - 1}: got {index}")
            places.setdefault(bisect.bisect_right(first, index) - 1, []).append(place)
        shape = (len(indices), self.num_points)
        features = np.empty((*shape, room_file.NUM_FEATURES), np.float32)
        semantic, instance = np.empty(shape, np.int32), np.empty(shape, np.int32)
        for k in sorted(places):
            part = room_file.read(
                self.rooms[k].path, [int(indices[place]) - first[k] for place in places[k]]
            )
            features[places[k]] = part.features
            semantic[places[k]] = part.semantic
            instance[places[k]] = part.instance
        return Blocks(features, semantic, instance)

    def draw(self, num_blocks: int, seed: int) -> np.ndarray:
        """Draws blocks without repeats; the same ones for the same seed.

        Args:
            num_blocks: how many; all of them if there are fewer.
            seed: of the drawing.

        Returns:
            int64 `[min(num_blocks, len)]`, for `read`.

        Raises:
            ValueError: none is asked for, or there is none.
        """
        num_drawn = min(num_blocks, len(self))
        if num_drawn < 1:
            raise ValueError(
                "at least one block is needed. "
                f"Received: num_blocks={num_blocks}, {len(self)} blocks in {self.path}"
            )
        return np.random.default_rng(seed).choice(len(self), num_drawn, replace=False)

    def verify(self) -> None:
        """Reads every file and compares it with the manifest, which `open` does by size alone.

        Raises:
            ValueError: a file changed, or the store has no manifest to compare with.
        """
        found = manifest.load(self.path)
        if found is None:
            raise ValueError(f"{self.path} has no {manifest.FILE_NAME} to be compared with.")
        expected = {record.name: record.sha256 for record in found.rooms}
        for room in self.rooms:
            if hashlib.sha256(room.path.read_bytes()).hexdigest() != expected.get(room.name):
                raise ValueError(f"{room.path} changed since. Delete it and prepare again.")

    def room_of(self, index: int) -> StoredRoom:
        """The room that a block belongs to."""
        return self.rooms[bisect.bisect_right(self._first_blocks(), index) - 1]

    def instance_sizes(self, counting: Counting = "drawn") -> list[tuple[int, int]]:
        """(class, number of points) of every instance of every room, for the size filter.

        Args:
            counting: "drawn" counts the points in the room's blocks, overlaps and repeats included,
                as the authors' code does, and leaves out instances of which none was drawn; "raw"
                counts the points of the cloud.

        Raises:
            ValueError: "raw", of data that others prepared: they do not tell.
        """
        column = {"raw": 1, "drawn": 2}[counting]
        if counting == "raw" and self.settings is None:
            raise ValueError(
                f"{self.path} has no {manifest.FILE_NAME}, so the raw sizes of instances are not "
                'known; prepare blocks from the raw data, or use counting="drawn".'
            )
        rows = [row for room in self.rooms for row in room.instances.tolist()]
        return [(row[0], row[column]) for row in rows if row[column] > 0]

    def _first_blocks(self) -> list[int]:
        return list(itertools.accumulate((room.num_blocks for room in self.rooms), initial=0))


def _stored(folder: Path, record: manifest.RoomRecord) -> StoredRoom:
    path = folder / record.file_name
    if not path.is_file():
        raise ValueError(f"{path} is missing, though the manifest lists it. Prepare again.")
    num_bytes = path.stat().st_size
    if num_bytes != record.num_bytes:
        raise ValueError(
            f"{path} must have {record.num_bytes} bytes: it was cut short or changed since. "
            f"Prepare again, which renews this room only. Received: {num_bytes} bytes"
        )
    return StoredRoom(
        name=record.name,
        area=manifest.area_of(record.name),
        path=path,
        num_blocks=record.num_blocks,
        instances=np.array(record.instances, np.int64).reshape(-1, 3),
    )


def _refuse_unlisted(folder: Path, found: manifest.Manifest) -> None:
    listed = {record.file_name for record in found.rooms}
    unlisted = [path.name for path in sorted(folder.glob("*.h5")) if path.name not in listed]
    if unlisted:
        raise ValueError(
            f"{folder / manifest.FILE_NAME} does not list {unlisted[0]} ({len(unlisted)} such "
            "files): a preparation was interrupted, or files were copied in. Prepare again, or "
            "delete them."
        )


def _open_foreign(folder: Path, expected: BlockConfig | None) -> Store:
    """A folder without manifest: blocks as ASIS's tools leave them."""
    paths = sorted(folder.glob("*.h5"))
    if not paths:
        raise FileNotFoundError(f"There are no prepared blocks in {folder}. Prepare them first.")
    sizes = set()
    rooms = []
    for path in paths:
        if room_file.read_origin(path) is not None:
            raise ValueError(
                f"{folder} has rooms but no {manifest.FILE_NAME}: its preparation was "
                "interrupted. Run the same command again; finished rooms are reused."
            )
        num_blocks, num_points = room_file.shape(path)
        sizes.add(num_points)
        rooms.append(
            StoredRoom(
                path.stem, manifest.area_of(path.stem), path, num_blocks, _foreign_instances(path)
            )
        )
    if len(sizes) > 1 or (expected is not None and sizes != {expected.num_points}):
        wanted = "the same number of" if expected is None else str(expected.num_points)
        raise ValueError(
            f"all blocks in {folder} must have {wanted} points. Received: {sorted(sizes)}"
        )
    return Store(folder, tuple(rooms), sizes.pop(), None)


def _foreign_instances(path: Path) -> np.ndarray:
    semantic, instance = (labels.ravel() for labels in room_file.read_labels(path))
    if semantic.size and semantic.min() < 0:
        raise ValueError(f"classes in {path} must be at least 0. Received: {semantic.min()}")
    used = instance >= 0
    distinct, code = overlap.number(instance[used])
    classes, _ = overlap.majority(code, semantic[used], len(distinct))
    drawn = np.bincount(code, minlength=len(distinct))
    return np.stack([classes, np.full(len(distinct), -1), drawn], axis=1)
