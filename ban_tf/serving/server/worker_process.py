"""A worker process, as the server sees it: started, given batches, stopped, or found ended."""

import asyncio
import contextlib
import os
import socket
import sys

from ban_tf.serving.server import messages
from ban_tf.serving.server.signatures import Arrays

_STOP_S = 5.0  # for a worker that is told to end
MODULE = "ban_tf.serving.server.worker"


class WorkerEndedError(Exception):
    """A worker process is gone."""


class WorkerHungError(Exception):
    """A worker took longer than any request may, and has been ended."""


class LoadError(Exception):
    """A version that a worker cannot load or warm up."""


class WorkerProcess:
    """One process with a loaded and warmed-up version.

    Args:
        process: that runs.
        reader: of what it sends.
        writer: to it.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self.ended = asyncio.ensure_future(process.wait())

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, load: messages.Load, longest_s: float) -> "WorkerProcess":
        """Starts a process and waits until its model is warmed up.

        Args:
            load: what it is to load.
            longest_s: that this may take.

        Raises:
            LoadError: it cannot, or takes too long.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            threads = str(load.threads)
            environment = {
                "TF_CPP_MIN_LOG_LEVEL": "3",
                **os.environ,
                "OMP_NUM_THREADS": threads,
                "TF_NUM_INTRAOP_THREADS": threads,
            }
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", MODULE, str(theirs.fileno()),
                    pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL, env=environment,
                    process_group=0,  # Ctrl-C is the server's alone
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise LoadError(f"a worker cannot be started: {error}") from error
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        worker = cls(process, reader, writer)
        try:
            async with asyncio.timeout(longest_s):
                answer = await worker._exchange(load)
        except TimeoutError as error:
            await worker.kill()
            raise LoadError(f"loading must take at most {longest_s:.0f} s") from error
        except WorkerEndedError as error:
            raise LoadError(str(error)) from error
        except BaseException:
            await worker.kill()
            raise
        if isinstance(answer, messages.Failed):
            await worker.stop()
            raise LoadError(answer.message)
        return worker

    async def run(self, signature: str, requests: list[Arrays], longest_s: float) -> messages.Done:
        """Runs a batch.

        Args:
            signature: of all requests.
            requests: checked inputs of each.
            longest_s: after which the process is ended.

        Raises:
            WorkerEndedError: the process ended, for what reason ever.
            WorkerHungError: it took too long.
        """
        try:
            async with asyncio.timeout(longest_s):
                return await self._exchange(messages.Run(signature, requests))
        except TimeoutError as error:
            await self.kill()
            raise WorkerHungError(f"a batch must take at most {longest_s:.0f} s") from error

    async def _exchange(self, message: object) -> messages.Done:
        try:
            self._writer.writelines(messages.pack(message))
            await self._writer.drain()
            return await messages.read(self._reader)
        except (EOFError, OSError) as error:
            await self.kill()
            code = self._process.returncode
            raise WorkerEndedError(f"the worker process ended (exit code {code})") from error

    async def kill(self) -> None:
        """Ends the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self.ended
        self._writer.close()

    async def stop(self) -> None:
        """Lets the process end, which has nothing to do."""
        self._writer.close()
        try:
            await asyncio.wait_for(asyncio.shield(self.ended), _STOP_S)
        except TimeoutError:
            await self.kill()
