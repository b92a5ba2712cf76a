"""Scores as the text of cells: percent with one decimal, a dash where there is none."""

import math
from collections.abc import Mapping


def in_percent(fractions: Mapping[str, float]) -> dict[str, float]:
    """Scores by name, as the paper prints them.

    Example:
        >>> in_percent({"mCov": 0.5})
        {'mCov': 50.0}
    """
    return {name: 100 * fraction for name, fraction in fractions.items()}


def percent(value: float) -> str:
    """A score that is in percent; a dash if it is NaN.

    Example:
        >>> percent(52.14), percent(float("nan"))
        ('52.1', '-')
    """
    return "-" if math.isnan(value) else f"{value:.1f}"


def difference(points: float) -> str:
    """A difference of two scores that are in percent, with its sign; a dash if it is NaN.

    Example:
        >>> difference(1.5), difference(-0.26)
        ('+1.5', '-0.3')
    """
    return "-" if math.isnan(points) else f"{points:+.1f}"
