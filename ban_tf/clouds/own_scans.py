"""A user's scan as a cloud, in one call."""

import os
from collections.abc import Sequence
from pathlib import Path

from ban_tf.clouds import conditioning
from ban_tf.clouds.conditioning import Conditioned
from ban_tf.clouds.formats import scan
from ban_tf.config.scans import ColorRange, Unit, Up


def require_path(value: object, name: str) -> None:
    """Refuses what is no path.

    Args:
        value: that should be one.
        name: of the argument.

    Raises:
        TypeError: it is neither text nor a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"`{name}` must be a path. Received: {name}={value!r}")


def read_scan(
    path: str | os.PathLike[str],
    *,
    unit: Unit | None = None,
    up: Up | None = None,
    colors: ColorRange | None = None,
    columns: Sequence[str] | None = None,
    is_room: bool = True,
) -> Conditioned:
    """Reads a scan of any format into metres, upright, with colours of 8 bits.

    Args:
        path: a PLY, PCD, LAS, LAZ, E57, XYZ, TXT, CSV, ASC, PTS, NPY or NPZ file.
        unit: of the coordinates; None finds it.
        up: axis of the file that is up; None finds it.
        colors: range of the colours; None finds it.
        columns: names of the columns of a file of text; None takes them from the file.
        is_room: False for a shape, whose unit and axes do not matter.

    Returns:
        The cloud, which points of the file its points are, and sentences on what was assumed.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: `path` is none.
        ValueError: it is damaged, has no coordinates, or does not fit into memory.
        ImportError: the format needs a library that is missing.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ban_tf import read_scan
        >>> path = Path(tempfile.mkdtemp()) / "desk.xyz"
        >>> _ = path.write_text("0 0 0\\n4000 3000 2500\\n")
        >>> read_scan(path, unit="mm").cloud.xyz.tolist()
        [[0.0, 0.0, 0.0], [4.0, 3.0, 2.5]]
    """
    require_path(path, "path")
    options = conditioning.Options(unit=unit, up=up, colors=colors)
    return conditioning.condition(scan.read(Path(path), columns), options, is_room=is_room)
