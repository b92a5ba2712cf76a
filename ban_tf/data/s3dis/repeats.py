"""Finds annotation files that repeat another one of their room, such as `wall_3 (1).txt`."""

import re
from pathlib import Path

import numpy as np

_COPY = re.compile(r"(?P<original>.+?) ?\(\d+\)")
# Odd, so that multiplying loses nothing; one per column (the first digits of pi in hexadecimal).
_FACTORS = np.array(
    [
        0x243F6A8885A308D3, 0x13198A2E03707345, 0xA4093822299F31D1,
        0x082EFA98EC4E6C89, 0x452821E638D01377, 0xBE5466CF34E90C6D,
    ],
    np.uint64,
)  # fmt: skip


class Kept:
    """The files of a room that are kept, in order, and their rows.

    Rows are compared by codes of 64 bits, one for every row, which are made once for a file, and
    only where another has as many rows. A file that seems to repeat another is compared exactly.

    Example:
        >>> kept, rows = Kept(), np.arange(12.0).reshape(2, 6)
        >>> kept.add(Path("wall_3.txt"), rows)
        >>> kept.original_of(Path("wall_3 (1).txt"), rows[::-1]).name
        'wall_3.txt'
        >>> kept.original_of(Path("wall_4.txt"), rows + 1) is None
        True
    """

    def __init__(self) -> None:
        self.rows: dict[Path, np.ndarray] = {}
        self._by_stem: dict[str, list[Path]] = {}
        self._by_length: dict[int, list[Path]] = {}
        self._uncoded: dict[int, list[Path]] = {}
        self._codes: dict[Path, np.ndarray] = {}
        self._by_codes: dict[bytes, Path] = {}

    def add(self, file: Path, rows: np.ndarray) -> None:
        """Keeps a file with its float64 `[N, C]` rows."""
        self.rows[file] = rows
        self._by_stem.setdefault(file.stem, []).append(file)
        self._by_length.setdefault(len(rows), []).append(file)
        self._uncoded.setdefault(len(rows), []).append(file)

    def original_of(self, file: Path, rows: np.ndarray) -> Path | None:
        """The kept file in which all rows of this one occur, if there is one.

        Only files with as many rows count, and, for a file named `X (n)`, those named `X`.

        Args:
            file: not kept so far.
            rows: float64 `[N, C]`.
        """
        copy = _COPY.fullmatch(file.stem)
        candidates = list(self._by_stem.get(copy["original"], [])) if copy else []
        candidates += self._alike(file, rows)
        own = _row_set(rows) if candidates else set()
        return next((other for other in candidates if own <= _row_set(self.rows[other])), None)

    def _alike(self, file: Path, rows: np.ndarray) -> list[Path]:
        """Files with as many rows that seem to hold all of these."""
        others = self._by_length.get(len(rows), [])
        if not others:
            return []
        for other in self._uncoded.pop(len(rows), []):
            if other not in self._codes:
                self._codes[other] = _row_codes(self.rows[other])
            self._by_codes.setdefault(self._codes[other].tobytes(), other)
        codes = self._codes[file] = _row_codes(rows)
        if len(codes) == len(rows):  # then a file with as many rows holds these and no others
            found = self._by_codes.get(codes.tobytes())
            return [] if found is None else [found]
        return [other for other in others if _holds(self._codes[other], codes)]


def _row_codes(rows: np.ndarray) -> np.ndarray:
    """uint64 `[M]`, ascending: a code for every distinct row."""
    words = np.ascontiguousarray(rows, np.float64).view(np.uint64) * _FACTORS[: rows.shape[1]]
    mixed = (words ^ (words >> np.uint64(29))) * _FACTORS[0]
    return np.unique(mixed.sum(axis=1, dtype=np.uint64) ^ (mixed[:, 0] >> np.uint64(31)))


def _holds(codes: np.ndarray, others: np.ndarray) -> bool:
    """Whether ascending `codes` contain all of `others`; most that do not lack the first."""
    place = min(int(np.searchsorted(codes, others[0])), len(codes) - 1)
    return codes[place] == others[0] and bool(np.isin(others, codes, assume_unique=True).all())


def _row_set(rows: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in rows}
