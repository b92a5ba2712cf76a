"""Average precision, panoptic quality and official evaluations, mask by mask in plain loops.

Written apart from the library, from the definitions alone: one bool mask per object and prediction,
every pair compared, no table of counts.
"""

import numpy as np


def _mode(values):
    return int(np.bincount(values[values >= 0]).argmax()) if (values >= 0).any() else -1


def masks_of(semantic, instance):
    """(mask, class) of every instance, by ascending label."""
    labels = [label for label in np.unique(instance) if label != -1]
    return [(instance == label, _mode(semantic[instance == label])) for label in labels]


def average_precision(clouds, num_classes, threshold, stuff=()):
    """COCO's average precision of every class at one threshold, given in percent.

    Args:
        clouds: truth_semantic, truth_instance, predicted_semantic, predicted_instance, scores each.
    """
    found = np.full(num_classes, np.nan)
    for c in sorted(set(range(num_classes)) - set(stuff)):
        num_truth, entries = 0, []
        for semantic, instance, guess, guessed, scores in clouds:
            inside = (semantic != -1) & (instance != -1) & ~np.isin(semantic, stuff)
            truth = masks_of(semantic[inside], instance[inside])
            truth = [mask for mask, k in truth if k == c]
            labels = [label for label in np.unique(guessed[inside]) if label != -1]
            predicted = masks_of(guess[inside], guessed[inside])
            mine = [
                (scores[label], mask)
                for label, (mask, k) in zip(labels, predicted, strict=True)
                if k == c
            ]
            num_truth += len(truth)
            free = [True] * len(truth)
            for score, mask in sorted(mine, key=lambda pair: -pair[0]):
                best, best_iou = None, 0
                for index, other in enumerate(truth):
                    shared, either = int((mask & other).sum()), int((mask | other).sum())
                    reached = 100 * shared >= threshold * either
                    if free[index] and reached and shared / either > best_iou:
                        best, best_iou = index, shared / either
                if best is not None:
                    free[best] = False
                entries.append((score, best is not None))
        if num_truth:
            found[c] = _precision_at_recalls(entries, num_truth)
    return found


def _precision_at_recalls(entries, num_truth):
    points = []
    for score in {score for score, _ in entries}:
        taken = [right for other, right in entries if other >= score]
        points.append((sum(taken), sum(taken) / len(taken)))
    precisions = [
        max((p for right, p in points if 100 * right >= step * num_truth), default=0.0)
        for step in range(101)
    ]
    return sum(precisions) / 101


def panoptic_quality(clouds, num_classes, stuff=()):
    """PQ, SQ and RQ of every class, from segments as masks."""
    matched, missed, wrong, total = (np.zeros(num_classes) for _ in range(4))
    for semantic, instance, guess, guessed in (cloud[:4] for cloud in clouds):
        is_stuff = np.isin(semantic, stuff)
        inside = (semantic != -1) & (is_stuff | (instance != -1))
        semantic, instance, guess, guessed = (
            labels[inside] for labels in (semantic, instance, guess, guessed)
        )
        is_stuff = np.isin(semantic, stuff)
        truth = masks_of(semantic, np.where(is_stuff, -1, instance))
        truth += [(semantic == c, c) for c in stuff if (semantic == c).any()]
        predicted = [(m, c) for m, c in masks_of(guess, guessed) if c not in stuff]
        in_thing = np.zeros(len(guess), bool)
        for mask, _ in predicted:
            in_thing |= mask
        predicted += [
            ((guess == c) & ~in_thing, c) for c in stuff if ((guess == c) & ~in_thing).any()
        ]
        used = set()
        for mask, c in truth:
            hit = None
            for index, (other, k) in enumerate(predicted):
                iou = (mask & other).sum() / (mask | other).sum()
                if k == c and iou > 0.5:
                    hit = index
                    total[c] += iou
            if hit is None:
                missed[c] += 1
            else:
                matched[c] += 1
                used.add(hit)
        for index, (_, k) in enumerate(predicted):
            if index not in used and k != -1:
                wrong[k] += 1
    count = matched + (missed + wrong) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        segmentation = np.where(matched > 0, total / matched, 0.0)
        segmentation[count == 0] = np.nan
        return total / count, segmentation, matched / count


def partnet(shapes, num_classes):
    """AP50 of every part and its mean over shapes, with masks, by the rules of the benchmark.

    Args:
        shapes: for each, truth_semantic, truth_instance, masks, classes, scores.
    """
    entries = [[] for _ in range(num_classes)]
    counts = np.zeros(num_classes, int)
    of_shapes = []
    for semantic, instance, masks, classes, scores in shapes:
        other = semantic == -1
        truth = masks_of(semantic, np.where(other, -1, instance))
        used = [False] * len(truth)
        mine = [[] for _ in range(num_classes)]
        for index in sorted(range(len(masks)), key=lambda i: -np.float32(scores[i])):
            clean, best, best_iou = masks[index] & ~other, None, 0.0
            for place, (mask, c) in enumerate(truth):
                iou = (mask & clean).sum() / (mask | clean).sum()
                if c == classes[index] and not used[place] and iou > best_iou:
                    best, best_iou = place, iou
            right = best_iou > 0.5
            if right:
                used[best] = True
            mine[classes[index]].append((np.float32(scores[index]), right))
        here = np.bincount([c for _, c in truth], minlength=num_classes)
        counts += here
        values = [
            _partnet_area([right for _, right in mine[c]], here[c]) if here[c] else 0.0
            for c in range(num_classes)
            if here[c] or mine[c]
        ]
        if values:
            of_shapes.append(np.mean(values))
        for c in range(num_classes):
            entries[c] += mine[c]
    found = np.full(num_classes, np.nan)
    for c in np.flatnonzero(counts):
        order = sorted(range(len(entries[c])), key=lambda i, c=c: -entries[c][i][0])
        found[c] = _partnet_area([entries[c][i][1] for i in order], counts[c])
    return found, float(np.mean(of_shapes)) if of_shapes else np.nan


def _partnet_area(right, num_truth):
    if not right:
        return 0.0
    num_right = np.cumsum(np.array(right, np.float32))
    recall = [np.float32(0), *(num_right / np.float32(num_truth))]
    precision = [np.float32(1), *(num_right / np.arange(1, len(right) + 1, dtype=np.float32))]
    total = 0.0
    for step in range(101):
        reached = [p for r, p in zip(recall, precision, strict=True) if r >= np.float32(step / 100)]
        total += float(max(reached, default=0.0)) / 101
    return total
