"""What every network that embeds points must do, whatever it is made of."""

import dataclasses
import itertools
import re

import keras
import numpy as np
import tensorflow as tf

from ban_tf.config import InferenceConfig, LossConfig
from ban_tf.instances import clustering
from ban_tf.losses.discriminative import DiscriminativeLoss
from ban_tf.losses.semantic import semantic_loss
from ban_tf.metrics.instance import InstanceMatches
from ban_tf.model import networks
from tiny_networks import TINY, blocks, compiled, labels


def num_trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def num_dense(*widths, batch_norm=True):
    """Trainable numbers of dense layers with bias, one after the other: worked by hand."""
    extra = 3 if batch_norm else 1  # bias, and batch norm's scale and offset
    return sum(before * width + extra * width for before, width in itertools.pairwise(widths))


def check_any_number_of_points(name):
    """Batch and number of points need not be known beforehand."""
    model = networks.build(dataclasses.replace(TINY, name=name))
    assert model.input_shape == (None, None, 9)
    shapes = {output: symbol.shape for output, symbol in model.output.items()}
    assert shapes == {"logits": (None, None, 4), "embedding": (None, None, 3)}
    for batch, num_points in ((2, 24), (1, 13)):
        outputs = model(blocks(batch, num_points))
        shapes = {output: tuple(tensor.shape) for output, tensor in outputs.items()}
        assert shapes == {"logits": (batch, num_points, 4), "embedding": (batch, num_points, 3)}


def bias_before_batch_norm(path):
    """Why a variable gets no gradient; None if it must get one."""
    if re.search(r"/dense_\d+/bias$", path):
        return "batch norm subtracts the mean, and with it the bias"
    return None


def check_gradients(model, zero_by_algebra=bias_before_batch_norm, batch=4, rounding=5e-5):
    """Every variable gets a finite gradient, and one that is not zero unless algebra says so."""
    points, truth = blocks(batch), labels(batch)
    with tf.GradientTape() as tape:
        outputs = model(points, training=True)
        loss = semantic_loss(truth["logits"], outputs["logits"])
        loss += DiscriminativeLoss(LossConfig())(truth["embedding"], outputs["embedding"])
    variables = model.trainable_variables
    # Rounding leaves sums that are zero by algebra at 1e-6 of the largest gradient or so.
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.path
        largest = np.abs(gradient).max()
        assert np.isfinite(largest), variable.path
        assert (largest > rounding) == (zero_by_algebra(variable.path) is None), variable.path


def check_saving(name, folder):
    """A network that was trained, saved and read again gives the same outputs."""
    model = compiled(networks.build(dataclasses.replace(TINY, name=name)), run_eagerly=True)
    model.train_on_batch(blocks(), labels())
    model.save(folder / f"{name}.keras")
    restored = keras.saving.load_model(folder / f"{name}.keras")
    expected, got = model(blocks()), restored(blocks())
    for output in expected:
        np.testing.assert_array_equal(got[output], expected[output])
    for a, b in zip(model.get_weights(), restored.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def check_mixed_precision(name):
    """Half precision inside trains to finite weights, and the outputs are float32."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(networks.build(dataclasses.replace(TINY, name=name)), run_eagerly=True)
        losses = model.train_on_batch(blocks(), labels(), return_dict=True)
        outputs = model(blocks())
    finally:
        keras.config.set_dtype_policy("float32")
    assert "float16" in {layer.compute_dtype for layer in model.layers}
    assert {output.dtype.name for output in outputs.values()} == {"float32"}
    assert all(np.isfinite(value) for value in losses.values())
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def furnished_block(num_points=96, seed=0):
    """A block with four objects in its quarters, two of one class, and its labels."""
    rng = np.random.default_rng(seed)
    instance = rng.integers(0, 4, num_points)
    corner = np.stack([instance % 2, instance // 2, instance % 2], axis=1) - 0.5
    xyz = 0.6 * corner + rng.uniform(-0.15, 0.15, (num_points, 3))
    rgb = rng.uniform(size=(num_points, 3))
    points = np.concatenate([xyz, rgb, xyz + 0.5], axis=1).astype(np.float32)
    semantic = np.array([0, 1, 2, 2])[instance]
    truth = {"logits": semantic, "embedding": instance}
    return points[None], {name: values[None].astype(np.int32) for name, values in truth.items()}


def check_overfitting(name, num_steps=100, rate=1e-2):
    """Learns one block by heart: both losses near zero, and its objects found."""
    keras.utils.set_random_seed(0)
    model = compiled(networks.build(dataclasses.replace(TINY, name=name, dropout=0.0)))
    model.optimizer.learning_rate = rate
    points, truth = furnished_block()
    often = keras.tree.map_structure(lambda x: np.repeat(x, num_steps, axis=0), (points, truth))
    model.fit(*often, batch_size=1, verbose=0)
    outputs = {output: value.numpy() for output, value in model(points).items()}
    assert semantic_loss(truth["logits"], outputs["logits"]) < 0.05
    assert DiscriminativeLoss(LossConfig())(truth["embedding"], outputs["embedding"]) < 0.05
    matches = InstanceMatches(num_classes=3)
    matches.add(
        "block",
        truth_semantic=truth["logits"][0],
        truth_instance=truth["embedding"][0],
        predicted_semantic=outputs["logits"][0].argmax(axis=-1),
        predicted_instance=clustering.cluster(outputs["embedding"][0], InferenceConfig()),
    )
    assert matches.scores().mean_coverage > 0.9
