"""Average precision at one threshold by the rules of ScanNet's script; `scannet` tells them."""

import numpy as np

from ban_tf.metrics.benchmarks.proposals import Proposals

MIN_VERTICES = 100


def average_precision(
    found: Proposals, score: np.ndarray, threshold: float, num_classes: int
) -> np.ndarray:
    """The average precision of every class, NaN for one without an object that counts.

    Args:
        found: objects and predictions of all scans, predictions of 100 vertices or more alone.
        score: float64 `[G]`, of the predictions.
        threshold: a match has an IoU above.
        num_classes: C.

    Returns:
        float64 `[C]`.
    """
    counts = found.truth_size >= MIN_VERTICES
    matched, best, second = _matches(found, score, threshold, counts)
    wrong = _unmatched(found, threshold, counts)
    classes = np.concatenate(
        [found.truth_class[matched], second[0], found.predicted_class[wrong]]
    ).astype(np.int64)
    scores = np.concatenate([best[matched], second[1], score[wrong]])
    right = np.arange(len(classes)) < np.count_nonzero(matched)
    num_truth = np.bincount(found.truth_class[counts], minlength=num_classes)
    num_missed = num_truth - np.bincount(found.truth_class[matched], minlength=num_classes)
    precision = np.full(num_classes, np.nan)
    for index in np.flatnonzero(num_truth):
        mine = classes == index
        precision[index] = _area(right[mine], scores[mine], int(num_missed[index]))
    return precision


def _matches(
    found: Proposals, score: np.ndarray, threshold: float, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Which objects are matched, bool `[A]`, by what score, float64 `[A]`; what came second.

    The last are the classes and scores of predictions that match an object that has a better one.
    """
    pairs = _iou(found) > threshold
    pairs &= counts[found.truth_index]
    truth, predicted = found.truth_index[pairs], found.predicted_index[pairs]
    alone = (np.bincount(truth)[truth] == 1) & (np.bincount(predicted)[predicted] == 1)
    matched, best = np.zeros(len(counts), bool), np.full(len(counts), -np.inf)
    matched[truth[alone]], best[truth[alone]] = True, score[predicted[alone]]
    taken = np.zeros(len(score), bool)
    second_class, second_score = [], []
    for one, other in zip(truth[~alone].tolist(), predicted[~alone].tolist(), strict=True):
        if taken[other]:
            continue
        if matched[one]:  # the script does not take the prediction, which may match on
            second_class.append(found.truth_class[one])
            second_score.append(min(best[one], score[other]))
            best[one] = max(best[one], score[other])
        else:
            matched[one], best[one], taken[other] = True, score[other], True
    return matched, best, (np.array(second_class, np.int64), np.array(second_score, np.float64))


def _unmatched(found: Proposals, threshold: float, counts: np.ndarray) -> np.ndarray:
    """bool `[G]`: predictions that match no object of any size, and lie on what counts."""
    num_predicted = len(found.predicted_class)
    match = np.zeros(num_predicted, bool)
    match[found.predicted_index[_iou(found) > threshold]] = True
    on_small = np.where(counts[found.truth_index], 0, found.count)
    ignored = found.predicted_void + np.bincount(found.predicted_index, on_small, num_predicted)
    return ~match & (ignored / found.predicted_size <= threshold)


def _iou(found: Proposals) -> np.ndarray:
    sizes = found.truth_size[found.truth_index] + found.predicted_size[found.predicted_index]
    return found.count / (sizes - found.count)


def _area(right: np.ndarray, score: np.ndarray, num_missed: int) -> float:
    """The area under the curve whose points are the predictions of each score or a higher one."""
    if not len(score):
        return 0.0
    order = np.argsort(score, kind="stable")
    _, first = np.unique(score[order], return_index=True)  # of each score, ascending
    below = np.append(0, np.cumsum(right[order]))[first]  # right ones of lower scores
    num_right = np.count_nonzero(right) - below
    precision = np.append(num_right / (len(score) - first), 1.0)
    recall = np.append(num_right / (num_right + below + num_missed), 0.0)
    steps = np.convolve(np.concatenate([recall[:1], recall, [0.0]]), [-0.5, 0, 0.5], "valid")
    return float(np.dot(precision, steps))
