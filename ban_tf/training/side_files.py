"""The small JSON files beside a network: read with care, since they may be empty, cut or edited."""

import json
import math
from pathlib import Path
from typing import Any

from ban_tf.config import files

MOVE_AWAY = "Restore it, or move it away to go on without."


def read(path: Path, way_out: str) -> dict[str, Any]:
    """The named values in a JSON file.

    Args:
        path: of the file, which is there.
        way_out: what to do if it is damaged.

    Raises:
        ValueError: it is no JSON, or holds anything but named values; the message names it.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.training import side_files
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "seconds.json"
        >>> _ = path.write_text('{"training": 12.5}')
        >>> side_files.read(path, side_files.MOVE_AWAY)
        {'training': 12.5}
    """
    try:
        content = path.read_text(encoding="utf-8")
        if not content.strip():
            raise ValueError("it is empty")
        values = json.loads(content)
    except files.UNREADABLE as error:
        raise damaged(path, error, way_out) from error
    if not isinstance(values, dict):
        kind = "nothing" if values is None else f"a {type(values).__name__}"
        raise damaged(path, f"it must hold named values, not {kind}", way_out)
    return values


def number(path: Path, values: dict[str, Any], name: str, way_out: str) -> float:
    """A number of at least 0 among the values that `read` gave.

    Raises:
        ValueError: it is missing, or something else.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import side_files
        >>> path = pathlib.Path("seconds.json")
        >>> side_files.number(path, {"training": 12.5}, "training", side_files.MOVE_AWAY)
        12.5
    """
    value = values.get(name)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value >= 0)
    ):
        found = f"is {value!r}" if name in values else "is missing"
        raise damaged(path, f"`{name}` must be a number of at least 0, but {found}", way_out)
    return float(value)


def damaged(path: Path, reason: object, way_out: str) -> ValueError:
    """The error to raise for a damaged file.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import side_files
        >>> print(side_files.damaged(pathlib.Path("seconds.json"), "it is empty", "Restore it."))
        seconds.json is damaged (it is empty). Restore it.
    """
    told = f"{type(reason).__name__}: {reason}" if isinstance(reason, KeyError) else reason
    return ValueError(f"{path} is damaged ({told}). {way_out}")
