"""Scans in E57 files, by `pye57`: all scans of a file as one, each in the place that its pose says.

What is written is a copy of the whole tree of the file, node by node, images included, whose
points have further fields in a namespace of ours (`ban:semantic` ...).
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ban_tf.clouds.formats import bounds, e57_tree, extras, table
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.clouds.problems import UnreadableError

_CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
_SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
_COLORS = ("colorRed", "colorGreen", "colorBlue")
_INVALID = ("cartesianInvalidState", "sphericalInvalidState")
_SIGNATURE = b"ASTM-E57"
_BYTES = 8  # of a value while it is read
STEP = 1 << 18  # points at a time


def read(path: Path) -> RawScan:
    """Reads all scans of an E57 file; points that are marked as invalid are NaN.

    Raises:
        UnreadableError: it is damaged, or none of its scans has coordinates.
        ImportError: pye57 is missing.
    """
    with opened(path) as (pye57, image):
        return _scan_of(path, pye57, image)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[ModuleType, Any]]:
    """The library and an open file.

    Raises:
        UnreadableError: it is none, or the library stumbled over it.
        ImportError: pye57 is missing.
    """
    with path.open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            raise UnreadableError(path, "header", "is not that of an E57 file")
    pye57 = extras.load("pye57", "e57", "E57 files")
    try:
        # Not `pye57.E57`, which removes a file that it cannot open.
        image = pye57.libe57.ImageFile(str(path), "r")
        try:
            yield pye57, image
        finally:
            image.close()
    except (UnreadableError, ImportError):
        raise
    except Exception as error:  # libe57 raises many, of no common base
        told = str(error).split("\n")[0][:200] or type(error).__name__
        raise UnreadableError(path, "", f"is damaged ({told})") from error


def headers_of(path: Path, pye57: ModuleType, image: Any) -> list[Any]:
    """What the file says of each of its scans."""
    root = image.root()
    nodes = root["data3D"] if root.isDefined("data3D") else []
    headers = [pye57.ScanHeader(nodes[index]) for index in range(len(nodes))]
    if not headers:
        raise UnreadableError(path, "data3D", "has no scan")
    return headers


def _scan_of(path: Path, pye57: ModuleType, image: Any) -> RawScan:
    headers = headers_of(path, pye57, image)
    fields = max(len(header.point_fields) for header in headers)
    total = sum(header.point_count for header in headers)
    bounds.require_memory(path, total, fields * _BYTES, "recordCount")
    parts = [_columns(path, pye57, image, header, k) for k, header in enumerate(headers)]
    names = set.intersection(*(set(part) for part in parts))
    left = sorted(set.union(*(set(part) for part in parts)) - names)
    columns = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name in names
    }
    columns["scan"] = np.repeat(np.arange(len(parts)), [len(part["x"]) for part in parts])
    if len(parts) == 1:
        del columns["scan"]
    problems = problems_of(left, len(parts))
    return table.scan_of(path, columns, "data3D", None, about_of(image), problems, native=E57())


def problems_of(left: Sequence[str], num_scans: int) -> list[str]:
    """What is odd: fields that only some scans have, and that there are several."""
    problems = [f"{', '.join(left)}: only some of the scans have it"] if left else []
    if num_scans > 1:
        problems.append(f"its {num_scans} scans are taken together, each where its pose puts it")
    return problems


def about_of(image: Any) -> dict[str, str]:
    """What the file says of its coordinates."""
    root = image.root()
    about = {"unit": "m"}  # by the standard
    if root.isDefined("coordinateMetadata") and root["coordinateMetadata"].value():
        about["crs"] = root["coordinateMetadata"].value()
    return about


class E57:
    """Marks a scan that was read from an E57 file."""


def _columns(
    path: Path, pye57: ModuleType, image: Any, header: Any, number: int
) -> dict[str, np.ndarray]:
    """Columns `[N]` of one scan: x, y, z where its pose puts them, red, green, blue, others."""
    place = f"data3D[{number}]"
    wanted = wanted_of(pye57, header)
    columns = {name: np.zeros(header.point_count) for name in wanted}
    done = 0
    for part in e57_tree.points_of(pye57, image, header.points, wanted, STEP):
        length = len(next(iter(part.values())))
        for name, values in part.items():
            columns[name][done : done + length] = values
        done += length
    if done < header.point_count:
        raise UnreadableError(path, place, f"has {done:,} of {header.point_count:,} points")
    return placed(path, pye57, header, number, columns)


def wanted_of(pye57: ModuleType, header: Any) -> list[str]:
    """The fields of a scan that are numbers."""
    prototype = pye57.libe57.StructureNode(header.points.prototype())
    names = list(header.point_fields)
    return [name for name in names if type(prototype[name]).__name__ != "StringNode"]


def placed(
    path: Path, pye57: ModuleType, header: Any, number: int, columns: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Columns of points of a scan by our names, each point where the pose puts it.

    Args:
        path: of the file.
        pye57: the library.
        header: of the scan.
        number: of the scan.
        columns: `[n]` each, as the file has them.

    Raises:
        UnreadableError: they have no coordinates.
    """
    wanted, place = list(columns), f"data3D[{number}]"
    if set(_CARTESIAN) <= set(wanted):
        xyz = np.stack([columns[name] for name in _CARTESIAN], axis=1)
    elif set(_SPHERICAL) <= set(wanted):
        spherical = np.stack([columns[name] for name in _SPHERICAL], axis=1)
        xyz = pye57.utils.convert_spherical_to_cartesian(spherical)
    else:
        raise UnreadableError(path, place, f"has no coordinates, but {', '.join(wanted) or 'none'}")
    for name in set(_INVALID) & set(wanted):
        xyz[columns[name] != 0] = np.nan
    if header.has_pose():
        xyz = xyz @ np.asarray(header.rotation_matrix).T + header.translation
    found = dict(zip("xyz", xyz.T, strict=True))
    if set(_COLORS) <= set(wanted):
        for name, short in zip(_COLORS, ("red", "green", "blue"), strict=True):
            found[short] = columns[name]
    taken = {*_CARTESIAN, *_SPHERICAL, *_COLORS}
    return found | {name: columns[name] for name in wanted if name not in taken}


def not_written(source: Path, path: Path) -> ValueError:
    """What is raised of an E57 file that is to be written of another format."""
    return ValueError(
        f"An E57 file is written of an E57 file only, and {source} is none. Write LAZ or "
        f"PLY instead. Received: {path}"
    )


def write(scan: RawScan, path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Writes a copy of an E57 file whose points have further fields.

    Args:
        scan: as it was read, from an E57 file.
        path: the file to write.
        added: `[N]` each, by name of the field, over all scans of the file.

    Raises:
        ValueError: the scan was read from another format.
        ImportError: pye57 is missing.
    """
    if not isinstance(scan.native, E57):
        raise not_written(scan.path, path)
    pye57 = extras.load("pye57", "e57", "E57 files")
    e57_tree.copy(pye57, scan.path, path, dict(added), STEP)
