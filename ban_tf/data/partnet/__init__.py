"""PartNet: from its official files to clouds, its categories and levels, its prediction files."""

from ban_tf.data.partnet.catalogue import LEVELS, Task, categories, levels_of, tasks
from ban_tf.data.partnet.dataset import NAME, Choice, dataset, describe, has_other, source, task_of
from ban_tf.data.partnet.layout import FORMS

__all__ = [
    "FORMS",
    "LEVELS",
    "NAME",
    "Choice",
    "Task",
    "categories",
    "dataset",
    "describe",
    "has_other",
    "levels_of",
    "source",
    "task_of",
    "tasks",
]
