import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from ban_tf.model.association import InstanceAssociation, nearest_in_embedding, rows_of_maximum
from layer_checks import check_layer
from places import SUPPORT
from tf_ops import library


def reference_neighbours(embedding, num_neighbours, max_distance):
    """The definition, in one piece: int32 `[B, N, K]`."""
    distance = np.abs(embedding[:, :, None] - embedding[:, None]).sum(axis=-1)
    index = np.argsort(distance, axis=-1, kind="stable")[..., :num_neighbours]
    own = np.arange(embedding.shape[1])[None, :, None]
    return np.where(np.take_along_axis(distance, index, -1) > max_distance, own, index)


def reference_maximum(features, index):
    """The largest of the features that `index` names: `[B, N, C]`."""
    return np.stack(
        [rows[chosen].max(axis=1) for rows, chosen in zip(features, index, strict=True)]
    )


def whole_numbers(batch, num_points, width, seed=0):
    """Embeddings whose distances are exact in float32, and often equal."""
    rng = np.random.default_rng(seed)
    return rng.integers(-3, 4, (batch, num_points, width)).astype(np.float32)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_neighbours_worked_by_hand():
    embedding = np.array([[[0, 0], [1, 0], [0, -0.5], [9, 9]]], np.float32)
    got = nearest_in_embedding(embedding, num_neighbours=3, max_distance=1.0, chunk_rows=2)
    # Of point 1: itself, then 0 at exactly 1.0; 2 is at 1.5, too far, and so is all of point 3.
    np.testing.assert_array_equal(got[0], [[0, 2, 1], [1, 0, 1], [2, 0, 2], [3, 3, 3]])


def test_the_maximum_worked_by_hand():
    embedding = np.array([[[0.0], [0.25], [5.0]]], np.float32)
    features = np.array([[[1, 8], [3, 2], [-4, -5]]], np.float32)
    got = InstanceAssociation(num_neighbours=2, max_distance=0.5, chunk_rows=4)(embedding, features)
    np.testing.assert_array_equal(got[0], [[3, 8], [3, 8], [-4, -5]])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("num_points", "num_neighbours", "width"), [(1, 1, 1), (7, 7, 2), (40, 5, 5), (65, 30, 3)]
)
@pytest.mark.parametrize("chunk_rows", [1, 16, 100])
def test_neighbours_and_maxima_are_the_references(
    batch, num_points, num_neighbours, width, chunk_rows
):
    embedding = whole_numbers(batch, num_points, width)
    features = normal(batch, num_points, 6)
    expected = reference_neighbours(embedding, num_neighbours, 2.0)
    got = nearest_in_embedding(embedding, num_neighbours, 2.0, chunk_rows)
    assert got.dtype == "int32"
    np.testing.assert_array_equal(got, expected)
    layer = InstanceAssociation(num_neighbours, 2.0, chunk_rows)
    np.testing.assert_array_equal(layer(embedding, features), reference_maximum(features, expected))


def test_points_of_one_embedding_share_the_lowest_indices():
    got = nearest_in_embedding(np.ones((1, 9, 4), np.float32), 4, 0.5, 5)
    np.testing.assert_array_equal(got, np.tile(np.arange(4), (1, 9, 1)))


def test_no_distance_allowed_leaves_the_features_as_they_are():
    features = normal(2, 12, 5)
    layer = InstanceAssociation(num_neighbours=6, max_distance=0.0, chunk_rows=5)
    np.testing.assert_array_equal(layer(normal(2, 12, 3, seed=1), features), features)


def test_stock_kernels_give_the_same():
    embedding, features = whole_numbers(2, 30, 4), normal(2, 30, 8)
    expected = InstanceAssociation(5, 3.0, 8)(embedding, features)
    with library.stock_kernels():
        got = InstanceAssociation(5, 3.0, 8)(embedding, features)
    np.testing.assert_array_equal(got, expected)


def test_permuting_points_permutes_the_result():
    embedding, features = normal(1, 20, 3), normal(1, 20, 4, seed=1)
    order = np.random.default_rng(2).permutation(20)
    layer = InstanceAssociation(6, 2.0, 7)
    expected = layer(embedding, features).numpy()[:, order]
    np.testing.assert_array_equal(layer(embedding[:, order], features[:, order]), expected)


@pytest.mark.parametrize("trace", [False, True], ids=["eager", "traced"])
def test_the_gradient_goes_to_the_feature_that_was_the_maximum_and_nowhere_else(trace):
    embedding, features = normal(2, 11, 3), normal(2, 11, 4, seed=1)
    upstream = normal(2, 11, 4, seed=2)
    layer = InstanceAssociation(4, 2.0, 5)

    def gradients(embedding, features):
        with tf.GradientTape() as tape:
            tape.watch([embedding, features])
            loss = tf.reduce_sum(layer(embedding, features) * upstream)
        return tape.gradient(loss, [embedding, features])

    run = tf.function(gradients) if trace else gradients
    for_embedding, for_features = run(tf.constant(embedding), tf.constant(features))
    assert for_embedding is None
    index = reference_neighbours(embedding, 4, 2.0)
    expected = np.zeros_like(features)
    for b, i, c in np.ndindex(*features.shape):
        winner = index[b, i, features[b, index[b, i], c].argmax()]
        expected[b, winner, c] += upstream[b, i, c]
    np.testing.assert_allclose(for_features, expected, rtol=1e-5, atol=1e-6)


def test_of_equal_features_the_nearest_neighbours_is_taken():
    features = np.zeros((1, 4, 2), np.float32)
    index = np.array([[[2, 0, 1], [3, 3, 1]]], np.int32)
    np.testing.assert_array_equal(rows_of_maximum(features, index, 8), [[[2, 2], [3, 3]]])


def test_association_is_a_well_behaved_layer():
    init = {"num_neighbours": 3, "max_distance": 1.5, "chunk_rows": 4}
    inputs = {"embedding": normal(2, 9, 3), "features": normal(2, 9, 4, seed=1)}
    check_layer(InstanceAssociation, init, inputs, [(2, 9, 4)], 0)


def test_half_precision_features_come_back_in_half_precision_from_exact_distances():
    # 1000 and 1000.25 are one number in half precision.
    embedding = np.array([[[1000.0], [1000.25], [1001.0]]], np.float32)
    features = np.array([[[1.0], [2.0], [3.0]]], np.float16)
    layer = InstanceAssociation(2, 0.5, 4, dtype="mixed_float16")
    got = layer(embedding, features)
    assert got.dtype == "float16"
    np.testing.assert_array_equal(got[0, :, 0], [2, 2, 3])


def test_fewer_points_than_neighbours_are_refused():
    with pytest.raises(ValueError, match="num_neighbours=30, N=29"):
        InstanceAssociation(30, 0.5, 64)(normal(1, 29, 3), normal(1, 29, 3))
    layer = InstanceAssociation(30, 0.5, 64)
    model = keras.Model(inputs := [keras.Input((None, 3)), keras.Input((None, 3))], layer(*inputs))
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="k"):
        model([normal(1, 29, 3), normal(1, 29, 3)])


@pytest.mark.slow
def test_neither_all_pairs_nor_all_neighbours_features_are_ever_held():
    program = [sys.executable, SUPPORT / "association_memory.py", "2048", "4096"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    half, whole = json.loads(done.stdout)
    # For 4096 points: all distances, by channel, would take 320 MiB, the features of all
    # neighbours 60 MiB; a chunk's distances take 1 MiB, and features, result and gradient 2 each.
    assert whole < 40
    assert whole < 2 * half + 10  # grows with the points, not with their pairs
