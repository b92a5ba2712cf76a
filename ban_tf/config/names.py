"""Names that become those of files and folders: what they may be, and which are too much alike."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

from ban_tf.config.checking import require

_MOST_BYTES = 150  # a file system takes 255, of which endings and temporary names take their part
_RULE = (
    "is part of the names of files: readable text of at most {} bytes, without slashes and without "
    "a dot at the start."
)


def require_file_name(what: str, name: str) -> None:
    """Refuses a name that cannot be that of a file, or that would lead into another folder.

    Args:
        what: is called so.
        name: to look at; bytes count as in UTF-8.

    Raises:
        TypeError: no text.
        ValueError: empty, too long, hidden, with a slash, or with what cannot be printed, such as
            a line break.

    Example:
        >>> require_file_name("`name` of a cloud", "office_1")
        >>> require_file_name("`name` of a cloud", "../office_1")
        Traceback (most recent call last):
        ...
        ValueError: `name` of a cloud is part of the names of files: readable text of at most 150 \
bytes, without slashes and without a dot at the start. Received: name='../office_1'
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be text. Received: {type(name).__name__}")
    is_fit = (
        name.strip()
        and name.isprintable()  # which neither NUL nor bytes of another encoding are
        and not name.startswith(".")
        and not {"/", "\\"} & set(name)
        and len(name.encode()) <= _MOST_BYTES
    )
    require(bool(is_fit), f"{what} {_RULE.format(_MOST_BYTES)}", name=name)


def require_distinct(what: str, names: Iterable[str]) -> None:
    """Refuses names of which some disks would keep one file only.

    Disks of Windows and macOS do not tell capital from small letters, nor an accent of its own
    from one that is part of its letter; what is written here may be moved there.

    Args:
        what: they are the names of, in the singular.
        names: to compare.

    Raises:
        ValueError: two are equal, or as good as equal.

    Example:
        >>> require_distinct("cloud", ["office_1", "Office_1"])
        Traceback (most recent call last):
        ...
        ValueError: every cloud needs a name of its own, by more than capital letters and the way \
an accent is written. Received twice: Office_1, office_1
    """
    names = list(names)
    times = Counter(map(_folded, names))
    alike = sorted(
        {name for name in names if times[_folded(name)] > 1}, key=lambda name: (_folded(name), name)
    )
    if alike:
        raise ValueError(
            f"every {what} needs a name of its own, by more than capital letters and the way an "
            f"accent is written. Received twice: {', '.join(alike)}"
        )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
