import dataclasses

import keras
import numpy as np
import pytest

import network_checks
from ban_tf.config import AsisConfig
from ban_tf.model import networks
from network_checks import num_dense, num_trainable
from tiny_networks import PAPER, blocks, tiny


def test_parameter_counts_are_the_originals():
    model = networks.build(dataclasses.replace(PAPER, name="asis"))
    baseline = num_trainable(networks.build(dataclasses.replace(PAPER, name="pointnet2")))
    assert num_trainable(model) == 1_599_090
    adaptation = num_trainable(model.get_layer("semantic_adaptation"))
    assert adaptation == num_dense(128, 128) == 1_599_090 - baseline
    assert num_trainable(model.get_layer("instance_association")) == 0


def test_any_number_of_points_goes_through():
    network_checks.check_any_number_of_points("asis")


def test_each_branch_takes_from_the_other_as_in_the_papers_figure():
    """Outputs of the layers, put together again from their inputs by the paper's formulas."""
    model = networks.build(tiny("asis"))
    names = ("semantic_fc1", "instance_fc1", "semantic_adaptation", "embedding", "logits")
    parts = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    found = {name: value.numpy() for name, value in parts(blocks()).items()}

    def last(features, name):
        dense = model.get_layer(name)
        return features @ dense.kernel.numpy() + dense.bias.numpy()

    adapted = model.get_layer("semantic_adaptation")(found["semantic_fc1"]).numpy()
    embedding = last(found["instance_fc1"] + adapted, "embedding")
    np.testing.assert_allclose(found["embedding"], embedding, rtol=1e-5, atol=1e-6)
    distance = np.abs(embedding[:, :, None] - embedding[:, None]).sum(axis=-1)
    index = np.argsort(distance, axis=-1, kind="stable")[..., :6]
    near = np.take_along_axis(distance, index, axis=-1) <= 0.5
    features = np.stack([rows[k] for rows, k in zip(found["semantic_fc1"], index, strict=True)])
    shared = np.where(near[..., None], features, -np.inf).max(axis=2)
    assert 1 < near.sum(axis=-1).mean()  # else the maximum would be over the point alone
    np.testing.assert_allclose(found["logits"], last(shared, "logits"), rtol=1e-4, atol=1e-5)


def test_the_settings_reach_the_layer():
    sizes = AsisConfig(num_neighbours=7, max_distance=0.3, chunk_rows=11)
    model = networks.build(dataclasses.replace(tiny("asis"), asis=sizes))
    layer = model.get_layer("instance_association")
    assert (layer.num_neighbours, layer.max_distance, layer.chunk_rows) == (7, 0.3, 11)


def test_every_variable_gets_a_gradient_unless_algebra_says_zero():
    keras.utils.set_random_seed(1)
    network_checks.check_gradients(networks.build(tiny("asis")))


# Keras saves variables in a way that NumPy 2 warns about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_network_gives_the_same_outputs(tmp_path):
    network_checks.check_saving("asis", tmp_path)


def test_mixed_precision_trains_to_finite_weights_and_float32_outputs():
    network_checks.check_mixed_precision("asis")


@pytest.mark.slow
def test_one_block_can_be_learnt_by_heart():
    network_checks.check_overfitting("asis")


def test_fewer_points_than_neighbours_are_refused_by_name():
    sizes = AsisConfig(num_neighbours=30)
    with pytest.raises(ValueError, match=r"instance_association.*num_neighbours=30, N=24"):
        networks.build(dataclasses.replace(tiny("asis"), asis=sizes), num_points=24)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"num_neighbours": 0}, "num_neighbours=0"),
        ({"chunk_rows": 0}, "chunk_rows=0"),
        ({"max_distance": -0.1}, "max_distance=-0.1"),
    ],
)
def test_impossible_settings_are_refused(values, match):
    with pytest.raises(ValueError, match=match):
        AsisConfig(**values)
