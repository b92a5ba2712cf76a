"""The header of a LAS file, held against the size of the file before a library takes its word."""

import os
import struct
from pathlib import Path

from ban_tf.clouds.formats import bounds
from ban_tf.clouds.problems import UnreadableError

_VERSIONS = ((1, 0), (1, 1), (1, 2), (1, 3), (1, 4))
_HEADER, _HEADER_14 = 227, 375  # bytes
_VLR, _EVLR = 54, 60  # bytes of their headers


def check(path: Path, is_whole: bool = True) -> None:
    """Refuses a file whose header cannot be.

    Args:
        path: the file.
        is_whole: whether all of its points are to be in memory.

    Raises:
        UnreadableError: the header is damaged, or tells of more than there is, or than fits.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEADER_14)
    if head[:4] != b"LASF":
        raise UnreadableError(path, "header", "is not that of a LAS file")
    if len(head) < _HEADER:
        raise UnreadableError(path, "header", "is cut off")
    version = (head[24], head[25])
    if version not in _VERSIONS:
        raise UnreadableError(path, "version", f"{version[0]}.{version[1]} is unknown, 1.0 to 1.4")
    header_size, start, num_vlrs, kind, each, count = struct.unpack_from("<HIIBHI", head, 94)
    if version == (1, 4):
        if len(head) < _HEADER_14:
            raise UnreadableError(path, "header", "is cut off")
        evlr_start, num_evlrs, count = struct.unpack_from("<QIQ", head, 235)
        if num_evlrs and evlr_start + num_evlrs * _EVLR > size:
            raise UnreadableError(path, "EVLRs", f"of which there are {num_evlrs:,}, are cut off")
    if start > size or header_size + num_vlrs * _VLR > start:
        raise UnreadableError(
            path, "header", f"says {num_vlrs:,} VLRs before byte {start:,} of {size:,}"
        )
    _check_vlrs(path, header_size, num_vlrs, start)
    is_packed = bool(kind & 0x80)
    if not is_packed:
        bounds.require_bytes(path, "point count", count, each, size - start)
    if is_whole:
        bounds.require_memory(path, count, each, "point count")


def _check_vlrs(path: Path, start: int, count: int, end: int) -> None:
    with path.open("rb") as file:
        file.seek(start)
        for number in range(count):
            head = file.read(_VLR)
            length = struct.unpack_from("<H", head, 20)[0] if len(head) == _VLR else end
            if file.tell() + length > end:
                raise UnreadableError(path, f"VLR {number + 1}", "reaches into the points")
            file.seek(length, os.SEEK_CUR)
