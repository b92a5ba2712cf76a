"""Where the raw files of SceneNN lie: `<id>/<id>.ply` and `<id>/<id>.xml`, ids of three digits."""

import dataclasses
import functools
import re
from pathlib import Path

from ban_tf.data.facts import lines_of
from ban_tf.data.reading import Problem

LAYOUT = "<id>/<id>.ply and <id>/<id>.xml"
PARTS = ("train", "test")
LIST = "scenenn_{}.txt"  # beside the scenes: another list in place of the published one
_SCENE = re.compile(r"\d{3}", re.ASCII)
_COLORS = ("color_ply_fixed", "contrib/color_ply_fixed", "color_ply", "contrib/color_ply")


@dataclasses.dataclass(frozen=True)
class SceneFiles:
    """The files of one scene.

    Args:
        name: its three digits.
        part: the list that names it, of `PARTS`; empty if none does.
        folder: where mesh and annotation lie.
        colors: the mesh with the colours as scanned; None if there is none.
    """

    name: str
    part: str
    folder: Path
    colors: Path | None = None

    @property
    def mesh(self) -> Path:
        return self.folder / f"{self.name}.ply"

    @property
    def annotation(self) -> Path:
        return self.folder / f"{self.name}.xml"

    def present(self) -> tuple[Path, ...]:
        """Files that reading it depends on."""
        return (self.mesh, self.annotation, *([] if self.colors is None else [self.colors]))


@functools.cache
def published(part: str) -> frozenset[str]:
    """The scenes of a published list: 56 to train, 20 to test.

    Example:
        >>> [len(published(part)) for part in PARTS]
        [56, 20]
    """
    return frozenset(lines_of(__package__, f"{part}.txt"))


def find(root: Path) -> list[SceneFiles]:
    """The scenes below a folder that are whole and in a list, sorted by name.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [scene for scene in _all(root) if not _reason(scene)]
    if not found:
        others = _all(root)
        told = f"{others[0].mesh} {_reason(others[0])}" if others else f"expected {LAYOUT}"
        raise FileNotFoundError(f"{root} has no scene that can be read: {told}.")
    return found


def left_out(root: Path) -> list[Problem]:
    """The scenes that are not read, and why."""
    reasons = ((scene, _reason(scene)) for scene in _all(root))
    return [Problem(scene.mesh, 0, f"{reason}; left out") for scene, reason in reasons if reason]


def _reason(scene: SceneFiles) -> str:
    if not scene.annotation.is_file():
        return f"lacks {scene.annotation.name}"
    if not scene.part:
        return f"is in no list of scenes: name it in {LIST.format('train')} beside the scenes"
    return ""


def _all(root: Path) -> list[SceneFiles]:
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder. Give the folder that holds {LAYOUT}.")
    lists = {part: _list(root, part) for part in PARTS}
    found: dict[str, SceneFiles] = {}
    # In folders of their own, or all in one.
    for mesh in (*sorted(root.glob("*/*.ply")), *sorted(root.glob("*.ply"))):
        name = mesh.stem
        if _SCENE.fullmatch(name) and mesh.parent.name in (name, root.name):
            part = next((part for part in PARTS if name in lists[part]), "")
            found.setdefault(name, SceneFiles(name, part, mesh.parent, _colors(root, name)))
    return [scene for _, scene in sorted(found.items())]


def _colors(root: Path, name: str) -> Path | None:
    folders = (parent / folder for parent in (root, root.parent) for folder in _COLORS)
    return next((place for place in (f / f"{name}.ply" for f in folders) if place.is_file()), None)


def _list(root: Path, part: str) -> frozenset[str]:
    own = {name: root / LIST.format(name) for name in PARTS}
    if not any(file.is_file() for file in own.values()):
        return published(part)
    if not own[part].is_file():
        return frozenset()
    return frozenset(own[part].read_text(encoding="utf-8").split())
