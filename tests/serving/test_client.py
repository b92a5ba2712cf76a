"""A client asks signatures and segments clouds: by gRPC and REST, of servers of the tests' own."""

import threading
import time

import numpy as np
import pytest

import fake_serving
import served_stand_ins
from ban_tf.inference import segmentation
from ban_tf.inference.predictor import as_predictor
from ban_tf.serving.client import errors
from served_stand_ins import EXPERIMENT, Local, client

KINDS = ("grpc", "rest")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_a_cloud_gets_the_labels_of_the_same_network_here(kind):
    cloud = served_stand_ins.cloud()
    expected = segmentation.segment(cloud, Local(), EXPERIMENT)
    with client(kind, served_stand_ins.model()) as served:
        found = segmentation.segment(cloud, served, EXPERIMENT)
    np.testing.assert_array_equal(found.semantic, expected.semantic)
    np.testing.assert_array_equal(found.instance, expected.instance)
    np.testing.assert_allclose(found.confidence, expected.confidence, rtol=0, atol=1e-4)
    assert len(expected.instances) > 1


def test_values_arrive_bit_for_bit(kind):
    points = served_stand_ins.blocks()
    with client(kind, served_stand_ins.model()) as served:
        found = served.predict(points)
    expected = served_stand_ins.network({"points": points})
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values)


def test_blocks_are_cut_into_requests(kind):
    model = served_stand_ins.model()
    with client(kind, model, blocks_per_request=3) as served:
        served.predict(served_stand_ins.blocks(8))
    assert sorted(model.sizes) == [2, 3, 3]


def test_answers_keep_their_order_when_the_first_comes_last(kind):
    points = served_stand_ins.blocks(4)
    points[:, 0, 0] = np.arange(4)
    others = threading.Semaphore(0)

    def first_last(inputs):
        is_first = inputs["points"][0, 0, 0] == 0
        for _ in range(3 if is_first else 0):
            assert others.acquire(timeout=20.0)
        others.release()
        return served_stand_ins.network(inputs)

    model = served_stand_ins.model(network=first_last)
    with client(kind, model, blocks_per_request=1, in_flight=4) as served:
        found = served.predict(points)
    np.testing.assert_array_equal(
        found["logits"], served_stand_ins.network({"points": points})["logits"]
    )


@pytest.mark.parametrize("in_flight", [1, 3])
def test_no_more_requests_are_under_way_than_asked_for(kind, in_flight):
    together = threading.Barrier(in_flight)

    @fake_serving.numbered
    def meeting(inputs, number):
        if number <= in_flight:  # the first asks what the model is
            together.wait(20.0)
        return served_stand_ins.network(inputs)

    model = served_stand_ins.model(network=meeting)
    with client(kind, model, in_flight=in_flight, blocks_per_request=1) as served:
        served.predict(served_stand_ins.blocks(7))
    assert model.most_under_way == in_flight


def test_rows_of_the_servers_own_padding_are_cut(kind):
    def padded(inputs):
        found = served_stand_ins.network(inputs)
        return {name: np.pad(x, [(0, 0), (0, 6), (0, 0)]) for name, x in found.items()}

    with client(kind, served_stand_ins.model(network=padded)) as served:
        assert served.predict(served_stand_ins.blocks())["logits"].shape == (5, 9, 2)


def test_blocks_of_unequal_size_go_together_whatever_their_padding_holds(kind):
    points, counts = served_stand_ins.blocks(3), np.array([9, 4, 6])
    expected = np.argmax(served_stand_ins.network({"points": points})["logits"], axis=-1)
    points[1, 4:], points[2, 6:] = np.nan, np.inf
    with client(kind, served_stand_ins.model(), blocks_per_request=2) as served:
        found = served.call("serving_default", points=points, num_points=counts)["semantic"]
    for block, count in enumerate(counts):
        np.testing.assert_array_equal(found[block, :count], expected[block, :count])
        assert (found[block, count:] == 7).all()


def test_without_num_points_all_rows_are_there(kind):
    with client(kind, served_stand_ins.model()) as served:
        found = served.call("serving_default", points=served_stand_ins.blocks().tolist())
    assert found["semantic"].dtype == np.int32
    assert found["semantic"].max() == 1


def test_messages_beyond_grpcs_own_limit_arrive():
    points = served_stand_ins.blocks(1, num_points=220_000)
    model = served_stand_ins.model()
    with client("grpc", model) as served:
        found = served.predict(points)
    assert min(model.bytes[-2]) > 4 << 20
    np.testing.assert_array_equal(
        found["logits"], served_stand_ins.network({"points": points})["logits"]
    )


def test_it_is_a_predictor_with_a_fingerprint_of_name_version_and_weights():
    other = served_stand_ins.telling(served_stand_ins.card(fingerprint="e" * 64), "e" * 64)
    prints = []
    for options in ({}, {"versions": (1, 2)}, {"about": other}):
        about = options.pop("about", served_stand_ins.telling(served_stand_ins.card()))
        model = served_stand_ins.model(**options)
        model.functions["about"] = about
        with client("rest", model) as served:
            assert as_predictor(served, 4) is served
            prints.append(served.fingerprint)
    assert prints[0].startswith("served ban 1 ffff")
    assert len(set(prints)) == 3


def test_of_a_model_that_does_not_tell_the_signatures_count(kind):
    with client(kind, served_stand_ins.model(about=False)) as served:
        one = served.fingerprint
    model = served_stand_ins.model(about=False)
    model.signatures = {"network": model.signatures["network"]}
    with client(kind, model) as served:
        assert served.card is None
        assert served.fingerprint != one


def test_it_stays_with_the_version_it_began_with(kind):
    model = served_stand_ins.model(versions=(3,))
    with client(kind, model) as served:
        model.states[4] = "AVAILABLE"
        served.predict(served_stand_ins.blocks())
        assert served.version == 3
        model.states[3] = "END"
        pattern = r"no version 3 of 'ban'.*There are: 3 \(END\), 4 \(AVAILABLE\)"
        with pytest.raises(errors.NotServedError, match=pattern):
            served.predict(served_stand_ins.blocks())


def test_weights_that_change_under_the_same_version_are_noticed(kind):
    model = served_stand_ins.model()
    with client(kind, model) as served:
        served.predict(served_stand_ins.blocks())
        model.functions["about"] = served_stand_ins.telling("{}", "e" * 64)
        with pytest.raises(errors.OtherModelError, match="has changed since this was begun"):
            served.predict(served_stand_ins.blocks())


def test_a_token_goes_with_every_request(kind):
    model = served_stand_ins.model()
    with client(kind, model, token="secret") as served:
        served.predict(served_stand_ins.blocks())
    assert {headers["authorization"] for headers in model.headers} == {"Bearer secret"}


def test_threads_may_share_a_client(kind):
    found = {}
    with client(kind, served_stand_ins.model(), blocks_per_request=1) as served:

        def ask(seed):
            found[seed] = served.predict(served_stand_ins.blocks(seed=seed))["logits"]

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for seed, logits in found.items():
        points = served_stand_ins.blocks(seed=seed)
        np.testing.assert_array_equal(
            logits, served_stand_ins.network({"points": points})["logits"]
        )


def test_a_connection_that_the_server_closed_meanwhile_is_no_failed_try(monkeypatch):
    monkeypatch.setattr(fake_serving._Handler, "timeout", 0.05)  # of a connection without requests
    model = served_stand_ins.model()
    with client("rest", model, attempts=1) as served:
        served.predict(served_stand_ins.blocks(1))
        time.sleep(0.2)
        served.predict(served_stand_ins.blocks(1))
    assert len(model.sizes) == 2
