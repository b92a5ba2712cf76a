"""A raw shape: the folder of one annotation, with its hierarchy and 10 000 points."""

import warnings
from pathlib import Path

import numpy as np

from ban_tf.data import raw_json
from ban_tf.data.partnet import hierarchy
from ban_tf.data.partnet.catalogue import Task
from ban_tf.data.reading import UnreadableError

META = "meta.json"
TREE = "result.json"
MERGED_TREE = "result_after_merging.json"
# Points and the leaves that they lie on. The official files are made of the first pair, points of
# the whole model; the second is of the cut parts.
SAMPLES = (
    ("sample-points-all-pts-nor-rgba-10000.txt", "sample-points-all-label-10000.txt"),
    ("pts-10000.txt", "label-10000.txt"),
)


def files(folder: Path) -> tuple[Path, ...]:
    """What is read of a shape's folder and is there."""
    found = [folder / name for name in (META, TREE, MERGED_TREE)]
    found += [folder / "point_sample" / name for pair in SAMPLES for name in pair]
    return tuple(path for path in found if path.is_file())


def read(folder: Path, task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads a shape.

    Args:
        folder: of one annotation.
        task: by whose category's rules the hierarchy is merged, and at which level labels are
            taken.

    Returns:
        float64 `[N, 3]` points as the official files have them (the middle of their box at 0, the
        farthest at distance 1), int32 `[N]` classes, and int32 `[N]` instances.

    Raises:
        UnreadableError: a file is missing, cut or of another category; the message names it.
    """
    _check_category(folder / META, task)
    points, leaf = _read_points(folder / "point_sample")
    if (folder / TREE).is_file():
        tree = raw_json.read(folder / TREE, list)
        instances = hierarchy.of_raw_tree(folder / TREE, tree, task.category)
    elif (folder / MERGED_TREE).is_file():
        tree = raw_json.read(folder / MERGED_TREE, list)
        instances = hierarchy.of_merged_tree(folder / MERGED_TREE, tree, task.category)
    else:
        raise UnreadableError(folder / TREE, "", f"is missing, and {MERGED_TREE} too")
    semantic, instance = hierarchy.label_points(leaf, instances, task)
    return normalized(points), semantic, instance


def _check_category(path: Path, task: Task) -> None:
    """Refuses a shape of another category; who has no `meta.json` cannot know."""
    if path.is_file():
        found = raw_json.field(path, raw_json.read(path), "model_cat", str)
        if found != task.category:
            raise UnreadableError(path, "model_cat", f"is {found}, not {task.category}")


def _read_points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    for points_name, leaf_name in SAMPLES:
        points_file, leaf_file = folder / points_name, folder / leaf_name
        if points_file.is_file() and leaf_file.is_file():
            points = _rows(points_file)
            leaf = _rows(leaf_file)[:, 0]
            if points.shape[1] < 3:
                raise UnreadableError(points_file, "", "must have x, y and z in each line")
            if len(points) != len(leaf):
                raise UnreadableError(
                    leaf_file, "", f"must have a line for each of {len(points)} points of "
                    f"{points_name}. Received: {len(leaf)}"
                )  # fmt: skip
            return points[:, :3], leaf
    names = " or ".join(" with ".join(pair) for pair in SAMPLES)
    raise UnreadableError(folder, "", f"must hold {names}")


def _rows(path: Path) -> np.ndarray:
    """float64 `[N, columns]` of a text file; every value is finite."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
            found = np.loadtxt(path, ndmin=2)
    except ValueError as error:  # of text encodings as well
        raise UnreadableError(path, "", f"must hold numbers in columns ({error})") from error
    if not found.size:
        raise UnreadableError(path, "", "is empty")
    broken = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(broken):
        raise UnreadableError(path, "", f"row {broken[0] + 1} has a value that is not finite")
    return found


def normalized(points: np.ndarray) -> np.ndarray:
    """Points about the middle of their box, the farthest at distance 1, as in the official files.

    Example:
        >>> normalized(np.array([[0.0, 0, 0], [2, 0, 0], [1, 0, 0]]))[:, 0]
        array([-1.,  1.,  0.])
    """
    centred = points - (points.min(axis=0) + points.max(axis=0)) / 2
    radius = np.linalg.norm(centred, axis=1).max()
    return centred / radius if radius > 0 else centred
