"""Tiny raw data sets in S3DIS's layout, written the way the published files look."""

from pathlib import Path

import numpy as np

# Room -> annotation file (without `.txt`) -> number of points.
ROOMS = {
    "Area_1/office_2": {"floor_1": 40, "wall_10": 9, "wall_2": 11},
    "Area_1/office_10": {"floor_1": 30, "chair_1": 7},
    "Area_2/hallway_1": {"ceiling_1": 25, "table_1": 8},
}


def rows(num_points: int, seed: int) -> np.ndarray:
    """Returns float64 `[N, 6]`: millimetres as S3DIS writes them, colours 0-255."""
    rng = np.random.default_rng(seed)
    xyz = rng.integers(-9_999, 9_999, (num_points, 3)) / 1000
    return np.hstack([xyz, rng.integers(0, 256, (num_points, 3))])


def text(values: np.ndarray) -> str:
    """Returns rows as S3DIS writes them: `x y z r g b`, three decimals, whole colours."""
    return "".join("{:.3f} {:.3f} {:.3f} {:.0f} {:.0f} {:.0f}\n".format(*row) for row in values)


def write_room(folder: Path, files: dict[str, int], seed: int = 0) -> Path:
    """Writes one room; returns its `Annotations` folder."""
    annotations = folder / "Annotations"
    annotations.mkdir(parents=True)
    for number, (name, num_points) in enumerate(files.items()):
        content = text(rows(num_points, seed + number))
        (annotations / f"{name}.txt").write_bytes(content.encode())
    return annotations


def write_tree(root: Path) -> Path:
    """Writes `ROOMS`, with the stray files that a download brings along; returns `root`."""
    for seed, (room, files) in enumerate(ROOMS.items()):
        annotations = write_room(root / room, files, seed=100 * seed)
        (annotations / ".DS_Store").write_bytes(b"\x00\x01Bud1")
        (annotations / "Icon").write_bytes(b"")
        (annotations.parent / f"{annotations.parent.name}.txt").write_text("-9.1\x160 not read\n")
    (root / "Area_1" / "Area_1_alignmentAngle.txt").write_text("## Global\noffice_2 90\n")
    (root / ".DS_Store").write_bytes(b"\x00")
    return root
