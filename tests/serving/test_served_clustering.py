"""Mean shift in the graph: the partition of the compiled op, with padding passed over."""

import numpy as np
import pytest
import tensorflow as tf

import tf_ops
from ban_tf.config import InferenceConfig
from ban_tf.instances import clustering as before
from ban_tf.instances import merging
from ban_tf.serving import clustering

COUNTS = np.array([60, 1, 41], np.int32)


def embeddings(fill):
    rng = np.random.default_rng(0)
    centres = 4 * rng.permutation(5)[rng.integers(0, 5, (3, 60))]
    made = centres[..., None] + rng.normal(0, 0.1, (3, 60, 3))
    made = made.astype(np.float32)
    for block, count in zip(made, COUNTS, strict=True):
        block[count:] = fill
    return made


@pytest.mark.parametrize("fill", [np.nan, np.inf, 0.0, 1e30])
@pytest.mark.parametrize("bin_seeding", [True, False])
def test_labels_are_those_of_the_blocks_alone(fill, bin_seeding):
    config = InferenceConfig(bin_seeding=bin_seeding)
    blocks = embeddings(fill)
    with tf_ops.stock_kernels():
        labels, iterations = clustering.cluster_blocks(tf.constant(blocks), COUNTS, config)
    for block, count, found in zip(blocks, COUNTS, labels.numpy(), strict=True):
        np.testing.assert_array_equal(found[:count], before.cluster(block[:count], config))
        assert not found[count:].any()
    assert (iterations.numpy() >= 1).all()


def test_the_compiled_op_gives_the_same():
    config, blocks = InferenceConfig(), embeddings(np.nan)
    native, uncounted = clustering.cluster_blocks(tf.constant(blocks), COUNTS, config)
    with tf_ops.stock_kernels():
        stock, _ = clustering.cluster_blocks(tf.constant(blocks), COUNTS, config)
    np.testing.assert_array_equal(native, stock)
    assert not uncounted.numpy().any()


def test_a_ball_that_the_bound_ends_is_told(monkeypatch):
    monkeypatch.setattr(clustering, "MAX_ITERATIONS", 2)
    line = np.linspace(0, 3, 60, dtype=np.float32)[None, :, None] ** 2  # climbs towards 0
    with tf_ops.stock_kernels():
        count = tf.constant([60])
        _, moves = clustering.cluster_blocks(tf.constant(line), count, InferenceConfig())
    assert moves.numpy().tolist() == [3]


@pytest.mark.parametrize("stuff", [[], [1], [0, 3]])
def test_stuff_is_dropped_as_from_whole_clouds(stuff):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 6, (3, 60)).astype(np.int32)
    semantic = rng.integers(0, 4, (3, 60)).astype(np.int32)
    present = np.arange(60) < COUNTS[:, None]
    labels[~present] = 0
    kept = clustering.drop_stuff(tf.constant(labels), tf.constant(semantic), present, 4, stuff)
    for b, count in enumerate(COUNTS):
        expected = merging.drop_classes(labels[b, :count], semantic[b, :count], stuff) + 1
        np.testing.assert_array_equal(kept[b, :count], expected)
        assert not kept[b, count:].numpy().any()
