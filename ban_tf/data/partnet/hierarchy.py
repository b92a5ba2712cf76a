"""From the hierarchy of a shape's parts to the instances of one level."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf.config import NONE
from ban_tf.data import raw_json
from ban_tf.data.partnet import catalogue
from ban_tf.data.partnet.catalogue import Task, merged_names
from ban_tf.data.reading import UnreadableError

_DEEPEST = 100  # levels of a hierarchy; PartNet's own have about ten


@dataclasses.dataclass(frozen=True)
class PartInstance:
    """One instance of a part: its merged name, and the leaves that its points are labelled with."""

    part: str
    leaves: tuple[int, ...]


def of_record(path: Path, record: Any, where: str) -> list[PartInstance]:
    """The instances that the JSON list beside an `ins_seg_h5` file tells of a shape.

    Args:
        path: of the list.
        record: of the shape.
        where: its place in the list, for errors.

    Raises:
        UnreadableError: a field is missing or of another kind.
    """
    found = raw_json.field(path, record, "ins_seg", list, where)
    return [
        PartInstance(
            part=raw_json.field(path, one, "part_name", str, f"{where}.ins_seg[{number}]"),
            leaves=_whole_numbers(path, one, f"{where}.ins_seg[{number}]"),
        )
        for number, one in enumerate(found)
    ]


def _whole_numbers(path: Path, one: Any, where: str) -> tuple[int, ...]:
    leaves = raw_json.field(path, one, "leaf_id_list", list, where)
    if not all(type(leaf) is int for leaf in leaves):
        raise UnreadableError(path, f"{where}.leaf_id_list", "must hold whole numbers")
    return tuple(leaves)


def of_raw_tree(path: Path, tree: Any, category: str) -> list[PartInstance]:
    """The instances of a `result.json`, merged by the rules of the category.

    A part of the annotation that the rules do not name is none, though what is below it may be.

    Args:
        path: of the file.
        tree: its content: a list of one root.
        category: whose rules.

    Raises:
        UnreadableError: a field is missing or of another kind.
    """
    rules = merged_names(category)
    return [
        PartInstance(rules[name], _leaves(path, node, "id", where))
        for name, node, where in _nodes(path, tree)
        if name in rules
    ]


def of_merged_tree(path: Path, tree: Any, category: str) -> list[PartInstance]:
    """The instances of a `result_after_merging.json`; leaves are told by their `ori_id`.

    A node keeps the last word of its part's name alone, and merging may have left out a node above
    it: it is the part below its parent's that ends in that word.
    """
    parts = sorted(catalogue.all_parts(category), key=lambda part: part.count("/"))

    def full_name(above: str, own: str) -> str:
        below = (
            part for part in parts if part.startswith(f"{above}/") and part.endswith(f"/{own}")
        )
        return next(below, f"{above}/{own}")

    return [
        PartInstance(name, _leaves(path, node, "ori_id", where))
        for name, node, where in _nodes(path, tree, full_name)
    ]


def _joined(above: str, own: str) -> str:
    return f"{above}/{own}"


def _nodes(
    path: Path, tree: Any, full_name: Callable[[str, str], str] = _joined
) -> list[tuple[str, Any, str]]:
    """Every node with its name from the root and its place, parents first, in the file's order."""
    if not isinstance(tree, list) or len(tree) != 1:
        raise UnreadableError(path, "", "must hold a list of one root")
    waiting = [("", tree[0], "[0]", 0)]
    found = []
    while waiting:
        above, node, where, depth = waiting.pop()
        own = raw_json.field(path, node, "name", str, where)
        name = full_name(above, own) if above else own
        found.append((name, node, where))
        if depth == _DEEPEST:
            raise UnreadableError(path, where, f"lies more than {_DEEPEST} levels deep")
        children = _children(path, node, where)
        waiting += [
            (name, child, f"{where}.children[{number}]", depth + 1)
            for number, child in reversed(list(enumerate(children)))
        ]
    return found


def _children(path: Path, node: Any, where: str) -> list[Any]:
    return raw_json.field(path, node, "children", list, where) if "children" in node else []


def _leaves(path: Path, node: Any, name: str, where: str) -> tuple[int, ...]:
    """Ids of the leaves at or below a node; merged nodes count themselves, which were leaves."""
    children = _children(path, node, where)
    own = () if children and name == "id" else (raw_json.field(path, node, name, int, where),)
    below = (
        leaf
        for number, child in enumerate(children)
        for leaf in _leaves(path, child, name, f"{where}.children[{number}]")
    )
    return (*own, *below)


def label_points(
    leaf: np.ndarray, instances: Sequence[PartInstance], task: Task
) -> tuple[np.ndarray, np.ndarray]:
    """Class and instance of every point at one level, as the official scripts take them.

    Args:
        leaf: int `[N]`, the leaf of the hierarchy that each point lies on.
        instances: of the shape, of all levels.
        task: the level.

    Returns:
        int32 `[N]` classes and int32 `[N]` instances numbered from 0, `NONE` for points without a
        part at this level. Instances without a point get no number.

    Example:
        >>> parts = [PartInstance("mug/body", (1, 2)), PartInstance("mug/handle", (3,))]
        >>> label_points(np.array([1, 3, 2, 9]), parts, Task("Mug", 1))
        (array([ 0,  1,  0, -1], dtype=int32), array([ 0,  1,  0, -1], dtype=int32))
    """
    classes = {part: number for number, part in enumerate(task.parts)}
    semantic = np.full(len(leaf), NONE, np.int32)
    instance = np.full(len(leaf), NONE, np.int32)
    number = 0
    for one in instances:
        if one.part not in classes:
            continue
        chosen = np.isin(leaf, one.leaves)
        if chosen.any():
            semantic[chosen], instance[chosen] = classes[one.part], number
            number += 1
    return semantic, instance
