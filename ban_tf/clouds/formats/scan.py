"""One function that reads a file of points of any format, and one that writes it with labels."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.formats import e57, las, numpy_files, pcd, ply, text
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.clouds.problems import UnreadableError

LAS = (".las", ".laz")
WAY_OUT = "Nothing was overwritten. Make space there, or name another place."


@dataclasses.dataclass(frozen=True)
class Format:
    """How files of one format are read and written."""

    name: str
    read: Callable[[Path], RawScan]
    write: Callable[[RawScan, Path, Mapping[str, np.ndarray]], None]


_TEXT = Format("text", text.read, text.write)
_LAS = Format("LAS", las.read, las.write)
_NUMPY = Format("NumPy", numpy_files.read, numpy_files.write)
FORMATS = {
    ".ply": Format("PLY", ply.read, ply.write),
    ".pcd": Format("PCD", pcd.read, pcd.write),
    ".las": _LAS,
    ".laz": _LAS,
    ".e57": Format("E57", e57.read, e57.write),
    **dict.fromkeys((".xyz", ".txt", ".csv", ".asc", ".pts"), _TEXT),
    **dict.fromkeys((".npy", ".npz"), _NUMPY),
}


def format_of(path: Path) -> Format:
    """The format that an extension stands for.

    Raises:
        ValueError: it stands for none.

    Example:
        >>> format_of(Path("office.LAZ")).name
        'LAS'
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        known = ", ".join(FORMATS)
        raise ValueError(f"{path} must have one of the extensions {known}.")
    return found


def read(path: Path, columns: Sequence[str] | None = None) -> RawScan:
    """Reads a file of points as it is; its extension tells the format.

    Args:
        path: a PLY, PCD, LAS, LAZ, E57, XYZ, TXT, CSV, ASC, PTS, NPY or NPZ file.
        columns: names of the columns of a file of text, instead of what it tells.

    Raises:
        FileNotFoundError: there is no such file.
        UnreadableError: it is damaged, empty, lies about itself, or has no coordinates; the
            message names the file and the place in it.
        ValueError: an extension that stands for no format.
        ImportError: the format needs a library that is missing; the message tells how to get it.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "desk.xyz"
        >>> _ = path.write_text("0.5 0 0\\n1 2 3\\n")
        >>> read(path).xyz.tolist()
        [[0.5, 0.0, 0.0], [1.0, 2.0, 3.0]]
    """
    found = format_of(path)
    require_file(path)
    if columns is not None:
        if found is not _TEXT:
            raise ValueError(
                f"`columns` are of files of text; {path} names its own. Received: {list(columns)}"
            )
        return text.read(path, columns)
    return found.read(path)


def require_file(path: Path) -> None:
    """Refuses what is no file of a known format, or an empty one.

    Raises:
        FileNotFoundError: there is no such file.
        UnreadableError: it is empty.
        ValueError: an extension that stands for no format.
    """
    format_of(path)
    if not path.is_file():
        kind = "is no regular file" if path.exists() else "is not there"
        raise FileNotFoundError(f"{path} {kind}. Check its name.")
    if path.stat().st_size == 0:
        raise UnreadableError(path, "", "is empty")


def is_same_format(path: Path, suffix: str) -> bool:
    """Whether a file is of the format that an extension stands for; NPY and NPZ are two."""
    own = path.suffix.lower()
    return own == suffix.lower() or (own in LAS and suffix.lower() in LAS)


def write(
    scan: RawScan, path: Path, labels: Mapping[str, np.ndarray], overwrite: bool = False
) -> None:
    """Writes a scan with labels of its points: whole, or not at all.

    The same format keeps all that the file had, in its order; another gets coordinates, colours
    and fields. The extension tells the format.

    Args:
        scan: as `read` gave it; its file must not have changed since.
        path: the file to write; may be that of the scan, with `overwrite`.
        labels: int or float `[N]` each, by name, such as `semantic`.
        overwrite: whether a file that is there, and fields of these names, may be replaced.

    Raises:
        FileExistsError: the file is there.
        ValueError: the scan has a field of such a name, or the format cannot hold it.
        OSError: the file cannot be written; what was there before is intact.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "desk.csv"
        >>> scan = RawScan(Path("desk"), np.array([[0.5, 0, 1]]))
        >>> write(scan, path, {"semantic": np.array([3])})
        >>> path.read_text().split()
        ['x,y,z,semantic', '0.5,0.0,1.0,3']
    """
    found = format_of(path)
    require_free_place(path, overwrite)
    require_free_names(scan, tuple(labels), overwrite)
    added = dict(labels)
    if found is _LAS and "semantic" in labels:
        codes = las.classification(scan, labels["semantic"], overwrite)
        if codes is not None:
            added["classification"] = codes
    with disk.whole(path, WAY_OUT) as temporary:
        found.write(scan, temporary, added)


def require_free_place(path: Path, overwrite: bool) -> None:
    """Refuses a file that is there, unless it may be replaced.

    Raises:
        FileExistsError: it is there.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} is there already, and is not replaced without `overwrite`. Name another file."
        )


def require_free_names(scan: RawScan, names: Sequence[str], overwrite: bool) -> None:
    """Refuses names that fields of a scan have, unless they may be replaced.

    Raises:
        ValueError: it has some.
    """
    there = [name for name in names if name in scan.fields or f"ban:{name}" in scan.fields]
    if there and not overwrite:
        raise ValueError(
            f"{scan.path} has the fields {', '.join(there)} already; they are not replaced without "
            "`overwrite`."
        )
