"""Files that are written whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Writes under a temporary name in the same folder, then moves the file into place.

    Args:
        path: the file; an earlier one is replaced only once the new one is complete.
        content: all of it.

    Raises:
        OSError: a full disk, a missing right and so on; the message names the file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path} cannot be written ({error.strerror}). What was finished before is intact; "
            "with space and rights restored the same command goes on from there.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
