"""Which predicted instance stands for which true one, and what is wrong where: for pictures."""

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE
from ban_tf.metrics import instance as instances
from ban_tf.view import palette


def numbers(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Instances of both sides, numbered so that a matched pair has one number.

    Pairs with an IoU of at least one half match, each label once, whatever their classes; as in the
    scores, points without a true instance are left out of both sides. The largest true instance
    gets the lowest number; what matches nothing has numbers beyond those of the true ones.

    Args:
        truth: int `[N]`, `NONE` for no instance.
        predicted: int `[N]`, likewise.

    Returns:
        Two int64 `[N]`, `NONE` where there is no instance.

    Example:
        >>> own, found = numbers(np.array([7, 7, 7, 9, 9]), np.array([3, 3, 3, 4, 5]))
        >>> own, found
        (array([0, 0, 0, 1, 1]), array([0, 0, 0, 1, 2]))
    """
    inside = truth != NONE
    table = overlap.contingency(truth[inside], predicted[inside])
    large = 2 * table.count >= table.union()
    chosen = np.flatnonzero(instances.pairs_one_to_one(table, large))
    true_labels, true_code = _numbered(truth)
    labels, code = _numbered(predicted)
    of_truth = np.empty(len(true_labels), np.int64)
    of_truth[np.argsort(-table.first_sizes, kind="stable")] = np.arange(len(true_labels))
    of_predicted = np.full(len(labels), NONE, np.int64)
    place = np.searchsorted(labels, table.second_labels[table.second_index[chosen]])
    of_predicted[place] = of_truth[table.first_index[chosen]]
    alone = np.flatnonzero(of_predicted == NONE)
    of_predicted[alone] = len(true_labels) + np.arange(len(alone))
    return _with_none(of_truth)[true_code], _with_none(of_predicted)[code]


def _numbered(instance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels that there are, ascending, and of every point the place of its own."""
    code = np.full(len(instance), NONE, np.int64)
    inside = instance != NONE
    labels, code[inside] = overlap.number(instance[inside])
    return labels, code


def _with_none(numbers: np.ndarray) -> np.ndarray:
    return np.append(numbers, NONE)  # which `NONE` reads


def mistakes(
    truth_semantic: np.ndarray,
    truth_instance: np.ndarray,
    predicted_semantic: np.ndarray,
    predicted_instance: np.ndarray,
) -> np.ndarray:
    """What is wrong at every point: its class, its object, both or nothing.

    The object is wrong where the point's predicted instance is not the one that matches its true
    one. What has no true class, or no true instance, cannot be wrong in it.

    Args:
        truth_semantic: int `[N]`, `NONE` for no class.
        truth_instance: int `[N]`, `NONE` for no instance.
        predicted_semantic: int `[N]`, likewise.
        predicted_instance: int `[N]`, likewise.

    Returns:
        int64 `[N]`, `palette.RIGHT` to `palette.WRONG_BOTH`; `NONE` without a true class.

    Example:
        >>> mistakes(*np.array([[0, 0, 1, -1], [0, 0, 1, -1], [0, 1, 1, 1], [0, 0, -1, 0]]))
        array([ 0,  1,  2, -1])
    """
    own, found = numbers(truth_instance, predicted_instance)
    class_wrong = predicted_semantic != truth_semantic
    object_wrong = (own != NONE) & (own != found)
    kind = np.where(
        class_wrong,
        np.where(object_wrong, palette.WRONG_BOTH, palette.WRONG_CLASS),
        np.where(object_wrong, palette.WRONG_INSTANCE, palette.RIGHT),
    )
    return np.where(truth_semantic == NONE, NONE, kind)
