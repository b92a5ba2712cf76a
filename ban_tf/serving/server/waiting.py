"""Requests that wait for a worker: a bounded queue, from which batches are taken."""

import asyncio
import collections
import dataclasses

from ban_tf.serving.server import batches, refusals
from ban_tf.serving.server.signatures import Arrays

MOST_RUNS = 2  # of a request whose worker ended


@dataclasses.dataclass(eq=False)
class Task:
    """A request on its way.

    Args:
        signature: that is asked for.
        inputs: checked arrays by name.
        rows: how many.
        answer: gets the outputs by name, or a `RefusedError`; cancelled once nobody waits.
        arrived: by the clock of the loop.
        runs: how often a worker has ended while it ran.
    """

    signature: str
    inputs: Arrays
    rows: int
    answer: "asyncio.Future[Arrays]"
    arrived: float
    runs: int = 0

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self.inputs[name].shape[1:] for name in sorted(self.inputs))


class Queue:
    """What waits for the workers of one version.

    Args:
        rules: of batches; None runs every request alone.
        most_rows: that may wait.
        most_bytes: of a batch, padding included.
    """

    def __init__(self, rules: batches.Rules | None, most_rows: int, most_bytes: int) -> None:
        self._rules = rules
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._tasks: collections.deque[Task] = collections.deque()
        self._arrival = asyncio.Event()

    @property
    def rows(self) -> int:
        """How many rows wait for which somebody still waits."""
        return sum(task.rows for task in self._tasks if not task.answer.done())

    def put(self, task: Task) -> None:
        """Lets a request wait.

        Raises:
            RefusedError: it is larger than a batch may be, or too many wait.
        """
        if self._rules is not None and task.rows > self._rules.most_rows:
            raise refusals.invalid(
                f"a request must have at most {self._rules.most_rows} rows, which the model's "
                f"batches hold. Received: {task.rows}. Send several requests."
            )
        waiting = self.rows
        if waiting and waiting + task.rows > self._most_rows:
            raise refusals.exhausted(
                f"at most {self._most_rows} rows may wait, and {waiting} do. Try again later."
            )
        self._tasks.append(task)
        self._arrival.set()

    def give_back(self, tasks: list[Task]) -> None:
        """Puts requests back to the front, in their order."""
        self._tasks.extendleft(reversed(tasks))
        self._arrival.set()

    def refuse_all(self, error: refusals.RefusedError) -> None:
        """Refuses all that wait."""
        for task in self._tasks:
            if not task.answer.done():
                task.answer.set_exception(error)
        self._tasks.clear()

    async def take(self) -> list[Task]:
        """Waits for a batch and takes it out; what nobody waits for any more is never in one."""
        loop = asyncio.get_running_loop()
        while True:
            self._arrival.clear()
            self._forget()
            if self._tasks:
                batch, is_full = self._first_batch()
                wait_s = self._rules.wait_s if self._rules else 0.0
                left = batch[0].arrived + wait_s - loop.time()
                if is_full or left <= 0:
                    taken = set(map(id, batch))
                    self._tasks = collections.deque(t for t in self._tasks if id(t) not in taken)
                    if self._tasks:
                        self._arrival.set()  # another worker may wait
                    return batch
                try:
                    await asyncio.wait_for(self._arrival.wait(), left)
                except TimeoutError:
                    pass
            else:
                await self._arrival.wait()

    def _forget(self) -> None:
        if any(task.answer.done() for task in self._tasks):
            self._tasks = collections.deque(t for t in self._tasks if not t.answer.done())

    def _first_batch(self) -> tuple[list[Task], bool]:
        """The oldest request and those that may run with it; and whether none could be added.

        A request whose worker has ended runs alone: what is wrong with it should befall no other.
        """
        first = self._tasks[0]
        if self._rules is None or first.runs:
            return [first], True
        batch, rows = [first], first.rows
        for task in list(self._tasks)[1:]:
            if task.signature != first.signature or task.runs:
                continue
            if not self._rules.pads and task.shapes != first.shapes:
                continue
            inputs = [*(one.inputs for one in batch), task.inputs]
            if rows + task.rows > self._rules.most_rows:
                return batch, True
            if batches.merged_bytes(inputs) > self._most_bytes:
                return batch, True
            batch.append(task)
            rows += task.rows
        return batch, rows == self._rules.most_rows
