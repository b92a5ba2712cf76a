"""All versions that are served: found, loaded, swapped for newer ones, released."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable
from pathlib import Path

from ban_tf.serving.server import options as server_options
from ban_tf.serving.server import refusals
from ban_tf.serving.server.metrics import Metrics
from ban_tf.serving.server.options import Options
from ban_tf.serving.server.version import Version
from ban_tf.serving.server.worker_process import LoadError

_LOG = logging.getLogger("ban_tf.serving")
LOADING, AVAILABLE, UNLOADING, END = 20, 30, 40, 50  # of the protocol's ModelVersionStatus


@dataclasses.dataclass
class Status:
    """How a version stands.

    Args:
        state: a number of the protocol.
        error: why it cannot be served; empty where it can.
        attempts: to load these files.
        files: what `_files` has seen at the last of them.
        again_at: when the next is due, by the monotonic clock.
    """

    state: int
    error: str = ""
    attempts: int = 0
    files: object = None
    again_at: float = 0.0


class Versions:
    """The versions of the one model.

    Args:
        options: of the server.
        metrics: of the server.
        changed: called when what is served has changed.
    """

    def __init__(self, options: Options, metrics: Metrics, changed: Callable[[], None]) -> None:
        self._options = options
        self._metrics = metrics
        self._changed = changed
        self._served: dict[int, Version] = {}
        self._releasing: set[asyncio.Task[None]] = set()
        self._doubled: list[str] = []  # as of the last look
        self.statuses: dict[int, Status] = {}
        metrics.waiting.set_function(lambda: sum(v.waiting_rows for v in self._served.values()))
        metrics.workers.set_function(lambda: sum(v.num_workers for v in self._served.values()))

    @property
    def is_ready(self) -> bool:
        """Whether some version answers, with a worker that runs."""
        return any(version.num_workers for version in self._served.values())

    @property
    def available(self) -> list[int]:
        """Numbers of the versions that answer, in order."""
        return sorted(self._served)

    def get(self, number: int | None = None, label: str | None = None) -> Version:
        """A version by its number or label; neither is the newest.

        Raises:
            RefusedError: it is not served.
        """
        if label is not None:
            if label not in self._options.labels:
                raise refusals.not_found(f'Unrecognized version label: "{label[:100]}"')
            number = self._options.labels[label]
        if number is None and self._served:
            return self._served[max(self._served)]
        if number is None:
            raise refusals.unavailable("no version is loaded yet. Ask again.")
        if number not in self._served:
            raise refusals.not_found(
                f"Servable not found for request: Specific({self._options.model_name}, {number})"
            )
        return self._served[number]

    async def look(self) -> None:
        """Loads versions that should be served and are not, then releases those that should not."""
        folders = await asyncio.to_thread(self._folders)
        # Nothing there at all is somebody's mistake: what is served stays.
        wanted = server_options.wanted(self._options, folders)
        for number in sorted(wanted):
            if number not in self._served:
                await self._load(number, folders[number])
        if wanted & set(self._served):
            for number in sorted(set(self._served) - wanted):
                self._release(number)
        for number in list(self.statuses):
            if self.statuses[number].state == END and number not in folders:
                del self.statuses[number]
        self._changed()

    async def watch(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(self._options.poll_s)
            try:
                await self.look()
            except Exception:  # what is served goes on being served
                _LOG.exception("a look at the versions failed")

    async def close(self, longest_s: float) -> None:
        """Releases all of them."""
        for number in list(self._served):
            self._release(number, longest_s)
        await asyncio.gather(*self._releasing)

    def _folders(self) -> dict[int, Path]:
        try:
            doubled = server_options.doubled(self._options.model)
            for told in doubled:
                if told not in self._doubled:  # once, not at every look
                    _LOG.warning("%s", told)
            self._doubled = doubled
            return server_options.folders_of(self._options.model)
        except OSError as error:
            _LOG.warning("no look at the versions: %s", error)
            return {}

    async def _load(self, number: int, folder: Path) -> None:
        files = await asyncio.to_thread(_files, folder)
        status = self.statuses.get(number)
        if status is None or status.files != files or status.state != END:
            status = self.statuses[number] = Status(LOADING, files=files)
        is_over = status.attempts > self._options.retries
        if status.attempts and (is_over or time.monotonic() < status.again_at):
            return
        status.state = LOADING
        version = Version(number, folder, self._options, self._metrics)
        started = time.monotonic()
        try:
            await version.load()
        except LoadError as error:
            status.state, status.error = END, str(error)
            status.attempts += 1
            status.again_at = time.monotonic() + self._options.retry_s
            self._metrics.version(number, False)
            _LOG.error("version %d cannot be served: %s", number, error)
            return
        status.state, status.error = AVAILABLE, ""
        self._served[number] = version
        self._metrics.version(number, True)
        self._changed()
        _LOG.info("version %d answers after %.1f s", number, time.monotonic() - started)

    def _release(self, number: int, longest_s: float | None = None) -> None:
        version = self._served.pop(number)
        status = self.statuses[number]
        status.state = UNLOADING
        self._metrics.version(number, False)

        async def release() -> None:
            # No request may last longer, so none is refused.
            await version.close(longest_s or self._options.timeout_s + 1)
            status.state = END
            _LOG.info("version %d is released", number)

        task = asyncio.create_task(release())
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)


def _files(folder: Path) -> object:
    """What changes while a folder is written."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.rglob("*")):
            about = path.stat()
            found.append((str(path), about.st_size, about.st_mtime_ns))
    return found


def first_error(statuses: dict[int, Status]) -> str:
    """Why nothing is served.

    Example:
        >>> first_error({1: Status(END, "no graph")})
        'version 1: no graph'
    """
    errors = [f"version {n}: {status.error}" for n, status in sorted(statuses.items())]
    return "; ".join(errors)
