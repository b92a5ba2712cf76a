"""Flags on PartNet's categories and levels, and what they choose.

Nothing here imports TensorFlow.
"""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from ban_tf.data.partnet.catalogue import LEVELS, Task, tasks
from ban_tf.data.partnet.layout import FORMS
from ban_tf.experiments.flag_values import count

if TYPE_CHECKING:
    from ban_tf.data.partnet import Choice
    from ban_tf.experiments.commands.study import Study

OWN = ("category", "level", "form", "num_points", "other_as_class", "all")
CATEGORY, LEVEL = "Chair", 3  # what is meant where nothing is said
STUDY = "partnet"


def add(flags: argparse.ArgumentParser, all_help: str) -> None:
    """Adds the flags in `OWN`."""
    flags.add_argument("--category", help=f"one of the 24 (default: {CATEGORY})")
    flags.add_argument("--level", type=int, help=f"of {LEVELS}, 3 the finest (default: {LEVEL})")
    flags.add_argument("--all", action="store_true", help=all_help)
    flags.add_argument(
        "--form", choices=FORMS, help="of the data (default: the first of these that is there)"
    )
    flags.add_argument(
        "--num-points",
        type=count,
        help="of a sample: all 10000 of a shape (default), or the 4096 of the released code",
    )
    flags.add_argument(
        "--other-as-class",
        action="store_true",
        help="learn and score points without a part as a class `other` and one instance of it, as "
        "the released loader does (default: leave them out)",
    )


def choice(args: argparse.Namespace, task: Task | None = None) -> "Choice":
    """What the flags choose.

    Args:
        args: the flags.
        task: what is meant where they do not say.

    Raises:
        ValueError: there is no such category, or it lacks the level.
    """
    from ban_tf.data.partnet import Choice

    meant = task or Task(CATEGORY, LEVEL)
    category = args.category or meant.category
    level = args.level
    if level is None:
        level = meant.level if args.category in (None, meant.category) else _finest(category)
    made = Choice(task=Task(category, level), form=args.form, other_as_class=args.other_as_class)
    given = args.num_points
    return made if given is None else dataclasses.replace(made, num_points=given)


def _finest(category: str) -> int:
    """The finest level of a category; of an unknown one that which its refusal names."""
    return max((task.level for task in tasks() if task.category == category), default=LEVEL)


def with_other(made: "Choice") -> "Choice":
    """The same choice with points without a part as a class."""
    return dataclasses.replace(made, other_as_class=True)


def study(args: argparse.Namespace, generated: bool = False) -> "Study":
    """All tasks, or those of the category or level that the flags name.

    Args:
        args: the flags.
        generated: only those of which there is generated data.

    Raises:
        ValueError: the flags leave no task.
    """
    from ban_tf.data import partnet
    from ban_tf.data.partnet import writer
    from ban_tf.experiments.commands.study import Study

    wanted = [
        task
        for task in tasks()
        if args.category in (None, task.category)
        and args.level in (None, task.level)
        and (not generated or task.category in writer.CATEGORIES)
    ]
    if not wanted:
        choice(args)  # says what is wrong with a category or a level
        raise ValueError(f"there is generated data of {', '.join(writer.CATEGORIES)} only")
    members = {}
    for task in wanted:
        named = argparse.Namespace(**{**vars(args), "category": task.category, "level": task.level})
        members[task.category, task.level] = partnet.source(choice(named))
    return Study(name=STUDY, members=members)
