"""From named columns of a file to a scan: which are coordinates, which are colours."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.clouds.problems import UnreadableError

# Names that coordinates and colours go by; case does not matter.
_XYZ = (("x", "y", "z"), ("//x", "y", "z"), ("px", "py", "pz"), ("x_m", "y_m", "z_m"),
        ("cartesianx", "cartesiany", "cartesianz"))  # fmt: skip
_RGB = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"),
        ("colorred", "colorgreen", "colorblue"))  # fmt: skip


def scan_of(
    path: Path,
    columns: Mapping[str, np.ndarray] | np.ndarray,
    place: str,
    colors: np.ndarray | None = None,
    about: Mapping[str, str] | None = None,
    problems: Sequence[str] = (),
    native: object = None,
    is_checked: bool = True,
) -> RawScan:
    """A scan of named columns, or of a structured array of them.

    Args:
        path: of the file.
        columns: `[N]` each, or structured `[N]`.
        place: of the file, where the columns lie, for messages.
        colors: `[N, 3]`, where they are told by another way than columns of their own.
        about: as in `RawScan`.
        problems: as in `RawScan`.
        native: as in `RawScan`.
        is_checked: whether a point must be there; not of a part of a file.

    Raises:
        UnreadableError: no coordinates, no point, or no point whose coordinates are finite.
    """
    names = columns.dtype.names or () if isinstance(columns, np.ndarray) else tuple(columns)
    xyz_names = named(names, _XYZ)
    if xyz_names is None:
        listed = ", ".join(names) or "none"
        raise UnreadableError(path, place, f"has no columns x, y and z. There are: {listed}")
    rgb_names = named(names, _RGB)
    with np.errstate(invalid="ignore"):  # of NaN that signal
        xyz = np.stack([columns[name].astype(np.float64) for name in xyz_names], axis=1)
    if is_checked:
        require_points(path, place, xyz)
    if rgb_names is not None and colors is None:
        colors = np.stack([columns[name] for name in rgb_names], axis=1)
    taken = {*xyz_names, *(rgb_names or ())}
    fields = {name: columns[name] for name in names if name not in taken}
    return RawScan(path, xyz, colors, fields, about or {}, tuple(problems), native)


def require_points(path: Path, place: str, xyz: np.ndarray) -> None:
    """Refuses a scan without a point that has finite coordinates.

    Args:
        path: of the file.
        place: of the file.
        xyz: float64 `[N, 3]`.

    Raises:
        UnreadableError: there is none.
    """
    if not len(xyz):
        raise UnreadableError(path, place, "has no point")
    if not np.isfinite(xyz).all(axis=1).any():
        raise UnreadableError(path, place, f"all {len(xyz):,} points are NaN or infinite")


def named(names: Sequence[str], choices: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """The first of several sets of names that are all there, as they are spelled there.

    Example:
        >>> named(["X", "Y", "Z", "t"], [("x", "y", "z")])
        ('X', 'Y', 'Z')
    """
    lower = {name.lower(): name for name in reversed(names)}
    for choice in choices:
        if all(name in lower for name in choice):
            return tuple(lower[name] for name in choice)
    return None
