"""Scores as values of JSON."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Arrays and tuples as lists, and NaN as None, all the way down.

    Example:
        >>> plain({"iou": np.array([0.5, np.nan]), "test": ("scan3",)})
        {'iou': [0.5, None], 'test': ['scan3']}
    """
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
