"""Clocks, turns, medians and peaks of memory, for whole systems here and for single ops elsewhere.

Needs nothing but Python: benchmarks set up their threads before they import any other library.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
_STATUS = "/proc/self/status"
_Result = TypeVar("_Result")


def timed(run: Callable[[], _Result]) -> tuple[float, _Result]:
    """Seconds of one run by the wall clock, and what it gave.

    Example:
        >>> seconds, found = timed(lambda: 6 * 7)
        >>> seconds >= 0, found
        (True, 42)
    """
    begin = time.perf_counter()
    result = run()
    return time.perf_counter() - begin, result


def seconds_of(
    run: Callable[[], object], repeats: int = 1, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one of `repeats` runs in a row.

    What a run gives is dropped before the next, which may then have its memory.

    Args:
        run: what to time.
        repeats: at least 1.
        clock: in seconds, such as one of `CLOCKS`.

    Example:
        >>> ticks = iter([10.0, 16.0])
        >>> seconds_of(lambda: None, repeats=3, clock=lambda: next(ticks))
        2.0
    """
    begin = clock()
    for _ in range(repeats):
        run()
    return (clock() - begin) / repeats


def in_turns(
    measurements: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Takes measurements in turns, so that a busy moment does not hit one of them alone.

    Each round begins with another one, so that none is always the first after a pause.

    Args:
        measurements: by name, each of which gives one value.
        rounds: values of each.

    Returns:
        The values by name, in the order of the rounds.

    Example:
        >>> order = []
        >>> named = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
        >>> in_turns(named, rounds=2)
        {'a': [1.0, 1.0], 'b': [1.0, 1.0], 'c': [1.0, 1.0]}
        >>> "".join(order)
        'abcbca'
    """
    names = list(measurements)
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(measurements[name]())
    return found


def medians(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each list of values.

    Example:
        >>> medians({"ours": [3.0, 1.0, 2.0]})
        {'ours': 2.0}
    """
    return {name: statistics.median(values) for name, values in found.items()}


def ratios(found: Sequence[float], of: Sequence[float]) -> list[float]:
    """Value by value `found` / `of`; their median is disturbed less than a ratio of medians.

    Example:
        >>> ratios([6.0, 8.0], of=[2.0, 4.0])
        [3.0, 2.0]
    """
    return [value / base for value, base in zip(found, of, strict=True)]


def resident_mib() -> float:
    """Memory that the process takes now, in MiB; from /proc (Linux)."""
    return _status_mib("VmRSS")


def peak_mib() -> float:
    """Most memory that the process has taken since it began, or since `reset_peak`; as above."""
    return _status_mib("VmHWM")


def reset_peak() -> None:
    """Lets `peak_mib` count from now on."""
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


def _status_mib(field: str) -> float:
    with open(_STATUS, encoding="utf-8") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
