"""The published evaluation of instances and classes, object by object, in plain loops."""

import numpy as np


def _mode(values):
    return int(np.bincount(values).argmax())


def instance_scores_by_loops(rooms, num_classes):
    """Coverage, weighted coverage, precision and recall, float64 `[C]`, as ASIS and BAN take them.

    Args:
        rooms: for each, truth_semantic, truth_instance, predicted_semantic, predicted_instance. As
            in the authors' script the points of a true instance -1 are one more object.
        num_classes: C.
    """
    coverage = [[] for _ in range(num_classes)]
    weighted = [[] for _ in range(num_classes)]
    matched, num_predicted, num_truth = (np.zeros(num_classes) for _ in range(3))
    for truth_semantic, truth_instance, predicted_semantic, predicted_instance in rooms:
        truth = [truth_instance == label for label in np.unique(truth_instance)]
        predicted = [predicted_instance == g for g in np.unique(predicted_instance) if g != -1]
        for c in range(num_classes):
            of_class = [mask for mask in truth if _mode(truth_semantic[mask]) == c]
            guesses = [mask for mask in predicted if _mode(predicted_semantic[mask]) == c]
            iou = np.array([[(a & b).sum() / (a | b).sum() for b in guesses] for a in of_class])
            iou = iou.reshape(len(of_class), len(guesses))
            if of_class:
                best = iou.max(axis=1, initial=0.0)
                sizes = np.array([mask.sum() for mask in of_class])
                coverage[c].append(best.mean())
                weighted[c].append((best * sizes / sizes.sum()).sum())
            matched[c] += (iou.max(axis=0, initial=0.0) >= 0.5).sum()
            num_predicted[c] += len(guesses)
            num_truth[c] += len(of_class)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "coverage": np.array([np.mean(values) if values else np.nan for values in coverage]),
            "weighted_coverage": np.array(
                [np.mean(values) if values else np.nan for values in weighted]
            ),
            "precision": matched / num_predicted,
            "recall": matched / num_truth,
        }


def semantic_scores_by_loops(rooms, num_classes):
    """Overall accuracy, and accuracy and IoU of each class, float64 `[C]`, over all rooms."""
    truth = np.concatenate([room[0] for room in rooms])
    predicted = np.concatenate([room[2] for room in rooms])
    of_class = [(truth == c, predicted == c) for c in range(num_classes)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "overall_accuracy": float(np.mean(truth == predicted)),
            "accuracy": np.array([(t & p).sum() / t.sum() for t, p in of_class]),
            "iou": np.array([(t & p).sum() / (t | p).sum() for t, p in of_class]),
        }
