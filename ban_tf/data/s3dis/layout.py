"""Where the raw files of S3DIS lie: `Area_<N>/<room>/Annotations/<class>_<k>.txt`."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from ban_tf.data.reading import Problem

ALIGNED = "Stanford3dDataset_v1.2_Aligned_Version"  # the name of the unpacked download
LAYOUT = "Area_<N>/<room>/Annotations/<class>_<k>.txt"
GROUP = "Area_{}"  # the group of a cloud, by the number of its area
NUM_AREAS = 6
NUM_ROOMS = 272  # of all areas; whoever has them all has the data of the paper
_AREA = re.compile(r"Area_(\d+)", re.ASCII)
_LIKE_AN_AREA = re.compile(r"area\W*_?\W*\d.*", re.IGNORECASE)
_CLOUD = re.compile(r"(Area_\d+)_.+")
_WELL_FORMED = re.compile(r"[a-z]+_\d+")
_ROOM_OF_S3DIS = re.compile(
    r"Area_\d+_(office|hallway|storage|conferenceRoom|WC|pantry|lounge|lobby|copyRoom|auditorium|openspace)_\d+"
)


@dataclasses.dataclass(frozen=True)
class Room:
    """One raw room: `folder` holds `Annotations/`."""

    area: int
    name: str
    folder: Path

    @property
    def cloud_name(self) -> str:
        return f"Area_{self.area}_{self.name}"

    def annotation_files(self) -> list[Path]:
        """The room's annotation files, in the order that numbers its instances.

        Files named like `<class>_<k>` come first, so that of two equal files the stray copy is
        the one left out; within both groups numbers sort by value (`wall_2` before `wall_10`).
        Hidden files and files that are not `.txt` (`.DS_Store`, `Icon`) are no annotations.
        """
        files = [
            file
            for file in (self.folder / "Annotations").iterdir()
            if file.suffix.lower() == ".txt" and not file.name.startswith(".") and file.is_file()
        ]
        return sorted(files, key=lambda file: (not _is_well_formed(file), _natural(file.stem)))

    def left_out(self) -> list[Problem]:
        """What lies among the annotations and cannot be read, such as a link to nothing."""
        reasons = (
            (entry, _unread(entry))
            for entry in sorted((self.folder / "Annotations").iterdir())
            if not entry.name.startswith(".")
        )
        return [Problem(entry, 0, f"{reason}; left out") for entry, reason in reasons if reason]

    def num_bytes(self) -> int:
        """Size of the room's annotation files, the measure of the work to read it."""
        return sum(file.stat().st_size for file in self.annotation_files())


def _unread(entry: Path) -> str:
    """Why an entry is no annotation; empty for one, and for what has no suffix (`Icon`)."""
    if entry.is_symlink() and not entry.exists():
        return "links to nothing"
    if entry.suffix.lower() == ".txt":
        return "" if entry.is_file() else "is no file"
    is_meant = entry.suffix or _is_well_formed(entry)  # `wall_1` lost its suffix
    return "is no .txt file" if is_meant and entry.is_file() else ""


def class_of(file: Path) -> str:
    """The class of an annotation file: its name before the first underscore, in small letters."""
    return file.stem.split("_")[0].lower()


def _is_well_formed(file: Path) -> bool:
    return _WELL_FORMED.fullmatch(file.stem.lower()) is not None


def _natural(text: str) -> list[tuple[bool, int, str]]:
    parts = re.findall(r"\d+|\D+", text)
    return [(True, int(part), "") if part.isdigit() else (False, 0, part) for part in parts]


def list_rooms(root: str | Path, areas: Iterable[int]) -> list[Room]:
    """Lists the raw rooms of some areas, sorted by area, then by name with numbers by value.

    Args:
        root: the folder of `Area_<N>` folders, or its parent.
        areas: numbers of the areas wanted.

    Returns:
        One `Room` per folder inside the areas.

    Raises:
        FileNotFoundError: the root, an area, or a room's `Annotations` is missing; the message
            says what was found and what is expected.
        ValueError: two folders are the same area, or a name is no text.
    """
    found = _find_areas(Path(root))
    missing = sorted(set(areas) - set(found))
    if missing:
        raise FileNotFoundError(
            f"{root} has no area {_join(missing)}; it has {_join(sorted(found))}. "
            "Choose among these, or unpack the missing areas there."
        )
    rooms = []
    for area in sorted(set(areas)):
        folders = [child for child in _folders(found[area]) if not child.name.startswith(".")]
        if not folders:
            raise FileNotFoundError(f"{found[area]} has no rooms; expected {LAYOUT}.")
        for folder in sorted(folders, key=lambda folder: _natural(folder.name)):
            if not (folder / "Annotations").is_dir():
                raise FileNotFoundError(
                    f"Room {folder} has no `Annotations` folder; expected {LAYOUT}. "
                    "Unpack it again, or move the folder away if it is not a room."
                )
            if not _is_text(folder.name):
                raise ValueError(
                    "the name of a room must be readable text; rename the folder. "
                    f"Received: {str(folder)!a}"
                )
            rooms.append(Room(area=area, name=folder.name, folder=folder))
    return rooms


def list_areas(root: str | Path) -> tuple[int, ...]:
    """The numbers of the areas that are there, ascending.

    Raises:
        FileNotFoundError: the root is missing, or has no area.
    """
    return tuple(sorted(_find_areas(Path(root))))


def left_out(root: str | Path) -> list[Problem]:
    """What lies beside the areas and rooms and is read as neither, though it looks like one.

    Args:
        root: the folder of `Area_<N>` folders, or its parent.

    Raises:
        FileNotFoundError: the root is missing, or has no area.
    """
    areas = _find_areas(Path(root))
    parent = next(iter(areas.values())).parent
    found = [
        Problem(entry, 0, "is not named Area_<N>; left out")
        for entry in sorted(parent.iterdir())
        if _LIKE_AN_AREA.fullmatch(entry.name)
        and entry.is_dir()
        and not _AREA.fullmatch(entry.name)
    ]
    entries = [entry for folder in (parent, *areas.values()) for entry in sorted(folder.iterdir())]
    found += [
        Problem(entry, 0, "is no folder; left out")
        for entry in sorted(parent.iterdir())
        if _AREA.fullmatch(entry.name) and entry.is_file()
    ]
    return found + [
        Problem(entry, 0, "links to nothing; left out")
        for entry in entries
        if entry.is_symlink() and not entry.exists() and not entry.name.startswith(".")
    ]


def area_of(group: str) -> int:
    """The number of an area: 5 for `Area_5`.

    Raises:
        ValueError: the name is of no area.
    """
    found = _AREA.fullmatch(group)
    if found is None:
        raise ValueError(f"areas are named like Area_5. Received: {group!r}")
    return int(found[1])


def are_areas(groups: Iterable[str]) -> bool:
    """Whether all of these are names of areas."""
    return all(_AREA.fullmatch(group) for group in groups)


def group_of(cloud: str) -> str:
    """The area of a cloud; the cloud itself if it is in none.

    Example:
        >>> group_of("Area_5_office_1"), group_of("my_scan")
        ('Area_5', 'my_scan')
    """
    found = _CLOUD.fullmatch(cloud)
    return found[1] if found else cloud


def is_complete(rooms: Iterable[str]) -> bool:
    """Whether these are the rooms of all of S3DIS; published results belong to nothing less.

    Args:
        rooms: names such as `Area_5_office_1`.
    """
    names = set(rooms)
    areas = {group_of(name) for name in names}
    return (
        len(names) == NUM_ROOMS
        and areas == {GROUP.format(area) for area in range(1, NUM_AREAS + 1)}
        and all(_ROOM_OF_S3DIS.fullmatch(name) for name in names)
    )


def _find_areas(root: Path) -> dict[int, Path]:
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root} is not a folder. Give the folder that holds {LAYOUT} "
            f"(S3DIS unpacks to {ALIGNED})."
        )
    areas = _areas_in(root)
    if areas:
        return areas
    inner = {child: _areas_in(child) for child in _folders(root)}
    inner = {child: areas for child, areas in inner.items() if areas}
    aligned = [child for child in inner if child.name == ALIGNED]
    if len(inner) == 1 or aligned:
        return inner[(aligned or list(inner))[0]]
    if inner:
        raise FileNotFoundError(
            f"{root} holds several data sets: {_join(child.name for child in inner)}. "
            "Give the folder of one of them."
        )
    contents = sorted(child.name for child in root.iterdir())
    raise FileNotFoundError(
        f"{root} has no `Area_<N>` folders; it has {_join(contents[:8]) or 'nothing'}. "
        f"Give the folder that holds {LAYOUT}."
    )


def _folders(parent: Path) -> list[Path]:
    return sorted(child for child in parent.iterdir() if child.is_dir())


def _areas_in(parent: Path) -> dict[int, Path]:
    areas: dict[int, Path] = {}
    for child in _folders(parent):
        match = _AREA.fullmatch(child.name)
        if match is None:
            continue
        same = areas.setdefault(int(match[1]), child)
        if same != child:
            raise ValueError(
                "every area must be one folder; rename or move one of these. "
                f"Received: {same} and {child}"
            )
    return areas


def _is_text(name: str) -> bool:
    return name.isprintable()  # which neither line breaks nor bytes of another encoding are


def _join(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items)
