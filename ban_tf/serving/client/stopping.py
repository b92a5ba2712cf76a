"""Ends what is under way in other threads, when one of them failed or the user wants no more."""

import contextlib
import threading
from collections.abc import Callable, Iterator


class Stop:
    """Set once; then waits end, and calls that are under way are cancelled.

    Example:
        >>> stop, cancelled = Stop(), []
        >>> with stop.cancelling(lambda: cancelled.append("this one")):
        ...     stop.set()
        >>> cancelled, stop.wait(60.0)
        (['this one'], True)
    """

    def __init__(self) -> None:
        self._is_set = threading.Event()
        self._lock = threading.Lock()
        self._cancels: dict[int, Callable[[], object]] = {}
        self._count = 0

    def set(self) -> None:
        """Cancels all that is under way, and all that will be."""
        self._is_set.set()
        with self._lock:
            cancels = list(self._cancels.values())
        for cancel in cancels:
            cancel()

    def wait(self, seconds: float) -> bool:
        """Sleeps, or until it is set; whether it is."""
        return self._is_set.wait(seconds)

    @contextlib.contextmanager
    def cancelling(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Within it `set` calls `cancel`, from another thread; at once where it is set already."""
        with self._lock:
            self._count += 1
            number = self._count
            self._cancels[number] = cancel
        try:
            if self._is_set.is_set():
                cancel()
            yield
        finally:
            with self._lock:
                del self._cancels[number]
