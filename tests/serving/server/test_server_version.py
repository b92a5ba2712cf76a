"""What becomes of requests when workers end, hang or are released; the workers only act so."""

import asyncio
import itertools

import numpy as np
import pytest

pytest.importorskip("tensorflow_serving", reason="needs the extra serving")
pytest.importorskip("aiohttp", reason="needs the extra serving")

import slow_model
from ban_tf.serving.server import messages, refusals, worker_process
from ban_tf.serving.server.metrics import Metrics
from ban_tf.serving.server.options import Options
from ban_tf.serving.server.version import Version
from ban_tf.serving.server.worker_process import LoadError, WorkerEndedError, WorkerHungError

ENDS, HANGS, WAITS, REFUSES = -1.0, -2.0, -3.0, -4.0  # what a request makes of its worker


class Acting:
    """A worker that adds one, or does what a value asks for."""

    pids = itertools.count(1)
    started = 0
    batches: tuple = ()

    def __init__(self):
        self.ended = asyncio.get_running_loop().create_future()
        self.pid = next(self.pids)

    @classmethod
    async def start(cls, load, longest_s):
        cls.started += 1
        return cls()

    async def run(self, signature, requests, longest_s):
        values = [float(request["x"].flat[0]) for request in requests]
        Acting.batches += (values,)
        if ENDS in values or self.ended.done():
            await self.kill()
            raise WorkerEndedError("killed")
        if HANGS in values:
            await self.kill()
            raise WorkerHungError("too long")
        if WAITS in values:
            await asyncio.sleep(60)
        if REFUSES in values:
            return messages.Done([messages.Failed(3, "no") for _ in values], 0.1)
        return messages.Done([{"y": request["x"] + 1} for request in requests], 0.1)

    async def kill(self):
        if not self.ended.done():
            self.ended.set_result(-9)

    stop = kill


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("models") / "slow"
    made.mkdir()
    slow_model.write(made / "1", bias=1)
    return made / "1"


@pytest.fixture(autouse=True)
def _acting(monkeypatch):
    monkeypatch.setattr(worker_process.WorkerProcess, "start", Acting.start)
    Acting.started, Acting.batches = 0, ()


async def outcome(version, value, timeout_s=20.0):
    """The answer to a value, or the code that it is refused with."""
    x = np.array([[value]], np.float32)
    try:
        return float((await version.predict("serving_default", {"x": x}, timeout_s))["y"][0, 0])
    except refusals.RefusedError as error:
        return error.code.name


def with_version(folder, work, workers=1):
    async def go():
        options = Options(model=folder.parent, workers=workers)
        version = Version(1, folder, options, Metrics("slow"))
        await version.load()
        try:
            return await work(version)
        finally:
            await version.close(0.1)

    return asyncio.run(go())


def test_a_request_over_which_two_workers_end_is_refused_and_no_other(folder):
    async def work(version):
        return await asyncio.gather(*(outcome(version, value) for value in (1.0, ENDS, 2.0, 3.0)))

    assert with_version(folder, work) == [2.0, "INTERNAL", 3.0, 4.0]
    assert Acting.batches == ([1.0, ENDS, 2.0, 3.0], [1.0], [ENDS], [2.0], [3.0])
    assert Acting.started == 3


def test_a_worker_that_ends_while_it_waits_is_replaced(folder):
    async def work(version):
        (worker,) = version._workers
        await worker.kill()
        while version.num_workers and worker in version._workers:
            await asyncio.sleep(0.01)
        return await outcome(version, 1.0)

    assert with_version(folder, work) == 2.0
    assert Acting.started == 2


def test_a_batch_that_hangs_is_refused_and_its_worker_replaced(folder):
    async def work(version):
        return await outcome(version, HANGS), await outcome(version, 1.0)

    assert with_version(folder, work) == ("DEADLINE_EXCEEDED", 2.0)


def test_a_code_of_the_model_reaches_the_client(folder):
    async def work(version):
        return await outcome(version, REFUSES)

    assert with_version(folder, work) == "INVALID_ARGUMENT"


def test_a_client_that_no_longer_waits_leaves_its_worker_to_others(folder):
    async def work(version):
        long = asyncio.create_task(outcome(version, WAITS, 0.05))
        await asyncio.sleep(0.01)
        return await long, await outcome(version, 1.0)

    assert with_version(folder, work, workers=2) == ("DEADLINE_EXCEEDED", 2.0)


def test_the_end_is_bounded_and_clear_to_everybody(folder):
    async def work(version):
        long = asyncio.create_task(outcome(version, WAITS))
        await asyncio.sleep(0.05)
        behind = asyncio.create_task(outcome(version, 1.0))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(version.close(0.1))
        await asyncio.sleep(0.01)
        late = await outcome(version, 2.0)
        await closing
        return await long, await behind, late

    assert with_version(folder, work) == ("UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE")


def test_a_worker_that_cannot_be_replaced_at_once_is_tried_again(folder, monkeypatch):
    outcomes = iter([LoadError("no memory"), LoadError("no memory"), None])

    async def start(load, longest_s):
        if (error := next(outcomes)) is not None:
            raise error
        return await Acting.start(load, longest_s)

    async def work(version):
        (worker,) = version._workers
        monkeypatch.setattr(worker_process.WorkerProcess, "start", start)
        await worker.kill()
        return await outcome(version, 1.0)

    assert with_version(folder, work) == 2.0


def test_a_version_is_loaded_whole_or_not(folder, monkeypatch):
    stopped = []
    answers = iter([None, LoadError("no memory")])

    async def start(load, longest_s):
        if (error := next(answers)) is not None:
            raise error
        worker = await Acting.start(load, longest_s)
        stopped.append(worker)
        return worker

    monkeypatch.setattr(worker_process.WorkerProcess, "start", start)
    with pytest.raises(LoadError, match="no memory"):
        with_version(folder, None, workers=2)
    assert all(worker.ended.done() for worker in stopped)
    assert len(stopped) == 1


@pytest.mark.parametrize("damage", ["graph", "gone"])
def test_files_that_cannot_be_served_are_refused(tmp_path, damage):
    if damage != "gone":
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_bytes(b"\xff" * 50)
    with pytest.raises(LoadError):
        with_version(tmp_path / "1", None)
