import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from ban_tf.config import SimilarityLossConfig
from ban_tf.losses import double_hinge as module
from ban_tf.losses.double_hinge import double_hinge
from ban_tf.losses.group_proposal import confidence_loss, inverse_frequency, weighted_semantic_loss
from places import SUPPORT

# Margins that random features of a few channels lie on both sides of.
CONFIG = SimilarityLossConfig(margin=2.0, class_margin=5.0)


def reference(features, instance, semantic, weight, factor, config):
    """Sum of the costs and IoU of one block, pair by pair as the formulas stand, in float64."""
    num_points = len(features)
    labelled = (instance != -1) & (semantic != -1)
    total, iou = 0.0, np.zeros(num_points)
    for i in range(num_points):
        if not labelled[i]:
            continue
        near, mates = set(), set()
        for j in np.flatnonzero(labelled):
            distance = sum((features[i] - features[j]) ** 2)
            similarity = config.margin * distance
            same_group = instance[i] == instance[j]
            same_class = semantic[i] == semantic[j]
            if same_group:
                cost = similarity
            elif same_class:
                cost = factor * max(config.margin - similarity, 0.0)
            else:
                cost = max(config.class_margin - similarity, 0.0)
            total += weight[i] * weight[j] * cost
            if similarity < config.margin:
                near.add(j)
            if same_group:
                mates.add(j)
        iou[i] = len(near & mates) / len(near | mates)
    return total, iou


def num_pairs(instance, semantic, weight):
    """Pairs of points of a block that count, over a batch."""
    weight = weight * (instance != -1) * (semantic != -1)
    return max(np.sum(np.count_nonzero(weight, axis=1) ** 2), 1)


def random_batch(seed, batch, num_points, width=3):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(scale=0.6, size=(batch, num_points, width)).astype(np.float32),
        rng.integers(-1, 4, (batch, num_points)).astype(np.int32),
        rng.integers(-1, 2, (batch, num_points)).astype(np.int32),
        rng.choice([0.0, 0.5, 2.0], (batch, num_points)).astype(np.float32),
    )


def loss_and_gradient(features, *rest, config=CONFIG):
    with tf.GradientTape() as tape:
        features = tf.convert_to_tensor(features)
        tape.watch(features)
        pairs = double_hinge(features, *rest, config)
    return pairs.loss.numpy(), pairs.iou.numpy(), tape.gradient(pairs.loss, features).numpy()


def test_three_points_by_hand():
    # Points at 0, 1 and 2; the first two are a group, the third is of their class.
    features = np.array([[[0.0], [1.0], [2.0]]], np.float32)
    instance, semantic = np.array([[5, 5, 6]]), np.array([[1, 1, 1]])
    weight = np.array([[1.0, 2.0, 3.0]], np.float32)
    config = SimilarityLossConfig(margin=3.0, class_margin=9.0)
    loss, iou, gradient = loss_and_gradient(
        features, instance, semantic, weight, 2.0, config=config
    )
    # S is 3, 12 and 3 between points 0-1, 0-2 and 1-2; hinges of 0-2 and 1-2 are closed.
    np.testing.assert_allclose(loss, 2 * (1 * 2) * 3 / 9)
    # Nobody is *below* 3 but each point itself.
    np.testing.assert_allclose(iou, [[1 / 2, 1 / 2, 1]])
    # Derivative of 12 / 9 (b - a)^2 at b - a = 1.
    np.testing.assert_allclose(gradient[0, :, 0], [-24 / 9, 24 / 9, 0], rtol=1e-6)


def test_pairs_of_different_classes_are_pushed_further():
    features = np.array([[[0.0], [1.0]]], np.float32)
    groups, weight = np.array([[0, 1]]), np.ones((1, 2), np.float32)
    same, _, _ = loss_and_gradient(features, groups, np.array([[3, 3]]), weight, 7.0)
    other, _, gradient = loss_and_gradient(features, groups, np.array([[3, 4]]), weight, 7.0)
    assert same == 0  # S = 2 is the margin
    np.testing.assert_allclose(other, 2 * (5 - 2) / 4)
    np.testing.assert_allclose(gradient[0, :, 0], [2, -2])  # of (5 - 2 d^2) / 2


@pytest.mark.parametrize("num_points", [1, 2, 63, 64, 65, 130])
def test_loss_and_iou_match_the_reference(num_points):
    features, instance, semantic, weight = random_batch(num_points, 2, num_points)
    loss, iou, _ = loss_and_gradient(features, instance, semantic, weight, 3.0)
    expected = [
        reference(*block, 3.0, CONFIG)
        for block in zip(features.astype(np.float64), instance, semantic, weight, strict=True)
    ]
    total = sum(block[0] for block in expected)
    np.testing.assert_allclose(loss, total / num_pairs(instance, semantic, weight), rtol=1e-5)
    np.testing.assert_allclose(iou, [block[1] for block in expected], rtol=1e-6)


def test_the_gradient_is_that_of_finite_differences():
    features, instance, semantic, weight = random_batch(3, 2, 9)
    _, _, gradient = loss_and_gradient(features, instance, semantic, weight, 3.0)
    step = 1e-6

    def loss(values):
        blocks = zip(values, instance, semantic, weight, strict=True)
        total = sum(reference(*block, 3.0, CONFIG)[0] for block in blocks)
        return total / num_pairs(instance, semantic, weight)

    for place in np.ndindex(features.shape):
        moved = np.zeros(features.shape)
        moved[place] = step
        difference = (loss(features + moved) - loss(features - moved)) / (2 * step)
        # Four digits: the gradient is float32, a sum over pairs that cancel in part.
        np.testing.assert_allclose(gradient[place], difference, rtol=1e-3, atol=1e-5)
    assert np.abs(gradient).max() > 0.1


def test_the_gradient_in_chunks_is_that_of_the_plain_formula(monkeypatch):
    features, instance, semantic, weight = random_batch(4, 3, 75, width=8)
    _, _, gradient = loss_and_gradient(features, instance, semantic, weight, 3.0)
    monkeypatch.setattr(module, "ROWS", 7)
    _, _, finer = loss_and_gradient(features, instance, semantic, weight, 3.0)
    with tf.GradientTape() as tape:
        points = tf.constant(features)
        tape.watch(points)
        squared = tf.reduce_sum((points[:, :, None] - points[:, None]) ** 2, axis=-1)
        similarity = CONFIG.margin * squared
        mates = instance[:, :, None] == instance[:, None]
        kin = semantic[:, :, None] == semantic[:, None]
        weight = weight * (instance != -1) * (semantic != -1)
        apart = tf.where(
            kin,
            3.0 * tf.nn.relu(CONFIG.margin - similarity),
            tf.nn.relu(CONFIG.class_margin - similarity),
        )
        cost = tf.where(mates, similarity, apart) * weight[:, :, None] * weight[:, None]
        loss = tf.reduce_sum(cost) / num_pairs(instance, semantic, weight)
    expected = tape.gradient(loss, points)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(finer, expected, rtol=1e-4, atol=1e-6)


def test_sizes_that_are_known_only_when_it_runs_change_nothing():
    @tf.function(input_signature=[tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, None))])
    def traced(features, labels):
        labels = tf.cast(labels, tf.int32)
        with tf.GradientTape() as tape:
            tape.watch(features)
            weight = tf.ones(tf.shape(labels))
            pairs = double_hinge(features, labels, labels, weight, 2.0, CONFIG)
        return pairs.loss, pairs.iou, tape.gradient(pairs.loss, features)

    for num_points in (1, 70, 128):
        features, labels, _, _ = random_batch(num_points, 2, num_points)
        weight = np.ones(labels.shape, np.float32)
        expected = loss_and_gradient(features, labels, labels, weight, 2.0)
        got = traced(features, labels.astype(np.float32))
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_batch_without_points_costs_nothing():
    empty = random_batch(0, 2, 0)
    loss, iou, gradient = loss_and_gradient(*empty, 2.0)
    assert (loss, iou.shape, gradient.shape) == (0.0, (2, 0), (2, 0, 3))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_the_order_of_the_points_does_not_matter(seed):
    batch = random_batch(seed, 1, 17)
    order = np.random.default_rng(seed).permutation(17)
    loss, iou, gradient = loss_and_gradient(*batch, 2.0)
    again = loss_and_gradient(*(values[:, order] for values in batch), 2.0)
    np.testing.assert_allclose(again[0], loss, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(again[1], iou[:, order], rtol=1e-5)
    np.testing.assert_allclose(again[2], gradient[:, order], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_4096_points_take_less_than_one_matrix_of_all_pairs():
    script = SUPPORT / "double_hinge_memory.py"
    done = subprocess.run(
        [sys.executable, script, "2048", "4096"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    half, whole = json.loads(done.stdout)
    matrix = 4096**2 * 4 / 2**20
    assert whole < matrix, (half, whole)  # the plain formula holds several of them


# --- the losses beside it ---


def test_a_label_weighs_the_more_the_rarer_it_is_in_the_whole_batch():
    labels = np.array([[4, 4, -1, 4], [4, 9, 2, 9]])
    # Seven labelled points: four times 4, twice 9, once 2.
    expected = [[7 / 4, 7 / 4, 0, 7 / 4], [7 / 4, 7 / 2, 7, 7 / 2]]
    np.testing.assert_allclose(inverse_frequency(labels), expected, rtol=1e-6)
    np.testing.assert_array_equal(inverse_frequency(np.full((2, 3), -1)), np.zeros((2, 3)))


@pytest.mark.parametrize(("batch", "num_points"), [(1, 1), (3, 40)])
def test_the_semantic_loss_matches_the_reference_with_its_gradient(batch, num_points):
    rng = np.random.default_rng(num_points)
    labels = rng.integers(-1, 3, (batch, num_points)).astype(np.int32)
    labels[0, 0] = 2
    logits = rng.normal(size=(batch, num_points, 3)).astype(np.float32)
    found, counts = np.unique(labels[labels >= 0], return_counts=True)
    weight = {-1: 0.0} | {k: counts.sum() / c for k, c in zip(found, counts, strict=True)}
    chance = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    total, slope = 0.0, np.zeros(logits.shape)
    for place in np.ndindex(labels.shape):
        w, label = weight[labels[place]], labels[place]
        if label >= 0:
            total -= w * np.log(chance[place][label])
            slope[place] = w * (chance[place] - np.eye(3)[label])
    with tf.GradientTape() as tape:
        tensor = tf.constant(logits)
        tape.watch(tensor)
        loss = weighted_semantic_loss(labels, tensor)
    num_labelled = np.count_nonzero(labels != -1)
    np.testing.assert_allclose(loss, total / num_labelled, rtol=1e-5)
    np.testing.assert_allclose(
        tape.gradient(loss, tensor), slope / num_labelled, rtol=1e-4, atol=1e-7
    )


def test_confidence_is_drawn_to_the_iou_where_there_is_a_class():
    confidence = tf.constant([[0.5, 0.5, 0.25]])
    iou = tf.constant([[1.0, 1.0, 0.25]])
    with tf.GradientTape() as tape:
        tape.watch([confidence, iou])
        loss = confidence_loss(confidence, iou, np.array([[3, -1, 0]]))
    np.testing.assert_allclose(loss, (0.25 + 0) / 2)
    slope, none = tape.gradient(loss, [confidence, iou])
    np.testing.assert_allclose(slope, [[-1 / 2, 0, 0]])
    assert none is None


def test_the_losses_run_under_jax():
    if importlib.util.find_spec("jax") is None:
        pytest.skip('JAX is not installed: python -m pip install -e ".[jax]"')
    program = (
        "import jax, numpy as np\n"
        "from ban_tf.config import SimilarityLossConfig\n"
        "from ban_tf.losses.double_hinge import double_hinge\n"
        "labels = np.arange(140).reshape(2, 70) % 5\n"
        "f = np.sin(np.arange(420.0)).reshape(2, 70, 3).astype('float32')\n"
        "config, weight = SimilarityLossConfig(), np.ones((2, 70), 'float32')\n"
        "loss = lambda f: double_hinge(f, labels, labels % 2, weight, 2.0, config).loss\n"
        "value, slope = jax.jit(jax.value_and_grad(loss))(f)\n"
        "print(float(value), float(abs(slope).sum()))\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    labels = np.arange(140).reshape(2, 70) % 5
    features = np.sin(np.arange(420.0)).reshape(2, 70, 3).astype(np.float32)
    loss, _, gradient = loss_and_gradient(
        features,
        labels,
        labels % 2,
        np.ones((2, 70), np.float32),
        2.0,
        config=SimilarityLossConfig(),
    )
    got = [float(word) for word in done.stdout.split()]
    np.testing.assert_allclose(got, [loss, np.abs(gradient).sum()], rtol=1e-3)
