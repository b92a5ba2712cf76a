"""Where a run's data lie, kept so that the run may move, alone or together with them."""

import dataclasses
import json
import os
import pathlib
from typing import Any

from ban_tf import disk
from ban_tf.training import side_files

_WAY_OUT = "Restore it, or move it away and name the data (`data` or `blocks`)."


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where a run's data lie: the prepared store, and the raw data it was made from, if known.

    Example:
        >>> import pathlib
        >>> from ban_tf.training.sources import Sources
        >>> Sources(blocks=pathlib.Path("blocks"), data=None).blocks.name
        'blocks'
    """

    blocks: pathlib.Path
    data: pathlib.Path | None


def save(file: pathlib.Path, sources: Sources, around: pathlib.Path) -> None:
    """Keeps where the data lie.

    Args:
        file: in the run folder.
        sources: where they lie.
        around: a folder around the run. What lies in it may move together with the run: it is
            kept relative to the run, and its full path beside that, for a run that moves alone.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.training import sources
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> found = sources.Sources(blocks=folder / "blocks", data=None)
        >>> sources.save(folder / "sources.json", found, around=folder)
        >>> sources.load(folder / "sources.json").blocks.name
        'blocks'
    """
    places = {"blocks": sources.blocks.resolve()}
    if sources.data is not None:
        places["data"] = sources.data.resolve()
    folder, around = file.parent.resolve(), around.resolve()
    near = {
        name: os.path.relpath(path, folder) if path.is_relative_to(around) else str(path)
        for name, path in places.items()
    }
    values = {
        "data": None,
        **near,
        "full_paths": {name: str(path) for name, path in places.items()},
    }
    disk.write_whole(file, json.dumps(values, indent=2) + "\n")


def load(file: pathlib.Path) -> Sources:
    """The inverse of `save`, with full paths.

    Raises:
        FileNotFoundError: the run was stopped before its data were ready.
        ValueError: the file is damaged.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import sources
        >>> sources.load(pathlib.Path("no_such_run/sources.json"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: no_such_run/sources.json is missing: name the data ...
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: name the data (`data` or `blocks`), or give the training "
            "command again."
        )
    values = side_files.read(file, _WAY_OUT)
    try:
        blocks = _place(file.parent, values, "blocks")
        return Sources(blocks, _place(file.parent, values, "data") if values["data"] else None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise side_files.damaged(file, error, _WAY_OUT) from error


def _place(folder: pathlib.Path, values: dict[str, Any], name: str) -> pathlib.Path:
    """Where a folder lies now; where it lay in relation to the run if it is nowhere."""
    # Joining an absolute path gives just that one.
    near = (folder.resolve() / values[name]).resolve()
    full = pathlib.Path(values.get("full_paths", {}).get(name, near))
    return full if full.exists() and not near.exists() else near
