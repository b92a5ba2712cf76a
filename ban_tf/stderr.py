"""What C++ and Rust libraries write to stderr, caught and looked through before it is shown."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator

Shown = Callable[[str, bool], str]


@contextlib.contextmanager
def caught(shown: Shown) -> Iterator[None]:
    """Catches what is written to file descriptor 2 within, also by compiled code.

    Args:
        shown: given all that was written, and whether no error was raised, what is to be shown of
            it in the end.

    Example:
        >>> with caught(lambda text, is_well: ""):
        ...     _ = os.write(2, b"not shown")
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with tempfile.TemporaryFile() as file:
        _flush()
        os.dup2(file.fileno(), 2)
        is_well = False
        try:
            yield
            is_well = True
        finally:
            _flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            text = file.read().decode(errors="replace")
            os.write(2, shown(text, is_well).encode())


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
