import dataclasses

import keras
import numpy as np
import pytest

import network_checks
from ban_tf.config import PointNetConfig
from ban_tf.data.s3dis import demo
from ban_tf.model import networks
from ban_tf.model.pointnet import AppendGlobal
from layer_checks import check_layer
from network_checks import num_dense, num_trainable
from tiny_networks import PAPER, TINY, blocks, tiny


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_parameter_counts_are_the_sums_over_the_papers_layers():
    model = networks.build(dataclasses.replace(PAPER, name="pointnet"))
    layers = {layer.name: num_trainable(layer) for layer in model.layers}
    head = num_dense(1024 + 128, 512, 256, 128)
    assert layers["point"] == num_dense(9, 64, 64, 64, 128, 1024) == 152_064
    assert layers["global"] == num_dense(1024, 256, 128) == 296_064
    assert layers["semantic_head"] == layers["instance_head"] == head == 756_352
    assert num_trainable(model) == 152_064 + 296_064 + 2 * head + 129 * 13 + 129 * 5 == 1_963_154


def test_the_global_features_stand_behind_each_points_own():
    features, block = normal(2, 3, 2), normal(2, 1, 4, seed=1)
    got = AppendGlobal()(features, block).numpy()
    for point in range(3):
        expected = np.concatenate([features[:, point], block[:, 0]], axis=1)
        np.testing.assert_array_equal(got[:, point], expected)


@pytest.mark.parametrize("num_points", [1, 5])
def test_appending_is_a_well_behaved_layer(num_points):
    inputs = {"features": normal(2, num_points, 3), "block": normal(2, 1, 4)}
    check_layer(AppendGlobal, {}, inputs, [(2, num_points, 7)], 0)


def test_any_number_of_points_goes_through():
    network_checks.check_any_number_of_points("pointnet")
    assert networks.build(tiny("pointnet"))(blocks(2, 1))["logits"].shape == (2, 1, 4)


def test_the_trunk_is_the_formula_of_the_paper():
    model = networks.build(tiny("pointnet"))
    for weight in model.weights:
        if weight.dtype == "float32":
            shape, seed = weight.shape, len(weight.path)
            weight.assign(np.random.default_rng(seed).uniform(0.1, 0.6, shape))
    points = blocks(2, 7)

    def mlp(inputs, layer):
        for dense, norm in zip(layer.dense, layer.batch_norms, strict=True):
            inputs = inputs @ dense.kernel.numpy() + dense.bias.numpy()
            deviation = np.sqrt(norm.moving_variance.numpy() + 1e-3)
            inputs = (inputs - norm.moving_mean.numpy()) / deviation
            inputs = np.maximum(inputs * norm.gamma.numpy() + norm.beta.numpy(), 0)
        return inputs

    own = mlp(points, model.get_layer("point"))
    block = mlp(own.max(axis=1, keepdims=True), model.get_layer("global"))
    expected = np.concatenate([own, np.repeat(block, 7, axis=1)], axis=-1)
    trunk = keras.Model(model.input, model.get_layer("append_global").output)
    np.testing.assert_allclose(trunk(points), expected, rtol=1e-5, atol=1e-6)


def test_permuting_points_permutes_the_outputs():
    model = networks.build(tiny("pointnet"))
    points = blocks(2, 9)
    order = np.random.default_rng(0).permutation(9)
    expected, got = model(points), model(points[:, order])
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name].numpy()[:, order], atol=1e-6)


def test_every_variable_gets_a_gradient_unless_algebra_says_zero():
    keras.utils.set_random_seed(1)
    network_checks.check_gradients(networks.build(tiny("pointnet")))


# Keras saves variables in a way that NumPy 2 warns about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_network_gives_the_same_outputs(tmp_path):
    network_checks.check_saving("pointnet", tmp_path)


def test_mixed_precision_trains_to_finite_weights_and_float32_outputs():
    network_checks.check_mixed_precision("pointnet")


@pytest.mark.slow
def test_one_block_can_be_learnt_by_heart():
    network_checks.check_overfitting("pointnet")


@pytest.mark.parametrize("name", ["point_widths", "global_widths", "head_widths"])
@pytest.mark.parametrize("widths", [(), (8, 0)])
def test_widths_that_leave_no_channels_are_refused(name, widths):
    with pytest.raises(ValueError, match=f"`{name}` must hold.*Received: {name}="):
        dataclasses.replace(TINY.pointnet, **{name: widths})


def test_the_reduced_sizes_are_smaller_everywhere():
    reduced, full = demo().network.pointnet, PointNetConfig()
    for name in ("point_widths", "global_widths", "head_widths"):
        widths = zip(getattr(reduced, name), getattr(full, name), strict=True)
        assert all(small < large for small, large in widths)
