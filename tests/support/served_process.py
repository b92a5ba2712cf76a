"""A server as a process of its own, and its clients: plain stubs and raw HTTP."""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

ROOT = pathlib.Path(__file__).parents[2]
LINE = re.compile(r"serving (\S+), version ([\d, ]+): gRPC \S+:(\d+), REST https?://\S+:(\d+)")
LONGEST_S = 240  # for whatever a test waits for, on a machine that is busy


@dataclasses.dataclass
class Server:
    process: subprocess.Popen
    grpc_port: int
    rest_port: int
    log: pathlib.Path

    def __post_init__(self):
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}", options)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def predict(self, inputs, signature="", timeout=LONGEST_S, **spec):
        response = self.prediction.Predict(request(inputs, signature, **spec), timeout=timeout)
        return {name: tf.make_ndarray(values) for name, values in response.outputs.items()}

    def http(self, method, path, body=None, headers=None):
        """Status and content, of JSON where it is some."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=LONGEST_S)
        with contextlib.closing(connection):
            content = json.dumps(body) if isinstance(body, dict) else body
            connection.request(method, path, content, headers or {})
            response = connection.getresponse()
            text = response.read().decode()
        if "json" in (response.getheader("Content-Type") or ""):
            return response.status, json.loads(text)
        return response.status, text

    def workers(self):
        """Process ids of the workers that run."""
        found = []
        for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, parent = status.read_text().rpartition(")")[2].split()[:2]
                if int(parent) == self.process.pid and state != "Z":
                    found.append(int(status.parent.name))
        return found

    def metric(self, name):
        """Sum of a metric over its labels."""
        _, page = self.http("GET", "/monitoring/prometheus/metrics")
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name))


def request(inputs, signature="", name="ban", version=None, label=None):
    made = predict_pb2.PredictRequest()
    made.model_spec.name = name
    made.model_spec.signature_name = signature
    if version is not None:
        made.model_spec.version.value = version
    if label is not None:
        made.model_spec.version_label = label
    for key, values in inputs.items():
        made.inputs[key].CopyFrom(tf.make_tensor_proto(values))
    return made


@contextlib.contextmanager
def serving(model, log, *flags):
    """A server of a model's folder at free ports, once it answers; ended in the end."""
    command = [sys.executable, str(ROOT / "eval" / "serve.py"), "--model", str(model)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, "--grpc-port", "0", "--rest-port", "0", *map(str, flags)],
            stdout=written, stderr=written, env=environment,
        )  # fmt: skip
    try:
        found = until(lambda: LINE.search(log.read_text()) or process.poll() is not None)
        assert found is not True, log.read_text()
        server = Server(process, int(found[3]), int(found[4]), log)
        with server.channel:
            yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def until(condition):
    """Waits for a condition to hold, and gives what it gives."""
    ends = time.monotonic() + LONGEST_S
    while not (found := condition()):
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.02)
    return found


def code(call, *args, **kwargs):
    """The code and the message that a call is refused with."""
    try:
        call(*args, **kwargs)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError("it was answered")


def same(found, expected):
    """Whether an answer is right: labels to the letter, numbers up to rounding of other batches."""
    assert set(found) == set(expected)
    for name, values in expected.items():
        got = found[name][:, : values.shape[1]] if values.ndim > 1 else found[name]
        if name in ("semantic", "instance"):
            np.testing.assert_array_equal(got, values)
        elif name != "iterations":
            np.testing.assert_allclose(got, values, atol=1e-4)
