"""Answers that cannot be are refused, and requests that cannot be are not sent."""

import numpy as np
import pytest

import served_stand_ins
from ban_tf.serving.client import errors
from served_stand_ins import client

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(params=["grpc", "rest"])
def kind(request):
    return request.param


def ask(kind, model):
    with client(kind, model) as served:
        return served.predict(served_stand_ins.blocks(1))


# --- answers that cannot be ---


def spoilt(change):
    def answer(inputs):
        found = served_stand_ins.network(inputs)
        change(found)
        return found

    return answer


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda x: x["logits"].__setitem__((0, 3, 1), np.nan), "finite.*Received: 1 of 18 values"),
        (lambda x: x.update(logits=x["logits"][:, :5]), r"shape \[1, 9, 2\].*\(1, 5, 2\)"),
        (lambda x: x.update(logits=x["logits"][..., :1]), r"shape \[1, 9, 2\].*\(1, 9, 1\)"),
        (lambda x: x.update(logits=np.repeat(x["logits"], 2, 0)), r"\(2, 9, 2\)"),
        (lambda x: x.pop("embedding"), r"without \['embedding'\]"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(kind, change, pattern):
    with pytest.raises(errors.BadAnswerError, match=pattern):
        ask(kind, served_stand_ins.model(network=spoilt(change)))


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        (1e30, "`points` of the request is out of any sensible range.*, from points up to 1e.30$"),
        (6e6, "a network that diverged gives NaN, export an earlier checkpoint"),
    ],
)
def test_an_answer_that_is_not_finite_blames_what_is_wrong(value, pattern):
    model = served_stand_ins.model(network=spoilt(lambda x: x["logits"].fill(np.inf)))
    points = served_stand_ins.blocks(1)
    points[0, 2, 1] = -value
    with client("rest", model) as served:
        with pytest.raises(errors.BadAnswerError, match=pattern):
            served.predict(points)


def test_counts_that_are_none_are_as_good_as_not_given():
    with client("rest", served_stand_ins.model()) as served:
        points = served_stand_ins.blocks(1)
        found = served.call("network", points=points, num_points=None)
        np.testing.assert_array_equal(found["logits"], served.predict(points)["logits"])


# --- requests that cannot be are not sent ---


@pytest.mark.parametrize(
    ("inputs", "pattern"),
    [
        ({"points": np.zeros((1, 9, 6))}, r"`points` must have shape \[any, any, 9\]"),
        ({"points": np.full((1, 9, 9), np.nan)}, r"must be finite.*points\[0, 0\]"),
        ({"points": np.full((1, 9, 9), 1e300)}, "must be finite"),
        ({"points": np.zeros((1, 3, 9))}, "at least 4, which the network needs"),
        ({"points": np.zeros((1, 9, 9)), "num_points": [10]}, "at most the 9 rows"),
        ({"points": np.zeros((1, 9, 9)), "num_points": [9, 9]}, "the same blocks"),
        ({"points": np.zeros((0, 9, 9))}, "at least one"),
        ({"points": np.zeros((1, 9, 9)), "num_points": [8.5]}, "values of int32.*float64"),
        ({"points": np.zeros((1, 9, 9)), "rgb": [1]}, "Received: rgb, which it does not know$"),
        ({"points": None}, "takes arrays `points`, and may have `num_points`.* without points$"),
        ({}, "Received: without points$"),
        ({"num_points": [9], "xyz": 1}, "without points; xyz, which it does not know$"),
        ({"points": np.full((1, 9, 9), "a")}, "values of float32"),
    ],
)
def test_a_request_that_cannot_be_is_not_sent(inputs, pattern):
    model = served_stand_ins.model()
    with client("rest", model) as served:
        with pytest.raises(ValueError, match=pattern):
            served.call("network", **inputs)
    assert model.sizes == []


def test_a_request_too_large_for_a_message_is_not_sent(kind):
    model = served_stand_ins.model()
    pattern = "too large: lower `blocks_per_request`, 4 now, or raise `max_message_bytes`, 20000"
    with client(kind, model, max_message_bytes=20_000) as served:
        with pytest.raises(errors.RefusedError, match=pattern):
            served.predict(served_stand_ins.blocks(1, num_points=1000))
    assert model.sizes == []


def test_an_answer_too_large_for_a_message_is_not_asked_for_again(kind):
    def much(inputs):
        return {"semantic": np.zeros((1, 50_000), np.int32) + 300}

    model = served_stand_ins.model(serving_default=much)
    with client(kind, model, max_message_bytes=20_000) as served:
        with pytest.raises(errors.RefusedError, match=r"a message to or from .* is too large"):
            served.call("serving_default", points=served_stand_ins.blocks(1))
    assert len(model.sizes) == 1
