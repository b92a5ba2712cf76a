"""Flags on ScanNetV2's classes and lists of scans. Nothing here imports TensorFlow."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ban_tf.data.dataset import Source

OWN = ("classes",)
LISTS = ("train", "val", "test")


def add_classes(flags: argparse.ArgumentParser) -> None:
    """Adds `--classes`."""
    flags.add_argument(
        "--classes",
        choices=("20", "200"),
        default="20",
        help="those of the benchmark, or of ScanNet200 by the label map's column `id` "
        "(default: 20; a prepared store has its own)",
    )


def source(args: argparse.Namespace) -> "Source":
    """Tells the data set, with the classes that were asked for."""
    from ban_tf.data import scannet

    return scannet.source(args.classes)
