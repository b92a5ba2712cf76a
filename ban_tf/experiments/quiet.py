"""Keeps the C++ log of TensorFlow, XLA and absl out of what a script shows.

Only scripts call this; the library leaves the log of whoever imports it alone, and so does a user
who sets `TF_CPP_MIN_LOG_LEVEL` (0 shows everything).
"""

import importlib
import os
import re
import sys

from ban_tf import progress, stderr

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
    with progress.waiting("loading TensorFlow"), stderr.caught(_shown):
        importlib.import_module("tensorflow")


def _shown(text: str, is_loaded: bool) -> str:
    return without_log(text) if is_loaded else text


def without_log(text: str) -> str:
    """What is left of a text without the lines of a C++ log.

    Example:
        >>> without_log("I0000 00:00:1796028343.895356    7939 cudart_stub.cc:31] none\\nmine\\n")
        'mine\\n'
    """
    return "".join(line for line in text.splitlines(keepends=True) if not _LOGGED.match(line))
