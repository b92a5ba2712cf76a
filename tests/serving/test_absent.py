"""Rows that are not there change nothing for the others, in every network that embeds."""

import contextlib

import keras
import numpy as np
import pytest

import served_networks
import tf_ops
from ban_tf.config import NetworkConfig
from ban_tf.model import networks
from ban_tf.serving import absent
from served_networks import EMBEDDING

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("chosen", ["native", "stock"])
@pytest.mark.parametrize("name", EMBEDDING)
def test_present_rows_get_what_they_would_get_alone(name, chosen):
    network = served_networks.network(name)
    request = served_networks.request(fill=np.nan)
    with tf_ops.stock_kernels() if chosen == "stock" else contextlib.nullcontext():
        outputs = absent.ignoring(network)(request["points"], training=False)
        for block, alone in enumerate(served_networks.blocks_of(request)):
            for output, expected in network(alone, training=False).items():
                found = outputs[output][block, : alone.shape[1]]
                # Sums over another number of rows are rounded otherwise.
                np.testing.assert_allclose(found, expected[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", EMBEDDING)
def test_without_absent_rows_nothing_changes(name):
    network = served_networks.network(name)
    points = served_networks.request()["points"]
    outputs = absent.ignoring(network)(points, training=False)
    for output, expected in network(points, training=False).items():
        np.testing.assert_allclose(outputs[output], expected, rtol=1e-5, atol=1e-5)


def test_the_weights_are_those_of_the_network():
    network = served_networks.network()
    ignoring = absent.ignoring(network)
    assert [id(weight) for weight in ignoring.weights] == [id(w) for w in network.weights]


@pytest.mark.parametrize("name", EMBEDDING)
def test_a_network_that_was_loaded_in_a_fresh_process_is_taken(name, tmp_path):
    network = served_networks.network(name)
    network.save(tmp_path / "network.keras")
    keras.utils.clear_session()  # names that Keras gives by itself start from the first again
    loaded = keras.models.load_model(tmp_path / "network.keras")
    points = served_networks.request(fill=np.nan)["points"]
    outputs = absent.ignoring(loaded)(points, training=False)
    for output, expected in absent.ignoring(network)(points, training=False).items():
        np.testing.assert_array_equal(outputs[output], expected)


def test_a_compiled_network_is_taken_too():
    network = served_networks.network("pointnet")
    network.compile(keras.optimizers.Adam(), loss=None)
    assert not absent.ignoring(network).compiled


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ban", 12), ("asis", 12), ("jsnet", 12), ("pointnet2", 12), ("pointnet", 1)],
)
def test_a_block_needs_as_many_points_as_are_sampled(name, expected):
    assert absent.fewest_points(served_networks.network(name)) == expected


def test_the_papers_networks_need_1024_points():
    config = NetworkConfig(name="asis", num_classes=4, num_features=6)
    assert absent.fewest_points(networks.build(config)) == 1024
