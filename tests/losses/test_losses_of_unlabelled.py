"""Points without a label play no part in any loss, whatever the network says of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ban_tf.config import NONE, BoxLossConfig, LossConfig, SimilarityLossConfig
from ban_tf.losses.bonet import bonet_parts
from ban_tf.losses.discriminative import DiscriminativeLoss
from ban_tf.losses.double_hinge import double_hinge
from ban_tf.losses.group_proposal import (
    confidence_loss,
    inverse_frequency,
    weighted_semantic_loss,
)
from ban_tf.losses.semantic import semantic_loss

NUM_POINTS, NUM_BOXES = 40, 5


def bonet(semantic, instance, points, boxes):
    outputs = {
        "xyz": points["xyz"],
        "masks": tf.transpose(points["masks"], (0, 2, 1)),
        "boxes": boxes["boxes"],
        "scores": boxes["scores"],
    }
    return tf.add_n(bonet_parts(instance, semantic, outputs, BoxLossConfig(sharpness=3.0)))


def sgpn(semantic, instance, points, boxes):
    weight = inverse_frequency(instance)
    config = SimilarityLossConfig()
    pairs = double_hinge(points["features"], instance, semantic, weight, 2.0, config)
    return (
        pairs.loss
        + confidence_loss(points["confidence"][..., 0], pairs.iou, semantic)
        + weighted_semantic_loss(semantic, points["logits"])
    )


LOSSES = {
    "semantic": lambda semantic, _, points, __: semantic_loss(semantic, points["logits"]),
    "discriminative, L1": lambda _, instance, points, __: DiscriminativeLoss(LossConfig())(
        instance, points["features"]
    ),
    "discriminative, L2": lambda _, instance, points, __: DiscriminativeLoss(LossConfig(norm="l2"))(
        instance, points["features"]
    ),
    "sgpn": sgpn,
    "bonet": bonet,
}


def outputs_of(seed):
    """What a network might say of each point, and of each box."""
    rng = np.random.default_rng(seed)
    widths = {"logits": 4, "features": 3, "confidence": 1, "xyz": 3, "masks": NUM_BOXES}
    points = {
        name: rng.normal(0, 2, (1, NUM_POINTS, width)).astype(np.float32)
        for name, width in widths.items()
    }
    for name in ("confidence", "masks"):  # probabilities
        points[name] = 1 / (1 + np.exp(-points[name]))
    corners = np.sort(rng.normal(0, 2, (1, NUM_BOXES, 2, 3)), axis=2).astype(np.float32)
    scores = rng.uniform(0.1, 0.9, (1, NUM_BOXES)).astype(np.float32)
    return points, {"boxes": corners, "scores": scores}


def labels_of(seed, unlabelled):
    """Classes and instances, of which the `unlabelled` points have none."""
    rng = np.random.default_rng(seed)
    semantic = rng.integers(0, 4, (1, NUM_POINTS)).astype(np.int32)
    instance = (semantic * 2 + rng.integers(0, 2, semantic.shape)).astype(np.int32)
    semantic[:, unlabelled] = instance[:, unlabelled] = NONE
    return semantic, instance


def value_and_gradients(loss, semantic, instance, points, boxes):
    tensors = {name: tf.constant(values) for name, values in points.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = loss(semantic, instance, tensors, boxes)
    found = tape.gradient(value, tensors)
    return float(value), {name: g.numpy() for name, g in found.items() if g is not None}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_a_loss_is_that_of_the_labelled_points_alone(name, seed):
    unlabelled = np.random.default_rng([seed, 1]).random(NUM_POINTS) < 0.4
    semantic, instance = labels_of(seed, unlabelled)
    points, boxes = outputs_of(seed)
    value, gradients = value_and_gradients(LOSSES[name], semantic, instance, points, boxes)

    kept = ~unlabelled
    fewer = {name: values[:, kept] for name, values in points.items()}
    expected, slopes = value_and_gradients(
        LOSSES[name], semantic[:, kept], instance[:, kept], fewer, boxes
    )
    # float32 sums of up to 1600 terms, in another order.
    assert value == pytest.approx(expected, rel=2e-5)
    assert gradients.keys() == slopes.keys() != set()
    for output, gradient in gradients.items():
        assert not gradient[:, unlabelled].any(), output
        np.testing.assert_allclose(gradient[:, kept], slopes[output], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_said_of_unlabelled_points_does_not_matter(name):
    unlabelled = np.arange(NUM_POINTS) % 3 == 0
    semantic, instance = labels_of(0, unlabelled)
    points, boxes = outputs_of(0)
    other = {key: values.copy() for key, values in points.items()}
    for key, values in outputs_of(7)[0].items():
        other[key][:, unlabelled] = 5 * values[:, unlabelled]
    first, _ = value_and_gradients(LOSSES[name], semantic, instance, points, boxes)
    second, _ = value_and_gradients(LOSSES[name], semantic, instance, other, boxes)
    assert first == second


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", LOSSES)
def test_what_is_no_number_at_unlabelled_points_does_not_spread(name, nonsense, traced):
    unlabelled = np.arange(NUM_POINTS) % 3 == 0
    semantic, instance = labels_of(0, unlabelled)
    points, boxes = outputs_of(0)
    broken = {key: values.copy() for key, values in points.items()}
    for values in broken.values():
        values[:, unlabelled] = nonsense

    @tf.function
    def in_a_graph(semantic, instance, tensors, boxes):
        return LOSSES[name](semantic, instance, tensors, boxes)

    loss = in_a_graph if traced else LOSSES[name]
    expected, slopes = value_and_gradients(LOSSES[name], semantic, instance, points, boxes)
    value, gradients = value_and_gradients(loss, semantic, instance, broken, boxes)
    assert value == pytest.approx(expected, rel=1e-6)
    for output, gradient in gradients.items():
        assert not gradient[:, unlabelled].any(), output
        np.testing.assert_allclose(gradient, slopes[output], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["semantic", "instance"])
def test_similarities_leave_out_points_that_lack_either_label(kind):
    left_out = np.arange(NUM_POINTS) % 4 == 0
    semantic, instance = labels_of(1, np.zeros(NUM_POINTS, bool))
    {"semantic": semantic, "instance": instance}[kind][:, left_out] = NONE
    features, kept = outputs_of(1)[0]["features"], ~left_out
    features[:, left_out] = np.nan
    weight = np.where(left_out, np.nan, 2.0).astype(np.float32)[None]

    def pairs_and_slope(chosen):
        config, tensor = SimilarityLossConfig(margin=3.0), tf.constant(features[:, chosen])
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            labels = instance[:, chosen], semantic[:, chosen]
            pairs = double_hinge(tensor, *labels, weight[:, chosen], 2.0, config)
        return pairs.loss.numpy(), pairs.iou.numpy(), tape.gradient(pairs.loss, tensor).numpy()

    loss, iou, slope = pairs_and_slope(slice(None))
    expected_loss, expected_iou, expected_slope = pairs_and_slope(kept)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    np.testing.assert_array_equal(iou[:, left_out], 0)
    np.testing.assert_allclose(iou[:, kept], expected_iou, rtol=1e-6)
    assert not slope[:, left_out].any()
    np.testing.assert_allclose(slope[:, kept], expected_slope, rtol=1e-4, atol=1e-6)


def test_a_target_that_is_no_number_does_not_matter_without_a_class():
    confidence, semantic = tf.constant([[0.5, 0.25]]), np.array([[1, NONE]])
    with tf.GradientTape() as tape:
        tape.watch(confidence)
        loss = confidence_loss(confidence, np.array([[1.0, np.nan]], np.float32), semantic)
    assert float(loss) == 0.25
    np.testing.assert_array_equal(tape.gradient(loss, confidence), [[-1.0, 0.0]])


def test_a_box_does_not_reach_for_points_without_a_class():
    """An instance reaches as far as its points with a class; a block without any is left out."""
    points, boxes = outputs_of(2)
    semantic, instance = labels_of(2, np.zeros(NUM_POINTS, bool))
    semantic[:, ::2] = NONE
    fewer = {key: values[:, 1::2] for key, values in points.items()}
    expected = bonet(semantic[:, 1::2], instance[:, 1::2], fewer, boxes)
    np.testing.assert_allclose(bonet(semantic, instance, points, boxes), expected, rtol=2e-5)

    both = [np.concatenate([labels, np.full_like(labels, NONE)]) for labels in (semantic, instance)]
    twice = {key: np.concatenate([values, values * np.nan]) for key, values in points.items()}
    twice_boxes = {key: np.concatenate([values, values * np.nan]) for key, values in boxes.items()}
    np.testing.assert_allclose(bonet(*both, twice, twice_boxes), expected, rtol=2e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_float64_outputs_is_float64(name):
    semantic, instance = labels_of(0, np.arange(NUM_POINTS) < 5)
    points, boxes = outputs_of(0)
    single, _ = value_and_gradients(LOSSES[name], semantic, instance, points, boxes)
    points, boxes = (
        {key: values.astype(np.float64) for key, values in outputs.items()}
        for outputs in (points, boxes)
    )
    tensors = {key: tf.constant(values) for key, values in points.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = LOSSES[name](semantic, instance, tensors, boxes)
    assert value.dtype == "float64"
    assert float(value) == pytest.approx(single, rel=2e-5)
    assert float(value) != single  # it was not rounded on the way
    slopes = tape.gradient(value, tensors)
    # Boxes are sought where the points are, and no gradient flows through what is sought.
    for key in {key for key, slope in slopes.items() if slope is not None} - {"xyz"}:
        slope, step = slopes[key].numpy(), 1e-6
        place, totals = np.unravel_index(np.abs(slope).argmax(), slope.shape), []
        for sign in (1, -1):
            moved = {other: values.copy() for other, values in points.items()}
            moved[key][place] += sign * step
            totals.append(float(LOSSES[name](semantic, instance, moved, boxes)))
        # What float32 could not show: many digits of a difference quotient.
        assert (totals[0] - totals[1]) / (2 * step) == pytest.approx(slope[place], rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_without_any_label_nothing_is_learnt(name):
    semantic, instance = labels_of(0, np.ones(NUM_POINTS, bool))
    value, gradients = value_and_gradients(LOSSES[name], semantic, instance, *outputs_of(0))
    assert value == 0.0
    for gradient in gradients.values():
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


def test_the_loss_of_keras_takes_unlabelled_points_too():
    model = keras.Sequential([keras.Input((NUM_POINTS, 3)), keras.layers.Dense(3)])
    model.compile("sgd", DiscriminativeLoss(LossConfig()))
    _, instance = labels_of(0, np.arange(NUM_POINTS) < 10)
    points, _ = outputs_of(0)
    assert np.isfinite(model.train_on_batch(points["xyz"], instance))
