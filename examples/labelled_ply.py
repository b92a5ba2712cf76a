"""A data set of your own: trains and evaluates on folders of labelled PLY files.

    python examples/write_labelled_ply.py MY_SCANS                 # generates some, to try it
    python examples/labelled_ply.py --data MY_SCANS --quick        # reduced: minutes on two cores
    python examples/labelled_ply.py --data MY_SCANS                # the paper's network

MY_SCANS holds `classes.txt`, a class a line, and the folders `train` and `test` of PLY files.
Vertices have `x y z` in metres, z up, `red green blue` of 0 to 255, `class`, the line of the class
counted from 0, and `instance`, the number of the object; -1 means none. The reduced training takes
about four minutes on two CPU cores. docs/your_own_dataset.md goes through this file.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf import Cloud, Dataset, Labels, Scan, Split
from ban_tf.clouds.formats import ply_mesh
from ban_tf.data.dataset import Source
from ban_tf.data.reading import Problem
from ban_tf.experiments import command_line, requests, running
from ban_tf.programs import training

FIELDS = ("x", "y", "z", "red", "green", "blue", "class", "instance")
PARTS = ("train", "test")


def dataset(root: Path) -> Dataset:
    """What training and evaluation know of the data: classes, sides, how to read."""
    classes = tuple((root / "classes.txt").read_text(encoding="utf-8").split("\n"))
    return Dataset(
        name=root.resolve().name,
        labels=Labels(class_names=tuple(filter(None, classes))),
        splits=(Split(name="test", train=("train",), test=("test",)),),
        scans=scans,
    )


def scans(root: Path, wanted: Sequence[str] | None = None) -> list[Scan]:
    """One scan for each file of the folders, or of those that are wanted; sorted."""
    found = []
    for part in PARTS if wanted is None else wanted:
        for path in sorted((root / part).glob("*.ply")):
            read_it = functools.partial(read, path, part)
            found.append(Scan(path.stem, part, (path,), read_it, version="1"))
    if not found:
        raise FileNotFoundError(f"there must be PLY files in {root / 'train'} and {root / 'test'}")
    return found


def read(path: Path, part: str) -> tuple[Cloud, list[Problem]]:
    """A file as a cloud, and what had to be repaired or left out of it: nothing here."""
    vertices = ply_mesh.read_vertices(path, required=FIELDS)
    xyz = np.column_stack([vertices[axis] for axis in FIELDS[:3]]).astype(np.float64)
    rgb = np.column_stack([vertices[color] for color in FIELDS[3:6]])
    semantic, instance = (vertices[name].astype(np.int32) for name in FIELDS[6:])
    return Cloud(path.stem, xyz, rgb, semantic, instance, group=part), []


def describe(data: Path | None, blocks: Path | None) -> Dataset:
    if data is None:
        raise ValueError("`data` must be given, where the names of the classes are")
    return dataset(data)


SOURCE = Source(describe=describe, of_clouds=lambda folder, names: dataset(folder))


def main(argv: Sequence[str] | None = None) -> None:
    args = command_line.training_parser(__doc__).parse_args(argv)
    request = command_line.request(requests.Training, args)
    training.carry_out(request, SOURCE, args.print_settings)


if __name__ == "__main__":
    running.run(main)
