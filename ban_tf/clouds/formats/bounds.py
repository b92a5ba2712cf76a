"""What a file may ask for: no more points than it has bytes for, or than the memory takes."""

import os
from pathlib import Path

from ban_tf.clouds.problems import UnreadableError

_SHARE = 0.8  # of the free memory, that one scan may take
BYTES_PER_POINT = 96  # of a scan while it is read: coordinates, colours, fields, copies


def free_bytes() -> int:
    """Memory that is free or can be freed, as the system tells; all of it where it tells less."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_memory(
    path: Path, num_points: int, bytes_each: int, field: str = "", limit: int | None = None
) -> None:
    """Refuses what does not fit into memory, before any of it is read.

    Args:
        path: the file.
        num_points: that it says to hold.
        bytes_each: that a point takes in the file; what it takes in memory beside is known.
        field: of the file that says so.
        limit: bytes that may be used; None takes most of what is free.

    Raises:
        UnreadableError: it says to hold too many.

    Example:
        >>> require_memory(Path("desk.npz"), 10, 12, "xyz")
    """
    needed = num_points * (bytes_each + BYTES_PER_POINT)
    most = int(_SHARE * free_bytes()) if limit is None else limit
    if needed > most:
        raise UnreadableError(
            path,
            field,
            f"says that there are {num_points:,} points, which take {needed / 1e9:.1f} GB; "
            f"{most / 1e9:.1f} GB can be used. Cut the scan, or use a machine with more memory.",
        )


def require_bytes(path: Path, field: str, num_points: int, bytes_each: int, there: int) -> None:
    """Refuses a header that tells of more points than the file has bytes for.

    Args:
        path: the file.
        field: of the header.
        num_points: that it tells of.
        bytes_each: of a point in the file.
        there: bytes in the file behind the header.

    Raises:
        UnreadableError: the file ends too early, or its header lies.
    """
    if num_points * bytes_each > there:
        raise UnreadableError(
            path,
            field,
            f"says that there are {num_points:,} points of {bytes_each} bytes, and the file has "
            f"{there:,} bytes of them: it is cut off, or damaged",
        )
