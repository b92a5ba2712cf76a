"""A server with a real network, asked by the stubs of the stock server and by raw HTTP."""

import concurrent.futures
import gzip
import json
import os
import signal
import socket
import struct

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("tensorflow_serving", reason="needs the extra serving")
pytest.importorskip("aiohttp", reason="needs the extra serving")

from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

import served_process
import tiny_networks
from ban_tf.config.served import Server
from ban_tf.serving.client.client import Client
from served_process import code, request, same

PREDICT = "/v1/models/ban:predict"


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "server.log"
    flags = ("--workers", 1, "--max-request-mib", 1, "--label", "stable=1", "--timeout-s", 300)
    with served_process.serving(exported.parent, log, *flags) as started:
        yield started


def blocks(batch=1, num_points=24, seed=0):
    points = tiny_networks.blocks(batch, num_points, seed)
    return {"points": points, "num_points": np.full(batch, num_points, np.int32)}


def as_rows(inputs):
    rows = zip(*(values.tolist() for values in inputs.values()), strict=True)
    return [dict(zip(inputs, row, strict=True)) for row in rows]


@pytest.mark.parametrize("signature", ["serving_default", "outputs", "network"])
def test_an_answer_is_the_models(server, model, signature):
    inputs = blocks(2)
    same(server.predict(inputs, signature), model(signature, inputs))


@pytest.mark.parametrize("rest", [False, True])
def test_this_projects_client_is_answered(server, model, rest):
    address = f"127.0.0.1:{server.rest_port if rest else server.grpc_port}"
    with Client(Server(address=address, rest=rest)) as client:
        found = client.call("outputs", **blocks(2))
    same(dict(found), model("outputs", blocks(2)))


def test_the_answer_names_model_version_and_signature(server):
    spec = server.prediction.Predict(request(blocks(), label="stable")).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("ban", 1, "serving_default")


def test_only_the_outputs_that_are_asked_for_come(server):
    asked = request(blocks())
    asked.output_filter.append("instance")
    assert list(server.prediction.Predict(asked).outputs) == ["instance"]
    asked.output_filter.append("colour")
    assert code(server.prediction.Predict, asked)[0] == "INVALID_ARGUMENT"


def test_requests_of_unequal_size_at_once_are_answered_as_alone(server, model):
    asked = [blocks(1 + seed % 2, 12 + seed, seed) for seed in range(12)]
    before = server.metric("ban_serving_batch_rows_count")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda inputs: server.predict(inputs, "outputs"), asked))
    for found, inputs in zip(answers, asked, strict=True):
        same(found, model("outputs", inputs))
    assert server.metric("ban_serving_batch_rows_count") - before < len(asked)


def test_one_wrong_request_in_a_batch_harms_no_other(server, model):
    wrong = blocks() | {"num_points": np.array([3], np.int32)}
    asked = [wrong, *(blocks(seed=seed) for seed in range(6)), wrong]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(server.predict, inputs) for inputs in asked]
    for call, inputs in zip(calls[1:-1], asked[1:-1], strict=True):
        same(call.result(), model("serving_default", inputs))
    for call in (calls[0], calls[-1]):
        status, message = code(call.result)
        assert status == "INVALID_ARGUMENT"
        assert message.startswith("`num_points` must be at least 12")


@pytest.mark.parametrize("form", ["instances", "inputs"])
@pytest.mark.parametrize("place", ["", "/versions/1", "/labels/stable"])
def test_rest_answers_by_rows_and_by_columns(server, model, form, place):
    inputs = blocks(2)
    columns = {name: values.tolist() for name, values in inputs.items()}
    body = {form: as_rows(inputs) if form == "instances" else columns, "signature_name": "outputs"}
    status, answer = server.http("POST", f"/v1/models/ban{place}:predict", body)
    assert status == 200
    if form == "instances":
        found = {name: [row[name] for row in answer["predictions"]]
                 for name in answer["predictions"][0]}  # fmt: skip
    else:
        found = answer["outputs"]
    same({name: np.array(values) for name, values in found.items()}, model("outputs", inputs))


def test_status_and_metadata_are_told_by_both_protocols(server):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "ban"
    (status,) = server.model.GetModelStatus(asked).model_version_status
    assert (status.version, status.state) == (1, 30)
    told = {"version": "1", "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""}}  # fmt: skip
    assert server.http("GET", "/v1/models/ban/versions/1") == (
        200, {"model_version_status": [told]}
    )  # fmt: skip
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "ban"
    packed = server.prediction.GetModelMetadata(asked).metadata["signature_def"]
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert packed.Unpack(signatures)
    assert signatures.signature_def["network"].inputs["points"].dtype == tf.float32.as_datatype_enum
    _, told = server.http("GET", "/v1/models/ban/metadata")
    found = told["metadata"]["signature_def"]["signature_def"]["points"]["inputs"]["rgb"]
    assert (found["dtype"], found["tensor_shape"]["dim"][2]["size"]) == ("DT_UINT8", "3")


def test_health_and_metrics_are_told(server):
    health = health_pb2_grpc.HealthStub(server.channel)
    assert health.Check(health_pb2.HealthCheckRequest()).status == 1
    assert server.http("GET", "/healthz") == (200, "alive\n")
    assert server.http("GET", "/readyz") == (200, "ready\n")
    server.predict(blocks())
    assert server.metric('ban_serving_requests_total{api="grpc",method="Predict"') > 0


def announced(shape):
    """A tensor of few bytes that says it is of many."""
    asked = request(blocks())
    tensor = asked.inputs["points"]
    tensor.CopyFrom(tf.make_tensor_proto(1.0))
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return asked


def changed(**inputs):
    return request({**blocks(), **inputs})


WRONG = {
    "no such model": (lambda: request(blocks(), name="other"), "NOT_FOUND"),
    "no such version": (lambda: request(blocks(), version=7), "NOT_FOUND"),
    "no such label": (lambda: request(blocks(), label="x"), "NOT_FOUND"),
    "no such signature": (lambda: request(blocks(), "x"), "FAILED_PRECONDITION"),
    "an input too few": (lambda: request({"points": blocks()["points"]}), "INVALID_ARGUMENT"),
    "an input too many": (lambda: changed(more=np.zeros(1)), "INVALID_ARGUMENT"),
    "another dtype": (lambda: changed(num_points=np.array([24], np.int64)), "INVALID_ARGUMENT"),
    "text": (lambda: changed(num_points=np.array([b"24"])), "INVALID_ARGUMENT"),
    "too few dimensions": (lambda: changed(points=blocks()["points"][0]), "INVALID_ARGUMENT"),
    "unequal rows": (lambda: changed(num_points=np.array([24, 24], np.int32)), "INVALID_ARGUMENT"),
    "no row": (lambda: request(blocks(0)), "INVALID_ARGUMENT"),
    "more rows than a batch": (lambda: request(blocks(9)), "INVALID_ARGUMENT"),
    "no points": (lambda: changed(points=np.zeros((1, 0, 9), "f")), "INVALID_ARGUMENT"),
    "NaN": (lambda: changed(points=np.full((1, 24, 9), np.nan, "f")), "INVALID_ARGUMENT"),
    "10 GB announced": (lambda: announced((1, 2**28, 9)), "RESOURCE_EXHAUSTED"),
    "more than there is": (lambda: announced((2**40, 2**20)), "RESOURCE_EXHAUSTED"),
    "a negative size": (lambda: announced((1, -24, 9)), "INVALID_ARGUMENT"),
    "a message too large": (lambda: request(blocks(8, 9000)), "RESOURCE_EXHAUSTED"),
}


@pytest.mark.parametrize(("make", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_gets_its_status_and_the_server_goes_on(server, make, expected):
    status, message = code(server.prediction.Predict, make())
    assert status == expected
    assert message
    assert server.predict(blocks())


@pytest.mark.parametrize("content", [b"\x0a\xff", request(blocks()).SerializeToString()[:-5]])
def test_a_message_that_is_cut_off_is_the_clients_fault(server, content):
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    assert code(call, content)[0] == "INVALID_ARGUMENT"
    other = server.channel.unary_unary("/tensorflow.serving.PredictionService/Classify")
    assert code(other, b"")[0] == "UNIMPLEMENTED"


ROW = as_rows(blocks())[0]
BODIES = {
    "no JSON": (b"{", 400),
    "no text": (b"\xff\xfe\x00", 400),
    "no object": (b"[1]", 400),
    "neither form": ({"signature_name": "outputs"}, 400),
    "both forms": ({"inputs": {}, "instances": []}, 400),
    "nested deep": (b'{"instances":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "nested too deep for an array": ({"inputs": {**ROW, "points": json.loads("[" * 70 + "]" * 70)}},
                                     400),
    "rows of unequal length": ({"instances": [ROW, {**ROW, "points": ROW["points"][:-1]}]}, 400),
    "a row without an input": ({"instances": [ROW, {"points": ROW["points"]}]}, 400),
    "text for a number": ({"instances": [{**ROW, "num_points": "24"}]}, 400),
    "a fraction for a whole number": ({"instances": [{**ROW, "num_points": 23.5}]}, 400),
    "a number too large": ({"instances": [{**ROW, "num_points": 2**40}]}, 400),
    "many digits": (b'{"instances": [' + b"1" * 10_000 + b"]}", 400),
    "null": ({"instances": [{**ROW, "num_points": None}]}, 400),
    "no such signature": ({"instances": [ROW], "signature_name": "x"}, 400),
    "no points": ({"instances": [{**ROW, "points": []}]}, 400),
    "a body too large": (b" " * (2**20 + 1), 413),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_a_wrong_body_gets_its_status_and_the_server_goes_on(server, body, expected):
    status, answer = server.http("POST", PREDICT, body)
    assert (status, list(answer)) == (expected, ["error"])
    assert server.http("POST", PREDICT, {"instances": [ROW]})[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v1/models/ban/versions/7:predict", 404),
        ("POST", "/v1/models/ban/labels/x:predict", 404),
        ("GET", "/v1/models/other", 404),
        ("GET", "/v1/models/ban/versions/99999999999999999999", 400),
        ("GET", "/v1/models/ban:predict", 405),
        ("GET", "/v2/anything", 404),
    ],
)
def test_a_wrong_path_gets_its_status(server, method, path, expected):
    status, answer = server.http(method, path, {"instances": [ROW]} if method == "POST" else None)
    assert (status, list(answer)) == (expected, ["error"])


def test_a_body_of_10_gb_is_refused_before_it_comes(server):
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {10**10}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_small_body_that_unpacks_to_much_is_refused(server):
    body = gzip.compress(b" " * 2**24)
    assert server.http("POST", PREDICT, body, {"Content-Encoding": "gzip"})[0] == 413


def test_a_grpc_message_of_4_gb_is_refused_before_it_comes(server):
    """A message's length goes before it; the server's own answer comes to an HTTP/2 client."""
    with socket.create_connection(("127.0.0.1", server.grpc_port), timeout=60) as connection:
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
        connection.sendall(preface + struct.pack(">I", 2**31) * 100)
        while connection.recv(2**16):
            pass
    assert server.predict(blocks())


def test_a_client_that_goes_away_leaves_nothing_waiting(server):
    calls = [server.prediction.Predict.future(request(blocks(8))) for _ in range(4)]
    for call in calls:
        call.cancel()
    served_process.until(lambda: server.predict(blocks()))
    assert server.metric("ban_serving_waiting_rows") == 0


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_requests_are_answered(server, model):
    (killed,) = server.workers()
    asked = [blocks(seed=seed) for seed in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(server.predict, inputs) for inputs in asked]
        os.kill(killed, signal.SIGKILL)
        calls += [pool.submit(server.predict, inputs) for inputs in asked]
    for call, inputs in zip(calls, asked * 2, strict=True):
        same(call.result(), model("serving_default", inputs))
    assert killed not in server.workers()
    assert server.metric("ban_serving_ended_workers_total") == 1
