"""Tries again what a server had no time for, later and later, each client at a time of its own."""

import random
from collections.abc import Callable
from typing import TypeVar

from ban_tf.config import kinds
from ban_tf.config.checking import require
from ban_tf.serving.client.errors import Failure
from ban_tf.serving.client.stopping import Stop

RETRIED = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})  # of REST 503 and 429
_Answer = TypeVar("_Answer")


@kinds.config
class Waits:
    """How long is waited between two tries: twice as long each time, and a random part less.

    Args:
        first_s: before the second try, at most.
        longest_s: before any; a server that asks for more gets this much.
        jitter: the part that is random, so that clients which failed together do not return
            together.

    Example:
        >>> Waits(first_s=0.5, jitter=0.0).before(4, asked=None, draw=0.7)
        2.0
    """

    first_s: float = 0.25
    longest_s: float = 10.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        require(self.first_s >= 0, "`first_s` must be at least 0.", first_s=self.first_s)
        require(0 <= self.jitter <= 1, "`jitter` must be in [0, 1].", jitter=self.jitter)
        require(
            self.longest_s >= self.first_s,
            "`longest_s` must be at least `first_s`.",
            longest_s=self.longest_s,
            first_s=self.first_s,
        )

    def before(self, attempt: int, asked: float | None, draw: float) -> float:
        """Seconds before a try.

        Args:
            attempt: its number, from 2.
            asked: seconds that the server asks for; None if it does not.
            draw: random, in [0, 1).
        """
        wait = self.first_s * 2.0 ** min(attempt - 2, 30)
        wait = min(wait, self.longest_s) * (1.0 - self.jitter * draw)
        return max(wait, min(asked or 0.0, self.longest_s))


def retrying(ask: Callable[[], _Answer], attempts: int, waits: Waits, stop: Stop) -> _Answer:
    """Calls `ask` until it answers, at most `attempts` times.

    Args:
        ask: one try.
        attempts: at least 1.
        waits: between them.
        stop: ends a wait.

    Raises:
        Failure: the last one; at once where another try cannot help.

    Example:
        >>> def ask():
        ...     raise Failure("INVALID_ARGUMENT", "no such block")
        >>> retrying(ask, 5, Waits(), Stop())
        Traceback (most recent call last):
        ...
        ban_tf.serving.client.errors.Failure: INVALID_ARGUMENT: no such block
    """
    attempt = 1
    while True:
        try:
            return ask()
        except Failure as failure:
            if failure.code not in RETRIED or attempt >= attempts:
                raise
            attempt += 1
            if stop.wait(waits.before(attempt, failure.wait_s, random.random())):
                raise Failure("CANCELLED", "it was stopped") from failure
