"""What a client says of a server that is not there, has no time, refuses, or answers nonsense."""

import http.server
import os
import signal
import socket
import socketserver
import threading
import time

import numpy as np
import pytest

import served_stand_ins
from ban_tf import config
from ban_tf.serving.client import errors
from ban_tf.serving.client.client import Client
from ban_tf.serving.client.retrying import Waits
from fake_serving import Refusal
from served_stand_ins import EXPERIMENT, client

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(params=["grpc", "rest"])
def kind(request):
    return request.param


def failing(code, times, then=served_stand_ins.network):
    """A function that refuses its first requests."""
    left = [times]

    def answer(inputs):
        left[0] -= 1
        if left[0] >= 0:
            raise Refusal(code)
        return then(inputs)

    return answer


def ask(kind, model, **options):
    with client(kind, model, **options) as served:
        return served.predict(served_stand_ins.blocks(1))


# --- tries ---


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_server_without_time_is_asked_again(kind, code):
    model = served_stand_ins.model(network=failing(code, 3))
    assert ask(kind, model, attempts=4)["logits"].shape == (1, 9, 2)
    assert len(model.sizes) == 4


@pytest.mark.parametrize(
    ("code", "pattern"),
    [
        ("UNAVAILABLE", "after 3 tries: start the server, or check `address`.*said by the server"),
        ("RESOURCE_EXHAUSTED", "no time for a request in 3 tries: lower `in_flight`, 4 now"),
    ],
)
def test_tries_end(kind, code, pattern):
    model = served_stand_ins.model(network=failing(code, 99))
    with pytest.raises(errors.UnreachableError, match=pattern):
        ask(kind, model, attempts=3)
    assert len(model.sizes) == 3


def test_what_is_refused_is_not_asked_again(kind):
    model = served_stand_ins.model(network=failing("INVALID_ARGUMENT", 99))
    with pytest.raises(errors.RefusedError, match=r"refuses the request.*said by the server"):
        ask(kind, model)
    assert len(model.sizes) == 1


def test_the_first_error_in_order_ends_the_other_requests(kind):
    def answer(inputs):
        if inputs["points"][0, 0, 0] == 7:
            raise Refusal("INVALID_ARGUMENT", "the third")
        return served_stand_ins.network(inputs)

    points = served_stand_ins.blocks(40)
    points[2, 0, 0] = 7
    model = served_stand_ins.model(network=answer)
    with client(kind, model, blocks_per_request=1, in_flight=2) as served:
        with pytest.raises(errors.RefusedError, match="the third"):
            served.predict(points)
        assert len(model.sizes) < 40
        assert served.predict(points[:1])["logits"].shape == (1, 9, 2)  # and it can go on


def test_waits_grow_to_a_bound_and_are_shorter_by_chance():
    waits = Waits(first_s=0.25, longest_s=3.0, jitter=0.5)
    steady = [waits.before(attempt, asked=None, draw=0.0) for attempt in range(2, 8)]
    assert steady == [0.25, 0.5, 1.0, 2.0, 3.0, 3.0]
    assert waits.before(4, asked=None, draw=0.5) == 0.75
    assert waits.before(2, asked=2.0, draw=0.0) == 2.0
    assert waits.before(2, asked=60.0, draw=0.0) == 3.0


# --- who is not there ---


def test_nobody_at_the_address(kind):
    if kind == "grpc":
        pytest.importorskip("tensorflow_serving.apis")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = served_stand_ins.server(kind, address, attempts=2)
    with pytest.raises(errors.UnreachableError, match=f"no answer from {address}.*after 2 tries"):
        Client(server, Waits(first_s=0.001))


def test_no_such_model(kind):
    with pytest.raises(errors.NotServedError, match="has no model 'other': check `model_name`"):
        ask(kind, served_stand_ins.model(), model_name="other")


def test_no_such_version(kind):
    model = served_stand_ins.model(versions=(1, 2))
    model.states[5] = "LOADING"
    pattern = r"no version 7.*There are: 1 \(AVAILABLE\), 2 \(AVAILABLE\), 5 \(LOADING\)"
    with pytest.raises(errors.NotServedError, match=pattern):
        ask(kind, model, model_version=7)


def test_no_version_that_answers_yet(kind):
    model = served_stand_ins.model(versions=())
    model.states[1] = "LOADING"
    with pytest.raises(errors.NotServedError, match=r"wait until one is loaded.*1 \(LOADING\)"):
        ask(kind, model)


def test_no_such_signature(kind):
    with client(kind, served_stand_ins.model()) as served:
        with pytest.raises(errors.NotServedError, match="has about, network, serving_default"):
            served.call("points", xyz=np.zeros((1, 9, 3)))


def test_another_protocol_at_the_address():
    class Other(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>a printer</html>")

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        server = served_stand_ins.server("rest", f"127.0.0.1:{other.server_address[1]}")
        with pytest.raises(errors.BadAnswerError, match="does not answer as TensorFlow Serving"):
            Client(server)
        thread.join()


# --- another model ---


def test_a_model_with_other_features_or_classes_is_refused(kind):
    turned = served_stand_ins.experiment(labels=config.Labels(class_names=("thing", "floor")))
    fewer = config.Features(names=("block_xyz", "rgb"))
    longer = config.Blocks(num_points=128, size_m=2.0, stride_m=0.5, min_points=5)
    with client(kind, served_stand_ins.model()) as served:
        served.require(EXPERIMENT)
        with pytest.raises(errors.OtherModelError, match=r"classes=\('floor', 'thing'\) there"):
            served.require(turned)
        with pytest.raises(errors.OtherModelError, match="number of features=9 there, 6 here"):
            served.require(served_stand_ins.experiment(features=fewer))
        with pytest.raises(errors.OtherModelError, match=r"samples=Blocks\(.*size_m=2\.0"):
            served.require(served_stand_ins.experiment(samples=longer))
        with pytest.raises(errors.OtherModelError, match="fingerprint="):
            served.require(EXPERIMENT, "e" * 64)


def test_a_model_that_gives_no_logits_is_refused(kind):
    model = served_stand_ins.model()
    del model.signatures["network"]
    with client(kind, model) as served:
        with pytest.raises(errors.NotServedError, match="must have the signature 'network'"):
            served.require(EXPERIMENT)


# --- time ---


@pytest.fixture
def silent():
    """The address of a server that takes requests and never answers."""

    class Silent(socketserver.BaseRequestHandler):
        def handle(self):
            while self.request.recv(65536):
                pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_server_that_does_not_answer_in_time_is_given_up_at_once(kind, silent):
    if kind == "grpc":
        pytest.importorskip("tensorflow_serving.apis")
    server = served_stand_ins.server(kind, silent, timeout_s=0.1)
    begun = time.monotonic()
    with pytest.raises(errors.UnreachableError, match=r"within 0\.1 s \(`timeout_s`\)"):
        Client(server)
    assert time.monotonic() - begun < 15.0  # a single try, on a machine with other work


@pytest.fixture
def interruptible():
    """Ctrl-C is an interrupt, in a process that was started in the background too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_what_is_under_way(kind, interruptible):
    begun, released = threading.Event(), threading.Event()

    def endless(inputs):
        begun.set()
        released.wait(20.0)
        return served_stand_ins.network(inputs)

    def press():
        begun.wait(20.0)
        os.kill(os.getpid(), signal.SIGINT)

    model = served_stand_ins.model(network=endless)
    with client(kind, model, timeout_s=300.0, blocks_per_request=1) as served:
        finger = threading.Thread(target=press)
        finger.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                served.predict(served_stand_ins.blocks(20))
            finger.join()
            served._threads.shutdown(wait=True)  # they end although no answer has come
            assert not released.is_set()
        finally:
            released.set()
    assert len(model.sizes) <= 4
