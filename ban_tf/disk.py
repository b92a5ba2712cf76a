"""Files and folders that are written whole or not at all."""

import contextlib
import os
import shutil
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
