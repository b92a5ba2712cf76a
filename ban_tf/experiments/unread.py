"""A command whose output nobody reads any more ends like one that is stopped from the keyboard.

`| head -1` closes the pipe in the middle of a run. What the next line of stdout raises must be no
OSError, which the work would take for a disk that failed, and no signal, for sockets and pipes to
other processes break too, which is not for the command to end.

stderr tells how the work goes, and the log of a server: where nobody reads that, it goes on.
"""

import _thread
import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from ban_tf.experiments.stopping import Unread


class _Stream(io.TextIOWrapper):
    """stderr, as it was but for a pipe that its reader has closed: what nobody reads is dropped."""

    def write(self, text: str) -> int:
        if self._after is not None:
            return self._after.write(text)
        try:
            return super().write(text)
        except BrokenPipeError:
            self.drop()
            return len(text)

    def flush(self) -> None:
        if self._after is not None:
            self._after.flush()
            return
        try:
            super().flush()
        except BrokenPipeError:
            self.drop()

    _after: TextIO | None = None  # that has the buffer again, once this is over

    def pass_on(self, after: TextIO) -> None:
        """Gives the buffer back: who has kept this stream, such as a log, writes to `after`."""
        self._after = after
        self.detach()

    def drop(self) -> None:
        """Once is enough: neither the end of the command nor the interpreter's finds it broken."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class _Output(_Stream):
    """stdout: what nobody reads raises `Unread`."""

    def drop(self) -> None:
        super().drop()
        if threading.current_thread() is not threading.main_thread():
            _thread.interrupt_main()  # the command ends there, and not this thread alone
        raise Unread


@contextlib.contextmanager
def noticed() -> Iterator[None]:
    """Within it `Unread` is raised where stdout is a pipe that its reader has closed.

    Example:
        >>> with noticed():
        ...     print("read")
        read
    """
    kept = sys.stdout, sys.stderr
    output, errors = _watched(sys.stdout, _Output), _watched(sys.stderr, _Stream)
    sys.stdout, sys.stderr = output or sys.stdout, errors or sys.stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = kept
        for stream, after in zip((output, errors), kept, strict=True):
            if stream is not None:
                _give_back(stream, after)


def finish(main: Callable[[], Any]) -> None:
    """Calls `main`, and writes what waits to be written after it, which may fail as well.

    Raises:
        Unread: nobody reads it, and `main` itself has not failed.
        OSError: stdout is a file, and the disk is full.

    Example:
        >>> finish(lambda: print("read"))
        read
    """
    try:
        main()
    except SystemExit as end:
        if not end.code and sys.stdout is not None:
            sys.stdout.flush()
        raise
    if sys.stdout is not None:
        sys.stdout.flush()


def _give_back(stream: _Stream, after: TextIO) -> None:
    """The buffer stays with the stream that was there before, without what cannot be written."""
    try:
        stream.flush()
    except (OSError, Unread):
        _Stream.drop(stream)
    stream.pass_on(after)


def _watched(stream: TextIO, kind: type[_Stream]) -> _Stream | None:
    if type(stream) is not io.TextIOWrapper:  # none, or somebody's own, such as a notebook's
        return None
    return kind(
        stream.buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
