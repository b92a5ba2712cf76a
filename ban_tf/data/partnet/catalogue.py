"""What PartNet v0 consists of: categories, levels, parts, and how raw hierarchies are merged.

The tables in `facts/` are those of the official repository, which each of them names.
"""

import dataclasses
import functools
from collections.abc import Mapping

from ban_tf.config import Labels
from ban_tf.data import facts

_PACKAGE = "ban_tf.data.partnet"
LEVELS = (1, 2, 3)  # coarse, middle, fine
SPLITS = ("train", "val", "test")
OTHER = "other"  # the class of points without a part, for who asks for one


@dataclasses.dataclass(frozen=True)
class Task:
    """One category at one level; PartNet has 50 of them, each with a network of its own.

    Args:
        category: such as `Chair`.
        level: 1, 2 or 3.

    Raises:
        ValueError: there is no such category, or it lacks the level.

    Example:
        >>> Task("Chair", 1).parts[:2], Task("Chair", 1).title
        (('chair/chair_head', 'chair/chair_back'), 'Chair-1')
    """

    category: str
    level: int

    def __post_init__(self) -> None:
        if self.category not in _parts():
            raise ValueError(
                f"PartNet has the categories {', '.join(categories())}. "
                f"Received: category={self.category!r}"
            )
        known = levels_of(self.category)
        if self.level not in known:
            have = f"levels {', '.join(map(str, known))}" if len(known) > 1 else "level 1 only"
            raise ValueError(f"{self.category} has {have}. Received: level={self.level}")

    @property
    def title(self) -> str:
        return f"{self.category}-{self.level}"

    @property
    def parts(self) -> tuple[str, ...]:
        """Official names of the parts, in the order of their classes."""
        return tuple(part for part, levels in _parts()[self.category] if self.level in levels)

    def labels(self, other_as_class: bool = False) -> Labels:
        """The parts as classes, without the category's own name in front.

        Args:
            other_as_class: put the class `other` before them, for points without a part.
        """
        names = tuple(part.split("/", 1)[-1] for part in self.parts)
        return Labels(class_names=(OTHER, *names) if other_as_class else names)


def categories() -> tuple[str, ...]:
    """The 24 categories, sorted."""
    return tuple(_parts())


def levels_of(category: str) -> tuple[int, ...]:
    """The levels that a category has, ascending.

    Example:
        >>> levels_of("Bottle")
        (1, 3)
    """
    found = {level for _, levels in _parts()[category] for level in levels}
    return tuple(sorted(found))


def all_parts(category: str) -> tuple[str, ...]:
    """Every part that a merged hierarchy of the category may hold, a class of a level or not."""
    return tuple(part for part, _ in _parts()[category])


def tasks() -> tuple[Task, ...]:
    """All 50 tasks, by category and level."""
    return tuple(
        Task(category, level) for category in categories() for level in levels_of(category)
    )


@functools.cache
def merged_names(category: str) -> Mapping[str, str]:
    """What the parts of a raw hierarchy are called after merging; others are no parts.

    Example:
        >>> merged_names("Table")["table/desk"]
        'table/regular_table'
    """
    return {
        line["raw"]: line["merged"] or line["raw"]
        for line in facts.rows_of(_PACKAGE, "merging.tsv")
        if line["category"] == category
    }


@functools.cache
def num_shapes(category: str) -> Mapping[str, int]:
    """How many shapes each official split of a category has.

    Example:
        >>> num_shapes("Chair")["test"]
        1217
    """
    line = next(
        line for line in facts.rows_of(_PACKAGE, "shapes.tsv") if line["category"] == category
    )
    return {split: int(line[split]) for split in SPLITS}


@functools.cache
def _parts() -> Mapping[str, tuple[tuple[str, tuple[int, ...]], ...]]:
    """Parts of each category in the order of their ids, each with its levels."""
    found: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for line in facts.rows_of(_PACKAGE, "parts.tsv"):
        levels = tuple(map(int, line["levels"]))
        found.setdefault(line["category"], []).append((line["part"], levels))
    return {category: tuple(parts) for category, parts in found.items()}
