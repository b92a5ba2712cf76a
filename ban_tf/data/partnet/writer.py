"""Writes generated furniture in PartNet's own formats: `ins_seg_h5`, or folders of raw shapes."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.data.partnet import furniture, hierarchy, sampling
from ban_tf.data.partnet.catalogue import SPLITS
from ban_tf.data.partnet.layout import SHAPES_PER_FILE
from ban_tf.data.partnet.raw_folder import MERGED_TREE, META, SAMPLES, TREE, normalized

NUM_SHAPES = {"train": 160, "val": 16, "test": 40}
CATEGORIES = tuple(furniture.PIECES)
_FIRST_NUMBER = 50_000  # of annotations, above PartNet's own


@dataclasses.dataclass(frozen=True)
class Specimen:
    """One generated shape as an annotation: `points` and `normals` `[N, 3]` with y up."""

    number: str
    tree: list[Any]
    points: np.ndarray
    normals: np.ndarray
    leaf: np.ndarray


def specimens(
    category: str, split: str, count: int, num_points: int = 10_000, seed: int = 0
) -> Iterator[Specimen]:
    """Generates shapes; equal arguments give equal shapes.

    Args:
        category: one of `CATEGORIES`.
        split: whose shapes differ from those of the others.
        count: how many.
        num_points: of each.
        seed: any integer from 0.

    Example:
        >>> one = next(specimens("Lamp", "test", 1, num_points=100))
        >>> one.tree[0]["name"], one.points.shape
        ('lamp', (100, 3))
    """
    place = [CATEGORIES.index(category), SPLITS.index(split)]
    for index in range(count):
        rng = np.random.default_rng([seed, *place, index])
        leaves = furniture.PIECES[category](rng)
        tree, ids = _tree_of([leaf.path for leaf in leaves])
        solids = [solid for leaf in leaves for solid in leaf.solids]
        owner = np.repeat(ids, [len(leaf.solids) for leaf in leaves])
        points, normals, solid = sampling.sample(solids, num_points, rng)
        number = _FIRST_NUMBER + 10_000 * (len(SPLITS) * place[0] + place[1]) + index
        yield Specimen(str(number), tree, _y_up(points), _y_up(normals), owner[solid])


def _y_up(vectors: np.ndarray) -> np.ndarray:
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)


def _tree_of(paths: Sequence[str]) -> tuple[list[Any], np.ndarray]:
    """The hierarchy of leaves as in `result.json`, numbered as it is walked, and each leaf's id."""
    nodes: dict[str, dict[str, Any]] = {}
    roots: list[Any] = []
    for path in paths:
        names = path.split("/")
        for depth, own in enumerate(names, start=1):
            key, name = "/".join(names[:depth]), own.split("#")[0]
            if key in nodes:
                continue
            nodes[key] = {"name": name, "text": name.replace("_", " ").capitalize()}
            above = roots if depth == 1 else nodes[key.rsplit("/", 1)[0]].setdefault("children", [])
            above.append(nodes[key])
    _number(roots, 0)
    for path in paths:
        nodes[path]["objs"] = [f"new-{nodes[path]['id']}"]
    return roots, np.array([nodes[path]["id"] for path in paths])


def _number(nodes: list[Any], first: int) -> int:
    for node in nodes:
        node["id"] = first
        first = _number(node.get("children", []), first + 1)
    return first


def write_h5(
    root: Path,
    categories: Sequence[str] = CATEGORIES,
    num_shapes: Mapping[str, int] = NUM_SHAPES,
    num_points: int = 10_000,
    seed: int = 0,
) -> None:
    """Writes `ins_seg_h5/<Category>/<split>-NN.h5` and their JSON lists, whole or not at all.

    Args:
        root: the folder to make; it must not exist.
        categories: of `CATEGORIES`.
        num_shapes: of each split; 0 leaves a split out.
        num_points: of each shape.
        seed: any integer from 0.
    """
    with disk.whole(Path(root)) as temporary:
        for category in categories:
            folder = temporary / "ins_seg_h5" / category
            folder.mkdir(parents=True)
            for split, count in num_shapes.items():
                made = list(specimens(category, split, count, num_points, seed))
                for number, first in enumerate(range(0, count, SHAPES_PER_FILE)):
                    part = made[first : first + SHAPES_PER_FILE]
                    _write_file(folder / f"{split}-{number:02d}", category, part)


def _write_file(stem: Path, category: str, made: Sequence[Specimen]) -> None:
    import h5py

    arrays = {
        "pts": np.stack([normalized(one.points) for one in made]).astype(np.float32),
        "nor": np.stack([one.normals for one in made]).astype(np.float32),
        "rgb": np.full((*np.shape([one.leaf for one in made]), 3), 160, np.uint8),
        "opacity": np.ones(np.shape([one.leaf for one in made]), np.float32),
        "label": np.stack([one.leaf for one in made]).astype(np.int32),
    }
    with h5py.File(stem.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip", compression_opts=4)
    records = [_record(one, category) for one in made]
    stem.with_suffix(".json").write_text(json.dumps(records))


def _record(one: Specimen, category: str) -> dict[str, Any]:
    found = hierarchy.of_raw_tree(Path(one.number), one.tree, category)
    parts = [{"part_name": part.part, "leaf_id_list": list(part.leaves)} for part in found]
    return {"anno_id": one.number, "model_id": f"generated-{one.number}", "ins_seg": parts}


def write_raw(
    root: Path,
    category: str,
    num_shapes: Mapping[str, int],
    num_points: int = 10_000,
    seed: int = 0,
    merged: bool = False,
) -> None:
    """Writes `data/<number>/` of each shape and the lists that split them, whole or not at all.

    Args:
        root: the folder to make; it must not exist.
        category: one of `CATEGORIES`.
        num_shapes: of each split.
        num_points: of each shape.
        seed: any integer from 0.
        merged: write `result_after_merging.json` in place of `result.json`, and points of the cut
            parts in place of those of the whole model.
    """
    with disk.whole(Path(root)) as temporary:
        lists = temporary / "stats" / "train_val_test_split"
        lists.mkdir(parents=True)
        for split, count in num_shapes.items():
            made = list(specimens(category, split, count, num_points, seed))
            for one in made:
                _write_folder(temporary / "data" / one.number, category, one, merged)
            listed = [{"anno_id": one.number, "model_id": one.number} for one in made]
            (lists / f"{category}.{split}.json").write_text(json.dumps(listed))


def _write_folder(folder: Path, category: str, one: Specimen, merged: bool) -> None:
    samples = folder / "point_sample"
    samples.mkdir(parents=True)
    meta = {"user_id": "generated", "model_cat": category, "anno_id": one.number}
    (folder / META).write_text(json.dumps(meta))
    if merged:
        (folder / MERGED_TREE).write_text(json.dumps(_merged(one.tree, category)))
    else:
        (folder / TREE).write_text(json.dumps(one.tree))
    points_name, leaf_name = SAMPLES[1 if merged else 0]
    rows = np.hstack([one.points, one.normals, np.full((len(one.leaf), 4), (160, 160, 160, 1))])
    np.savetxt(samples / points_name, rows, "%.6f %.6f %.6f %.6f %.6f %.6f %d %d %d %.1f")
    np.savetxt(samples / leaf_name, one.leaf, "%d")


def _merged(tree: list[Any], category: str) -> list[Any]:
    """A hierarchy after merging, as the official script makes it."""
    found: list[Any] = []
    _merge(tree[0], "", found, hierarchy.merged_names(category), [0])
    return found


def _merge(
    node: Any, above: str, siblings: list[Any], rules: Mapping[str, str], counter: list[int]
) -> None:
    name = f"{above}/{node['name']}" if above else node["name"]
    below = siblings
    if name in rules:
        own = rules[name].split("/")[-1]
        made: dict[str, Any] = {"name": own, "text": own, "id": counter[0], "ori_id": node["id"]}
        counter[0] += 1
        siblings.append(made)
        below = []
    for child in node.get("children", []):
        _merge(child, name, below, rules, counter)
    if name in rules and below:
        made["children"] = below
