"""When two sets of scores are the same."""

import dataclasses
from typing import Any

import numpy as np


def same(first: Any, second: object) -> bool:
    """Whether two instances of one dataclass hold the same values; NaN is the same as NaN.

    Example:
        >>> from ban_tf.metrics.semantic import ConfusionMatrix
        >>> ConfusionMatrix(2).scores() == ConfusionMatrix(2).scores()  # all NaN
        True
    """
    names = [field.name for field in dataclasses.fields(first)]
    return type(first) is type(second) and all(
        _same(getattr(first, name), getattr(second, name)) for name in names
    )


def _same(first: Any, second: Any) -> bool:
    numbers = isinstance(first, np.ndarray | float)
    return np.array_equal(first, second, equal_nan=True) if numbers else first == second
