import dataclasses

import keras
import numpy as np
import pytest

import layer_references
import network_checks
import op_references as reference
from ban_tf.config import JsnetConfig, PointConvConfig
from ban_tf.data.s3dis import demo
from ban_tf.model import networks
from ban_tf.model.jsnet import PointGate
from network_checks import num_dense, num_trainable
from tiny_networks import PAPER, TINY, blocks, tiny

NETWORKS = ("jsnet", "jsnet_pointnet2")


def layer_counts(model):
    return {layer.name: num_trainable(layer) for layer in model.layers}


def test_parameter_counts_are_the_sums_over_the_originals_layers():
    counts = layer_counts(model := networks.build(dataclasses.replace(PAPER, name="jsnet")))
    assert counts["encoder_1"] == num_dense(9, 32, 32, 64)
    for level, (before, width) in enumerate(((64, 64), (128, 128), (256, 256)), start=2):
        density = num_dense(1, 16) + num_dense(16, 1, batch_norm=False)
        patch = num_dense(32 * width, 2 * width)
        parts = num_dense(3 + before, width, width) + num_dense(3, 32) + density + patch
        assert counts[f"encoder_{level}"] == parts
    for branch in ("semantic", "instance"):
        widths = {1: (512, 256, 512, 512), 2: (512, 128, 256, 256), 3: (256, 64, 256, 128)}
        for step, (coarse, fine, *mlp) in widths.items():
            groups = 3 + coarse
            weights = num_dense(3, 32) + num_dense(32, groups, batch_norm=False)
            parts = weights + 3 * groups + num_dense(groups + fine, *mlp)
            assert counts[f"{branch}_decoder_{step}"] == parts
        assert counts[f"{branch}_decoder_4"] == num_dense(128 + 6, 128, 128, 128)
        assert counts[f"{branch}_fc1"] == num_dense(256, 128)
    assert num_trainable(model) == 8_085_805


def test_the_exchange_on_pointnet2_adds_four_layers_to_the_baseline():
    counts = layer_counts(
        model := networks.build(dataclasses.replace(PAPER, name="jsnet_pointnet2"))
    )
    baseline = num_trainable(networks.build(dataclasses.replace(PAPER, name="pointnet2")))
    assert counts["semantic_cache"] == num_dense(128, 128) == 16_768
    assert counts["instance_cache"] == num_dense(256, 128) == 33_152
    assert counts["semantic_fc2"] == counts["instance_fc2"] == num_dense(256, 128)
    assert num_trainable(model) == baseline + 16_768 + 3 * 33_152 == 1_698_546


@pytest.mark.parametrize("name", NETWORKS)
def test_any_number_of_points_goes_through(name):
    network_checks.check_any_number_of_points(name)


def outputs_of(model, names):
    parts = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    return {name: value.numpy() for name, value in parts(blocks()).items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_tasks_exchange_features_as_in_the_papers_figure(name):
    model = networks.build(tiny(name))
    layer_references.randomise(model)
    found = outputs_of(model, ("semantic_fc1", "instance_fc1", "logits", "embedding"))

    def mlp(name, inputs):
        return layer_references.mlp(model.get_layer(name), inputs)

    def gate(features):
        return features * layer_references.sigmoid(features.mean(axis=-1, keepdims=True))

    def last(name, inputs):
        return layer_references.dense(model.get_layer(name), inputs)

    semantic, instance = found["semantic_fc1"], found["instance_fc1"]
    told = instance + mlp("semantic_cache", semantic)
    instance = gate(np.concatenate([instance, told], axis=-1))
    told = semantic + mlp("instance_cache", instance).mean(axis=1, keepdims=True)
    semantic = gate(np.concatenate([semantic, told], axis=-1))
    embedding = last("embedding", mlp("instance_fc2", instance))
    np.testing.assert_allclose(found["embedding"], embedding, rtol=1e-4)
    np.testing.assert_allclose(
        found["logits"], last("logits", mlp("semantic_fc2", semantic)), rtol=1e-4
    )


def test_a_branch_fuses_the_last_three_levels_of_its_decoder():
    model = networks.build(tiny("jsnet"))
    layer_references.randomise(model)
    levels = [f"instance_decoder_{step}" for step in (1, 2, 3)]
    found = outputs_of(model, (*levels, "instance_fc1"))
    coarse, middle, fine = (found[name] for name in levels)
    xyz = {0: blocks()[..., :3]}
    for level in (1, 2):
        centres = model.get_layer(f"encoder_{level}").output[0]
        xyz[level] = keras.Model(model.input, centres)(blocks()).numpy()

    def carried(features, level):
        squared, index = reference.three_nearest(xyz[0], xyz[level])
        inverse = 1 / np.maximum(squared, np.float32(1e-10))
        weights = inverse / inverse.sum(axis=-1, keepdims=True)
        return reference.interpolate(features, index, weights)

    fused = np.concatenate([fine, carried(middle, 1)], axis=-1) + carried(coarse, 2)
    expected = layer_references.mlp(model.get_layer("instance_fc1"), fused)
    np.testing.assert_allclose(found["instance_fc1"], expected, rtol=1e-4)


def test_a_gate_lets_active_points_pass():
    features = np.array([[[0.0, 0.0], [-9.0, -11.0], [9.0, 11.0]]], np.float32)
    half = layer_references.sigmoid(10.0)
    expected = [[[0, 0], [-9 * (1 - half), -11 * (1 - half)], [9 * half, 11 * half]]]
    np.testing.assert_allclose(PointGate()(features), expected, rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_variable_gets_a_gradient_unless_algebra_says_zero(name):
    keras.utils.set_random_seed(1)
    # Gradients of up to 10: zeros are 2e-5 by rounding, the smallest of the others is 7e-4.
    network_checks.check_gradients(networks.build(tiny(name)), rounding=1e-4)


# Keras saves variables in a way that NumPy 2 warns about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_gives_the_same_outputs(name, tmp_path):
    network_checks.check_saving(name, tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
def test_mixed_precision_trains_to_finite_weights_and_float32_outputs(name):
    network_checks.check_mixed_precision(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_one_block_can_be_learnt_by_heart(name):
    network_checks.check_overfitting(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder": ((16,), (8,))}, "`decoder` must have one tuple of widths more"),
        ({"decoder": ((16,), (8,), (9,))}, "must add up to that of the step before"),
        ({"decoder_neighbours": 0}, "`decoder_neighbours` must be at least 1"),
    ],
)
def test_sizes_that_cannot_be_joined_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY.jsnet, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (8,)}, "`widths` must hold at least two widths"),
        ({"radius_m": 0.0}, "`radius_m` must be positive"),
        ({"density_variance_m2": -1.0}, "`density_variance_m2` must be positive"),
        ({"weight_width": 0}, "`weight_width` must be at least 1"),
    ],
)
def test_a_level_without_sense_is_refused(changes, message):
    sizes = {"num_samples": 4, "radius_m": 1.0, "density_variance_m2": 1.0, "widths": (4, 4)}
    with pytest.raises(ValueError, match=message):
        PointConvConfig(**{**sizes, **changes})


def test_fewer_points_than_the_first_level_samples_are_refused():
    with pytest.raises(ValueError, match=r"encoder_1.*num_samples=12, N=11"):
        networks.build(tiny("jsnet"), num_points=11)


def test_the_reduced_sizes_fit_each_other_and_are_smaller():
    reduced, full = demo().network.jsnet, JsnetConfig()
    for small, large in zip(reduced.encoder, full.encoder, strict=True):
        assert small.num_samples < large.num_samples
        assert max(small.widths) < max(large.widths)
    num_points = demo().samples.num_points
    model = networks.build(dataclasses.replace(demo().network, name="jsnet"), num_points=num_points)
    assert num_trainable(model) < 8_085_805 / 5
