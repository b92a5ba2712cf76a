"""Average precision of parts by the rules of PartNet's script; `partnet` tells them."""

from collections.abc import Sequence

import numpy as np

from ban_tf.metrics.benchmarks.proposals import Proposals

_NUM_STEPS = 100  # parts of the recall
_RECALLS = np.arange(0, 1 + 1 / _NUM_STEPS, 1 / _NUM_STEPS).astype(np.float32)


def average_precision(shapes: Sequence[Proposals], num_classes: int) -> tuple[np.ndarray, float]:
    """AP50 of every part, and the mean over shapes of their own.

    Args:
        shapes: instances and predictions of each shape; void is `other`.
        num_classes: C.

    Returns:
        float64 `[C]`, NaN for a part without instances, and a number, NaN without shapes that have
        parts. All are NaN if a prediction came without a score.
    """
    num_truth = np.zeros(num_classes, np.int64)
    classes, scores, right, of_shapes = [], [], [], []
    for shape in shapes:
        if shape.score is None and len(shape.predicted_class):
            return np.full(num_classes, np.nan), np.nan
        score = np.zeros(0, np.float32) if shape.score is None else shape.score.astype(np.float32)
        order = np.argsort(-score, kind="stable")
        classes.append(shape.predicted_class[order])
        scores.append(score[order])
        right.append(_right(shape, order))
        counts = np.bincount(shape.truth_class, minlength=num_classes)
        num_truth += counts
        mean = _of_shape(classes[-1], right[-1], counts)
        if mean is not None:
            of_shapes.append(mean)
    found = np.full(num_classes, np.nan)
    if shapes:
        order = np.argsort(-np.concatenate(scores), kind="stable")
        all_classes, all_right = np.concatenate(classes)[order], np.concatenate(right)[order]
        for index in np.flatnonzero(num_truth):
            found[index] = _precision_of(all_right[all_classes == index], int(num_truth[index]))
    return found, float(np.mean(of_shapes)) if of_shapes else np.nan


def _right(shape: Proposals, order: np.ndarray) -> np.ndarray:
    """bool `[G]` in the order given: predictions with an IoU above 0.5 with a free instance.

    Instances do not overlap, so that a prediction has one such at most, and each goes to the first
    prediction that claims it.
    """
    inside = shape.predicted_size - shape.predicted_void
    union = shape.truth_size[shape.truth_index] + inside[shape.predicted_index] - shape.count
    claims = 2 * shape.count > union
    truth = shape.truth_index[claims]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    rank = place[shape.predicted_index[claims]]
    by_truth = np.lexsort((rank, truth))
    first = np.flatnonzero(np.diff(truth[by_truth], prepend=-1))
    right = np.zeros(len(order), bool)
    right[rank[by_truth[first]]] = True
    return right


def _of_shape(classes: np.ndarray, right: np.ndarray, num_truth: np.ndarray) -> float | None:
    """Mean over the parts that a shape has or is given; None if there is none."""
    num_predicted = np.bincount(classes, minlength=len(num_truth))
    present = np.flatnonzero(num_truth + num_predicted)
    if not len(present):
        return None
    averages = [
        _precision_of(right[classes == index], int(num_truth[index])) if num_truth[index] else 0.0
        for index in present
    ]
    return float(np.mean(averages))


def _precision_of(right: np.ndarray, num_truth: int) -> float:
    """Mean precision at the 101 recalls, of predictions by falling score."""
    if not len(right):
        return 0.0
    num_right = np.cumsum(right)
    recall = np.append(np.float32(0), num_right.astype(np.float32) / np.float32(num_truth))
    precision = num_right.astype(np.float32) / np.arange(1, len(right) + 1, dtype=np.float32)
    curve = np.append(np.float32(1), precision)  # the script's first point
    best = np.append(np.maximum.accumulate(curve[::-1])[::-1], 0)
    return float(best[np.searchsorted(recall, _RECALLS)].mean(dtype=np.float64))
