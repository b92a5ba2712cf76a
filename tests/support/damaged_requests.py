"""Damaged requests of both protocols, and what a server says to them."""

import json

import grpc
import numpy as np

import served_process

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
