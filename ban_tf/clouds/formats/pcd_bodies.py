"""Points of PCD files as text, and packed by LZF."""

import struct
from pathlib import Path

import numpy as np

from ban_tf.clouds.formats import extras
from ban_tf.clouds.problems import UnreadableError


def of_text(path: Path, body: bytes, kind: np.dtype, count: int) -> np.ndarray:
    """Structured `[N]` of rows of numbers; UnreadableError for other or too few rows."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) < count:
        raise UnreadableError(path, "POINTS", f"says {count:,}, and there are {len(lines):,} rows")
    flat = [(name, kind[name].base, int(np.prod(kind[name].shape))) for name in kind.names or ()]
    width = sum(size for _, _, size in flat)
    if width == 0 or count == 0:
        raise UnreadableError(path, "POINTS", "is 0: there is no point")
    values = rows_of_numbers(path, lines[:count], width)
    points, start = np.empty(count, kind), 0
    for name, base, size in flat:
        part = values[:, start : start + size]
        points[name] = _typed(path, name, part, base).reshape(points[name].shape)
        start += size
    return points


def rows_of_numbers(path: Path, lines: list[bytes], width: int) -> np.ndarray:
    """float64 `[N, width]` of rows of numbers between blanks.

    Raises:
        UnreadableError: a word, or another number of them; the message has the row, from 1.
    """
    try:
        return np.loadtxt(lines, ndmin=2, comments=None, encoding="latin-1").reshape(-1, width)
    except ValueError as error:
        for row, line in enumerate(lines, start=1):
            words = line.split()
            wrong = [word for word in words if not _is_number(word)]
            if wrong or len(words) != width:
                word = wrong[0][:40].decode(errors="replace") if wrong else ""
                told = f"{word!r} is no number" if wrong else f"{len(words)} values, not {width}"
                raise UnreadableError(path, f"row {row}", told) from error
        raise UnreadableError(path, "rows", str(error)) from error


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _typed(path: Path, name: str, values: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Numbers in their type; packed colours are written as floats whose bytes they are."""
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    within = (values >= limits.min) & (values <= limits.max) & (values == np.floor(values))
    if not within.all():
        row = int(np.argmin(within.all(axis=1)))
        raise UnreadableError(path, f"row {row + 1}", f"{name} must be of {kind}: {values[row]}")
    return values.astype(kind)


def of_packed(path: Path, body: bytes, kind: np.dtype, count: int) -> np.ndarray:
    """Structured `[N]` of packed columns; UnreadableError where they are damaged."""
    size = count * kind.itemsize
    if len(body) < 8:
        raise UnreadableError(path, "DATA", "ends too early")
    packed, unpacked = struct.unpack("<II", body[:8])
    if unpacked != size:
        text = f"unpacks to {unpacked:,} bytes, and {count:,} points take {size:,}"
        raise UnreadableError(path, "DATA", text)
    if packed > len(body) - 8:
        raise UnreadableError(path, "DATA", f"has {len(body) - 8:,} of {packed:,} bytes")
    lzf = extras.load("lzf", "scans", "Compressed PCD files")
    try:
        raw = lzf.decompress(body[8 : 8 + packed], size) if size else b""
    except ValueError as error:
        raise UnreadableError(path, "DATA", "is damaged: it cannot be unpacked") from error
    if raw is None or len(raw) != size:
        raise UnreadableError(path, "DATA", "is damaged: it unpacks to another size")
    points, start = np.empty(count, kind), 0
    for name in kind.names or ():
        size = count * kind[name].itemsize
        points[name] = np.frombuffer(raw[start : start + size], kind[name])
        start += size
    return points


def packed(points: np.ndarray) -> bytes:
    """The columns of points, packed; ImportError where `lzf` is missing."""
    lzf = extras.load("lzf", "scans", "Compressed PCD files")
    raw = b"".join(
        np.ascontiguousarray(points[name]).tobytes() for name in points.dtype.names or ()
    )
    body = lzf.compress(raw, len(raw) + len(raw) // 16 + 64)
    return struct.pack("<II", len(body), len(raw)) + body
