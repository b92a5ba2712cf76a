import dataclasses
import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from ban_tf import config, systems
from ban_tf.data import s3dis
from ban_tf.metrics.instance import InstanceMatches
from ban_tf.model import networks
from ban_tf.model.bonet import BoxMasks, UnitCube
from ban_tf.training import joint, stages
from layer_checks import check_layer, check_training
from network_checks import furnished_block, num_dense, num_trainable
from tiny_networks import PAPER, TINY, blocks, four_classes

SMALL = TINY.bonet
NETWORK = dataclasses.replace(TINY, name="bonet", dropout=0.0)


def experiment(network=NETWORK, rate=5e-4):
    base = config.with_network(four_classes(network=network), "bonet")
    schedule = dataclasses.replace(base.training.learning_rate, initial=rate)
    recipe = dataclasses.replace(base.training, learning_rate=schedule)
    return dataclasses.replace(base, training=recipe)


def joint_trainer(rate=5e-4, run_eagerly=False):
    """A network with fresh weights, ready for `fit`."""
    (stage,) = stages.stages(experiment(rate=rate))
    trainer = joint.compile_for_training(networks.build(NETWORK), stage, steps_per_epoch=1000)
    trainer.run_eagerly = run_eagerly
    return trainer


def labels(batch=2, num_points=24, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "semantic": rng.integers(0, 4, (batch, num_points)).astype(np.int32),
        "instance": rng.integers(-1, 4, (batch, num_points)).astype(np.int32),
    }


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# --- the network ---


def test_parameter_counts_are_the_sums_over_the_originals_layers():
    model = networks.build(dataclasses.replace(PAPER, name="bonet"))
    layers = {layer.name: num_trainable(layer) for layer in model.layers}

    def dense(*widths):
        return num_dense(*widths, batch_norm=False)

    expected = {
        "encoder_1": dense(3 + 6, 32, 32, 64),
        "encoder_2": dense(3 + 64, 64, 64, 128),
        "encoder_3": dense(3 + 128, 128, 128, 256),
        "block": dense(3 + 256, 256, 256, 512),
        "decoder_1": dense(512 + 256, 256, 256),
        "decoder_2": dense(256 + 128, 256, 256),
        "decoder_3": dense(256 + 64, 256, 128),
        "decoder_4": dense(128 + 3 + 6, 128, 128, 128, 128),
        "semantic_head": dense(128, 128, 64),
        "logits": dense(64, 13),
        "box_head": dense(512, 512, 256),
        "corners_head": dense(256, 256),
        "corners": dense(256, 24 * 2 * 3),
        "scores_head": dense(256, 256),
        "scores": dense(256, 24),
        "mask_points": dense(128, 256),
        "mask_block": dense(512, 256),
        "mask_head": dense(256 + 256, 128, 128),
        "masks": dense(128 + 6 + 1, 64, 32, 1),
    }
    assert {name: count for name, count in layers.items() if count} == expected
    assert num_trainable(model) == sum(expected.values()) == 1_811_670
    assert not model.non_trainable_weights  # no moving averages


def shapes(batch, num_points):
    return {
        "logits": (batch, num_points, 4),
        "xyz": (batch, num_points, 3),
        "boxes": (batch, 6, 2, 3),
        "scores": (batch, 6),
        "masks": (batch, 6, num_points),
    }


def test_batch_and_number_of_points_need_not_be_known_beforehand():
    model = networks.build(NETWORK)
    assert {name: output.shape for name, output in model.output.items()} == shapes(None, None)
    for batch, num_points in ((2, 24), (1, 13)):
        outputs = model(blocks(batch, num_points))
        found = {name: tuple(output.shape) for name, output in outputs.items()}
        assert found == shapes(batch, num_points)


def test_the_boxes_have_their_corners_in_order_and_the_rest_are_probabilities():
    outputs = networks.build(NETWORK)(blocks())
    boxes = outputs["boxes"].numpy()
    assert (boxes[:, :, 0] < boxes[:, :, 1]).all()
    for name in ("scores", "masks", "xyz"):
        assert outputs[name].numpy().min() >= 0
        assert outputs[name].numpy().max() <= 1


def test_stretching_and_moving_a_block_changes_nothing():
    model = networks.build(NETWORK)
    points = np.round(blocks() * 64) / 64  # stays exact when moved
    moved = points.copy()
    moved[..., :3] = points[..., :3] * np.float32([2.0, 0.25, 4.0]) - np.float32([1.0, -3.0, 0.5])
    expected, got = model(points), model(moved)
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])


def test_the_heads_follow_the_figure():
    model = networks.build(NETWORK)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.uniform(-0.3, 0.4, weight.shape))
    inner = {
        "level": model.get_layer("encoder_2").output,
        "features": model.get_layer("decoder_3").output,
        **model.output,
    }
    values = keras.Model(model.input, inner)(blocks())
    values = keras.tree.map_structure(lambda value: value.numpy().astype(np.float64), values)

    def mlp(inputs, name):
        for dense in model.get_layer(name).dense:
            inputs = linear(inputs, dense)
            inputs = np.maximum(inputs, 0.2 * inputs)
        return inputs

    def linear(inputs, layer):
        layer = model.get_layer(layer) if isinstance(layer, str) else layer
        return inputs @ layer.kernel.numpy().astype(np.float64) + layer.bias.numpy()

    def sigmoid(inputs):
        return 1 / (1 + np.exp(-inputs))

    block = mlp(np.concatenate(values["level"], axis=-1), "block").max(axis=1)
    found = mlp(block, "box_head")
    corners = linear(mlp(found, "corners_head"), "corners").reshape(2, 6, 2, 3)
    scores = sigmoid(linear(mlp(found, "scores_head"), "scores"))
    around = np.repeat(mlp(block, "mask_block")[:, None], 24, axis=1)
    points = mlp(np.concatenate([mlp(values["features"], "mask_points"), around], -1), "mask_head")
    masks = box_masks(model.get_layer("masks"), points, np.sort(corners, axis=2), scores)
    logits = linear(mlp(values["features"], "semantic_head"), "logits")
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(values["boxes"], np.sort(corners, axis=2), **close)
    np.testing.assert_allclose(values["scores"], scores, **close)
    np.testing.assert_allclose(values["masks"], masks, **close)
    np.testing.assert_allclose(values["logits"], logits, **close)


def test_every_variable_gets_a_gradient():
    """None is zero by algebra: no batch norm hides a bias, and every box is in some term."""
    keras.utils.set_random_seed(0)
    model = networks.build(NETWORK)
    objective = systems.of("bonet").objective(experiment())
    with tf.GradientTape() as tape:
        outputs = model(blocks(), training=True)
        loss = tf.add_n(list(objective(labels(), outputs, 0.0).values()))
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        assert np.abs(gradient).max() > 1e-5, variable.path


# Keras saves variables in a way that NumPy 2 warns about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_trained_network_that_was_saved_gives_the_same_outputs(tmp_path):
    joint = joint_trainer(run_eagerly=True)
    joint.train_on_batch(blocks(), labels())
    joint.network.save(tmp_path / "bonet.keras")
    restored = keras.saving.load_model(tmp_path / "bonet.keras")
    expected, got = joint.network(blocks()), restored(blocks())
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])


def test_mixed_precision_trains_to_finite_weights_and_float32_outputs():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        joint = joint_trainer(run_eagerly=True)
        losses = joint.train_on_batch(blocks(), labels(), return_dict=True)
        outputs = joint.network(blocks())
    finally:
        keras.config.set_dtype_policy("float32")
    assert joint.network.get_layer("masks").compute_dtype == "float16"
    assert {output.dtype.name for output in outputs.values()} == {"float32"}
    assert all(np.isfinite(value) for value in losses.values())
    assert all(np.isfinite(weight).all() for weight in joint.network.get_weights())


@pytest.mark.slow
def test_one_block_is_learnt_by_heart():
    keras.utils.set_random_seed(0)
    joint = joint_trainer(rate=1e-2)
    points, truth = furnished_block()
    truth = {"semantic": truth["logits"], "instance": truth["embedding"]}
    often = keras.tree.map_structure(lambda x: np.repeat(x, 120, axis=0), (points, truth))
    joint.fit(*often, batch_size=1, verbose=0)
    losses = joint.evaluate(points, truth, verbose=0, return_dict=True)
    assert losses["semantic_loss"] < 0.05
    assert losses["mask_loss"] < 0.05
    assert losses["score_loss"] < 0.01
    assert losses["box_loss"] < -0.9  # -1 is the least: an IoU of 1
    outputs = joint.network.predict_on_batch(points)
    (clusters,) = systems.of("bonet").group(outputs, experiment(), 0)
    matches = InstanceMatches(num_classes=3)
    matches.add(
        "block",
        truth_semantic=truth["semantic"][0],
        truth_instance=truth["instance"][0],
        predicted_semantic=outputs["logits"][0].argmax(axis=-1),
        predicted_instance=clusters.labels,
    )
    assert matches.scores().mean_coverage > 0.9


# --- its layers ---


def test_the_unit_cube_reaches_from_0_to_1_on_every_axis():
    points = np.zeros((1, 3, 5), np.float32)
    points[0, :, :3] = [[-0.5, 2.0, 1.0], [0.5, 2.0, 1.5], [0.0, 2.0005, 5.0]]
    points[0, :, 3:] = 7.0
    cube = UnitCube()(points)[0].numpy()
    # The second axis is flatter than a millimetre, and is not stretched to the full.
    expected = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.125], [0.5, 0.5, 1.0]]
    np.testing.assert_allclose(cube[:, :3], expected, atol=1e-3)
    np.testing.assert_array_equal(cube[:, 3:], 7.0)


def test_the_unit_cube_is_a_well_behaved_layer():
    check_layer(UnitCube, {}, {"points": normal(2, 5, 4)}, [(2, 5, 4)], 0)


def box_masks(layer, features, boxes, scores):
    """As the original: the numbers of every box appended to the features of every point."""
    layers = [layer.pairs, *layer.mlp.dense, layer.last]
    masks = np.empty((*scores.shape, features.shape[1]))
    for block, box in np.ndindex(*scores.shape):
        numbers = np.append(boxes[block, box].ravel(), scores[block, box])
        inputs = np.hstack([features[block], np.tile(numbers, (features.shape[1], 1))])
        for step, dense in enumerate(layers):
            inputs = inputs @ dense.kernel.numpy().astype(np.float64) + dense.bias.numpy()
            if step < len(layers) - 1:
                inputs = np.where(inputs > 0, inputs, layer.negative_slope * inputs)
        masks[block, box] = 1 / (1 + np.exp(-inputs[:, 0]))
    return masks


def mask_inputs():
    return {
        "features": normal(2, 7, 5),
        "boxes": normal(2, 3, 2, 3, seed=1),
        "scores": normal(2, 3, seed=2),
    }


def test_masks_are_those_of_a_network_over_all_pairs_of_points_and_boxes():
    layer = BoxMasks((6, 4), negative_slope=0.2)
    got = layer(**mask_inputs())
    for weight in layer.weights:
        weight.assign(normal(*weight.shape, seed=len(weight.path)))
    got = layer(**mask_inputs())
    expected = box_masks(layer, *mask_inputs().values())
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_the_masks_keep_their_configuration_and_train():
    init = {"widths": (6, 4), "negative_slope": 0.2}
    layer = BoxMasks(**init)
    output = layer(**mask_inputs())
    assert output.shape == (2, 3, 7)
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert restored.get_config() == layer.get_config()
    check_training(BoxMasks, init, mask_inputs(), [output])


# --- the system ---


def test_points_go_to_the_box_of_the_greatest_mask_times_score():
    outputs = {
        "masks": np.float32([[[0.9, 0.4, 0.4, 0.1], [0.6, 0.6, 0.2, 0.9], [1.0, 1.0, 1.0, 1.0]]]),
        "scores": np.float32([[0.5, 0.8, 0.0]]),
        "logits": np.eye(4, dtype=np.float32)[None, [2, 2, 1, 0]],
    }
    (clusters,) = systems.of("bonet").group(outputs, experiment(), 0)
    np.testing.assert_array_equal(clusters.labels, [1, 1, 0, 1])
    np.testing.assert_array_equal(clusters.classes, [1, 2])
    assert (clusters.labels.dtype, clusters.classes.dtype) == (np.int32, np.int32)


def test_outputs_that_are_no_numbers_are_refused_by_block():
    outputs = {"masks": np.ones((2, 6, 5)), "scores": np.ones((2, 6)), "logits": np.ones((2, 5, 4))}
    outputs["masks"][1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="block 12 must be finite"):
        systems.of("bonet").group(outputs, experiment(), first_block=11)


def test_it_trains_and_assembles_rooms_by_its_own_numbers():
    settings = s3dis.experiment(network="bonet")
    rate = settings.training.learning_rate
    assert (settings.training.batch_size, settings.training.num_epochs) == (4, 51)
    assert (rate.initial, rate.factor, rate.every, rate.limit) == (5e-4, 0.5, 20, 1e-5)
    assert (settings.inference.min_new_points, settings.inference.size_filter) == (12, 0.3)


JAX_PROGRAM = """
import sys
import jax
import numpy as np
from ban_tf.config import BoxLossConfig, from_json
from ban_tf.losses.bonet import bonet_parts
from ban_tf.model import networks

model = networks.build(from_json(open(sys.argv[1]).read()).network)
points = np.random.default_rng(0).uniform(size=(2, 24, 9)).astype("float32")
instance = np.arange(48).reshape(2, 24) % 4
state = [variable.value for variable in model.non_trainable_variables]

def loss(weights):
    outputs, _ = model.stateless_call(weights, state, points, training=True)
    return sum(bonet_parts(instance, 0 * instance, outputs, BoxLossConfig()))

weights = [variable.value for variable in model.trainable_variables]
value, gradient = jax.jit(jax.value_and_grad(loss))(weights)
assert np.isfinite(float(value)) and all(np.isfinite(g).all() for g in gradient)
print(sum(bool(abs(g).max() > 0) for g in gradient), len(gradient))
"""


@pytest.mark.slow
def test_the_network_trains_under_jax(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip('JAX is not installed: python -m pip install -e ".[jax]"')
    (tmp_path / "experiment.json").write_text(config.to_json(experiment()))
    done = subprocess.run(
        [sys.executable, "-c", JAX_PROGRAM, tmp_path / "experiment.json"],
        env={**os.environ, "KERAS_BACKEND": "jax", "BAN_TF_OPS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # All but those of the layers that give the classes, which no other loss looks at.
    assert done.stdout.split() == ["36", "40"]
