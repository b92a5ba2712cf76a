"""Files and folders that are written whole or not at all."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_WAY_OUT = (
    "What was finished before is intact; with space and rights restored the same command goes on "
    "from there."
)


@contextlib.contextmanager
def whole(path: Path, way_out: str = _WAY_OUT) -> Iterator[Path]:
    """Gives a temporary path beside `path`, and moves what was written there into place.

    The name holds the process, so two writers do not meet, and ends like `path`, which some
    libraries ask for. If the block fails nothing is moved, and what was written is deleted. The
    contents reach the disk before the move, so a power loss leaves the old file or the new one.

    Args:
        path: a file, or a folder that does not exist or is empty; its parents are made if needed.
        way_out: what an OSError tells to do.

    Raises:
        OSError: a full disk, a missing right and so on; the message names `path`.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "made" / "notes.txt"
        >>> with whole(path) as temporary:
        ...     _ = temporary.write_text("all of it")
        >>> path.read_text(), [file.name for file in path.parent.iterdir()]
        ('all of it', ['notes.txt'])
    """
    temporary = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            if temporary.is_dir():
                if path.is_dir():
                    path.rmdir()
            else:
                _flush(temporary)
            os.replace(temporary, path)
        finally:
            _remove(temporary)
    except OSError as error:
        raise OSError(
            error.errno, f"{path} cannot be written ({error.strerror or error}). {way_out}"
        ) from error


def require_writable(path: Path, name: str, is_folder: bool) -> None:
    """Refuses a place that cannot be written, before any work that is to end there.

    Args:
        path: a file or folder to make, or one to write to; its parents need not exist.
        name: of the argument that gave it.
        is_folder: whether it is to be a folder.

    Raises:
        ValueError: it is of the other kind, no right to write, a read-only disk and so on.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> require_writable(folder / "new" / "scores.json", "json", is_folder=False)
    """
    try:
        reason = _unwritable(path, is_folder)
    except OSError as error:  # such as a name that is too long
        reason = (error.strerror or str(error)).lower()
    if reason:
        kind = "folder" if is_folder else "file"
        raise ValueError(
            f"`{name}` must be a {kind} that can be written, but {reason}. Name another {kind}. "
            f"Received: {name}={path}"
        )


def _unwritable(path: Path, is_folder: bool) -> str:
    """Why a place cannot be written; empty if it seems to be possible."""
    if path.is_symlink() and not path.exists():
        return f"{path} links to nothing"
    if path.exists() and not is_folder and not path.is_file():
        return f"{path} is {'a folder' if path.is_dir() else 'no regular file'}"
    # What exists already is replaced by a move, which asks for the right to its folder alone.
    place = path if is_folder else path.absolute().parent
    while not os.path.lexists(place) and place != place.parent:
        place = place.absolute().parent
    if not place.is_dir():
        return f"{place} is {'a file' if place.is_file() else 'no folder'}"
    try:
        with tempfile.TemporaryFile(dir=place):  # which has no name, or loses it at once
            return ""
    except OSError as error:
        return f"{place} takes no files ({(error.strerror or str(error)).lower()})"


def require_free(folder: Path, num_bytes: int, what: str) -> None:
    """Refuses a disk that is too full for what is to be written, before any work.

    Args:
        folder: to write to; need not exist.
        num_bytes: that are needed at the least.
        what: is to be written there, for the message.

    Raises:
        OSError: there is less space.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < num_bytes:
        raise OSError(
            errno.ENOSPC,
            f"{what} takes at least about {_size(num_bytes)}, and the disk of {folder} has "
            f"{_size(free)} left. Make space there, or name a folder on another disk.",
        )


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes a file by `whole`; text as UTF-8."""
    with whole(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
