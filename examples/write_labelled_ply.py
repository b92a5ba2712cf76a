"""Writes generated rooms as labelled PLY files, for those who have none: see labelled_ply.py.

    python examples/write_labelled_ply.py MY_SCANS

Two wings of a building to train on and one to test on, four rooms each; it takes seconds.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plyfile

from ban_tf.data.synthetic import building

CLASSES = ("ceiling", "floor", "wall", "beam", "column", "window", "door", "table", "chair", "sofa",
           "bookcase", "board", "clutter")  # fmt: skip
KINDS = {"x": "f4", "y": "f4", "z": "f4", "red": "u1", "green": "u1", "blue": "u1",
         "class": "i4", "instance": "i4"}  # fmt: skip


def write(folder: Path, seed: int = 0) -> None:
    """Writes the data set into a new folder, which is there once it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as unfinished:
        _write(Path(unfinished) / folder.name, seed)
        (Path(unfinished) / folder.name).rename(folder)


def _write(root: Path, seed: int) -> None:
    root.mkdir()
    for wing, part in enumerate(("train", "train", "test"), start=1):
        (root / part).mkdir(exist_ok=True)
        for scan in building.scan_wing(wing, num_rooms=4, points_per_m2=2000.0, seed=seed):
            classes = np.array([CLASSES.index(name) for name in scan.class_names])
            columns = [*scan.xyz.T, *scan.rgb.T, classes[scan.object], scan.object]
            vertices = np.rec.fromarrays(columns, dtype=list(KINDS.items()))
            element = plyfile.PlyElement.describe(np.array(vertices), "vertex")
            plyfile.PlyData([element]).write(root / part / f"wing{wing}_{scan.name}.ply")
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("folder", type=Path, help="to be made")
    folder = flags.parse_args(argv).folder
    if folder.exists():
        flags.error(f"{folder} already exists: name a new folder, or use the scans in it")
    write(folder)


if __name__ == "__main__":
    main()
