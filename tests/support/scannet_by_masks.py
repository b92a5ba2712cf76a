"""ScanNet's official instance evaluation in plain Python: a mask per object, a loop per pair.

Its steps are those of the released evaluation, one after the other and without any table of counts;
the code is our own. The library is held to its numbers, and the benchmark to its time.
"""

import numpy as np

THRESHOLDS = (*np.arange(0.5, 0.95, 0.05), 0.25)
SMALLEST = 100


def compare(codes, predictions, classes):
    """The objects and predictions of a scan, each with the others of its class that it meets.

    Args:
        codes: int64 `[N]`, 1000 * (class + 1) + instance + 1 of every vertex, 0 for unlabelled.
        predictions: (bool mask `[N]`, class, score) each.
        classes: those with instances.
    """
    objects = []
    for code in np.unique(codes):
        if code // 1000 - 1 in classes:
            size = int((codes == code).sum())
            objects.append({"code": code, "class": code // 1000 - 1, "size": size, "met": []})
    void = ~np.isin(codes // 1000 - 1, classes)
    found = []
    for mask, index, score in predictions:
        size = int(np.count_nonzero(mask))
        if index not in classes or size < SMALLEST:
            continue
        one = {"class": index, "score": score, "size": size, "met": [], "taken": False}
        one["void"] = int(np.count_nonzero(mask & void))
        for other in objects:
            if other["class"] == index:
                shared = int(np.count_nonzero((codes == other["code"]) & mask))
                if shared:
                    iou = shared / (other["size"] + size - shared)
                    one["met"].append((other, shared, iou))
                    other["met"].append((one, iou))
        found.append(one)
    return objects, found


def average_precision(scans, classes, threshold):
    """By class, NaN where there is no object of 100 vertices.

    Args:
        scans: what `compare` gave of each.
        classes: those with instances.
        threshold: an IoU.
    """
    result = {}
    for _, found in scans:
        for one in found:
            one["taken"] = False
    for index in classes:
        entries, missed, has_object, has_prediction = [], 0, False, False
        for objects, found in scans:
            mine = [one for one in objects if one["class"] == index and one["size"] >= SMALLEST]
            guesses = [one for one in found if one["class"] == index]
            has_object |= bool(mine)
            has_prediction |= bool(guesses)
            for one in mine:
                best = None
                for guess, iou in one["met"]:
                    if guess["taken"] or iou <= threshold:
                        continue
                    if best is None:
                        best, guess["taken"] = guess["score"], True
                    else:
                        entries.append((min(best, guess["score"]), 0))
                        best = max(best, guess["score"])
                if best is None:
                    missed += 1
                else:
                    entries.append((best, 1))
            for guess in guesses:
                if any(iou > threshold for _, _, iou in guess["met"]):
                    continue
                small = sum(n for one, n, _ in guess["met"] if one["size"] < SMALLEST)
                if (guess["void"] + small) / guess["size"] <= threshold:
                    entries.append((guess["score"], 0))
        if not has_object:
            result[index] = np.nan
        elif not has_prediction or not entries:
            result[index] = 0.0
        else:
            result[index] = _area(entries, missed)
    return result


def _area(entries, missed):
    points = []
    for score in sorted({score for score, _ in entries}):
        taken = [right for other, right in entries if other >= score]
        below = sum(right for other, right in entries if other < score)
        points.append((sum(taken) / len(taken), sum(taken) / (sum(taken) + below + missed)))
    precision = [p for p, _ in points] + [1.0]
    recall = [points[0][1], *(r for _, r in points), 0.0, 0.0]
    return sum(p * (recall[i] - recall[i + 2]) / 2 for i, p in enumerate(precision))


def evaluate(scans, classes):
    """AP, AP50 and AP25 by class, float64 `[len(classes)]` each.

    Args:
        scans: what `compare` gave of each.
        classes: those with instances.
    """
    table = [list(average_precision(scans, classes, t).values()) for t in THRESHOLDS]
    return np.mean(table[:-1], axis=0), np.array(table[0]), np.array(table[-1])
