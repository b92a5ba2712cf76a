import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import op_references as reference
from tf_ops import library
from tf_ops.interpolation import interpolation


def grid(seed, *shape, side=5):
    """Integer coordinates: exact in float32, and ties really happen."""
    return np.random.default_rng(seed).integers(-side, side, shape).astype(np.float32)


def check_three_nearest(query, references):
    distance, index = interpolation.three_nearest(query, references)
    assert (distance.dtype, index.dtype) == ("float32", "int32")
    want_distance, want_index = reference.three_nearest(query, references)
    np.testing.assert_array_equal(index, want_index)
    np.testing.assert_array_equal(distance, want_distance)


def test_by_hand(kernels):
    references = np.array([[[4, 0, 0], [1, 0, 0], [0, 0, 0], [-1, 0, 0]]], np.float32)
    distance, index = interpolation.three_nearest(np.zeros((1, 1, 3), np.float32), references)
    np.testing.assert_array_equal(index, [[[2, 1, 3]]])
    np.testing.assert_array_equal(distance, [[[0, 1, 1]]])


@pytest.mark.parametrize("batch", [0, 1, 2])
@pytest.mark.parametrize(
    ("num_queries", "num_references"), [(0, 3), (1, 3), (9, 4), (65, 33), (130, 700), (1000, 300)]
)
def test_matches_reference_with_ties(kernels, batch, num_queries, num_references):
    check_three_nearest(grid(0, batch, num_queries, 3), grid(1, batch, num_references, 3))


@pytest.mark.parametrize(("num_queries", "num_references"), [(999, 61), (4096, 1024), (300, 5000)])
def test_matches_reference_bit_for_bit_on_real_coordinates(num_queries, num_references):
    rng = np.random.default_rng(2)
    query = rng.uniform(0, 1, (1, num_queries, 3)).astype(np.float32)
    references = rng.uniform(0, 1, (1, num_references, 3)).astype(np.float32)
    query[:, ::3, 2] = 0
    references[:, ::2, 2] = 0
    check_three_nearest(query, references)


def test_queries_far_from_every_reference(kernels):
    check_three_nearest(grid(3, 1, 700, 3) + np.float32(1000), grid(4, 1, 300, 3))


def test_a_distance_that_is_not_a_number_counts_as_infinite(kernels):
    query, references = grid(5, 1, 700, 3), grid(6, 1, 400, 3)
    query[0, :3] = [[np.nan, 0, 0], [np.inf, 0, 0], [0, -np.inf, np.nan]]
    references[0, [0, 3, 399]] = [[np.nan, 0, 0], [0, np.inf, 0], [0, -np.inf, 0]]
    check_three_nearest(query, references)
    references[0, 2:] = np.nan
    check_three_nearest(query, references)
    _, index = interpolation.three_nearest(query, np.full((1, 5, 3), np.nan, np.float32))
    np.testing.assert_array_equal(index, np.broadcast_to([0, 1, 2], (1, 700, 3)))


def test_huge_and_tiny_coordinates(kernels):
    query, references = grid(7, 1, 600, 3), grid(8, 1, 400, 3)
    query[0, :8, 0] = references[0, 5:13, 1] = [3e38, -3e38, 1e19, -1e19, 1e-45, 1e-30, 1e10, 0]
    check_three_nearest(query, references)


def test_fewer_than_three_references_are_refused(kernels):
    query = np.zeros((1, 4, 3), np.float32)
    with pytest.raises(ValueError, match=r"`reference` must have at least three.*M=2"):
        interpolation.three_nearest(query, query[:, :2])


def test_fewer_than_three_references_are_refused_when_m_is_known_only_at_run_time():
    anything = tf.TensorSpec([None, None, 3], tf.float32)
    traced = tf.function(interpolation.three_nearest).get_concrete_function(anything, anything)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"reference must have .* \[1,2,3\]"):
        traced(tf.zeros([1, 4, 3]), tf.zeros([1, 2, 3]))


def test_unknown_sizes_give_the_same_result(kernels):
    anything = tf.TensorSpec([None, None, 3], tf.float32)
    nearest = tf.function(lambda query, references: interpolation.three_nearest(query, references))
    traced = nearest.get_concrete_function(anything, anything)
    assert traced.output_shapes[0][-1] == 3
    query, references = grid(9, 2, 20, 3), grid(10, 2, 9, 3)
    distance, index = traced(tf.constant(query), tf.constant(references))
    want_distance, want_index = reference.three_nearest(query, references)
    np.testing.assert_array_equal(index, want_index)
    np.testing.assert_array_equal(distance, want_distance)


def test_wrong_types_and_shapes_are_refused(kernels):
    query = np.zeros((1, 4, 3), np.float32)
    index = np.zeros((1, 4, 3), np.int32)
    with pytest.raises(TypeError, match=r"`query` must be float32.*float64"):
        interpolation.three_nearest(query.astype(float), query)
    with pytest.raises(ValueError, match=r"`reference` must have shape \[B, M, 3\]"):
        interpolation.three_nearest(query, np.zeros((2, 4, 3), np.float32))
    with pytest.raises(TypeError, match=r"`index` must be int32.*int64"):
        interpolation.interpolate(query, index.astype(np.int64), query)
    with pytest.raises(TypeError, match=r"`weights` must be float32"):
        interpolation.interpolate(query, index, query.astype(float))
    with pytest.raises(ValueError, match=r"`weights` must have shape .*\[1, 4, 3\].*\[1, 3, 3\]"):
        interpolation.interpolate(query, index, query[:, :3])


def test_kernels_refuse_wrong_shapes_themselves():
    ops, index = library.ops(), tf.zeros([1, 4, 3], tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"weights must have shape"):
        ops.ban_interpolate(points=tf.zeros([1, 5, 2]), index=index, weights=tf.zeros([1, 3, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"reference must have shape"):
        ops.ban_three_nearest(query=tf.zeros([1, 5, 3]), reference=tf.zeros([2, 5, 3]))


def test_weights_are_inverse_squared_distances_that_add_up_to_one(kernels):
    weights = interpolation.three_nearest_weights(np.array([[[1, 2, 4]]], np.float32))
    np.testing.assert_allclose(weights, [[[4 / 7, 2 / 7, 1 / 7]]], rtol=1e-6)
    on_top = interpolation.three_nearest_weights(np.array([[[0, 1, 1]]], np.float32))
    np.testing.assert_allclose(on_top, [[[1, 0, 0]]], atol=1e-9)


def inputs(seed, batch, num_points, num_queries, channels):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(batch, num_points, channels)).astype(np.float32)
    index = rng.integers(0, num_points, (batch, num_queries, 3)).astype(np.int32)
    weights = rng.uniform(size=(batch, num_queries, 3)).astype(np.float32)
    return points, index, weights


@pytest.mark.parametrize("channels", [0, 1, 3, 16, 67])
@pytest.mark.parametrize(("batch", "num_queries"), [(0, 4), (2, 0), (1, 1), (3, 50)])
def test_interpolate_matches_reference(kernels, channels, batch, num_queries):
    points, index, weights = inputs(11, batch, 9, num_queries, channels)
    got = interpolation.interpolate(points, index, weights)
    assert got.shape == (batch, num_queries, channels)
    np.testing.assert_array_equal(got, reference.interpolate(points, index, weights))


@pytest.mark.parametrize("mebibytes", [5, 50])  # beyond the second-level cache, and the third
@pytest.mark.parametrize("channels", [16, 67, 128])
def test_interpolate_writes_an_output_larger_than_the_caches(channels, mebibytes):
    num_queries = mebibytes * 2**20 // (2 * channels * 4)
    points, index, weights = inputs(16, 2, 40, num_queries, channels)
    got = interpolation.interpolate(points, index, weights)
    np.testing.assert_array_equal(got, reference.interpolate(points, index, weights))


@pytest.mark.parametrize("channels", [1, 3, 16, 64, 67])
@pytest.mark.parametrize(("batch", "num_queries"), [(0, 4), (2, 0), (1, 1), (3, 900)])
def test_interpolate_gradient_adds_in_the_order_of_the_index(channels, batch, num_queries):
    points, index, weights = inputs(12, batch, 40, num_queries, channels)
    upstream = np.random.default_rng(13).normal(size=(batch, num_queries, channels))
    upstream = upstream.astype(np.float32)
    points = tf.constant(points)
    with tf.device("CPU:0"), tf.GradientTape() as tape:
        tape.watch(points)
        output = interpolation.interpolate(points, index, weights)
    got = tape.gradient(output, points, upstream)
    want = reference.interpolate_gradient(upstream, index, weights, 40)
    # Equal to the last bit: the order of the additions is part of the contract.
    np.testing.assert_array_equal(got, want)


def test_gradient_flows_to_the_points_alone_and_agrees_with_finite_differences(kernels):
    points, index, weights = map(tf.constant, inputs(14, 1, 4, 5, 2))
    by_rule, by_difference = tf.test.compute_gradient(
        lambda points: interpolation.interpolate(points, index, weights), [points], delta=0.5
    )
    # The op is linear: what is left is the rounding of the two evaluations.
    np.testing.assert_allclose(by_rule, by_difference, atol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        output = interpolation.interpolate(points, index, weights)
    assert tape.gradient(output, weights) is None


def test_interpolate_has_a_second_gradient():
    points, index, weights = map(tf.constant, inputs(15, 1, 4, 5, 2))
    with tf.GradientTape() as outer:
        outer.watch(points)
        with tf.GradientTape() as inner:
            inner.watch(points)
            squares = tf.reduce_sum(interpolation.interpolate(points, index, weights) ** 2)
        slope = inner.gradient(squares, points)
    twice = outer.gradient(slope, points)
    with tf.GradientTape() as tape:
        tape.watch(points)
        output = interpolation.interpolate(points, index, weights)
    ones = interpolation.interpolate(tf.ones_like(points), index, weights)
    np.testing.assert_allclose(twice, 2 * tape.gradient(output, points, ones), rtol=1e-5)


@pytest.mark.parametrize("wrong", [-1, 9])
def test_an_index_out_of_range_is_an_error_with_op_index_and_bound(wrong):
    points, index, weights = inputs(16, 1, 9, 4, 2)
    index[0, 3, 1] = wrong
    message = rf"Interpolate: .*\[0, 9\).*index={wrong} at flat position 10"
    with tf.device("CPU:0"), pytest.raises(tf.errors.InvalidArgumentError, match=message):
        interpolation.interpolate(points, index, weights)


def test_xla_is_refused_with_the_way_out_and_works_on_stock_kernels():
    query, references = tf.constant(grid(17, 2, 30, 3)), tf.constant(grid(18, 2, 9, 3))

    def carry(query, references):
        distance, index = interpolation.three_nearest(query, references)
        weights = interpolation.three_nearest_weights(distance)
        return index, interpolation.interpolate(references, index, weights)

    with pytest.raises(RuntimeError, match=r"jit_compile=True.*BAN_TF_OPS=stock"):
        tf.function(carry, jit_compile=True)(query, references)
    want = carry(query, references)
    with library.stock_kernels():
        got = tf.function(lambda *args: carry(*args), jit_compile=True)(query, references)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_allclose(got[1], want[1], rtol=1e-5, atol=1e-6)


class Carry(keras.layers.Layer):
    supports_jit = False

    def call(self, xyz):
        xyz = keras.ops.cast(xyz, "float32")
        distance, index = interpolation.three_nearest(xyz, xyz[:, :4])
        weights = interpolation.three_nearest_weights(distance)
        return interpolation.interpolate(xyz[:, :4], index, weights)


def test_functional_model_knows_the_shape_and_runs_in_mixed_precision(kernels):
    xyz = keras.Input((16, 3))
    model = keras.Model(xyz, Carry(dtype="mixed_float16")(xyz))
    assert model.output_shape == (None, 16, 3)
    assert model(grid(19, 2, 16, 3)).shape == (2, 16, 3)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    num_queries=st.integers(1, 300),
    num_references=st.integers(3, 600),
    spread=st.sampled_from([0.0, 1e-3, 1.0, 1e4]),
)
def test_no_reference_is_nearer_than_the_three(seed, num_queries, num_references, spread):
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(1, num_queries, 3)).astype(np.float32)
    references = (rng.normal(size=(1, num_references, 3)) * spread).astype(np.float32)
    check_three_nearest(query, references)
