"""Scans in NPY and NPZ files: an array of points, or arrays by name."""

import lzma
import math
import shutil
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from ban_tf.clouds.formats import bounds, table
from ban_tf.clouds.formats.on_disk import OnDisk
from ban_tf.clouds.formats.raw_scan import RawScan, as_columns, columns_of, with_columns
from ban_tf.clouds.problems import UnreadableError

_XYZ = ("xyz", "points", "coord", "coords", "positions", "position")
_RGB = ("rgb", "colors", "color", "colours")
_DAMAGE = (
    ValueError, TypeError, OSError, EOFError, SyntaxError, MemoryError, OverflowError, KeyError,
    IndexError, RecursionError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error,
    lzma.LZMAError, tokenize.TokenError,
)  # fmt: skip
_LARGEST_HEADER = 10_000  # of an array, NumPy's own limit
_WIDTHS = (3, 4, 6, 7)  # of an array of points: coordinates, and what may follow


def read(path: Path) -> RawScan:
    """Reads an array of points (`.npy`), or several by name (`.npz`).

    An array `[N, 3]` has coordinates, `[N, 6]` colours behind them, `[N, 4]` and `[N, 7]` one more
    value between; a structured one has columns by name. In `.npz` coordinates are `xyz`, `points`,
    `coord` or `positions`, colours `rgb` or `colors`.

    Raises:
        UnreadableError: it is damaged, asks for too much memory, or has no coordinates.
    """
    try:
        return _read_archive(path) if path.suffix.lower() == ".npz" else _read_array(path)
    except UnreadableError:
        raise
    except _DAMAGE as error:
        told = str(error).split("\n")[0][:200] or type(error).__name__
        raise UnreadableError(path, "", f"is damaged or no NumPy file ({told})") from error


def _read_array(path: Path) -> RawScan:
    size = path.stat().st_size
    with path.open("rb") as file:
        array = _array(path, file, size, "array")
    if array.dtype.names is not None:
        return table.scan_of(path, array, "array", native=array)
    if array.ndim != 2 or array.shape[1] not in _WIDTHS or array.dtype.kind not in "iuf":
        raise UnreadableError(
            path, "array", f"must be [N, 3], [N, 4], [N, 6] or [N, 7] numbers: {array.shape}"
        )
    columns = unnamed(array, array.shape[1])
    return table.scan_of(path, columns, "array", native=array)


def table_of(path: Path) -> OnDisk | None:
    """The rows of an array of points on disk; None of one that is not in C's order, or no table.

    Raises:
        UnreadableError: it is damaged.
    """
    try:
        with path.open("rb") as file:
            kind, shape, is_fortran = _header(path, file, path.stat().st_size, "array")
            start = file.tell()
    except UnreadableError:
        raise
    except _DAMAGE as error:
        told = str(error).split("\n")[0][:200] or type(error).__name__
        raise UnreadableError(path, "", f"is damaged or no NumPy file ({told})") from error
    bounds.require_bytes(
        path, "array", math.prod(shape), kind.itemsize, path.stat().st_size - start
    )
    count = shape[0] if shape else 0
    if kind.names is not None and len(shape) == 1:
        return OnDisk(path, kind, count, start)
    is_table = len(shape) == 2 and shape[1] in _WIDTHS and kind.kind in "iuf" and not is_fortran
    return OnDisk(path, np.dtype((kind, (shape[1],))), count, start) if is_table else None


def unnamed(values: np.ndarray, width: int) -> dict[str, np.ndarray]:
    """Columns by name of `[N, 3]`, `[N, 4]`, `[N, 6]` or `[N, 7]` points.

    Example:
        >>> list(unnamed(np.zeros((1, 7)), 7))
        ['x', 'y', 'z', 'intensity', 'red', 'green', 'blue']
    """
    names = ["x", "y", "z"]
    names += ["intensity"] if width in (4, 7) else []
    names += ["red", "green", "blue"] if width in (6, 7) else []
    return dict(zip(names, values.T, strict=True))


def _read_archive(path: Path) -> RawScan:
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
        needed = sum(one.file_size for one in members)
        bounds.require_memory(path, 1, needed, f"{len(members)} arrays")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise UnreadableError(path, name, "is there twice")
            with archive.open(member) as file:
                arrays[name] = _array(path, file, member.file_size, name)
    named = {name.lower(): name for name in reversed(arrays)}
    xyz_name = next((named[name] for name in _XYZ if name in named), None)
    if xyz_name is None:
        return table.scan_of(path, _columns(arrays), "arrays", native=arrays)
    xyz = arrays[xyz_name]
    if xyz.ndim != 2 or xyz.shape[1] < 3 or xyz.dtype.kind not in "iuf":
        raise UnreadableError(path, xyz_name, f"must be [N, 3] numbers. Received: {xyz.shape}")
    rgb_name = next((named[name] for name in _RGB if name in named), None)
    colors = None
    if rgb_name is not None and arrays[rgb_name].shape[:1] == xyz.shape[:1]:
        colors = arrays[rgb_name]
        if colors.ndim != 2 or colors.shape[1] < 3 or colors.dtype.kind not in "iuf":
            raise UnreadableError(path, rgb_name, f"must be [N, 3] numbers: {colors.shape}")
        colors = colors[:, :3]
    table.require_points(path, xyz_name, xyz[:, :3].astype(np.float64))
    fields = {
        name: values
        for name, values in arrays.items()
        if name not in (xyz_name, rgb_name)
        and values.shape[:1] == xyz.shape[:1]
        and values.dtype.kind in "iufb"
        and values.ndim <= 2
    }
    return RawScan(path, xyz[:, :3].astype(np.float64), colors, fields, native=arrays)


def _columns(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those arrays that can be columns of a scan."""
    columns = {name: values for name, values in arrays.items() if values.ndim == 1}
    length = max((len(values) for values in columns.values()), default=0)
    return {
        name: values
        for name, values in columns.items()
        if len(values) == length and values.dtype.kind in "iufb"
    }


def _array(path: Path, file: IO[bytes], size: int, name: str) -> np.ndarray:
    """One array, after its header was held against the bytes that are there."""
    kind, shape, is_fortran = _header(path, file, size, name)
    count = math.prod(shape)
    bounds.require_memory(path, 1, count * kind.itemsize, name)
    raw = file.read(count * kind.itemsize)
    if len(raw) < count * kind.itemsize:
        raise UnreadableError(path, name, "is cut off")
    flat = np.frombuffer(raw, kind, count)
    return flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)


def _header(
    path: Path, file: IO[bytes], size: int, name: str
) -> tuple[np.dtype, tuple[int, ...], bool]:
    """Type, shape and order of an array."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
        (3, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise UnreadableError(path, name, f"is of NumPy's format {version}, which is unknown")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a header that Python 2 wrote
        shape, is_fortran, kind = readers[version](file, max_header_size=_LARGEST_HEADER)
    if kind.hasobject:
        raise UnreadableError(path, name, "holds Python objects, which are not loaded: a risk")
    count = 1
    for length in shape:
        if length < 0:
            raise UnreadableError(path, name, f"has the shape {shape}")
        count *= length
    bounds.require_bytes(path, name, count, kind.itemsize, size)
    if kind.itemsize == 0 or len(shape) > 8:
        raise UnreadableError(path, name, f"has no values: {kind}, {shape}")
    return kind, shape, is_fortran


def write(scan: RawScan, path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Writes an NPZ file of arrays, or an NPY file of one structured array.

    A scan that was read from an NPZ file keeps all members of the file.

    Args:
        scan: as it was read.
        path: the file to write.
        added: `[N]` each, by name of the array.
    """
    if path.suffix.lower() == ".npy":
        own = scan.native
        if not isinstance(own, np.ndarray) or own.dtype.names is None:
            own = as_columns(columns_of(scan))
        with path.open("wb") as file:
            np.save(file, with_columns(own, added), allow_pickle=False)
        return
    if isinstance(scan.native, dict):
        _copy_archive(scan.path, path, added)
        return
    arrays = {"xyz": scan.xyz, **({} if scan.colors is None else {"rgb": scan.colors})}
    arrays |= {name: values for name, values in scan.fields.items() if name not in arrays}
    with path.open("wb") as file:
        np.savez(file, **{**arrays, **added})  # type: ignore[arg-type]


def _copy_archive(source: Path, path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Every member as it was, but those that are replaced; what is new is packed like the first."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        members = old.infolist()
        for member in members:
            if member.filename.removesuffix(".npy") not in added:
                with old.open(member) as reader, _member(new, member.filename, member) as file:
                    shutil.copyfileobj(reader, file)
        for name, values in added.items():
            with _member(new, f"{name}.npy", members[0]) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)


def _member(archive: zipfile.ZipFile, name: str, like: zipfile.ZipInfo) -> IO[bytes]:
    info = zipfile.ZipInfo(name, like.date_time)
    info.compress_type, info.external_attr = like.compress_type, like.external_attr
    return archive.open(info, "w", force_zip64=True)
