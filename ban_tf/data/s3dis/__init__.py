"""S3DIS v1.2: from its raw files to clouds, its classes and its splits."""

from ban_tf.data.s3dis.dataset import (
    NAME,
    SOURCE,
    dataset,
    demo,
    demo_dataset,
    describe,
    experiment,
    split_name,
)
from ban_tf.data.s3dis.labels import LABELS
from ban_tf.data.s3dis.layout import group_of, is_complete, list_areas, list_rooms
from ban_tf.data.s3dis.reader import read_room, scans
from ban_tf.data.s3dis.writer import write_building

__all__ = [
    "LABELS",
    "NAME",
    "SOURCE",
    "dataset",
    "demo",
    "demo_dataset",
    "describe",
    "experiment",
    "group_of",
    "is_complete",
    "list_areas",
    "list_rooms",
    "read_room",
    "scans",
    "split_name",
    "write_building",
]
