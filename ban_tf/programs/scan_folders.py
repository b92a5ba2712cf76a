"""Folders that are one scan of a data set, as `ban-segment` takes them beside files."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ban_tf.clouds.cloud import Cloud
    from ban_tf.experiments.scan_files import FolderKind

_AREA = re.compile(r"Area_(\d+)", re.ASCII)
_NO_AREA = 1  # of a room that lies in no area


def kinds() -> "tuple[FolderKind, ...]":
    """Rooms of S3DIS (`<room>/Annotations/`) and scans of ScanNet (`scene0011_00/`)."""
    from ban_tf.data import s3dis
    from ban_tf.data.scannet.classes import of_choice
    from ban_tf.experiments.scan_files import FolderKind

    return (
        FolderKind(
            "S3DIS", lambda path: (path / "Annotations").is_dir(), _read_s3dis, s3dis.LABELS
        ),
        FolderKind("ScanNet", _is_scannet, _read_scannet, of_choice("20").labels),
    )


def _read_s3dis(path: Path) -> "Cloud":
    from ban_tf.data.s3dis import layout, reader

    found = _AREA.fullmatch(path.resolve().parent.name)
    room = layout.Room(int(found[1]) if found else _NO_AREA, path.name, path)
    return reader.read_room(room)[0]


def _is_scannet(path: Path) -> bool:
    return (path / f"{path.name}_vh_clean_2.ply").is_file()


def _read_scannet(path: Path) -> "Cloud":
    from ban_tf.data.scannet import layout, reader

    files = layout.ScanFiles(path.name, "", path)
    if not files.labels.is_file():
        files = layout.ScanFiles(path.name, layout.HIDDEN, path)  # read without labels
    return reader.read_scan(files)[0]
