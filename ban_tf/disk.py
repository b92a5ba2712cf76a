"""Files and folders that are written whole or not at all, by one process at a time."""

import contextlib
import errno
import fcntl
import json
import logging
import os
import platform
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

LOCK = ".lock"  # in a folder while a process writes there
_PART = re.compile(r"\.(\d+)\.part\..+", re.DOTALL)  # temporary names, with their process
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_LOG = logging.getLogger(__name__)
_held: dict[Path, int] = {}  # folders that this process writes, and the thread that does

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
        _remove(temporary)  # of an earlier process with this number
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


class FolderInUseError(RuntimeError):
    """Another process writes to the folder."""


@contextlib.contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Keeps a folder to this thread while it writes there; readers never ask.

    The system gives the lock back when the process ends, however it ends. What killed processes
    left in `folder` itself under temporary names is removed; what lies deeper is not looked at.
    The same thread may ask again within. Where the file system has no locks, a warning says so.

    Args:
        folder: made if needed, and removed again if nothing came into it.

    Raises:
        FolderInUseError: another process, or another thread, writes there.
        OSError: the folder cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "run"
        >>> with one_writer(folder), one_writer(folder):
        ...     write_whole(folder / "notes.txt", "all of it")
        >>> [file.name for file in folder.iterdir()]
        ['notes.txt']
    """
    place, thread = folder.resolve(), threading.get_ident()
    if _held.get(place) == thread:
        yield
        return
    if place in _held:
        raise _in_use(folder, {"process": os.getpid()})
    made = not place.is_dir()
    lock = _lock(folder)
    _held[place] = thread
    try:
        clear_leftovers(folder)
        yield
    finally:
        del _held[place]
        (folder / LOCK).unlink(missing_ok=True)  # while it is held: no other has it open and locked
        os.close(lock)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def clear_leftovers(folder: Path) -> None:
    """Removes what dead processes left in a folder under the temporary names of `whole`.

    To be called by the folder's one writer: on a disk that machines share, the process of a name
    may live on another of them.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _PART.fullmatch(path.name)
        if match and not _lives(int(match.group(1))):
            _remove(path)


def is_writable(folder: Path) -> bool:
    """Whether files may be made in `folder`, or in the nearest folder above it that exists."""
    place = folder.absolute()
    while not os.path.exists(place) and place != place.parent:
        place = place.parent
    effective = os.access in os.supports_effective_ids
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK, effective_ids=effective)


def _lock(folder: Path) -> int:
    """An open, locked file in the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            if _is_locked(file, folder):
                break
            os.close(file)  # the writer before has just removed it
    except OSError as error:
        raise OSError(
            error.errno, f"{folder} cannot be written ({error.strerror or error})."
        ) from error
    holder = {"process": os.getpid(), "machine": platform.node()}
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(holder).encode(), 0)
    return file


def _is_locked(file: int, folder: Path) -> bool:
    """Locks an open lock file; False if it is no longer the one in the folder."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(file)
        os.close(file)
        raise _in_use(folder, holder) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(file)
            raise
        _LOG.warning(
            "%s lies on a file system without locks: let one process alone write there.", folder
        )
        return True
    try:
        return os.path.samestat(os.fstat(file), os.stat(folder / LOCK))
    except FileNotFoundError:
        return False


def _holder(file: int) -> dict[str, object]:
    """What a lock file says of who holds it."""
    for _ in range(20):  # it may have locked the file and not yet written to it
        try:
            return dict(json.loads(os.pread(file, 4096, 0)))
        except (ValueError, TypeError):
            time.sleep(0.01)
    return {}


def _in_use(folder: Path, holder: dict[str, object]) -> FolderInUseError:
    process = f"process {holder.get('process', 'unknown')}"
    machine = holder.get("machine", platform.node())
    place = "" if machine == platform.node() else f" on {machine}"
    return FolderInUseError(
        f"{folder} is being written by {process}{place}: wait until it has ended, or name another "
        "folder."
    )


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True  # of another user, or no number of a process
    return True


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
