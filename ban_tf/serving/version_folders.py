"""The folders of a model's versions, numbered as TensorFlow Serving numbers them.

It reads a name as an int64, leading zeros or not, and passes over all others: `2` and `02` are the
same version, and it loads the last of them in the order of their names.
"""

from pathlib import Path

LARGEST = 2**63 - 1


def number(name: str) -> int | None:
    """The version that a folder of this name holds; None if it is none to a server.

    Example:
        >>> number("2"), number("02"), number("latest"), number(str(2**63))
        (2, 2, None, None)
    """
    if not (name.isascii() and name.isdigit()):
        return None
    digits = name.lstrip("0") or "0"
    if len(digits) > len(str(LARGEST)) or int(digits) > LARGEST:
        return None
    return int(digits)


def of(model: Path) -> dict[int, list[Path]]:
    """All that has a version's name in a model's folder, by number, in the order of the names.

    Raises:
        OSError: the folder cannot be read.

    Example:
        >>> import tempfile
        >>> model = Path(tempfile.mkdtemp())
        >>> for name in ("2", "02", "10", ".5.part.11"):
        ...     (model / name).mkdir()
        >>> {number: [path.name for path in paths] for number, paths in of(model).items()}
        {2: ['02', '2'], 10: ['10']}
    """
    found: dict[int, list[Path]] = {}
    for path in sorted(model.iterdir()):
        version = number(path.name)
        if version is not None:
            found.setdefault(version, []).append(path)
    return dict(sorted(found.items()))


def following(model: Path) -> Path | None:
    """The folder of the version above all that are there, from 1; None if there is none above.

    Raises:
        OSError: the folder cannot be read.

    Example:
        >>> following(Path("models/none")).as_posix()
        'models/none/1'
    """
    highest = max(of(model), default=0) if model.is_dir() else 0
    return model / str(highest + 1) if highest < LARGEST else None
