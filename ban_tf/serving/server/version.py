"""One version of a model with its own worker processes and its own queue."""

import asyncio
import logging
from pathlib import Path

import grpc

from ban_tf.serving.server import batches, messages, refusals, signatures
from ban_tf.serving.server.metrics import Metrics
from ban_tf.serving.server.options import Options
from ban_tf.serving.server.signatures import Arrays
from ban_tf.serving.server.waiting import MOST_RUNS, Queue, Task
from ban_tf.serving.server.worker_process import (
    LoadError,
    WorkerEndedError,
    WorkerHungError,
    WorkerProcess,
)

_LOG = logging.getLogger("ban_tf.serving")
_OURS = "Ban>"  # how the compiled ops' names begin
# Loading and warming up is not a batch: a large model on a busy machine takes minutes.
_LONGEST_LOAD_S = 1800.0
_LONGEST_PAUSE_S = 30.0  # between trials to replace a worker


class Version:
    """A version that is loaded, answers, and is released.

    Args:
        number: of the version.
        folder: that it lies in.
        options: of the server.
        metrics: of the server.
    """

    def __init__(self, number: int, folder: Path, options: Options, metrics: Metrics) -> None:
        self.number = number
        self._folder = folder
        self._options = options
        self._metrics = metrics
        self._keepers: list[asyncio.Task[None]] = []
        self._workers: set[WorkerProcess] = set()
        self._unanswered = 0
        self._all_answered = asyncio.Event()
        self._is_closing = False

    async def load(self) -> None:
        """Starts the workers, each of which warms up.

        Raises:
            LoadError: the files cannot be served, or a worker cannot load or warm up.
        """
        try:
            self.description = await asyncio.to_thread(signatures.read, self._folder)
            rules = batches.read(self._folder)
        except (ValueError, OSError) as error:
            raise LoadError(str(error)) from error
        is_native = any(op.startswith(_OURS) for op in self.description.ops)
        if is_native and self._options.ops != "native":
            raise LoadError(
                f"{self._folder} was exported with the compiled ops; serve it with `ops` native"
            )
        options = self._options
        self._queue = Queue(rules, options.queue, options.most_bytes)
        sizes = () if rules is None else rules.sizes
        self._load = messages.Load(
            self._folder.absolute(), options.ops == "native", options.threads_each, sizes
        )
        starts = [self._start() for _ in range(options.workers)]
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failures:
            await self._stop_workers()
            raise failures[0]
        self._keepers = [asyncio.create_task(self._keep(worker)) for worker in set(self._workers)]

    @property
    def num_workers(self) -> int:
        """Those that can run requests."""
        return len(self._workers)

    @property
    def waiting_rows(self) -> int:
        return self._queue.rows

    async def predict(self, signature: str, inputs: Arrays, timeout_s: float) -> Arrays:
        """The outputs of a checked request.

        Args:
            signature: its name.
            inputs: as `signatures.rows` has found them right.
            timeout_s: after which nobody waits for them; before a worker has taken the request it
                is not run then.

        Raises:
            RefusedError: the queue is full, the time is over, the model refuses the values, or
                the workers end over it.
        """
        if self._is_closing:
            raise refusals.unavailable("this version is being released. Ask again.")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Arrays] = loop.create_future()
        rows = len(next(iter(inputs.values())))
        self._queue.put(Task(signature, inputs, rows, answer, loop.time()))
        self._unanswered += 1
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise refusals.RefusedError(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"no answer within {timeout_s:.3g} s"
            ) from error
        finally:
            self._unanswered -= 1
            if not self._unanswered:
                self._all_answered.set()

    async def close(self, longest_s: float) -> None:
        """Takes no requests any more, and ends the workers once all have been answered.

        Args:
            longest_s: after which those that are left are refused.
        """
        self._is_closing = True
        try:
            async with asyncio.timeout(longest_s):
                while self._unanswered:
                    self._all_answered.clear()
                    await self._all_answered.wait()
        except TimeoutError:
            _LOG.warning("version %d: %d requests are refused", self.number, self._unanswered)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._queue.refuse_all(refusals.unavailable("the server ends"))
        await self._stop_workers()

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._workers.clear()

    async def _start(self) -> WorkerProcess:
        worker = await WorkerProcess.start(self._load, _LONGEST_LOAD_S)
        self._workers.add(worker)
        return worker

    async def _keep(self, worker: WorkerProcess) -> None:
        """Gives a worker its batches, and puts another in its place when it ends."""
        while True:
            batch = await self._next_batch(worker)
            if batch is not None:
                await self._run(worker, batch)
            if worker.ended.done():
                self._workers.discard(worker)
                self._metrics.worker_ended()
                _LOG.warning("version %d: worker %d has ended", self.number, worker.pid)
                worker = await self._replacement()

    async def _next_batch(self, worker: WorkerProcess) -> list[Task] | None:
        """The next batch, or None once the worker is found to have ended."""
        taking = asyncio.ensure_future(self._queue.take())
        try:
            await asyncio.wait({taking, worker.ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not taking.done():
                taking.cancel()
                await asyncio.wait({taking})
        if taking.cancelled():
            return None
        if worker.ended.done():
            self._queue.give_back(taking.result())
            return None
        return taking.result()

    async def _run(self, worker: WorkerProcess, batch: list[Task]) -> None:
        try:
            self._metrics.taken()
            inputs = [task.inputs for task in batch]
            done = await worker.run(batch[0].signature, inputs, self._options.longest_run_s)
        except WorkerHungError as error:
            _refuse(batch, refusals.RefusedError(grpc.StatusCode.DEADLINE_EXCEEDED, str(error)))
            return
        except WorkerEndedError as error:
            self._run_again(batch, error)
            return
        except asyncio.CancelledError:
            _refuse(batch, refusals.unavailable("the server ends"))
            raise
        except Exception:  # a fault of ours; what the worker does now is not known
            _LOG.exception("version %d: a batch failed", self.number)
            _refuse(batch, refusals.RefusedError(grpc.StatusCode.INTERNAL, "the server failed"))
            await worker.kill()
            return
        self._metrics.ran(sum(task.rows for task in batch), done.seconds)
        for task, answer in zip(batch, done.answers, strict=True):
            if task.answer.done():
                continue
            if isinstance(answer, messages.Failed):
                task.answer.set_exception(refusals.of_number(answer.code, answer.message))
            else:
                task.answer.set_result(answer)

    def _run_again(self, batch: list[Task], error: WorkerEndedError) -> None:
        for task in batch:
            task.runs += 1
        lost = [task for task in batch if task.runs >= MOST_RUNS]
        message = f"{MOST_RUNS} workers ended over this request: {error}. Is it too large?"
        _refuse(lost, refusals.RefusedError(grpc.StatusCode.INTERNAL, message))
        self._queue.give_back([task for task in batch if task.runs < MOST_RUNS])

    async def _replacement(self) -> WorkerProcess:
        pause_s = 0.1
        while True:
            try:
                return await self._start()
            except LoadError as error:
                _LOG.warning("version %d: no new worker: %s", self.number, error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _refuse(batch: list[Task], error: refusals.RefusedError) -> None:
    for task in batch:
        if not task.answer.done():
            task.answer.set_exception(error)
