import keras
import pytest
import tensorflow as tf

import served_networks
from ban_tf.serving import export, graph


@pytest.fixture(scope="session")
def network():
    keras.utils.set_random_seed(3)
    return served_networks.network()


@pytest.fixture(scope="session")
def exported(network, tmp_path_factory):
    """A BAN with stock ops, written once for all tests."""
    folder = tmp_path_factory.mktemp("models") / "ban" / "1"
    return export.export(network, served_networks.experiment(), folder).folder


@pytest.fixture(scope="session")
def model(exported):
    """Calls a signature of the exported model with arrays by name."""
    loaded = tf.saved_model.load(str(exported))
    return lambda name, inputs: graph.run(loaded.signatures[name], inputs)
