"""Runs compilers, several at once, and leaves none behind when a build stops."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from tf_ops.building import toolchain


class Commands:
    """Commands of one build; they keep what is temporary in a folder of their own.

    Args:
        folder: where they run.
        temporary: where they put temporary files.
    """

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, "TMPDIR": str(temporary)}
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, command: list[str], failure: str) -> None:
        """Runs a command; what it prints is shown only when it fails.

        Args:
            command: program and arguments.
            failure: sentence, without its full stop, that says what has not succeeded.

        Raises:
            BuildError: it did not succeed, or the build was stopped.
        """
        process = self._start(command, failure)
        try:
            output, _ = process.communicate()
        except BaseException:
            self._end(process)
            process.wait()
            raise
        finally:
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise toolchain.BuildError("stopped")
        if process.returncode != 0:
            raise toolchain.BuildError(
                f"{failure}; what the command said stands above. It was: {' '.join(command)}",
                output,
            )

    def stop(self) -> None:
        """Ends every command that runs; none starts after it."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                self._end(process)

    def _start(self, command: list[str], failure: str) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise toolchain.BuildError("stopped")
            try:
                process = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # a compiler's own processes end with it
                )
            except OSError as error:
                raise toolchain.BuildError(f"{failure}: {command[0]} does not run ({error})") from (
                    error
                )
            self._running.add(process)
            return process

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Commands]:
    """Gives the commands of a build; however it ends, none runs on and no temporary file stays."""
    with tempfile.TemporaryDirectory(prefix="ban-build-", ignore_cleanup_errors=True) as temporary:
        commands = Commands(folder, Path(temporary))
        try:
            yield commands
        finally:
            commands.stop()


def main(stage: Callable[[], None]) -> None:
    """Runs a stage of build_ops.sh; whatever stops it becomes one sentence and an exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    try:
        stage()
    except toolchain.BuildError as error:
        sys.stdout.flush()
        sys.stderr.write(error.output)
        sys.exit(f"build_ops.sh: {error}")
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        sys.exit(
            f"build_ops.sh: a file or folder cannot be read or written ({what}). With space and "
            "rights restored, give the same command again; it goes on from what was finished."
        )
    except KeyboardInterrupt:
        print(
            "\nbuild_ops.sh: stopped. The same command goes on from what was finished.",
            file=sys.stderr,
        )
        sys.exit(130)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
