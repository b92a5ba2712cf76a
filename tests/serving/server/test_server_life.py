"""Versions that come and go, damage, overload, deadlines and the end of a server of a tiny model.

SERVING_MUTATIONS=10000 makes so many damaged requests instead of 200, of another seed at every run.
"""

import http.client
import os
import signal
import time

import grpc
import numpy as np
import pytest

pytest.importorskip("tensorflow_serving", reason="needs the extra serving")
pytest.importorskip("aiohttp", reason="needs the extra serving")

import damaged_requests
import served_process
import slow_model
from served_process import code, request, until

NUM_MUTATIONS = int(os.environ.get("SERVING_MUTATIONS", 200))
SEED = 0 if NUM_MUTATIONS <= 200 else time.time_ns() % 2**32
LONG = -2e5  # turns of a loop, seconds long


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("models") / "slow"
    made.mkdir()
    slow_model.write(made / "1", bias=1)
    return made


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "server.log"
    flags = ("--workers", 1, "--queue", 8, "--poll-s", 0.1, "--grace-s", 60, "--timeout-s", 120)
    flags += ("--max-request-mib", 1)
    with served_process.serving(folder, log, *flags) as started:
        yield started


def x(*values):
    return {"x": np.array([values], np.float32)}


def asked(server, *values, **settings):
    return server.predict(x(*values), name="slow", **settings)["y"][0].tolist()


def later(server, *values, timeout=served_process.LONGEST_S):
    """A call that is on its way."""
    return server.prediction.Predict.future(request(x(*values), name="slow"), timeout=timeout)


def num_taken(server):
    """How many batches the worker has been given."""
    return server.metric("ban_serving_taken_batches_total")


def test_what_is_damaged_is_answered_or_refused(server):
    rng = np.random.default_rng(SEED)
    protobufs, bodies = damaged_requests.messages()
    calls = [
        server.channel.unary_unary(f"/tensorflow.serving.{method}")
        for method in damaged_requests.METHODS
    ]
    workers, descriptors = server.workers(), num_descriptors(server)
    seen = {"OK": 0}
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.rest_port, timeout=damaged_requests.LONGEST_S
    )
    for number in range(NUM_MUTATIONS):
        if number % 2:
            content = damaged_requests.mutated(protobufs[number // 2 % 2], rng)
            call = calls[0] if rng.random() < 0.8 else calls[int(rng.integers(3))]
            status = damaged_requests.of_grpc(call, content)
        else:
            content = damaged_requests.mutated(bodies[number // 2 % 2], rng)
            status = damaged_requests.of_http(connection, content)
        assert status not in damaged_requests.FAULTS, (
            f"seed {SEED}, mutation {number}: {status}, {content!r}"
        )
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


def test_what_waits_past_its_deadline_is_refused_and_not_run(server):
    before = server.metric("ban_serving_batch_rows_sum")
    taken = num_taken(server)
    long = later(server, LONG)
    until(lambda: num_taken(server) > taken)
    status, _ = code(later(server, 5.0, timeout=0.2).result)
    assert status == "DEADLINE_EXCEEDED"
    long.result()
    assert asked(server, 2.0) == [3.0]
    assert server.metric("ban_serving_batch_rows_sum") - before == 2


def test_too_many_requests_are_refused_and_all_others_answered(server):
    taken = num_taken(server)
    long = later(server, LONG)
    until(lambda: num_taken(server) > taken)
    calls = [later(server, float(k)) for k in range(40)]
    refused = answered = 0
    for k, call in enumerate(calls):
        try:
            values = call.result().outputs["y"]
        except grpc.RpcError as error:
            refused += error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        else:
            assert np.frombuffer(values.tensor_content, np.float32).tolist() == [k + 1.0]
            answered += 1
    long.result()
    assert (refused, answered) == (32, 8)
    body = {"inputs": [[1.0]]}
    assert server.http("POST", "/v1/models/slow:predict", body)[0] == 200


def test_a_newer_version_takes_over_and_a_bad_one_does_not(server, folder):
    old = set(server.workers())
    long = later(server, LONG)
    slow_model.write(folder / "2", bias=2)
    until(lambda: asked(server, 1.0) == [3.0])
    assert long.result().model_spec.version.value == 1
    until(lambda: not old & set(server.workers()))
    slow_model.write(folder / "3", bias=3, warm=False)
    path = "/v1/models/slow/versions/3"
    until(lambda: "END" in str(server.http("GET", path)))
    status = server.http("GET", path)[1]["model_version_status"][0]["status"]
    assert status["error_code"] == "UNKNOWN"
    assert status["error_message"]
    assert asked(server, 1.0) == [3.0]
    assert server.http("GET", "/readyz")[0] == 200
    assert server.http("POST", path + ":predict", {"inputs": [[1.0]]})[0] == 404


def test_the_end_lets_running_requests_finish_and_takes_no_others(server):
    taken = num_taken(server)
    running = later(server, LONG)
    until(lambda: num_taken(server) > taken)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: "told to end" in server.log.read_text())
    assert code(later(server, 1.0).result)[0] == "UNAVAILABLE"
    assert running.result().outputs["y"].dtype == 1
    assert server.process.wait(60) == 0
    assert "Traceback" not in server.log.read_text()
