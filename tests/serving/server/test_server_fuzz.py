"""Damaged requests by both protocols: answered or refused with a status, and the server goes on.

SERVING_MUTATIONS=10000 makes so many instead of 200, of another seed at every run.
"""

import http.client
import json
import os
import time

import grpc
import numpy as np
import pytest

pytest.importorskip("tensorflow_serving", reason="needs the extra serving")
pytest.importorskip("aiohttp", reason="needs the extra serving")

import served_process
import slow_model

NUM_MUTATIONS = int(os.environ.get("SERVING_MUTATIONS", 200))
SEED = 0 if NUM_MUTATIONS <= 200 else time.time_ns() % 2**32
METHODS = (
    "PredictionService/Predict",
    "PredictionService/GetModelMetadata",
    "ModelService/GetModelStatus",
)
EXTREMES = (0, 1, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
WORDS = (
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"NaN",
    b"-1",
    b"1e999",
    b"9" * 30,
    b"null",
    b"\\",
    b",",
    b"",
)
# Statuses that tell of a fault of ours.
FAULTS = {"UNKNOWN", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "DATA_LOSS"}
LONGEST_S = 60  # for one request


def mutated(content, rng):
    """The content with one to three faults: bytes that are other, gone, doubled or added."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(0, len(content) + 1))
        length = int(rng.integers(0, 12))
        kind = rng.integers(0, 7)
        if kind == 0 and start < len(content):
            content[start] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            content[start : start + length] = rng.bytes(length)
        elif kind == 2:
            del content[start:]
        elif kind == 3:
            del content[start : start + length]
        elif kind == 4:
            content[start:start] = content[start : start + length]
        elif kind == 5:
            value = EXTREMES[int(rng.integers(len(EXTREMES)))]
            size = int(rng.choice([1, 2, 4, 8]))
            content[start : start + size] = (value % 256**size).to_bytes(size, "little")
        else:
            word = WORDS[int(rng.integers(len(WORDS)))]
            content[start : start + int(rng.integers(0, 4))] = word
    return bytes(content)


def messages():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    asked = served_process.request({"x": x}, "serving_default", name="slow", version=1)
    asked.output_filter.append("y")
    listed = served_process.request({}, name="slow")
    listed.inputs["x"].dtype = 1
    listed.inputs["x"].float_val.extend([1.0, 2.0])
    for size in (1, 2):
        listed.inputs["x"].tensor_shape.dim.add(size=size)
    bodies = ({"instances": [[1, 2], [3, 4]]}, {"inputs": {"x": [[1.5]]}, "signature_name": ""})
    return (
        [asked.SerializeToString(), listed.SerializeToString()],
        [json.dumps(body).encode() for body in bodies],
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "slow"
    folder.mkdir()
    slow_model.write(folder / "1", bias=1)
    log = tmp_path_factory.mktemp("log") / "server.log"
    flags = ("--workers", 1, "--timeout", LONGEST_S, "--max-request-mib", 1)
    with served_process.serving(folder, log, *flags) as started:
        yield started


def test_what_is_damaged_is_answered_or_refused(server):
    rng = np.random.default_rng(SEED)
    protobufs, bodies = messages()
    calls = [server.channel.unary_unary(f"/tensorflow.serving.{method}") for method in METHODS]
    workers, descriptors = server.workers(), num_descriptors(server)
    seen = {"OK": 0}
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=LONGEST_S)
    for number in range(NUM_MUTATIONS):
        if number % 2:
            content = mutated(protobufs[number // 2 % 2], rng)
            call = calls[0] if rng.random() < 0.8 else calls[int(rng.integers(3))]
            status = of_grpc(call, content)
        else:
            content = mutated(bodies[number // 2 % 2], rng)
            status = of_http(connection, content)
        assert status not in FAULTS, f"seed {SEED}, mutation {number}: {status}, {content!r}"
        seen[status] = seen.get(status, 0) + 1
    connection.close()
    assert seen["OK"] > 0
    assert len(seen) > 2, seen
    answer = server.predict({"x": np.ones((1, 1), np.float32)}, name="slow")
    assert answer["y"].tolist() == [[2.0]]
    assert server.workers() == workers
    assert num_descriptors(server) < descriptors + 20
    assert server.metric("ban_serving_waiting_rows") == 0
    assert "Traceback" not in server.log.read_text()


def num_descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def of_grpc(call, content):
    try:
        call(content, timeout=LONGEST_S)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def of_http(connection, content):
    """What stands for the status among the codes of gRPC."""
    connection.request("POST", "/v1/models/slow:predict", content)
    response = connection.getresponse()
    body = json.loads(response.read())
    if response.status == 200:
        return "OK"
    assert list(body) == ["error"]
    return "INTERNAL" if response.status >= 500 else f"HTTP {response.status}"
