"""Times CPU work in turns, and the memory's own speed in the same way.

A turn is a pause and then as many runs as fit into a fixed time: the first runs after a pause are
slower than those in a loop of steps.
"""

import os
import time
from collections.abc import Callable

import numpy as np

from ban_tf.experiments.efficiency import timing

# Before each turn: threads of the peer before may spin a while in wait of more work, on a core that
# the next one needs.
PAUSE_S = 0.03
# How long a turn is.
TURN_MS = 50.0


def memset_ms(num_bytes: int) -> float:
    """Time to fill that many bytes of memory in use."""
    memory = np.ones(num_bytes, np.uint8)
    return best_turn(lambda: memory.fill(1))


def copy_ms(num_bytes: int) -> float:
    """Time to fill that many bytes of memory in use with copies of 256 KiB.

    What is copied stays in the second-level cache, as a cloud's rows do at best.
    """
    source = np.ones(256 << 10, np.uint8)
    memory = np.ones(num_bytes, np.uint8)

    def run() -> None:
        for begin in range(0, num_bytes, source.size):
            part = memory[begin : begin + source.size]
            part[:] = source[: part.size]

    return best_turn(run)


def best_turn(run: Callable[[], object]) -> float:
    """Milliseconds of one of the runs of a turn, in the best of five turns."""
    return min(timed(run, turn_length(timed(run, 1))) for _ in range(5))


def turn_length(once_ms: float) -> int:
    """How many runs a turn has."""
    return max(1, int(TURN_MS / max(once_ms, 1e-3)))


def timed(run: Callable[[], object], repeats: int) -> float:
    """Milliseconds of one of `repeats` runs, by the clock that CPU_OPS_CLOCK names.

    One run before them is not counted: it wakes the threads that the pause has sent to sleep.
    """
    clock = timing.CLOCKS[os.environ.get("CPU_OPS_CLOCK", "wall")]
    time.sleep(PAUSE_S)
    run()
    return timing.seconds_of(run, repeats, clock) * 1e3
