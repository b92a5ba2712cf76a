import importlib.util
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from ban_tf.config import BoxLossConfig
from ban_tf.losses.association import associate
from ban_tf.losses.bonet import bonet_parts
from ban_tf.losses.box_targets import box_targets, inside, inside_logits

CONFIG = BoxLossConfig()


def random_batch(seed=0, batch=2, num_points=40, num_ids=4, num_boxes=5):
    """Ids from -1, and what a network might say of the points."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-0.2, 1.2, (batch, num_boxes, 2, 3))
    outputs = {
        "xyz": rng.uniform(size=(batch, num_points, 3)),
        "boxes": np.sort(corners, axis=2),
        "scores": rng.uniform(0.05, 0.95, (batch, num_boxes)),
        "masks": rng.uniform(0.05, 0.95, (batch, num_boxes, num_points)),
    }
    instance = rng.integers(-1, num_ids, (batch, num_points)).astype(np.int32)
    return instance, {name: values.astype(np.float32) for name, values in outputs.items()}


# --- an independent reference: one block, one instance, one box, one point at a time ---


def probability_inside(box, point):
    steep = [100 * (box[0][axis] - point[axis]) * (point[axis] - box[1][axis]) for axis in range(3)]
    return min(1 / (1 + np.exp(-np.clip(x, -20, 20))) for x in steep)


def entropy(truth, probability):
    return -truth * np.log(probability + 1e-8) - (1 - truth) * np.log(1 - probability + 1e-8)


def compare(truth, box, xyz):
    """Cross-entropy, soft IoU and squared difference of a box that should be `truth`."""
    hard = np.array([float(np.all((p >= truth[0]) & (p <= truth[1]))) for p in xyz])
    soft = np.array([probability_inside(box, p) for p in xyz])
    both = np.sum(hard * soft)
    iou = both / (hard.sum() + soft.sum() - both + 1e-6)
    return np.mean(entropy(hard, soft)), iou, np.mean((truth - box) ** 2)


def reference(instance, outputs, order):
    """The three terms of a batch under a given association, in float64."""
    outputs = {name: values.astype(np.float64) for name, values in outputs.items()}
    num_boxes = outputs["scores"].shape[1]
    boxes, extents, scores, masks = [], [], [], []
    for b, block in enumerate(instance):
        ids = [i for i in np.unique(block) if i != -1][:num_boxes]
        for row, column in enumerate(order[b]):
            box, score = outputs["boxes"][b, column], outputs["scores"][b, column]
            scores.append(entropy(float(row < len(ids)), score))
            if row >= len(ids):
                extents.append(np.sum((box[1] - box[0]) ** 2))
                continue
            xyz, member = outputs["xyz"][b], block == ids[row]
            truth = np.stack([xyz[member].min(axis=0), xyz[member].max(axis=0)])
            cross, iou, squared = compare(truth, box, xyz)
            boxes.append(cross - iou + squared)
            mask = outputs["masks"][b, column]
            focal = np.where(
                member,
                -0.75 * (1 - mask) ** 2 * np.log(mask + 1e-8),
                -0.25 * mask**2 * np.log(1 - mask + 1e-8),
            )
            masks.append(30 * focal.mean())
    means = [np.mean(terms) if terms else 0.0 for terms in (boxes, extents, scores, masks)]
    return means[0] + means[1], means[2], means[3]


def cheapest_order(instance, outputs):
    """Tries every association of every block."""
    num_boxes = outputs["scores"].shape[1]
    orders = []
    for block, xyz, boxes in zip(instance, outputs["xyz"], outputs["boxes"], strict=True):
        ids = [i for i in np.unique(block) if i != -1][:num_boxes]
        truths = [np.stack([f(xyz[block == i], axis=0) for f in (np.min, np.max)]) for i in ids]
        cost = np.zeros((len(ids), num_boxes))
        for pair in np.ndindex(*cost.shape):
            cross, iou, squared = compare(truths[pair[0]], boxes[pair[1]], xyz)
            cost[pair] = cross + squared - iou
        orders.append(brute_force(cost))
    return np.array(orders)


def brute_force(cost):
    """The columns of the rows that cost least together, then the other columns."""
    num_rows, num_columns = cost.shape
    best = min(
        itertools.permutations(range(num_columns), num_rows),
        key=lambda columns: sum(cost[row, column] for row, column in enumerate(columns)),
    )
    return [*best, *sorted(set(range(num_columns)) - set(best))]


# --- targets ---


def test_targets_are_the_extents_and_points_of_the_instances_by_rising_id():
    instance = np.array([[9, -1, 4, 9]], np.int32)
    xyz = np.array([[[0.1, 0.5, 0.9], [0, 0, 0], [0.3, 0.3, 0.3], [0.4, 0.2, 1.0]]], np.float32)
    targets = box_targets(instance, xyz, num_boxes=3)
    expected = [[[0.3] * 3, [0.3] * 3], [[0.1, 0.2, 0.9], [0.4, 0.5, 1.0]], np.zeros((2, 3))]
    np.testing.assert_array_equal(targets.boxes[0], np.array(expected, np.float32))
    np.testing.assert_array_equal(targets.masks[0], [[0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(targets.present, [[1, 1, 0]])


@pytest.mark.parametrize("num_instances", [0, 1, 24, 25, 40])
def test_at_most_as_many_instances_as_boxes_are_targets(num_instances):
    rng = np.random.default_rng(0)
    ids = np.repeat(np.sort(rng.choice(1000, num_instances, replace=False)), 3)
    instance = np.concatenate([ids, [-1, -1]]).astype(np.int32)[None]
    xyz = rng.uniform(size=(1, instance.shape[1], 3)).astype(np.float32)
    targets = box_targets(instance, xyz, num_boxes=24)
    kept = min(num_instances, 24)
    np.testing.assert_array_equal(targets.present[0], np.arange(24) < kept)
    np.testing.assert_array_equal(np.sum(targets.masks, axis=2)[0], 3.0 * (np.arange(24) < kept))
    assert np.isfinite(targets.boxes).all()
    # The first by id have the masks; the points of the others are in none.
    np.testing.assert_array_equal(np.sum(targets.masks, axis=1)[0, : 3 * kept], 1)
    np.testing.assert_array_equal(np.sum(targets.masks, axis=1)[0, 3 * kept :], 0)


def test_points_are_inside_up_to_the_faces_and_softly_half_inside_on_them():
    box = np.array([[[[0.0, 0.0, 0.0], [0.5, 1.0, 1.0]]]], np.float32)
    xyz = np.array([[[0.25, 0.5, 0.5], [0.5, 0.5, 0.5], [0.6, 0.5, 0.5], [9, 9, 9]]], np.float32)
    np.testing.assert_array_equal(inside(box, xyz)[0, 0], [1, 1, 0, 0])
    steep = np.array([100 * 0.25 * 0.25, 0.0, -100 * 0.6 * 0.1, -20.0])
    np.testing.assert_allclose(inside_logits(box, xyz, CONFIG)[0, 0], steep, rtol=1e-5)


# --- association ---


@pytest.mark.parametrize("num_boxes", [1, 2, 5, 6])
def test_the_association_is_the_cheapest_of_all(num_boxes):
    rng = np.random.default_rng(num_boxes)
    num_instances = np.arange(num_boxes + 1, dtype=np.int32)
    cost = rng.normal(size=(len(num_instances), num_boxes, num_boxes)).astype(np.float32)
    order = associate(cost, num_instances)
    assert order.dtype == tf.int32
    for got, block, rows in zip(order.numpy(), cost, num_instances, strict=True):
        assert got.tolist() == brute_force(block[:rows])


@pytest.mark.parametrize("num_instances", [0, 1, 23, 24])
def test_every_box_is_associated_once_and_those_of_no_instance_ascend(num_instances):
    cost = np.random.default_rng(1).normal(size=(1, 24, 24)).astype(np.float32)
    order = associate(cost, np.array([num_instances], np.int32)).numpy()[0]
    np.testing.assert_array_equal(np.sort(order), np.arange(24))
    np.testing.assert_array_equal(order[num_instances:], np.sort(order[num_instances:]))


def test_costs_that_are_no_numbers_are_avoided_and_raise_nothing():
    cost = np.array([[[np.nan, 3.0], [1.0, np.inf]], np.full((2, 2), np.nan)], np.float32)
    order = associate(cost, np.array([2, 2], np.int32)).numpy()
    assert order[0].tolist() == [1, 0]
    assert sorted(order[1].tolist()) == [0, 1]


def test_the_loss_uses_the_association_of_least_cost():
    instance, outputs = random_batch(seed=3)
    order = cheapest_order(instance, outputs)
    assert not np.array_equal(order, np.tile(np.arange(5), (2, 1)))
    np.testing.assert_allclose(
        bonet_parts(instance, 0 * instance, outputs, CONFIG),
        reference(instance, outputs, order),
        rtol=1e-5,
    )


# --- losses ---


def test_terms_of_two_boxes_by_hand():
    # One instance, the two points on the diagonal of the cube; box 1 fits, and box 0 is a speck
    # of extent 0.1 that should not be there.
    instance = np.array([[7, 7]], np.int32)
    outputs = {
        "xyz": np.array([[[0, 0, 0], [1, 1, 1]]], np.float32),
        "boxes": np.array([[[[0.4] * 3, [0.5] * 3], [[0] * 3, [1] * 3]]], np.float32),
        "scores": np.array([[0.25, 0.5]], np.float32),
        "masks": np.array([[[0.9, 0.9], [0.5, 1.0]]], np.float32),
    }
    box, score, mask = bonet_parts(instance, 0 * instance, outputs, CONFIG)
    # Both points lie on the faces: inside with probability 1/2 each.
    np.testing.assert_allclose(box, np.log(2) - 1 / 2 + 0 + 3 * 0.1**2, rtol=1e-5)
    np.testing.assert_allclose(score, (-np.log(0.5) - np.log(0.75)) / 2, rtol=1e-6)
    np.testing.assert_allclose(mask, 30 * 0.75 * 0.25 * np.log(2) / 2, rtol=1e-5)


@pytest.mark.parametrize("num_ids", [0, 1, 3, 5, 7])
def test_terms_match_the_reference_for_fewer_and_for_more_instances_than_boxes(num_ids):
    instance, outputs = random_batch(num_ids, batch=3, num_ids=num_ids)
    order = np.stack([np.random.default_rng(b).permutation(5) for b in range(3)])
    got = bonet_parts(instance, 0 * instance, outputs, CONFIG, order=order.astype(np.int32))
    np.testing.assert_allclose(got, reference(instance, outputs, order), rtol=2e-5)


def test_without_an_instance_boxes_shrink_and_scores_fall():
    _, outputs = random_batch()
    box, score, mask = bonet_parts(
        np.full((2, 40), -1, np.int32), np.zeros((2, 40), np.int32), outputs, CONFIG
    )
    corners = outputs["boxes"]
    extents = np.mean(np.sum((corners[:, :, 1] - corners[:, :, 0]) ** 2, axis=-1))
    np.testing.assert_allclose(box, extents, rtol=1e-5)
    np.testing.assert_allclose(score, np.mean(-np.log(1 - outputs["scores"])), rtol=1e-5)
    assert float(mask) == 0


@pytest.mark.parametrize("name", ["boxes", "scores", "masks"])
def test_gradients_match_finite_differences_under_a_fixed_association(name):
    instance, outputs = random_batch(5, batch=2, num_points=12, num_ids=3, num_boxes=4)
    order = np.array([[2, 0, 3, 1], [1, 3, 0, 2]], np.int32)
    with tf.GradientTape() as tape:
        tensors = {key: tf.constant(values) for key, values in outputs.items()}
        tape.watch(tensors[name])
        loss = tf.add_n(bonet_parts(instance, 0 * instance, tensors, CONFIG, order=order))
    gradient = tape.gradient(loss, tensors[name]).numpy()
    step, numeric = 1e-6, np.zeros(outputs[name].shape)
    for place in np.ndindex(*numeric.shape):
        totals = []
        for sign in (1, -1):
            moved = {**outputs, name: outputs[name].astype(np.float64)}
            moved[name][place] += sign * step
            totals.append(sum(reference(instance, moved, order)))
        numeric[place] = (totals[0] - totals[1]) / (2 * step)
    assert np.count_nonzero(np.abs(numeric) > 1e-3) > numeric.size / 4
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-4)


def test_the_association_carries_no_gradient():
    instance, outputs = random_batch(6)
    order = cheapest_order(instance, outputs).astype(np.int32)

    def gradient(**association):
        with tf.GradientTape() as tape:
            boxes = tf.constant(outputs["boxes"])
            tape.watch(boxes)
            loss = tf.add_n(
                bonet_parts(
                    instance, 0 * instance, {**outputs, "boxes": boxes}, CONFIG, **association
                )
            )
        return tape.gradient(loss, boxes)

    np.testing.assert_allclose(gradient(), gradient(order=order), rtol=1e-6)


def test_certain_predictions_have_finite_losses_and_gradients_in_a_graph():
    """TensorFlow's optimiser cancels small numbers that are added to keep logarithms finite."""
    instance, outputs = random_batch(7)
    outputs |= {name: np.round(outputs[name]) for name in ("scores", "masks")}
    outputs["boxes"][:, 0] = [[-9.0] * 3, [9.0] * 3]
    outputs["boxes"][:, 1] = 5.0

    @tf.function
    def loss_and_gradient(boxes, scores, masks):
        found = {"xyz": outputs["xyz"], "boxes": boxes, "scores": scores, "masks": masks}
        with tf.GradientTape() as tape:
            tape.watch([boxes, scores, masks])
            parts = bonet_parts(instance, 0 * instance, found, CONFIG)
            loss = tf.add_n(parts)
        return parts, tape.gradient(loss, [boxes, scores, masks])

    parts, gradients = loss_and_gradient(
        *(tf.constant(outputs[name]) for name in ("boxes", "scores", "masks"))
    )
    assert all(np.isfinite(value) for value in parts)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@settings(deadline=None, derandomize=True, max_examples=10)
@given(seed=st.integers(0, 2**16))
def test_neither_the_order_of_points_nor_that_of_boxes_matters(seed):
    instance, outputs = random_batch(seed)
    rng = np.random.default_rng(seed)
    points, boxes = rng.permutation(40), rng.permutation(5)
    moved = {
        "xyz": outputs["xyz"][:, points],
        "boxes": outputs["boxes"][:, boxes],
        "scores": outputs["scores"][:, boxes],
        "masks": outputs["masks"][:, boxes][:, :, points],
    }
    np.testing.assert_allclose(
        bonet_parts(instance[:, points], 0 * instance, moved, CONFIG),
        bonet_parts(instance, 0 * instance, outputs, CONFIG),
        rtol=1e-5,
    )


JAX_PROGRAM = """
import sys
import jax
import numpy as np
from ban_tf.config import BoxLossConfig
from ban_tf.losses.bonet import bonet_parts

outputs = dict(np.load(sys.argv[1]))
instance = outputs.pop("instance")
terms = lambda boxes: {**outputs, "boxes": boxes}
loss = lambda boxes: sum(bonet_parts(instance, 0 * instance, terms(boxes), BoxLossConfig()))
value, gradient = jax.jit(jax.value_and_grad(loss))(outputs["boxes"])
print(float(value), float(abs(gradient).sum()))
"""


def test_the_losses_and_the_association_run_compiled_under_jax(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip('JAX is not installed: python -m pip install -e ".[jax]"')
    instance, outputs = random_batch(8)
    np.savez(tmp_path / "batch.npz", instance=instance, **outputs)
    done = subprocess.run(
        [sys.executable, "-c", JAX_PROGRAM, tmp_path / "batch.npz"],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with tf.GradientTape() as tape:
        boxes = tf.constant(outputs["boxes"])
        tape.watch(boxes)
        loss = tf.add_n(bonet_parts(instance, 0 * instance, {**outputs, "boxes": boxes}, CONFIG))
    expected = float(loss), float(np.abs(tape.gradient(loss, boxes)).sum())
    np.testing.assert_allclose([float(x) for x in done.stdout.split()], expected, rtol=1e-4)
