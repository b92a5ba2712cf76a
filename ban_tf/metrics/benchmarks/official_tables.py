"""The layout that benchmarks share: a line per class, the means below, in percent."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ban_tf.metrics import cells
from ban_tf.metrics.layout import Table


def per_class(
    title: str,
    class_names: Sequence[str],
    scores: Mapping[str, np.ndarray],
    means: Iterable[float],
    notes: Sequence[str] = (),
) -> Table:
    """Scores of classes by name, as a table.

    Args:
        title: heading.
        class_names: C names.
        scores: float64 `[C]` by name, fractions.
        means: one fraction for each of `scores`.
        notes: sentences below the table.

    Example:
        >>> scores = {"IoU": np.array([0.5, np.nan])}
        >>> per_class("Test", ["wall", "chair"], scores, [0.5]).rows
        (('wall', '50.0'), ('chair', '-'), ('mean', '50.0'))
    """
    rows = [
        (name, *(cells.percent(100 * float(values[index])) for values in scores.values()))
        for index, name in enumerate(class_names)
    ]
    mean = ("mean", *(cells.percent(100 * value) for value in means))
    return Table(title, ("Class", *scores), 1, (*rows, mean), notes=tuple(notes))


def means(title: str, scores: Mapping[str, float]) -> Table:
    """Scores by name, fractions, as a table of one line.

    Example:
        >>> means("Test", {"mIoU": 0.5}).rows
        (('this run', '50.0'),)
    """
    row = ("this run", *(cells.percent(100 * value) for value in scores.values()))
    return Table(title, ("", *scores), 1, (row,))
