"""Chunks of a LAZ file, held against its size: the decoder takes each size in them at its word.

A chunk of the newer formats begins with its first point, the number of its points, and the sizes of
its layers; a size that lies makes the decoder fill gigabytes before it finds the file to be short.
"""

import os
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

from ban_tf.clouds.problems import UnreadableError

_LAYERED = 3  # of the compressors
_POINT, _RGB, _RGB_NIR, _WAVE, _BYTES = range(10, 15)  # types of items, as LASzip numbers them
_OF_POINT = ("xy", "z", "class", "flags", "intensity", "angle", "user data", "source", "time")
_LAYERS = {_POINT: len(_OF_POINT), _RGB: 1, _RGB_NIR: 2, _WAVE: 1}  # a byte has a layer each
_LARGEST_CHUNK = 50_000_000  # points; 50 000 are usual


def check(path: Path, lazrs: ModuleType, record: bytes, start: int, num_points: int) -> None:
    """Refuses chunks that do not fit into the file, or hold other points than it says to have.

    Args:
        path: the file.
        lazrs: the library.
        record: of LASzip's VLR, which tells how points are packed.
        start: of the points, in bytes.
        num_points: that the header tells of.

    Raises:
        UnreadableError: the table of chunks, or a chunk, lies.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        place = _table(path, file, start, size)
        layout = lazrs.LazVlr(record)
        file.seek(start)
        chunks = lazrs.read_chunk_table(file, layout)
        if not layout.uses_variable_size_chunks():
            chunks = [(layout.chunk_size(), num_bytes) for _, num_bytes in chunks]
        if sum(num_bytes for _, num_bytes in chunks) > place - start - 8:
            raise UnreadableError(path, "chunk table", f"tells of more than {size:,} bytes")
        most = sum(count for count, _ in chunks)
        if most < num_points or any(count > _LARGEST_CHUNK for count, _ in chunks):
            text = f"says that there are {num_points:,} points, and chunks tell of {most:,}"
            raise UnreadableError(path, "point count", text)
        (compressor,) = struct.unpack_from("<H", record, 0)
        if compressor == _LAYERED:
            _check_layers(path, file, record, start + 8, [num_bytes for _, num_bytes in chunks])


def _table(path: Path, file: Any, start: int, size: int) -> int:
    """Where the table of chunks begins; it must tell of no more chunks than there are bytes."""
    file.seek(start)
    words = file.read(8)
    (place,) = struct.unpack("<q", words) if len(words) == 8 else (-1,)
    if place == -1:  # written as a stream: the place stands at the end
        file.seek(max(start, size - 8))
        words = file.read(8)
        (place,) = struct.unpack("<q", words) if len(words) == 8 else (-1,)
    if not start + 8 <= place <= size - 8:
        raise UnreadableError(path, "chunk table", f"is not at byte {place:,} of {size:,}")
    file.seek(place)
    _, num_chunks = struct.unpack("<II", file.read(8))
    if num_chunks > size:
        raise UnreadableError(path, "chunk table", f"says {num_chunks:,} chunks in {size:,} bytes")
    return int(place)


def _check_layers(path: Path, file: Any, record: bytes, start: int, chunks: list[int]) -> None:
    (num_items,) = struct.unpack_from("<H", record, 32)
    items = [struct.unpack_from("<HH", record, 34 + 6 * item) for item in range(num_items)]
    point = sum(num_bytes for _, num_bytes in items)
    num_layers = sum(size if kind == _BYTES else _LAYERS.get(kind, 0) for kind, size in items)
    for number, num_bytes in enumerate(chunks, start=1):
        file.seek(start + point + 4)
        head = file.read(4 * num_layers)
        sizes = struct.unpack(f"<{num_layers}I", head) if len(head) == 4 * num_layers else ()
        if not sizes or point + 4 + len(head) + sum(sizes) > num_bytes:
            raise UnreadableError(path, f"chunk {number}", "tells of more bytes than it has")
        start += num_bytes
    file.seek(0, os.SEEK_SET)
