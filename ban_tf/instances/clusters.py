"""The clusters of a sample, checked before they become instances of a cloud."""

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE


def taking_part(
    name: str, places: np.ndarray, labels: np.ndarray, classes: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows of a sample that are of a cluster with a class.

    Args:
        name: of the argument `places`, for errors.
        places: int `[P]`, where each row lies: its point, or its voxel.
        labels: int `[P]` cluster of each row, in [-1, G); `NONE` takes no part.
        classes: int `[G]` class of each cluster; one without a class (`NONE`) takes no part.
        num_classes: C.

    Returns:
        `places` and `labels` of the rows that take part, and `classes`.

    Raises:
        TypeError: labels or classes that are not whole numbers.
        ValueError: arrays of different lengths, or a label or class out of range.

    Example:
        >>> classes = np.array([3, NONE])
        >>> taking_part("rows", np.array([7, 8, 9]), np.array([0, 1, NONE]), classes, 13)[:2]
        (array([7]), array([0]))
    """
    labels = overlap.check_labels("labels", labels, len(classes), none=True)
    classes = overlap.check_labels("classes", classes, num_classes, none=True)
    if np.shape(places) != labels.shape:
        raise ValueError(
            f"`{name}` and `labels` must have one value per row. "
            f"Received: {name}.shape={np.shape(places)}, labels.shape={labels.shape}"
        )
    used = np.append(classes, NONE)[labels] != NONE
    return places[used], labels[used], classes
