"""Messages between the server and its own worker processes, over a pair of sockets."""

import asyncio
import dataclasses
import pickle
import socket
import struct
from pathlib import Path
from typing import Any

from ban_tf.serving.server.signatures import Arrays

_LENGTH = struct.Struct("<Q")


@dataclasses.dataclass(frozen=True)
class Load:
    """What a worker is to load, first of all.

    Args:
        folder: of the version.
        native: whether its graph needs the compiled ops.
        threads: for one request.
        sizes: of batches, as `batches.merge` takes them.
    """

    folder: Path
    native: bool
    threads: int
    sizes: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Run:
    """A batch: inputs of each request, checked."""

    signature: str
    requests: list[Arrays]


@dataclasses.dataclass(frozen=True)
class Failed:
    """What came of a load or of a request: the number of a code of gRPC, and why."""

    code: int
    message: str


@dataclasses.dataclass(frozen=True)
class Ready:
    """The model is loaded, and has run so many requests to warm up."""

    warmed_up: int


@dataclasses.dataclass(frozen=True)
class Done:
    """What each request of a batch gets, and how long the model took, in seconds."""

    answers: list[Arrays | Failed]
    seconds: float


def pack(message: Any) -> list[bytes]:
    """A message as it is sent: its length and its content."""
    content = pickle.dumps(message, protocol=5)
    return [_LENGTH.pack(len(content)), content]


def receive(connection: socket.socket) -> Any:
    """Waits for the next message, in a worker.

    Raises:
        EOFError: the other side is gone.
    """
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return pickle.loads(_exactly(connection, length))


def _exactly(connection: socket.socket, length: int) -> bytearray:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        received = connection.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return content


async def read(reader: asyncio.StreamReader) -> Any:
    """Waits for the next message, in the server.

    Raises:
        EOFError: the worker is gone (`asyncio.IncompleteReadError` is one).
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))
