"""Means over classes of which some may have no value."""

import numpy as np


def mean_of_defined(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """The mean over the values that are not NaN; NaN only where there is none at all.

    Unlike `np.nanmean` it does not warn. What was left out is the caller's to report.
    """
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return ratio(total, defined.sum(axis=axis))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole` in float64, NaN where `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
