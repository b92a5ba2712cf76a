"""S3DIS v1.2: from its raw files to clouds."""

from ban_tf.data.s3dis.layout import dataset_name, list_areas, list_rooms, name_of
from ban_tf.data.s3dis.reader import REPORT, read_areas, read_problems, read_room

__all__ = [
    "REPORT",
    "dataset_name",
    "list_areas",
    "list_rooms",
    "name_of",
    "read_areas",
    "read_problems",
    "read_room",
]
