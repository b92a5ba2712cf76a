"""A command that is told to end does so like one that is stopped from the keyboard."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM)."""


class Unread(KeyboardInterrupt):
    """Nobody reads any more what the process writes to stdout (SIGPIPE)."""


_told = threading.Event()


@contextlib.contextmanager
def orderly() -> Iterator[None]:
    """Within it SIGTERM raises `Terminated`, as Ctrl-C raises KeyboardInterrupt.

    Batch systems end a job that way. What is finished stays, locks are given back, and temporary
    files go. Once is enough: while the command ends, another SIGTERM changes nothing.

    Example:
        >>> import os
        >>> with contextlib.suppress(Terminated), orderly():
        ...     os.kill(os.getpid(), signal.SIGTERM)
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are for the main thread alone
        return
    _told.clear()
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def was_terminated() -> bool:
    """Whether the last `orderly` was told to end, even if another error came out of it.

    A batch system tells the whole process group: worker processes end too, and libraries make an
    error of that before the command has ended.
    """
    return _told.is_set()


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells have it.

    Example:
        >>> exit_code(Terminated()), exit_code(KeyboardInterrupt()), exit_code(Unread())
        (143, 130, 141)
    """
    if isinstance(stop, Unread):
        return 128 + signal.SIGPIPE
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    _told.set()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
