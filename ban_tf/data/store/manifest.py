"""What a folder of prepared blocks was made with and must contain: `manifest.json`."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from ban_tf import disk
from ban_tf.config import BlockConfig

FORMAT = 1
FILE_NAME = "manifest.json"
WAY_OUT = "Delete the folder to make it anew, or choose another one with --blocks."
_AREA = re.compile(r"Area_(\d+)_")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything but the clouds that decides what prepared blocks hold."""

    blocks: BlockConfig
    seed: int
    dataset: str
    class_names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "class_names": list(self.class_names)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Settings":
        return cls(
            blocks=BlockConfig(**values["blocks"]),
            seed=values["seed"],
            dataset=values["dataset"],
            class_names=tuple(values["class_names"]),
        )

    def require_same(self, found: "Settings", where: Path) -> None:
        """Raises ValueError, naming every difference, if `where` was made with other settings."""
        ours, theirs = self.to_json(), found.to_json()
        differences = block_differences(self.blocks, found.blocks) + [
            f"{name} is {theirs[name]!r}, asked for is {ours[name]!r}"
            for name in ("seed", "dataset", "class_names")
            if ours[name] != theirs[name]
        ]
        refuse_differences(differences, where)


@dataclasses.dataclass(frozen=True)
class RoomRecord:
    """One room of a store.

    Args:
        name: of the cloud, e.g. `Area_5_office_1`.
        num_blocks: K, may be 0.
        num_bytes: size of the room's file.
        sha256: of the room's file.
        cloud_points: points of the cloud that was cut.
        cloud_sha256: of the cloud's coordinates, colours and labels.
        cloud_stamp: size and time of change of the cloud's file; empty if it was in memory.
        instances: (class, raw points, points drawn into the room's blocks) of every instance.
    """

    name: str
    num_blocks: int
    num_bytes: int
    sha256: str
    cloud_points: int
    cloud_sha256: str
    cloud_stamp: str
    instances: tuple[tuple[int, int, int], ...]

    @property
    def file_name(self) -> str:
        return f"{self.name}.h5"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`; rooms sorted by name."""

    settings: Settings
    rooms: tuple[RoomRecord, ...]


def area_of(name: str) -> int | None:
    """The area of a room: 5 for `Area_5_office_1`; None if the name does not tell."""
    found = _AREA.match(name)
    return int(found[1]) if found else None


def block_differences(expected: BlockConfig, found: BlockConfig) -> list[str]:
    """One phrase per field of the block settings in which two differ."""
    names = [field.name for field in dataclasses.fields(BlockConfig)]
    pairs = {name: (getattr(found, name), getattr(expected, name)) for name in names}
    return [f"{name} is {a!r}, asked for is {b!r}" for name, (a, b) in pairs.items() if a != b]


def refuse_differences(differences: list[str], where: Path) -> None:
    """Raises ValueError if there is any difference."""
    if differences:
        raise ValueError(
            f"{where} was prepared with other settings: {'; '.join(differences)}. {WAY_OUT}"
        )


def save(folder: Path, manifest: Manifest) -> None:
    """Writes `manifest.json`, whole or not at all; to be called when all rooms are there."""
    rooms = {}
    for record in manifest.rooms:
        derived = {"area": area_of(record.name), "file": record.file_name}
        rooms[record.name] = derived | dataclasses.asdict(record)
    content = {"format": FORMAT, "made_with": manifest.settings.to_json(), "rooms": rooms}
    disk.write_whole(folder / FILE_NAME, (json.dumps(content, indent=1) + "\n").encode())


def load(folder: Path) -> Manifest | None:
    """Reads `manifest.json`.

    Returns:
        The manifest, or None if the folder has none.

    Raises:
        ValueError: it is damaged, or of another version of this program; the message names it.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format"]
        if version == FORMAT:
            return Manifest(
                settings=Settings.from_json(content["made_with"]),
                rooms=tuple(
                    _record(name, values) for name, values in sorted(content["rooms"].items())
                ),
            )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error!r}). {WAY_OUT}") from error
    raise ValueError(
        f"{path} must be of format {FORMAT}; another version of this program made it. {WAY_OUT} "
        f"Received: format={version!r}"
    )


def _record(name: str, values: dict[str, Any]) -> RoomRecord:
    kept = {field.name: values[field.name] for field in dataclasses.fields(RoomRecord)}
    if kept["name"] != name:
        raise ValueError(f"room {name} is recorded as {kept['name']}")
    return RoomRecord(**kept | {"instances": tuple(map(tuple, values["instances"]))})
