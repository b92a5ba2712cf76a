"""Scans in LAS and LAZ files, by `laspy`: all dimensions, VLRs, scale and offset are kept.

`laspy` makes room for what a header says before it looks, so what the header says is held against
the size of the file first.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ban_tf import stderr
from ban_tf.clouds.formats import extras, las_codes, las_header, laz_chunks
from ban_tf.clouds.formats.raw_scan import LABELS, RawScan
from ban_tf.clouds.formats.table import require_points
from ban_tf.clouds.problems import UnreadableError

_STEP = 1_000_000  # points at a time
_SCALE_M = 0.0001
_TOTAL = 2**31 - 1  # steps of the scale that LAS can count


def read(path: Path) -> RawScan:
    """Reads a LAS or LAZ file.

    Raises:
        UnreadableError: it is damaged, of an unknown version, or says what cannot be.
        ImportError: laspy is missing.
    """
    las_header.check(path)
    laspy = extras.load("laspy", "scans", "LAS and LAZ files")
    with faults(path):
        las = _points(laspy, path)
        scan = scan_of(path, las)
    require_points(path, "points", scan.xyz)
    return scan


@contextlib.contextmanager
def faults(path: Path) -> Iterator[None]:
    """Makes what the libraries raise of a damaged file an UnreadableError."""
    try:
        yield
    except (UnreadableError, GeneratorExit):
        raise
    except BaseException as error:
        if not _is_fault_of_file(error):
            raise
        told = str(error) or type(error).__name__
        raise UnreadableError(path, "points", f"cannot be read ({told[:200]})") from error


def without_panic() -> contextlib.AbstractContextManager[None]:
    """Keeps what a Rust library that panics writes out of stderr: its error tells the same."""
    return stderr.caught(lambda text, is_well: text if is_well or "panicked" not in text else "")


def _is_fault_of_file(error: BaseException) -> bool:
    """Whether a library stumbled over the file; its Rust panics are no `Exception`."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return "PanicException" in names or (
        isinstance(error, Exception) and not isinstance(error, ImportError)
    )


@contextlib.contextmanager
def opened(laspy: ModuleType, path: Path) -> Iterator[Any]:
    """The reader of a file, whose chunks were held against its size."""
    # One thread: the parallel reader takes the chunk table's word for how much room it needs.
    with without_panic():
        reader = laspy.open(path, laz_backend=laspy.LazBackend.Lazrs)
    with reader:
        header = reader.header
        if header.are_points_compressed and header.point_count:
            record = header.vlrs.get("LasZipVlr")[0].record_data
            lazrs = extras.load("lazrs", "scans", "LAZ files")
            with without_panic():
                laz_chunks.check(
                    path, lazrs, record, header.offset_to_point_data, header.point_count
                )
        yield reader


def _points(laspy: ModuleType, path: Path) -> Any:
    """The file as laspy has it, points read step by step into one array."""
    with opened(laspy, path) as reader:
        header = reader.header
        count = header.point_count
        points = np.zeros(count, header.point_format.dtype())  # which takes memory as it is filled
        done = 0
        while done < count:
            with without_panic():
                part = reader.read_points(_STEP).array
            if not len(part):
                break
            points[done : done + len(part)] = part
            done += len(part)
        if done < count:
            raise UnreadableError(path, "points", f"there are {done:,} of {count:,}: it is cut off")
    own = laspy.ScaleAwarePointRecord(
        points, header.point_format, scales=header.scales, offsets=header.offsets
    )
    return laspy.LasData(header, own)


def scan_of(path: Path, las: Any, is_light: bool = False) -> RawScan:
    """The points of a file, or of a part of it.

    Args:
        path: of the file.
        las: laspy's `LasData`.
        is_light: whether it is a part, whose scan is not written again.

    Raises:
        UnreadableError: scales or offsets are none.
    """
    header = las.header
    if not (np.isfinite(header.scales).all() and np.isfinite(header.offsets).all()):
        raise UnreadableError(path, "scale and offset", f"{header.scales}, {header.offsets}")
    names = list(las.point_format.dimension_names)
    colors = None
    if {"red", "green", "blue"} <= set(names):
        colors = np.stack([np.asarray(las[name]) for name in ("red", "green", "blue")], axis=1)
    left = {"X", "Y", "Z", "red", "green", "blue"}
    fields = {name: np.asarray(las[name]) for name in names if name not in left}
    about = {"scale": str(header.scales.tolist()), "offset": str(header.offsets.tolist())}
    crs = _crs(header)
    about["unit"] = _unit(crs)
    if crs:
        about["crs"] = crs
    with np.errstate(over="ignore", invalid="ignore"):  # of scales that are none
        xyz = np.array(las.xyz, np.float64)
    return RawScan(path, xyz, colors, fields, about, (), None if is_light else las)


def _crs(header: Any) -> str:
    """What the VLRs say of the coordinates' system: a text of the OGC, or GeoTIFF's own."""
    for vlr in [*header.vlrs, *(header.evlrs or [])]:
        text = getattr(vlr, "string", "")
        if type(vlr).__name__ == "WktCoordinateSystemVlr" and text:
            return str(text).strip("\0 ")
        if type(vlr).__name__ == "GeoAsciiParamsVlr":
            return " ".join(getattr(vlr, "strings", [])).strip("\0 |")
    return ""


def _unit(crs: str) -> str:
    """Of a system of coordinates, metres where it does not tell another."""
    words = crs.lower()
    if words.startswith("geog") and "projc" not in words:
        return "degree"
    return "ft" if "foot" in words or "feet" in words or "ftus" in words else "m"


def write(scan: RawScan, path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Writes a LAS file, or a LAZ file by its extension, with extra dimensions.

    A scan that was read from such a file keeps everything; another becomes LAS 1.4 in steps of a
    tenth of a millimetre.

    Args:
        scan: as it was read.
        path: the file to write.
        added: `[N]` each, by name of the dimension; one that is there is replaced.

    Raises:
        ValueError: coordinates that LAS cannot hold: not finite, or too far apart.
        ImportError: laspy is missing.
    """
    laspy = extras.load("laspy", "scans", "LAS and LAZ files")
    las = scan.native
    if not isinstance(las, laspy.LasData):
        require_fit(scan.path, scan.xyz.min(axis=0), scan.xyz.max(axis=0))
        las = new_data(laspy, scan, np.floor(scan.xyz.min(axis=0)))
    add_dimensions(laspy, las, added)
    las.write(path, do_compress=path.suffix.lower() == ".laz")


def add_dimensions(laspy: ModuleType, las: Any, added: Mapping[str, np.ndarray]) -> None:
    """Puts further values into laspy's `LasData`, in extra dimensions where it has none.

    Args:
        laspy: the library.
        las: the points.
        added: `[N]` each, by name of the dimension; one that is there is replaced.
    """
    there = set(las.point_format.dimension_names)
    own = set(las.point_format.extra_dimension_names)
    again = [name for name in added if name in own]
    if again:
        las.remove_extra_dims(again)
    new = [
        laspy.ExtraBytesParams(name=name, type=values.dtype, description=f"by ban-tf: {name}"[:31])
        for name, values in added.items()
        if name not in there - own
    ]
    las.add_extra_dims(new)
    for name, values in added.items():
        las[name] = values


def classification(scan: RawScan, semantic: np.ndarray, overwrite: bool) -> np.ndarray | None:
    """Codes for the dimension `classification`: 64 and the class, of those that ASPRS leaves free.

    Args:
        scan: that is written as LAS.
        semantic: int `[N]`, class of each point, -1 for none, which becomes 0.
        overwrite: whether codes that the file has may be replaced.

    Returns:
        uint8 `[N]`; None where the file has codes of its own, or its points hold five bits only.
    """
    own = scan.fields.get("classification")
    is_free = own is None or las_codes.are_free(own)
    kind = getattr(getattr(scan.native, "point_format", None), "id", None)
    if not las_codes.takes_codes(kind, int(semantic.max(initial=-1)) + 1, is_free or overwrite):
        return None
    return las_codes.codes_of(semantic)


def require_fit(path: Path, least: np.ndarray, most: np.ndarray) -> None:
    """Refuses coordinates that a new LAS file cannot hold.

    Args:
        path: of the scan, for messages.
        least: float64 `[3]`, of the coordinates; NaN where some are.
        most: float64 `[3]`.

    Raises:
        ValueError: they are not finite, or too far apart.
    """
    if not (np.isfinite(least).all() and np.isfinite(most).all()):
        raise ValueError(
            f"LAS cannot hold points that are NaN or infinite, and {path} has some. Write a "
            "PLY, PCD or NPZ file instead."
        )
    if (most - least).max() / _SCALE_M > _TOTAL:
        raise ValueError(
            f"LAS holds coordinates at most {_TOTAL * _SCALE_M:,.0f} apart, and those of "
            f"{path} are {(most - least).max():,.0f}. Write a PLY or NPZ file."
        )


def new_data(laspy: ModuleType, scan: RawScan, offset: np.ndarray) -> Any:
    """laspy's `LasData` of a scan of another format.

    Args:
        laspy: the library.
        scan: whose coordinates fit (`require_fit`).
        offset: float64 `[3]` of the coordinates.
    """
    header = laspy.LasHeader(point_format=6 if scan.colors is None else 7, version="1.4")
    header.scales, header.offsets = np.full(3, _SCALE_M), offset
    las = laspy.LasData(header)
    las.xyz = scan.xyz
    if scan.colors is not None:
        las.red, las.green, las.blue = _wide_colors(scan.colors).T
    names = set(las.point_format.dimension_names)
    for name, values in scan.fields.items():
        if values.ndim == 1 and name not in names and name not in LABELS and _fits(values.dtype):
            las.add_extra_dim(laspy.ExtraBytesParams(name=name[:31], type=values.dtype))
            las[name[:31]] = values
    return las


def _fits(kind: np.dtype) -> bool:
    return kind.kind in "iuf" and kind.itemsize in (1, 2, 4, 8) and kind.char != "e"


def _wide_colors(colors: np.ndarray) -> np.ndarray:
    """uint16 `[N, 3]`, as LAS has colours."""
    if colors.dtype == np.uint8:
        return colors.astype(np.uint16) * 257
    most = float(np.nanmax(colors, initial=0))
    scale = 65535 if most <= 1 else 257 if most <= 255 else 1
    return np.clip(np.nan_to_num(colors) * scale, 0, 65535).astype(np.uint16)
