"""How every program runs: a quiet start, errors in one sentence, an orderly stop.

Nothing here imports TensorFlow.
"""

import io
import os
import pathlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from ban_tf.experiments import messages, quiet, stopping, unread

_EXPECTED = (
    OSError,
    ValueError,
    TypeError,
    ImportError,
    RuntimeError,
    FloatingPointError,
    MemoryError,
)
_HOME = str(pathlib.Path(__file__).parents[1])  # of the library, wherever it is installed


def run(main: Callable[[Sequence[str] | None], Any]) -> None:
    """Calls `main`; an expected failure becomes one sentence on stderr and exit code 1.

    What the output cannot show, such as an arrow under `PYTHONIOENCODING=ascii`, is replaced: a
    finished training must not fail at its last line. `BAN_TF_TRACEBACK=1` shows the whole
    traceback instead of the sentence. The C++ log of TensorFlow is silent unless the user has set
    `TF_CPP_MIN_LOG_LEVEL`.

    A command whose output nobody reads any more, as after `| head -1`, ends as on Ctrl-C: what is
    finished is kept. It says nothing, and its exit code is 141, as of SIGPIPE.
    """
    quiet.silence()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with unread.noticed():
            _run(main)
    except stopping.Unread as stop:
        sys.exit(stopping.exit_code(stop))


def _run(main: Callable[[Sequence[str] | None], Any]) -> None:
    try:
        with stopping.orderly():
            unread.finish(lambda: main(None))
    except Exception as error:
        if stopping.was_terminated():  # what fails then fails because its own processes ended too
            _say_stopped()
            sys.exit(stopping.exit_code(stopping.Terminated()))
        if not _is_expected(error) or os.environ.get("BAN_TF_TRACEBACK") == "1":
            raise
        print(
            f"\nerror: {messages.sentence(error)}\n"
            f"(raised in {_place(error)}; BAN_TF_TRACEBACK=1 shows the way there)",
            file=sys.stderr,
        )
        sys.exit(1)
    except stopping.Unread:  # to whom should it be said
        raise
    except KeyboardInterrupt as stop:
        _say_stopped()
        sys.exit(stopping.exit_code(stop))


def _say_stopped() -> None:
    print("\nStopped. Give the same command again to go on.", file=sys.stderr)


def _is_expected(error: Exception) -> bool:
    """TensorFlow's errors are known by name: nothing here imports it."""
    of_tensorflow = any(kind.__name__ == "OpError" for kind in type(error).__mro__)
    return isinstance(error, _EXPECTED) or of_tensorflow


def _place(error: Exception) -> str:
    """The last line of a file of ours that an error came through; the libraries' tell nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    libraries = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
    ours = [
        frame
        for frame in frames
        if frame.filename.startswith(_HOME) or not frame.filename.startswith((*libraries, "<"))
    ]
    frame = (ours or list(frames))[-1]
    return f"{pathlib.Path(frame.filename).name}:{frame.lineno}"
