"""Fields of JSON files of others, with errors that name file and field."""

import json
from pathlib import Path
from typing import Any

from ban_tf.data.reading import UnreadableError


def read(path: Path, kind: type = dict) -> Any:
    """What a JSON file holds.

    Args:
        path: the file.
        kind: that its outermost value must have: `dict` for an object, `list` for an array.

    Raises:
        UnreadableError: the file cannot be read, is cut off, or holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableError(path, "", f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # of JSON and of text encodings
        raise UnreadableError(path, "", f"is no whole JSON file ({error})") from error
    if not isinstance(found, kind):
        found_kind = type(found).__name__
        raise UnreadableError(path, "", f"must hold a {kind.__name__}, not {found_kind}")
    return found


def field(path: Path, found: Any, name: str, kind: type, where: str = "") -> Any:
    """One field of an object that a JSON file holds.

    Args:
        path: the file.
        found: the object.
        name: of the field.
        kind: that its value must have.
        where: the object's own place in the file, for errors; empty for the whole file's.

    Raises:
        UnreadableError: there is no such field, or it holds something else.

    Example:
        >>> field(Path("scan.json"), {"label": 7}, "label", str, "groups[2]")
        Traceback (most recent call last):
        ...
        ban_tf.clouds.problems.UnreadableError: scan.json: groups[2].label: must be str. Received: 7
    """
    place = f"{where}.{name}" if where else name
    if not isinstance(found, dict) or name not in found:
        raise UnreadableError(path, place, "is missing")
    value = found[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UnreadableError(path, place, f"must be {kind.__name__}. Received: {str(value)[:40]}")
    return value
