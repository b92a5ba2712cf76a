"""Means over classes of which some may have no value."""

import numpy as np


def mean_of_defined(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """The mean over the values that are not NaN; NaN only where there is none at all.

    Unlike `np.nanmean` it does not warn. What was left out is the caller's to report.

    Args:
        values: float64 of any shape.
        axis: the axis to go over; None for all.

    Returns:
        float64 of the shape without `axis`.

    Example:
        >>> float(mean_of_defined(np.array([1.0, np.nan, 3.0])))
        2.0
    """
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return ratio(total, defined.sum(axis=axis))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole` in float64, NaN where `whole` is 0.

    Args:
        part: numbers of the shape of `whole`.
        whole: numbers of any shape.

    Returns:
        float64 of that shape.

    Example:
        >>> ratio(np.array([1, 0]), np.array([2, 0])).tolist()
        [0.5, nan]
    """
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
