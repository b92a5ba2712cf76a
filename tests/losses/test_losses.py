import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from ban_tf.config import LossConfig
from ban_tf.losses import push
from ban_tf.losses.discriminative import DiscriminativeLoss, discriminative_parts
from ban_tf.losses.instance_means import instance_ranks
from ban_tf.losses.semantic import semantic_loss


def length(vectors, kind):
    return np.abs(vectors).sum(-1) if kind == "l1" else np.sqrt((vectors**2).sum(-1))


def reference_parts(instance, embedding, config):
    """The terms of one block after the formulas of De Brabandere et al., in float64."""
    ids = [i for i in np.unique(instance) if i != -1]
    if not ids:
        return np.zeros(3)
    groups = [embedding[instance == i].astype(np.float64) for i in ids]
    means = np.array([group.mean(axis=0) for group in groups])
    pull = [
        np.mean(np.maximum(length(group - mean, config.norm) - config.pull_margin, 0) ** 2)
        for group, mean in zip(groups, means, strict=True)
    ]
    pairs = [
        max(2 * config.push_margin - length(a - b, config.norm), 0) ** 2
        for i, a in enumerate(means)
        for j, b in enumerate(means)
        if i != j
    ]
    return np.array(
        [
            config.pull_weight * np.mean(pull),
            config.push_weight * (np.mean(pairs) if pairs else 0),
            config.regularisation_weight * np.mean(length(means, config.norm)),
        ]
    )


def loss_and_gradient(instance, embedding, config):
    with tf.GradientTape() as tape:
        embedding = tf.convert_to_tensor(embedding)
        tape.watch(embedding)
        loss = DiscriminativeLoss(config)(instance, embedding)
    return loss.numpy(), tape.gradient(loss, embedding).numpy()


def random_blocks(seed, batch, num_points, num_ids, width=5):
    rng = np.random.default_rng(seed)
    instance = rng.integers(-1, num_ids, (batch, num_points)).astype(np.int32)
    return instance, rng.normal(size=(batch, num_points, width)).astype(np.float32)


def test_discriminative_terms_of_three_points_by_hand():
    # Instance 7 has its points at 0 and 4, mean 2; instance 3 has one at 4. One channel.
    instance = np.array([[7, 3, 7]], np.int32)
    embedding = np.array([[[0.0], [4.0], [4.0]]], np.float32)
    parts = discriminative_parts(instance, embedding, LossConfig())
    np.testing.assert_allclose(parts.pull, [(1.5**2 + 0) / 2])
    np.testing.assert_allclose(parts.push, [(3 - 2) ** 2])
    np.testing.assert_allclose(parts.regularisation, [0.001 * (2 + 4) / 2])


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("num_points", "num_ids"), [(1, 1), (2, 5), (37, 4), (300, 150)])
def test_discriminative_terms_match_the_reference(norm, num_points, num_ids):
    config = LossConfig(
        norm=norm, pull_weight=0.7, push_weight=1.3, regularisation_weight=0.02, push_margin=2.0
    )
    instance, embedding = random_blocks(num_points, 3, num_points, num_ids)
    parts = discriminative_parts(instance, embedding, config)
    expected = [reference_parts(*block, config) for block in zip(instance, embedding, strict=True)]
    np.testing.assert_allclose(np.stack(parts, axis=1), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("tile", [3, 64])
def test_the_discriminative_gradient_matches_finite_differences(norm, tile, monkeypatch):
    monkeypatch.setattr(push, "TILE", tile)  # 3: several tiles with a rest
    config = LossConfig(norm=norm, regularisation_weight=0.1)
    instance, embedding = random_blocks(1, 2, 24, 8, width=2)
    _, gradient = loss_and_gradient(instance, embedding, config)

    def total(values):
        blocks = zip(instance, values, strict=True)
        return np.mean([reference_parts(*block, config).sum() for block in blocks])

    step, numeric = 1e-6, np.zeros(embedding.shape)
    for place in np.ndindex(*embedding.shape):
        moved = embedding.astype(np.float64)
        moved[place] += step
        up = total(moved)
        moved[place] -= 2 * step
        numeric[place] = (up - total(moved)) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(
    ("instance", "spread"),
    [([4, 4, 4], 1.0), ([0, 1, 2], 0.0), ([0, 0, 1], 0.0), ([-1, -1, -1], 1.0), ([-1, 5, -1], 0.0)],
    ids=["one instance", "equal means", "equal points", "no instance", "one point"],
)
def test_the_discriminative_loss_and_its_gradient_are_finite(norm, instance, spread):
    embedding = spread * np.random.default_rng(0).normal(size=(1, 3, 5)).astype(np.float32)
    config = LossConfig(norm=norm)
    loss, gradient = loss_and_gradient(np.array([instance], np.int32), embedding, config)
    expected = reference_parts(np.array(instance), embedding[0], config).sum()
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert np.isfinite(gradient).all()


def test_more_instances_than_a_tile_of_pairs_are_all_pushed_apart():
    # 500 instances, each one point, all in one place: every pair is at distance 0.
    instance = np.arange(500, dtype=np.int32)[None]
    parts = discriminative_parts(instance, np.zeros((1, 500, 5), np.float32), LossConfig())
    np.testing.assert_allclose(parts.push, [9.0], rtol=1e-6)


def test_the_discriminative_loss_works_where_nothing_is_known_beforehand():
    instance, embedding = random_blocks(2, 3, 90, 80)
    specs = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None, 5))]
    traced = tf.function(lambda *inputs: loss_and_gradient_tensors(*inputs), input_signature=specs)
    loss, gradient = loss_and_gradient(instance, embedding, LossConfig())
    traced_loss, traced_gradient = traced(instance, embedding)
    np.testing.assert_allclose(traced_loss, loss, rtol=1e-6)
    np.testing.assert_allclose(traced_gradient, gradient, rtol=1e-5, atol=1e-8)


def loss_and_gradient_tensors(instance, embedding):
    with tf.GradientTape() as tape:
        tape.watch(embedding)
        loss = DiscriminativeLoss(LossConfig())(instance, embedding)
    return loss, tape.gradient(loss, embedding)


@settings(deadline=None, derandomize=True, max_examples=10)
@given(seed=st.integers(0, 2**16), ids=st.sets(st.integers(-(2**31), 2**31 - 1), max_size=6))
def test_neither_the_ids_nor_the_order_of_the_points_matter(seed, ids):
    ids = np.array(sorted(ids - {-1}) or [0], np.int64)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(-1, len(ids), (2, 30))
    named = np.where(chosen < 0, -1, rng.permutation(ids)[chosen]).astype(np.int32)
    embedding = rng.normal(size=(2, 30, 3)).astype(np.float32)
    order = rng.permutation(30)
    loss, gradient = loss_and_gradient(chosen.astype(np.int32), embedding, LossConfig())
    other, moved = loss_and_gradient(named[:, order], embedding[:, order], LossConfig())
    np.testing.assert_allclose(other, loss, rtol=1e-5)
    np.testing.assert_allclose(moved, gradient[:, order], rtol=1e-4, atol=1e-6)


def test_ids_that_float32_cannot_tell_apart_stay_apart_in_training():
    ids = 2**24 + np.array([[0, 1, 0, 1]], np.int32)  # one number in float32
    points = keras.Input((4, 2))
    model = keras.Model(points, {"embedding": keras.layers.Identity()(points)})
    model.compile(loss={"embedding": DiscriminativeLoss(LossConfig())}, jit_compile=False)
    features = np.array([[[0, 0], [8, 8], [0, 0], [8, 8]]], np.float32)
    loss = model.test_on_batch(features, {"embedding": ids})
    np.testing.assert_allclose(np.ravel(loss)[0], 0.001 * 16 / 2, rtol=1e-5)


def test_ranks_rise_with_the_ids_and_leave_points_without_instance_alone():
    ids = np.array([[9, -1, -7, 9, 2**31 - 1], [-1, -1, -1, -1, -1]], np.int32)
    expected = [[1, -1, 0, 1, 2], [-1, -1, -1, -1, -1]]
    np.testing.assert_array_equal(instance_ranks(ids), expected)


def test_the_discriminative_loss_survives_serialisation():
    config = dataclasses.replace(LossConfig(), norm="l2", push_margin=0.7)
    loss = DiscriminativeLoss(config, name="apart")
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (restored.config, restored.name) == (config, "apart")


def test_semantic_loss_is_the_mean_cross_entropy_of_labelled_points():
    logits = np.log(np.array([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]], np.float32))
    labels = np.array([[0, 1, -1]], np.int32)
    expected = -(np.log(0.5) + np.log(0.8)) / 2
    np.testing.assert_allclose(semantic_loss(labels, logits), expected, rtol=1e-6)


def test_semantic_loss_gives_no_gradient_to_points_without_class():
    logits = tf.constant(np.random.default_rng(0).normal(size=(1, 4, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = semantic_loss(np.array([[2, -1, 0, -1]], np.int32), logits)
    gradient = tape.gradient(loss, logits).numpy()
    np.testing.assert_array_equal(gradient[0, [1, 3]], 0)
    assert np.all(gradient[0, [0, 2]] != 0)


def test_semantic_loss_without_any_label_is_zero_and_smooth():
    logits = tf.ones((1, 4, 3))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = semantic_loss(np.full((1, 4), -1, np.int32), logits)
    assert float(loss) == 0.0
    np.testing.assert_array_equal(tape.gradient(loss, logits), np.zeros((1, 4, 3)))


def test_semantic_loss_is_summed_in_float32_under_mixed_precision():
    # 6000 points of loss 11 sum to 66000, more than float16 holds.
    logits = np.tile(np.array([11.0, 0.0], np.float16), (1, 6000, 1))
    loss = semantic_loss(np.ones((1, 6000), np.int32), logits)
    assert loss.dtype == "float32"
    np.testing.assert_allclose(loss, 11.0, rtol=1e-4)
