"""An exported network behind a server answers a client as the network itself does here."""

import numpy as np
import pytest

import served_networks
import served_stand_ins
from ban_tf import config
from ban_tf.clouds.cloud import unlabelled
from ban_tf.inference import segmentation
from ban_tf.inference.digest import digest
from ban_tf.inference.predictor import KerasPredictor
from ban_tf.serving import model_card

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ban_tf.inference.cautions.NotUprightWarning"),
    pytest.mark.filterwarnings("ignore::ban_tf.inference.cautions.ScaleWarning"),
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]


@pytest.fixture(params=["grpc", "rest"])
def served(request, exported, model):
    of_version = served_stand_ins.exported_model(exported, model)
    with served_stand_ins.client(request.param, of_version, blocks_per_request=2) as made:
        yield made


def test_a_cloud_gets_the_labels_of_the_network(served, network):
    experiment = served_networks.experiment(
        samples=config.Blocks(num_points=24, size_m=1.0, stride_m=0.5, min_points=5),
        inference=config.InferenceConfig(bandwidth=0.3, min_new_points=1, min_overlap=1),
    )
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 1, (200, 3)) * (2, 1, 1)
    cloud = unlabelled("room", xyz, rng.integers(0, 256, (200, 3)).astype(np.uint8))
    expected = segmentation.segment(cloud, KerasPredictor(network, 4), experiment)
    found = segmentation.segment(cloud, served, experiment)
    np.testing.assert_array_equal(found.semantic, expected.semantic)
    np.testing.assert_array_equal(found.instance, expected.instance)
    np.testing.assert_allclose(found.confidence, expected.confidence, rtol=0, atol=1e-4)
    assert len(expected.instances) > 1


def test_blocks_get_the_answers_of_the_signatures(served, model):
    request = served_networks.request(np.nan)
    for name in ("serving_default", "outputs", "network"):
        expected = model(name, request)
        found = served.call(name, **request)
        assert sorted(found) == sorted(expected)
        for output, values in expected.items():
            np.testing.assert_allclose(found[output], values, rtol=0, atol=1e-5, err_msg=output)
    raw = {
        "xyz": np.random.default_rng(1).uniform(0, 1, (3, 24, 3)),
        "rgb": np.random.default_rng(1).integers(0, 256, (3, 24, 3)),
        "room_min": np.zeros((3, 3)),
        "room_max": np.ones((3, 3)),
    }
    cast = {name: np.asarray(values, np.float32) for name, values in raw.items()}
    cast |= {"rgb": raw["rgb"].astype(np.uint8), "num_points": np.full(3, 24, np.int32)}
    np.testing.assert_array_equal(
        served.call("points", **raw)["instance"], model("points", cast)["instance"]
    )


def test_it_says_what_it_is(served, network, exported):
    fingerprint = digest(*network.get_weights())
    assert served.card.experiment == served_networks.experiment()
    assert (served.card.fingerprint, served.card.fewest_points) == (fingerprint, 12)
    assert served.fingerprint == f"served ban 1 {fingerprint}"
    served.require(served_networks.experiment(), fingerprint)
    beside = model_card.read(exported)
    assert (beside.experiment, beside.mean_sizes) == (served.card.experiment, None)


def test_too_few_points_are_refused_before_they_are_sent(served):
    with pytest.raises(ValueError, match="at least 12"):
        served.predict(np.zeros((1, 11, served.card.experiment.features.num_channels)))
