"""Keeps the C++ log of TensorFlow, XLA and absl out of what a script shows.

Only scripts call this; the library leaves the log of whoever imports it alone, and so does a user
who sets `TF_CPP_MIN_LOG_LEVEL` (0 shows everything).
"""

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

from ban_tf import progress

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# glog's and absl's form, such as `I0000 00:00:1796028343.895356    7939 cudart_stub.cc:31] ...`,
# with or without the date; and what is said outside it.
_LOGGED = re.compile(
    r"(?:[IWEF]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWEF] )"
    r"|WARNING: All log messages before absl::InitializeLog\(\)"
    r"|To enable the following instructions: "
)


def silence() -> bool:
    """Sets the level of the C++ log before TensorFlow is loaded, unless the user has set it.

    Returns:
        Whether the log is silent.

    Example:
        >>> import os
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, {"TF_CPP_MIN_LOG_LEVEL": "0"}):
        ...     silence()
        False
    """
    if LEVEL in os.environ:
        return False
    os.environ[LEVEL] = "3"  # 2 would show errors such as that of a CUDA driver that is not there
    return True


def load_tensorflow() -> None:
    """Imports TensorFlow, of whose log only what is no log is shown.

    What its libraries log while they load heeds no level, so it is taken out of stderr. Nothing
    happens where the log is wanted or TensorFlow is loaded already.

    Raises:
        ImportError: TensorFlow is missing or broken; stderr has all that it said.
    """
    if "tensorflow" in sys.modules or os.environ.get(LEVEL) != "3":
        return
    with progress.waiting("loading TensorFlow"), _filtered_stderr():
        importlib.import_module("tensorflow")


def without_log(text: str) -> str:
    """What is left of a text without the lines of a C++ log.

    Example:
        >>> without_log("I0000 00:00:1796028343.895356    7939 cudart_stub.cc:31] none\\nmine\\n")
        'mine\\n'
    """
    return "".join(line for line in text.splitlines(keepends=True) if not _LOGGED.match(line))


@contextlib.contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Takes the log out of what is written to file descriptor 2, also by C++; all on an error."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with tempfile.TemporaryFile() as caught:
        _flush()
        os.dup2(caught.fileno(), 2)
        is_loaded = False
        try:
            yield
            is_loaded = True
        finally:
            _flush()
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            text = caught.read().decode(errors="replace")
            os.write(2, (without_log(text) if is_loaded else text).encode())


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
