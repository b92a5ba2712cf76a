"""What benchmarks count of one cloud: objects, predictions, and the points that they share."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE


@dataclasses.dataclass(frozen=True)
class Proposals:
    """`A` objects and `G` predictions, of which `S` pairs of one class meet.

    Attributes:
        truth_class: int64 `[A]`.
        truth_size: int64 `[A]`, points.
        predicted_class: int64 `[G]`.
        predicted_size: int64 `[G]`, points.
        predicted_void: int64 `[G]`, those of them that are void.
        score: float64 `[G]`; None if the predictions have none.
        truth_index: int64 `[S]` into `A`; pairs are sorted by it, then by `predicted_index`.
        predicted_index: int64 `[S]` into `G`.
        count: int64 `[S]`, points that the pair shares.
    """

    truth_class: np.ndarray
    truth_size: np.ndarray
    predicted_class: np.ndarray
    predicted_size: np.ndarray
    predicted_void: np.ndarray
    score: np.ndarray | None
    truth_index: np.ndarray
    predicted_index: np.ndarray
    count: np.ndarray


@dataclasses.dataclass(frozen=True)
class Truth:
    """The objects of a cloud of `N` points.

    Attributes:
        code: int64 `[N]`, the object of each point, `NONE` for points of none.
        classes: int64 `[A]`, the class of each object.
        sizes: int64 `[A]`.
        void: bool `[N]`, points on which it does not matter what is predicted.
    """

    code: np.ndarray
    classes: np.ndarray
    sizes: np.ndarray
    void: np.ndarray


def truth_of(semantic: np.ndarray, instance: np.ndarray, void: np.ndarray) -> Truth:
    """Objects: all points of one class and one instance that are not void.

    Args:
        semantic: int `[N]`, at least 0 where not void.
        instance: int `[N]`; `NONE` belongs to no object.
        void: bool `[N]`.

    Example:
        >>> none = np.zeros(3, bool)
        >>> truth_of(np.array([4, 4, 2]), np.array([0, -1, 0]), none).classes
        array([2, 4])
    """
    width = int(instance.max(initial=0)) + 1
    key = semantic.astype(np.int64) * width + instance
    key[void | (instance == NONE)] = NONE
    keys, code = overlap.number(key)
    if len(keys) and keys[0] == NONE:
        keys, code = keys[1:], code - 1  # which is `NONE` where the key was
    sizes = np.bincount(code + 1, minlength=len(keys) + 1)[1:]
    return Truth(code, keys // width, sizes, void)


def of_labels(
    truth: Truth,
    predicted_semantic: np.ndarray,
    predicted_instance: np.ndarray,
    score: np.ndarray | None,
) -> Proposals:
    """Predictions that do not overlap, each of the most frequent class of its points.

    Args:
        truth: the objects of the same `N` points.
        predicted_semantic: int `[N]`.
        predicted_instance: int `[N]` in [-1, G).
        score: float64 `[G]` or more, by instance; None if there is none.
    """
    table = overlap.contingency(truth.code, predicted_instance)
    num_predicted = len(table.second_labels)
    classes, _ = overlap.majority(table.second_code, predicted_semantic, num_predicted)
    void = table.second_code[truth.void]
    return _same_class(
        truth,
        classes,
        sizes=table.second_sizes,
        void=np.bincount(void[void != NONE], minlength=num_predicted),
        score=None if score is None else score[table.second_labels],
        pairs=(table.first_labels[table.first_index], table.second_index, table.count),
    )


def of_masks(
    truth: Truth,
    masks: Sequence[np.ndarray] | np.ndarray,
    classes: np.ndarray,
    score: np.ndarray | None,
) -> Proposals:
    """Predictions as masks, which may overlap.

    Args:
        truth: the objects of `N` points.
        masks: G times bool `[N]`.
        classes: int `[G]`.
        score: float `[G]`; None if there is none.

    Raises:
        ValueError: not one mask, class and score each, or masks of other points.
    """
    classes = np.asarray(classes, np.int64)
    lengths = {len(masks), len(classes)} | ({len(score)} if score is not None else set())
    wrong = {np.shape(mask) for mask in masks} - {truth.code.shape}
    if len(lengths) != 1 or wrong:
        raise ValueError(
            "predictions must have one mask, class and score each, and masks one value per point. "
            f"Received: {len(masks)} masks of shapes {sorted(wrong) or truth.code.shape}, "
            f"{len(classes)} classes, "
            f"{'no' if score is None else len(score)} scores, {len(truth.code)} points"
        )
    num_truth = len(truth.classes)
    sizes, void = np.zeros((2, len(masks)), np.int64)
    counts = np.zeros((len(masks), num_truth), np.int64)
    for row, mask in enumerate(masks):
        points = np.flatnonzero(mask)
        sizes[row], void[row] = len(points), np.count_nonzero(truth.void[points])
        code = truth.code[points]
        counts[row] = np.bincount(code[code != NONE], minlength=num_truth)
    first, second = np.nonzero(counts.T)
    scores = None if score is None else np.asarray(score, np.float64)
    return _same_class(truth, classes, sizes, void, scores, (first, second, counts[second, first]))


def _same_class(
    truth: Truth,
    classes: np.ndarray,
    sizes: np.ndarray,
    void: np.ndarray,
    score: np.ndarray | None,
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Proposals:
    first, second, count = pairs
    same = truth.classes[first] == classes[second]
    return Proposals(
        truth_class=truth.classes,
        truth_size=truth.sizes,
        predicted_class=classes,
        predicted_size=sizes,
        predicted_void=void,
        score=score,
        truth_index=first[same],
        predicted_index=second[same],
        count=count[same],
    )


def joined(clouds: Sequence[Proposals]) -> Proposals:
    """All clouds as one; scores are None as soon as predictions of one have none."""
    first = np.cumsum([0, *(len(cloud.truth_class) for cloud in clouds)])
    second = np.cumsum([0, *(len(cloud.predicted_class) for cloud in clouds)])

    def together(name: str, offsets: np.ndarray | None = None) -> np.ndarray:
        parts = [getattr(cloud, name) for cloud in clouds]
        if offsets is not None:
            parts = [part + offset for part, offset in zip(parts, offsets, strict=False)]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    scored = all(cloud.score is not None or not len(cloud.predicted_class) for cloud in clouds)
    scores = [cloud.score for cloud in clouds if cloud.score is not None]
    return Proposals(
        truth_class=together("truth_class"),
        truth_size=together("truth_size"),
        predicted_class=together("predicted_class"),
        predicted_size=together("predicted_size"),
        predicted_void=together("predicted_void"),
        score=np.concatenate([np.zeros(0), *scores]) if scored else None,
        truth_index=together("truth_index", first),
        predicted_index=together("predicted_index", second),
        count=together("count"),
    )


def only(found: Proposals, kept: np.ndarray) -> Proposals:
    """The same without some predictions.

    Args:
        found: `G` predictions.
        kept: bool `[G]`.
    """
    number = np.cumsum(kept) - 1
    pairs = kept[found.predicted_index]
    return dataclasses.replace(
        found,
        predicted_class=found.predicted_class[kept],
        predicted_size=found.predicted_size[kept],
        predicted_void=found.predicted_void[kept],
        score=None if found.score is None else found.score[kept],
        truth_index=found.truth_index[pairs],
        predicted_index=number[found.predicted_index[pairs]],
        count=found.count[pairs],
    )
