"""Overlap of two labellings of the same points: the one home of contingency and IoU.

Labels are whole numbers of any size; `NONE` (-1) marks a point that a labelling leaves out. Only
pairs of labels that really meet are stored, so ten thousand instances against ten thousand cost
no more than the points they are made of.
"""

import dataclasses

import numpy as np

from ban_tf.config import NONE

_MANY_CELLS = 4  # a table of so many pairs per point costs more than it saves


@dataclasses.dataclass(frozen=True)
class Contingency:
    """How often the `A` labels of one array meet the `B` labels of another, in `S` pairs.

    Sizes count every point of a label, whether or not the other array labels that point.

    Attributes:
        first_labels: int64 `[A]`, the labels of the first array, ascending.
        second_labels: int64 `[B]`, the labels of the second array, ascending.
        first_sizes: int64 `[A]`, points of each label of the first array.
        second_sizes: int64 `[B]`, points of each label of the second array.
        first_code: int64 `[N]`, the index into `A` of every point, `NONE` where it has no label.
        second_code: int64 `[N]`, the index into `B` of every point, `NONE` where it has no label.
        first_index: int64 `[S]` into `A`; pairs are sorted by it, then by `second_index`.
        second_index: int64 `[S]` into `B`.
        count: int64 `[S]`, points of each pair, at least 1.
    """

    first_labels: np.ndarray
    second_labels: np.ndarray
    first_sizes: np.ndarray
    second_sizes: np.ndarray
    first_code: np.ndarray
    second_code: np.ndarray
    first_index: np.ndarray
    second_index: np.ndarray
    count: np.ndarray

    def union(self) -> np.ndarray:
        """int64 `[S]`: points that carry either label of each pair."""
        sizes = self.first_sizes[self.first_index] + self.second_sizes[self.second_index]
        return sizes - self.count

    def iou(self) -> np.ndarray:
        """float64 `[S]`: intersection over union of each pair, in (0, 1]."""
        return self.count / self.union()

    def dense_count(self) -> np.ndarray:
        """int64 `[A, B]`: the table with its zeros; meant for few labels."""
        table = np.zeros((len(self.first_labels), len(self.second_labels)), np.int64)
        table[self.first_index, self.second_index] = self.count
        return table

    def dense_iou(self) -> np.ndarray:
        """float64 `[A, B]`: IoU of every label with every other; meant for few labels."""
        table = np.zeros((len(self.first_labels), len(self.second_labels)))
        table[self.first_index, self.second_index] = self.iou()
        return table


def contingency(
    first: np.ndarray,
    second: np.ndarray,
    *,
    first_none: int | None = NONE,
    second_none: int | None = NONE,
    weight: np.ndarray | None = None,
) -> Contingency:
    """Counts how often each label of `first` meets each label of `second`.

    Args:
        first: whole numbers `[N]`.
        second: whole numbers `[N]`.
        first_none: the value of `first` that is no label; None if every value is one.
        second_none: the same for `second`.
        weight: int `[N]`, how many points each row stands for; None is one.

    Returns:
        The sparse table; empty arrays give an empty one.

    Raises:
        ValueError: the arrays are not one-dimensional or differ in length.

    Example:
        >>> table = contingency(np.array([3, 3, 8, -1]), np.array([0, 2, 2, 2]))
        >>> table.first_labels, table.second_labels
        (array([3, 8]), array([0, 2]))
        >>> table.dense_count().tolist()
        [[1, 1], [0, 1]]
    """
    if np.ndim(first) != 1 or np.shape(first) != np.shape(second):
        raise ValueError(
            "`first` and `second` must label the same points, one value each. "
            f"Received: first.shape={np.shape(first)}, second.shape={np.shape(second)}"
        )
    first = np.asarray(first).astype(np.int64, copy=False)
    second = np.asarray(second).astype(np.int64, copy=False)
    spans = [
        int(labels.max(initial=0)) - int(labels.min(initial=0)) + 1 for labels in (first, second)
    ]
    if spans[0] * spans[1] <= _MANY_CELLS * len(first):
        return _few_labels(first, second, first_none, second_none, weight)
    return _many_labels(first, second, first_none, second_none, weight)


def _count(codes: np.ndarray, length: int, weight: np.ndarray | None) -> np.ndarray:
    """int64 `[length]`: how often each code occurs; sums of weights are exact up to 2^53."""
    return np.bincount(codes, weight, length).astype(np.int64)


def _few_labels(
    first: np.ndarray,
    second: np.ndarray,
    first_none: int | None,
    second_none: int | None,
    weight: np.ndarray | None,
) -> Contingency:
    """Counts in a table of all pairs, in one pass; for labels that span little."""
    first_code, first_values = _shifted(first)
    second_code, second_values = _shifted(second)
    width = len(second_values)
    table = _count(first_code * width + second_code, len(first_values) * width, weight)
    table = table.reshape(-1, width)
    first_sizes, second_sizes = table.sum(axis=1), table.sum(axis=0)
    first_used = (first_sizes > 0) & (first_values != first_none)
    second_used = (second_sizes > 0) & (second_values != second_none)
    kept = table[np.ix_(first_used, second_used)]
    first_index, second_index = np.nonzero(kept)
    return Contingency(
        first_labels=first_values[first_used],
        second_labels=second_values[second_used],
        first_sizes=first_sizes[first_used],
        second_sizes=second_sizes[second_used],
        first_code=np.where(first_used, np.cumsum(first_used) - 1, NONE)[first_code],
        second_code=np.where(second_used, np.cumsum(second_used) - 1, NONE)[second_code],
        first_index=first_index,
        second_index=second_index,
        count=kept[first_index, second_index],
    )


def _shifted(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels counted from the lowest, and all values of their span."""
    lowest, highest = int(labels.min()), int(labels.max())
    return (labels - lowest if lowest else labels), np.arange(lowest, highest + 1)


def _many_labels(
    first: np.ndarray,
    second: np.ndarray,
    first_none: int | None,
    second_none: int | None,
    weight: np.ndarray | None,
) -> Contingency:
    """Counts the pairs that occur alone."""
    first_labels, first_code = _code(first, first_none)
    second_labels, second_code = _code(second, second_none)
    both = (first_code != NONE) & (second_code != NONE)
    width = max(len(second_labels), 1)
    pairs, pair_code = number(first_code[both] * width + second_code[both])
    first_index, second_index = np.divmod(pairs, width)
    sizes = []
    for labels, code in ((first_labels, first_code), (second_labels, second_code)):
        used = code != NONE
        sizes.append(_count(code[used], len(labels), None if weight is None else weight[used]))
    return Contingency(
        first_labels=first_labels,
        second_labels=second_labels,
        first_sizes=sizes[0],
        second_sizes=sizes[1],
        first_code=first_code,
        second_code=second_code,
        first_index=first_index,
        second_index=second_index,
        count=_count(pair_code, len(pairs), None if weight is None else weight[both]),
    )


def _code(labels: np.ndarray, none: int | None) -> tuple[np.ndarray, np.ndarray]:
    if none is None:
        return number(labels)
    code = np.full(len(labels), NONE, np.int64)
    used = labels != none
    distinct, code[used] = number(labels[used])
    return distinct, code


def number(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers the distinct keys from 0 in ascending order.

    Takes linear time where the keys span a range that is small for their number, as labels do.

    Args:
        keys: whole numbers `[N]`.

    Returns:
        The distinct keys, int64 `[A]` ascending, and int64 `[N]` indices into them.

    Example:
        >>> number(np.array([70, 5, 70]))
        (array([ 5, 70]), array([1, 0, 1]))
    """
    keys = np.asarray(keys).astype(np.int64, copy=False)
    if len(keys) == 0:
        return keys.copy(), keys.copy()
    lowest, highest = int(keys.min()), int(keys.max())
    if highest - lowest > 8 * len(keys) + 1024:
        return np.unique(keys, return_inverse=True)
    keys = keys - lowest
    seen = np.zeros(highest - lowest + 1, bool)
    seen[keys] = True
    return np.flatnonzero(seen) + lowest, (np.cumsum(seen) - 1)[keys]


def majority(
    group: np.ndarray, value: np.ndarray, num_groups: int, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent value of each group; ties go to the smallest value.

    Args:
        group: whole numbers `[N]` in [0, G); rows with `NONE` take no part.
        value: whole numbers `[N]`; rows with `NONE` take no part.
        num_groups: G.
        weight: int `[N]`, how often each row counts; None is once.

    Returns:
        int64 `[G]` values, `NONE` for a group without rows, and int64 `[G]` how often each occurs.

    Example:
        >>> majority(np.array([0, 0, 0, 2]), np.array([4, 7, 7, 9]), num_groups=3)
        (array([ 7, -1,  9]), array([2, 0, 1]))
    """
    table = contingency(group, value, weight=weight)
    order = np.lexsort((table.second_index, -table.count, table.first_index))
    group_of_pair = table.first_labels[table.first_index[order]]
    leads = np.flatnonzero(np.diff(group_of_pair, prepend=NONE))
    winner = order[leads]
    values = np.full(num_groups, NONE, np.int64)
    counts = np.zeros(num_groups, np.int64)
    values[group_of_pair[leads]] = table.second_labels[table.second_index[winner]]
    counts[group_of_pair[leads]] = table.count[winner]
    return values, counts


def check_labels(name: str, labels: np.ndarray, num_labels: int | None, none: bool) -> np.ndarray:
    """Returns `labels` as an array after checking that they are labels.

    Args:
        name: what to call the array in an error.
        labels: whole numbers `[N]`.
        num_labels: labels must be below this; None if there is no limit.
        none: whether `NONE` may occur.

    Raises:
        TypeError: the values are not whole numbers.
        ValueError: not one-dimensional, or a value out of range.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"`{name}` must hold whole numbers. Received: {name}.dtype={labels.dtype}")
    if labels.ndim != 1:
        raise ValueError(f"`{name}` must have shape [N]. Received: {name}.shape={labels.shape}")
    lowest = NONE if none else 0
    wrong = labels < lowest
    if num_labels is not None:
        wrong |= labels >= num_labels
    if wrong.any():
        row = int(np.argmax(wrong))
        upper = "" if num_labels is None else f" and below {num_labels}"
        raise ValueError(
            f"`{name}` must be at least {lowest}{upper}. Received: {name}[{row}]={labels[row]}"
        )
    return labels
