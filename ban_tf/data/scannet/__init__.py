"""ScanNetV2: from its raw files to clouds, its classes, its lists of scans and its submissions."""

from ban_tf.data.scannet.classes import of_choice
from ban_tf.data.scannet.dataset import (
    NAME,
    dataset,
    demo_dataset,
    describe,
    group_of,
    source,
)
from ban_tf.data.scannet.reader import read_scan, scans
from ban_tf.data.scannet.writer import write_scans

__all__ = [
    "NAME",
    "dataset",
    "demo_dataset",
    "describe",
    "group_of",
    "of_choice",
    "read_scan",
    "scans",
    "source",
    "write_scans",
]
