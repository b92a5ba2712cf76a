"""SceneNN: from its raw files to clouds, its classes and its lists of scenes."""

from ban_tf.data.scenenn.dataset import NAME, dataset, describe, group_of, source
from ban_tf.data.scenenn.reader import LABELS, read_scene, scans
from ban_tf.data.scenenn.writer import write_scenes

__all__ = [
    "LABELS",
    "NAME",
    "dataset",
    "describe",
    "group_of",
    "read_scene",
    "scans",
    "source",
    "write_scenes",
]
