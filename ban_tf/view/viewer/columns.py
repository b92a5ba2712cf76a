"""Numbers of points as text that a page can carry: bytes that compress well, in base64."""

import base64
import dataclasses
import zlib

import numpy as np

_LEVEL = 6  # of zlib; more takes twice as long for a percent


@dataclasses.dataclass(frozen=True)
class Column:
    """How to read a column back.

    Args:
        name: of the column.
        width: bytes of a number: 1, 2 or 4.
        rows: N.
        components: D, numbers of a row.
        is_delta: each number is the step from the row before, folded: 0, -1, 1, -2 is 0, 1, 2, 3.
    """

    name: str
    width: int
    rows: int
    components: int
    is_delta: bool


class Columns:
    """Collects columns, and gives all of them as one text.

    The bytes are those of each column in turn; of a column component by component, each as all
    its lowest bytes, then the next. Neighbouring rows should be alike.

    Example:
        >>> columns = Columns()
        >>> columns.add("place", np.array([[3], [5], [4]], np.uint16), is_delta=True)
        >>> columns.described
        [Column(name='place', width=2, rows=3, components=1, is_delta=True)]
        >>> list(zlib.decompress(base64.b64decode(columns.text())))
        [6, 4, 1, 0, 0, 0]
    """

    def __init__(self) -> None:
        self.described: list[Column] = []
        self._parts: list[bytes] = []

    def add(self, name: str, values: np.ndarray, is_delta: bool = False) -> None:
        """Adds a column.

        Args:
            name: of the column.
            values: uint8, uint16 or uint32 `[N]` or `[N, D]`.
            is_delta: keep steps from row to row, for numbers that change little.

        Raises:
            TypeError: another dtype.
        """
        if values.dtype not in (np.uint8, np.uint16, np.uint32):
            raise TypeError(
                "`values` must be uint8, uint16 or uint32. "
                f"Received: values.dtype={values.dtype} for {name}"
            )
        table = values.reshape(len(values), -1)
        width = values.dtype.itemsize
        self.described.append(Column(name, width, *table.shape, is_delta))
        for component in table.T:
            numbers = np.ascontiguousarray(_folded(component) if is_delta else component)
            planes = numbers.astype(f"<u{width}").view(np.uint8).reshape(-1, width)
            self._parts.append(planes.T.tobytes())

    def text(self) -> str:
        """All columns, compressed as zlib does (`deflate` to a browser), in base64."""
        packed = zlib.compress(b"".join(self._parts), _LEVEL)
        return base64.b64encode(packed).decode("ascii")


def _folded(values: np.ndarray) -> np.ndarray:
    """Steps from the number before, the first from 0, small ones of either sign as small numbers.

    In the arithmetic of the type, which wraps around.
    """
    bits = 8 * values.dtype.itemsize
    step = np.diff(values, prepend=values.dtype.type(0))
    signed = step.astype(f"i{bits // 8}")
    return ((signed << 1) ^ (signed >> (bits - 1))).astype(values.dtype)


def narrow(values: np.ndarray) -> np.ndarray:
    """Whole numbers as the narrowest of uint8, uint16 and uint32 that holds them.

    Args:
        values: whole numbers, 0 to 2^32 - 1.

    Example:
        >>> narrow(np.array([0, 256])).dtype
        dtype('uint16')
    """
    most = int(values.max(initial=0))
    kind = next(kind for kind in (np.uint8, np.uint16, np.uint32) if most <= np.iinfo(kind).max)
    return values.astype(kind)
