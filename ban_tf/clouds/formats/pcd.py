"""Scans in PCD files of the Point Cloud Library: ascii, binary and binary_compressed.

The header is read here, as everything that a damaged file can ask for stands in it: `pypcd4`, which
is kept, takes a body that ends too early for one with fewer points, makes room for whatever the
header says, and gives padding names that change from run to run. Bodies are NumPy's and `lzf`'s
(of `python-neo-lzf`, which `pypcd4` uses too).
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ban_tf.clouds.formats import bounds, pcd_bodies, rows, table
from ban_tf.clouds.formats.on_disk import OnDisk
from ban_tf.clouds.formats.raw_scan import RawScan, as_columns, columns_of, with_columns
from ban_tf.clouds.problems import UnreadableError

_KEYS = ("VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS")
_KINDS = {"F": "f", "U": "u", "I": "i"}
_LARGEST_HEADER = 2**16  # bytes
_MOST_COLUMNS = 4096
_PACKED = ("rgb", "rgba")  # four bytes: blue, green, red, alpha


@dataclasses.dataclass(frozen=True)
class Pcd:
    """A PCD file: its header as words by key, and its points, structured `[N]`.

    Padding (fields named `_`) is named `_0`, `_1` ... in `points`.
    """

    header: dict[str, list[str]]
    points: np.ndarray


def read(path: Path) -> RawScan:
    """Reads a PCD file of any of its three encodings.

    Raises:
        UnreadableError: it is damaged, lies, or has no coordinates; the message says where.
        ImportError: it is compressed and `lzf` is missing.
    """
    with path.open("rb") as file:
        header = _header(path, file.read(_LARGEST_HEADER))
        kind = _kind(path, header)
        count = _whole(path, header, "POINTS", 0, header["WIDTH"])
        encoding = header["DATA"][0]
        there = path.stat().st_size - int(header["size"][0])
        file.seek(int(header.pop("size")[0]))
        at_least = {
            "ascii": 2 * len(kind.names or ()),
            "binary": kind.itemsize,
            "binary_compressed": 0,
        }
        bounds.require_bytes(path, "POINTS", count, at_least[encoding], there)
        bounds.require_memory(path, count, kind.itemsize, "POINTS")
        if encoding == "ascii":
            points = pcd_bodies.of_text(path, file.read(), kind, count)
        elif encoding == "binary":
            points = np.frombuffer(file.read(count * kind.itemsize), kind, count)
        else:
            points = pcd_bodies.of_packed(path, file.read(), kind, count)
    about, problems = _about(path, header, count)
    colors = packed_colors(points)
    return table.scan_of(path, points, "FIELDS", colors, about, problems, Pcd(header, points))


def table_of(path: Path) -> tuple[dict[str, list[str]], OnDisk, dict[str, str], list[str]] | None:
    """The header of a binary file, its rows on disk, what it says, and what is odd; or None.

    Raises:
        UnreadableError: it is damaged, or lies.
    """
    with path.open("rb") as file:
        header = _header(path, file.read(_LARGEST_HEADER))
    start = int(header.pop("size")[0])
    if header["DATA"][0] != "binary":
        return None
    kind, count = _kind(path, header), _whole(path, header, "POINTS", 0, header["WIDTH"])
    bounds.require_bytes(path, "POINTS", count, kind.itemsize, path.stat().st_size - start)
    return header, OnDisk(path, kind, count, start), *_about(path, header, count)


def _about(
    path: Path, header: dict[str, list[str]], count: int
) -> tuple[dict[str, str], list[str]]:
    problems = []
    area = _whole(path, header, "WIDTH", 0) * _whole(path, header, "HEIGHT", 0, ["1"])
    if area != count:
        problems.append(f"WIDTH times HEIGHT is {area:,}, and POINTS {count:,}; the latter counts")
    return {"viewpoint": " ".join(header.get("VIEWPOINT", []))}, problems


def write(scan: RawScan, path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Writes a PCD file with further fields; one that was read keeps its encoding and header.

    Args:
        scan: as it was read.
        path: the file to write.
        added: `[N]` each, by name of the field.
    """
    native = scan.native
    if isinstance(native, Pcd):
        header, points = native.header, with_columns(native.points, added)
    else:
        points = with_columns(as_columns(columns_of(scan)), added)
        header = new_header(len(scan))
    with path.open("wb") as file:
        file.write(header_with(header, points.dtype, len(points)))
        if header["DATA"][0] == "binary":
            file.write(points.tobytes())
        elif header["DATA"][0] == "ascii":
            for start in range(0, len(points), rows.STEP):
                part = _flat(points[start : start + rows.STEP])
                columns = zip(*(map(_exact, part[name].tolist()) for name in part), strict=True)
                file.writelines(" ".join(row).encode() + b"\n" for row in columns)
        else:
            file.write(pcd_bodies.packed(points))


def new_header(count: int) -> dict[str, list[str]]:
    """Words of a binary file of so many points."""
    return {"DATA": ["binary"], "WIDTH": [str(count)], "HEIGHT": ["1"]}


def header_with(header: dict[str, list[str]], kind: np.dtype, count: int) -> bytes:
    """The header of a file with other fields.

    Args:
        header: as it was read, or `new_header`.
        kind: structured, of a point.
        count: number of points.
    """
    words = {
        "VERSION": header.get("VERSION", ["0.7"]),
        **_fields_of(header, kind),
        "WIDTH": header["WIDTH"],
        "HEIGHT": header.get("HEIGHT", ["1"]),
        "VIEWPOINT": header.get("VIEWPOINT", "0 0 0 1 0 0 0".split()),
        "POINTS": [str(count)],
        "DATA": header["DATA"],
    }
    return b"".join(f"{key} {' '.join(values)}\n".encode() for key, values in words.items())


def _header(path: Path, head: bytes) -> dict[str, list[str]]:
    """Words by key, and under `size` the bytes of the header."""
    found: dict[str, list[str]] = {}
    start = 0
    while (end := head.find(b"\n", start)) >= 0:
        line, start = head[start:end].strip(), end + 1
        if not line or line.startswith(b"#"):
            continue
        words = line.decode("ascii", errors="replace").split()
        key = "FIELDS" if words[0] == "COLUMNS" else words[0]
        if key not in (*_KEYS, "DATA"):
            raise UnreadableError(path, "header", f"has no line {words[0][:40]!r} in PCD files")
        if key in found or len(words) < 2:
            text = "stands there twice" if key in found else "has no value"
            raise UnreadableError(path, key, text)
        found[key] = words[1:]
        if key == "DATA":
            break
    missing = [key for key in ("FIELDS", "SIZE", "TYPE", "WIDTH", "DATA") if key not in found]
    if missing:
        raise UnreadableError(path, missing[0], "is missing in the header; is it a PCD file?")
    if found["DATA"][0] not in ("ascii", "binary", "binary_compressed"):
        raise UnreadableError(path, "DATA", f"is of an unknown encoding {found['DATA'][0][:40]!r}")
    found["size"] = [str(start)]
    return found


def _kind(path: Path, header: dict[str, list[str]]) -> np.dtype:
    names = [f"_{place}" if name == "_" else name for place, name in enumerate(header["FIELDS"])]
    counts = header.get("COUNT", ["1"] * len(names))
    if not len(names) == len(header["SIZE"]) == len(header["TYPE"]) == len(counts):
        raise UnreadableError(path, "FIELDS", "must have as many values as SIZE, TYPE and COUNT")
    if len(set(names)) < len(names):
        raise UnreadableError(path, "FIELDS", f"names one twice: {' '.join(names)[:200]}")
    kinds: list[tuple[str, np.dtype, tuple[int, ...]]] = []
    for name, size, letter, count in zip(
        names, header["SIZE"], header["TYPE"], counts, strict=True
    ):
        try:
            kind = np.dtype(f"<{_KINDS[letter]}{int(size)}")
            shape = () if int(count) == 1 else (int(count),)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableError(path, "TYPE", f"of {name} is none: {letter} {size}") from error
        if not 0 < int(count) <= _MOST_COLUMNS or len(kinds) > _MOST_COLUMNS:
            raise UnreadableError(path, "COUNT", f"of {name} must be from 1 to {_MOST_COLUMNS}")
        kinds.append((name, kind, shape))
    return np.dtype(kinds)


def _whole(
    path: Path, header: dict[str, list[str]], key: str, least: int, default: list[str] | None = None
) -> int:
    text = header.get(key, default or [""])[0]
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < least:
        raise UnreadableError(path, key, f"must be a whole number. Received: {text[:40]!r}")
    return int(text)


def _fields_of(header: dict[str, list[str]], kind: np.dtype) -> dict[str, list[str]]:
    """The four lines of the header that tell of fields; padding has its name again."""
    names = list(kind.names or ())
    own = header.get("FIELDS", [])
    bases = [kind[name].base for name in names]
    letters = {"f": "F", "u": "U", "i": "I"}
    is_padding = [place < len(own) and own[place] == "_" for place in range(len(names))]
    return {
        "FIELDS": ["_" if pad else name for name, pad in zip(names, is_padding, strict=True)],
        "SIZE": [str(base.itemsize) for base in bases],
        "TYPE": [letters[base.kind] for base in bases],
        "COUNT": [str(int(np.prod(kind[name].shape))) for name in names],
    }


def _flat(points: np.ndarray) -> dict[str, np.ndarray]:
    """Columns `[N]` by name, those of fields with several values one by one."""
    columns: dict[str, np.ndarray] = {}
    for name in points.dtype.names or ():
        values = points[name].reshape(len(points), -1)
        columns |= {f"{name} {place}": column for place, column in enumerate(values.T)}
    return columns


def _exact(value: float) -> str:
    """A number so that reading gives it back; float32 are given as float64, which is more."""
    return repr(value)


def packed_colors(points: np.ndarray) -> np.ndarray | None:
    """uint8 `[N, 3]` of a field of packed colours; None where there is none."""
    for name in points.dtype.names or ():
        if name.lower() in _PACKED and points.dtype[name].itemsize == 4:
            values = np.ascontiguousarray(points[name])
            return values.view(np.uint8).reshape(-1, 4)[:, 2::-1].copy()
    return None
