"""Progress of long work on stderr: a bar in a terminal, a line per stage elsewhere.

Where stderr is no terminal (a pipe, a file, the log of a job) nothing is overwritten: no carriage
return and no escape code is written, and only what the caller marks as a stage is shown.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tqdm import tqdm

_COUNTING = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left{postfix}]"
_WAITING = "{desc}"


class Bar:
    """Counts the items of a stage and tells the time that is left.

    Args:
        total: how many items there are; of none nothing is shown.
        title: of the stage, at least one letter.
        unit: name of an item.
        initial: items that were done before, which say nothing about the speed.
        scaled: show numbers as 1.2k, such as bytes.
        shown: whether to write anything.

    Example:
        >>> with Bar(2, "cutting", shown=False) as bar:
        ...     bar.update()
        ...     bar.update()
        >>> bar.done
        2
    """

    def __init__(
        self,
        total: int,
        title: str,
        unit: str = "item",
        initial: int = 0,
        scaled: bool = False,
        shown: bool = True,
    ) -> None:
        self.done = initial
        self._total = total
        self._initial = initial
        self._begin = time.monotonic()
        self._bar: tqdm | None = None
        self._title = title
        shown = shown and total > 0
        self._writes_lines = shown and not is_terminal()
        if shown and is_terminal():
            self._bar = tqdm(
                total=total,
                initial=initial,
                desc=title,
                unit=unit,
                unit_scale=scaled,
                bar_format=_COUNTING,
                mininterval=0.5,
                file=sys.stderr,
            )
        if self._writes_lines:
            _write(f"{title} ...")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()
        self.close()

    def finish(self) -> None:
        """Where there is no bar: says that the stage is over, and how long it took."""
        if self._writes_lines:
            _write(f"{self._title}: done in {clock(time.monotonic() - self._begin)}")

    def wait(self, what: str) -> None:
        """Shows a sentence in place of a bar, until the next `resume`."""
        if self._bar is not None:
            self._bar.bar_format = _WAITING
            self._bar.set_description_str(what)
        elif self._writes_lines:
            _write(f"{what} ...")

    def resume(self, title: str) -> None:
        """Shows the bar again; the wait says nothing about the speed."""
        self._begin = time.monotonic()
        if self._bar is not None:
            self._bar.bar_format = _COUNTING
            self._bar.last_print_t = self._bar.start_t
            self._bar.unpause()
            self._bar.set_description(title, refresh=False)

    def update(self, count: int = 1, note: str = "") -> None:
        """Counts items that were just done; `note` stands behind the bar."""
        self.done += count
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)

    def set_title(self, title: str) -> None:
        """What the stage is at; of a bar alone."""
        if self._bar is not None:
            self._bar.set_description(title, refresh=False)

    def set_total(self, total: int) -> None:
        """Corrects the number of items, where it was an estimate."""
        self._total = max(total, self.done)
        if self._bar is not None:
            self._bar.total = self._total

    def stage(self, text: str) -> None:
        """Where there is no bar: a line with what was just done and the time left."""
        if self._writes_lines:
            _write(f"{text}, {self.times()}")

    def times(self) -> str:
        """How long it took so far and how long it will, such as `0:12, 1:03 left`."""
        elapsed = time.monotonic() - self._begin
        counted = self.done - self._initial
        if counted <= 0:
            return clock(elapsed)
        left = elapsed * (self._total - self.done) / counted
        return f"{clock(elapsed)}, {clock(left)} left"

    def close(self) -> None:
        """Leaves the bar as it is; more of it is an error of the caller."""
        if self._bar is not None:
            self._bar.close()


def is_terminal() -> bool:
    """Whether stderr is one."""
    return sys.stderr is not None and sys.stderr.isatty()


def above_bar(text: str) -> None:
    """Writes a line above the bar; nothing without a terminal, where stages tell it."""
    if is_terminal():
        tqdm.write(text, file=sys.stderr)


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Says in a terminal what a command waits for, and takes it away once that is over.

    Args:
        what: such as "loading TensorFlow".

    Example:
        >>> with waiting("loading the network"):
        ...     pass
    """
    if not is_terminal():
        yield
        return
    text = f"{what} ..."
    print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"\r{' ' * len(text)}\r", end="", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """A duration for people.

    Args:
        seconds: at least 0.

    Example:
        >>> clock(9.4), clock(75), clock(3700)
        ('0:09', '1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _write(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
