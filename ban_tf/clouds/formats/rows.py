"""Labels as text, one row per point."""

from collections.abc import Iterator, Mapping

import numpy as np

STEP = 1 << 17  # rows at a time, which bounds the memory of their text


def texts(columns: Mapping[str, np.ndarray]) -> Iterator[tuple[str, ...]]:
    """The values of each point as text: whole numbers as such, others with six digits.

    Args:
        columns: `[N]` each.

    Example:
        >>> list(texts({"semantic": np.array([3, -1]), "confidence": np.array([0.5, 0.25])}))
        [('3', '0.5'), ('-1', '0.25')]
    """
    yield from zip(*map(_texts, columns.values()), strict=True)


def _texts(values: np.ndarray) -> list[str]:
    if values.dtype.kind in "iub":
        return [str(int(value)) for value in values.tolist()]
    return [f"{value:.6g}" for value in values.tolist()]
