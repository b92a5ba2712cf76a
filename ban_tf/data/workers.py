"""Runs one function over many jobs in several processes."""

import concurrent.futures
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def run(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    num_workers: int,
) -> Iterator[Result]:
    """Yields the results as they come in; with one worker in the order of the jobs.

    The first error ends it: what has not begun is not begun.

    Args:
        function: of a module, so that another process can import it.
        jobs: its arguments; the first are begun first.
        num_workers: processes, at least 1; with 1, or one job, the calling process does the work.

    Raises:
        RuntimeError: a process died.
        ValueError: fewer than one worker.

    Example:
        >>> list(run(abs, [-1, 2], num_workers=1))
        [1, 2]
    """
    if num_workers < 1:
        raise ValueError(f"`num_workers` must be at least 1. Received: num_workers={num_workers}")
    if num_workers == 1 or len(jobs) <= 1:
        yield from map(function, jobs)
        return
    # Not forked: the caller may hold TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    executor = concurrent.futures.ProcessPoolExecutor(
        min(num_workers, len(jobs)), context, initializer=_leave_keyboard
    )
    try:
        futures = [executor.submit(function, job) for job in jobs]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise RuntimeError(
            "A working process died: out of memory, or the calling script lacks "
            '`if __name__ == "__main__":`. Use num_workers=1 to work in this process. '
            f"Received: num_workers={num_workers}"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _leave_keyboard() -> None:
    """Ctrl-C reaches all processes of a terminal: the calling one alone ends the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
