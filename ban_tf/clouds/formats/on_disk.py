"""Arrays that stay in files and are read slice by slice: what is too large for the memory."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

STEP = 1 << 19  # points at a time


class Column(Protocol):
    """What writers take of each point: a NumPy array, or what gives slices of one."""

    @property
    def dtype(self) -> np.dtype: ...

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> np.ndarray: ...


class OnDisk:
    """Rows of one type in a file, one after another.

    Args:
        path: the file; it need not exist while there are no rows.
        dtype: of a row, which may be structured.
        count: number of rows; None takes all that the file has.
        offset: of the first row, in bytes.

    Example:
        >>> import tempfile
        >>> rows = OnDisk(Path(tempfile.mkdtemp()) / "numbers", np.dtype("i4"))
        >>> rows.append(np.arange(5))
        >>> len(rows), rows[1:3]
        (5, array([1, 2], dtype=int32))
    """

    def __init__(
        self, path: Path, dtype: np.dtype, count: int | None = None, offset: int = 0
    ) -> None:
        self.path = path
        self._dtype = np.dtype(dtype)
        self._offset = offset
        self._count = count

    @property
    def dtype(self) -> np.dtype:
        """Of a row."""
        return self._dtype

    @property
    def end(self) -> int:
        """Of the rows, in bytes from the beginning of the file."""
        return self._offset + len(self) * self._dtype.itemsize

    def __len__(self) -> int:
        if self._count is not None:
            return self._count
        size = self.path.stat().st_size if self.path.exists() else self._offset
        return (size - self._offset) // self._dtype.itemsize

    def __getitem__(self, part: slice, /) -> np.ndarray:
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError(f"rows on disk are read one after another. Received: step={step}")
        count = max(stop - start, 0)
        if not count:
            return np.empty(0, self._dtype)
        size = self._dtype.itemsize
        with self.path.open("rb") as file:
            file.seek(self._offset + start * size)
            rows = np.empty(count, self._dtype)
            if file.readinto(rows.view(np.uint8).data.cast("B")) != count * size:
                raise OSError(f"{self.path} has become shorter while it was read.")
        return rows

    def slices(self, step: int = STEP) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the number of the first row, and rows, at most `step` at a time."""
        for start in range(0, len(self), step):
            yield start, self[start : start + step]

    def append(self, rows: np.ndarray) -> None:
        """Writes rows behind those that are there, as of this type."""
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(rows, self._dtype).data.cast("B") if len(rows) else b"")

    def truncate(self, count: int) -> None:
        """Forgets all rows but the first."""
        if self.path.exists():
            os.truncate(self.path, self._offset + count * self._dtype.itemsize)


class Derived:
    """A column that is computed from slices of another.

    Args:
        of: the other.
        dtype: of what is computed.
        compute: from a slice `[n]` to `[n]`.
    """

    def __init__(
        self, of: Column, dtype: np.dtype, compute: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self._of, self._dtype, self._compute = of, np.dtype(dtype), compute

    @property
    def dtype(self) -> np.dtype:
        """Of a row."""
        return self._dtype

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, part: slice, /) -> np.ndarray:
        return self._compute(self._of[part]).astype(self._dtype, copy=False)
