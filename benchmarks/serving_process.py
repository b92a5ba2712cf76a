"""A server in a process of its own, for a load test."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_LINE = re.compile(r"serving \S+, version [\d, ]+: gRPC (\S+), REST")
_LONGEST_S = 300  # until it answers
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """What is asked of it and about it.

    Args:
        process: of the server.
        address: of its gRPC side.
        name: of the model.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", address: str, name: str) -> None:
        import grpc
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

        self._process = process
        self._name = name
        options = [("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel(address, options)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def versions(self) -> list[int]:
        """Those that answer."""
        from tensorflow_serving.apis import get_model_status_pb2

        asked = get_model_status_pb2.GetModelStatusRequest()
        asked.model_spec.name = self._name
        told = self._model.GetModelStatus(asked, timeout=30).model_version_status
        return [status.version for status in told if status.state == 30]

    def workers(self, ended: bool = False) -> list[int]:
        """Process ids; with `ended` also of those that the server has not noticed to have ended."""
        found = []
        for place in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, parent = place.read_text().rpartition(")")[2].split()[:2]
                if int(parent) == self._process.pid and (ended or state != "Z"):
                    found.append(int(place.parent.name))
        return found

    def has_workers(self, count: int, within_s: float) -> bool:
        ends = time.monotonic() + within_s
        while len(self.workers()) != count and time.monotonic() < ends:
            time.sleep(0.1)
        return len(self.workers()) == count

    def cpu_seconds(self) -> float:
        """Of the server and of all workers, those that have ended too."""
        total = 0
        for pid in (self._process.pid, *self.workers(ended=True)):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(int(value) for value in fields[11:15])
        return total / _TICKS


@contextlib.contextmanager
def started(model: Path, *flags: Any) -> Iterator[Server]:
    """A server at free ports, once it answers."""
    command = [sys.executable, str(ROOT / "eval" / "serve.py"), "--model", str(model)]
    command += ["--grpc-port", "0", "--rest-port", "0", *map(str, flags)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            ends = time.monotonic() + _LONGEST_S
            while not (line := _LINE.search(Path(log.name).read_text())):
                if process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(Path(log.name).read_text())
                time.sleep(0.1)
            server = Server(process, line[1], model.name)
            with server.channel:
                yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()
