"""Where the raw files of ScanNetV2 lie: `scans/<scan>/<scan>_vh_clean_2.ply`, and others by it."""

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path

from ban_tf.data.facts import lines_of
from ban_tf.data.reading import Problem
from ban_tf.data.scannet import label_map

LAYOUT = "scans/<scan>/<scan>_vh_clean_2.ply"
PARTS = ("train", "val", "test")  # the official lists; the labels of the last are hidden
LIST = "scannetv2_{}.txt"  # beside the scans: another list in place of the official one
HIDDEN = "test"
_SCAN = re.compile(r"scene\d{4}_\d{2}", re.ASCII)
_HIGH = "{}_vh_clean.aggregation.json"  # of the high-resolution mesh


@dataclasses.dataclass(frozen=True)
class ScanFiles:
    """The files of one scan.

    Args:
        name: such as `scene0011_00`.
        part: the list that names it, of `PARTS`; empty if none does.
        folder: where they lie.
    """

    name: str
    part: str
    folder: Path

    @property
    def mesh(self) -> Path:
        return self.folder / f"{self.name}_vh_clean_2.ply"

    @property
    def labels(self) -> Path:
        return self.folder / f"{self.name}_vh_clean_2.labels.ply"

    @property
    def segments(self) -> Path:
        return self.folder / f"{self.name}_vh_clean_2.0.010000.segs.json"

    @property
    def aggregation(self) -> Path:
        return self.folder / f"{self.name}.aggregation.json"

    @property
    def meta(self) -> Path:
        return self.folder / f"{self.name}.txt"

    @property
    def is_labelled(self) -> bool:
        """Whether its labels are read; those of the hidden test are not, even if there are any."""
        return self.part != HIDDEN

    @property
    def required(self) -> tuple[Path, ...]:
        """Files that it cannot be read without."""
        if not self.is_labelled:
            return (self.mesh,)
        return (self.mesh, self.segments, self.aggregation)

    def present(self) -> tuple[Path, ...]:
        """Files that reading it depends on."""
        optional = (self.labels, self.meta) if self.is_labelled else (self.meta,)
        return (*self.required, *(file for file in optional if file.is_file()))


@functools.cache
def official(part: str) -> frozenset[str]:
    """The scans of an official list.

    Example:
        >>> [len(official(part)) for part in PARTS]
        [1201, 312, 100]
    """
    return frozenset(lines_of(__package__, f"{part}.txt"))


def find(root: Path) -> list[ScanFiles]:
    """The scans below a folder that are whole and in a list, sorted by name.

    Args:
        root: the folder of `scans/` and `scans_test/`, or one of these.

    Raises:
        FileNotFoundError: there is no scan, or none of them is in a list.
    """
    found = [scan for scan in _all(root) if scan.part and not _missing(scan)]
    if not found:
        everything = _all(root)
        raise FileNotFoundError(
            f"{root} has no scan that can be read: "
            + (
                f"{everything[0].folder} {_reason(everything[0])}."
                if everything
                else f"expected {LAYOUT}."
            )
        )
    return found


def left_out(root: Path) -> list[Problem]:
    """What lies below the folder and is not read, by file."""
    problems = [
        Problem(folder, 0, f"repeats the scan in {kept}; left out")
        for folder, kept in _repeated(root)
    ]
    for scan in _all(root):
        reason = _reason(scan)
        if reason:
            problems.append(Problem(scan.folder, 0, f"{reason}; left out"))
        else:
            problems += _left_out_of(scan)
    return problems


def find_label_map(root: Path) -> Path | None:
    """The label map, beside the scans or one folder above them; None if there is none."""
    folders = [root, *sorted({folder.parent for folder in _folders(root)}), root.parent]
    places = (folder / name for name in label_map.NAMES for folder in folders)
    return next((place for place in places if place.is_file()), None)


def _reason(scan: ScanFiles) -> str:
    """Why a scan is not read; empty for one that is."""
    missing = _missing(scan)
    if missing:
        return f"lacks {', '.join(file.name for file in missing)}"
    if not scan.part:
        return (
            f"is in no list of scans: name it in {LIST.format('train')} or {LIST.format('val')} "
            "beside the scans"
        )
    return ""


def _missing(scan: ScanFiles) -> list[Path]:
    return [file for file in scan.required if not file.is_file()]


def _left_out_of(scan: ScanFiles) -> list[Problem]:
    """Other annotations of a scan that is read."""
    if not scan.is_labelled:
        return []
    others = sorted(set(scan.folder.glob("*aggregation*.json")) - {scan.aggregation})
    return [
        Problem(
            file,
            0,
            "belongs to the high-resolution mesh; left out"
            if file.name == _HIGH.format(scan.name)
            else f"is another version of the annotation; {scan.aggregation.name} is read",
        )
        for file in others
        if not file.name.startswith(".")
    ]


def _all(root: Path) -> list[ScanFiles]:
    """Every scan once, with the list that names it."""
    lists = {part: _list(root, part) for part in PARTS}
    found: dict[str, ScanFiles] = {}
    for folder in _folders(root):
        name = folder.name
        part = next((part for part in PARTS if name in lists[part]), "")
        found.setdefault(name, ScanFiles(name, part, folder))
    return [scan for _, scan in sorted(found.items())]


def _repeated(root: Path) -> list[tuple[Path, Path]]:
    first: dict[str, Path] = {}
    repeated = []
    for folder in _folders(root):
        if first.setdefault(folder.name, folder) != folder:
            repeated.append((folder, first[folder.name]))
    return repeated


def _list(root: Path, part: str) -> frozenset[str]:
    """The scans of a part: of a list beside the scans if there is any, else of the official one."""
    own = {name: root / LIST.format(name) for name in PARTS}
    if not any(file.is_file() for file in own.values()):
        return official(part)
    if not own[part].is_file():
        return frozenset()
    return frozenset(own[part].read_text(encoding="utf-8").split())


def _folders(root: Path) -> Sequence[Path]:
    """Folders of scans in the folder, or else in those in it; `scans` before all others."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder. Give the folder that holds {LAYOUT}.")
    here = _scans_in(root)
    if here:
        return here
    inner = sorted(child for child in root.iterdir() if child.is_dir())
    inner.sort(key=lambda child: child.name != "scans")
    return [folder for child in inner for folder in _scans_in(child)]


def _scans_in(folder: Path) -> list[Path]:
    return sorted(
        child for child in folder.iterdir() if _SCAN.fullmatch(child.name) and child.is_dir()
    )
