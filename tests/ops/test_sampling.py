import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import op_references as reference
from tf_ops import library
from tf_ops.sampling import sampling

SIZES = [(1, 1), (2, 1), (5, 5), (63, 17), (64, 64), (700, 64), (1500, 40)]


def grid(seed, *shape, side=9):
    """Integer coordinates: exact in float32, and ties really happen."""
    return np.random.default_rng(seed).integers(-side, side, shape).astype(np.float32)


def test_by_hand(kernels):
    line = np.array([[[0, 0, 0], [1, 0, 0], [2, 0, 0], [6, 0, 0]]], np.float32)
    np.testing.assert_array_equal(sampling.farthest_point_sample(line, 3), [[0, 3, 2]])


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize(("num_points", "num_samples"), SIZES)
def test_matches_reference_with_ties(kernels, batch, num_points, num_samples):
    xyz = grid(0, batch, num_points, 3)
    got = sampling.farthest_point_sample(xyz, num_samples)
    assert got.dtype == "int32"
    np.testing.assert_array_equal(got, reference.farthest_point_sample(xyz, num_samples))


@pytest.mark.parametrize("num_points", [257, 2500, 9000])
def test_matches_reference_bit_for_bit_on_real_coordinates(num_points):
    rng = np.random.default_rng(1)
    room = rng.uniform(0, 1, (2, num_points, 3)).astype(np.float32)
    walls = (room * [1, 1, 3]).astype(np.float32)
    walls[:, ::2, 0] = 0
    got = sampling.farthest_point_sample(walls, num_points // 4)
    np.testing.assert_array_equal(got, reference.farthest_point_sample(walls, num_points // 4))


def test_first_pick_is_the_first_finite_point_and_the_others_are_never_picked(kernels):
    xyz = grid(2, 1, 40, 3)
    xyz[0, [0, 1, 7, 39]] = [
        [np.nan, 0, 0],
        [0, np.inf, 0],
        [0, 0, -np.inf],
        [np.nan, np.nan, np.inf],
    ]
    got = np.asarray(sampling.farthest_point_sample(xyz, 40))
    assert got[0, 0] == 2
    assert not np.isin(got, [0, 1, 7, 39]).any()
    np.testing.assert_array_equal(got, reference.farthest_point_sample(xyz, 40))


def test_a_cloud_without_a_finite_point_gives_index_0(kernels):
    xyz = np.full((2, 5, 3), np.nan, np.float32)
    xyz[1] = grid(3, 5, 3)
    got = np.asarray(sampling.farthest_point_sample(xyz, 4))
    np.testing.assert_array_equal(got[0], [0, 0, 0, 0])
    np.testing.assert_array_equal(got, reference.farthest_point_sample(xyz, 4))


def test_repeats_the_lowest_index_when_points_run_out(kernels):
    xyz = np.zeros((1, 6, 3), np.float32)
    xyz[0, 3] = 1
    np.testing.assert_array_equal(sampling.farthest_point_sample(xyz, 4), [[0, 3, 0, 0]])


def test_huge_and_tiny_coordinates_do_not_upset_the_order(kernels):
    xyz = np.zeros((1, 6, 3), np.float32)
    xyz[0, :, 0] = [0, 3e38, -3e38, 1e-45, 1e19, -1e-30]
    got = sampling.farthest_point_sample(xyz, 6)
    np.testing.assert_array_equal(got, reference.farthest_point_sample(xyz, 6))


def test_more_samples_than_points_is_refused(kernels):
    with pytest.raises(ValueError, match="num_samples=4, N=3"):
        sampling.farthest_point_sample(np.zeros((1, 3, 3), np.float32), 4)
    with pytest.raises(ValueError, match="num_samples=0"):
        sampling.farthest_point_sample(np.zeros((1, 3, 3), np.float32), 0)


def test_more_samples_than_points_is_refused_when_n_is_known_only_at_run_time():
    function = tf.function(lambda xyz: sampling.farthest_point_sample(xyz, 4))
    traced = function.get_concrete_function(tf.TensorSpec([None, None, 3], tf.float32))
    assert traced.output_shapes == tf.TensorShape([None, 4])
    with pytest.raises(tf.errors.InvalidArgumentError, match="num_samples=4, N=3"):
        traced(tf.zeros([1, 3, 3]))


def test_unknown_sizes_give_the_same_picks(kernels):
    xyz = grid(4, 2, 50, 3)
    function = tf.function(lambda xyz: sampling.farthest_point_sample(xyz, 8))
    traced = function.get_concrete_function(tf.TensorSpec([None, None, 3], tf.float32))
    np.testing.assert_array_equal(traced(xyz), reference.farthest_point_sample(xyz, 8))


def test_wrong_types_and_shapes_are_refused(kernels):
    with pytest.raises(TypeError, match=r"`xyz` must be float32.*float64.*keras\.ops\.cast"):
        sampling.farthest_point_sample(np.zeros((1, 4, 3)), 2)
    with pytest.raises(ValueError, match=r"`xyz` must have shape \[B, N, 3\].*\[1, 4, 2\]"):
        sampling.farthest_point_sample(np.zeros((1, 4, 2), np.float32), 2)
    with pytest.raises(ValueError, match=r"`xyz` must have shape"):
        sampling.farthest_point_sample(np.zeros((4, 3), np.float32), 2)
    with pytest.raises(TypeError, match="`index` must be int32"):
        sampling.gather_points(np.zeros((1, 4, 2), np.float32), np.zeros((1, 4), np.int64))
    with pytest.raises(ValueError, match=r"`index` must have shape \[B, M\]"):
        sampling.gather_points(np.zeros((1, 4, 2), np.float32), np.zeros((2, 4), np.int32))


def test_kernels_refuse_wrong_shapes_themselves():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"xyz must have shape \[B, N, 3\]"):
        library.ops().ban_farthest_point_sample(xyz=tf.zeros([2, 4]), num_samples=1)


@pytest.mark.parametrize("channels", [0, 1, 3, 37])
@pytest.mark.parametrize(("batch", "num_samples"), [(0, 4), (2, 0), (1, 1), (3, 20)])
def test_gather_takes_rows(kernels, channels, batch, num_samples):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(batch, 9, channels)).astype(np.float32)
    index = rng.integers(0, 9, (batch, num_samples)).astype(np.int32)
    got = sampling.gather_points(points, index)
    assert got.shape == (batch, num_samples, channels)
    np.testing.assert_array_equal(got, reference.take_rows(points, index))


def test_gather_gradient_adds_up_rows_taken_twice(kernels):
    points = tf.constant(grid(5, 2, 6, 3))
    index = tf.constant([[0, 5, 5, 1], [3, 3, 3, 0]])
    upstream = grid(6, 2, 4, 3)
    with tf.GradientTape() as tape:
        tape.watch(points)
        output = sampling.gather_points(points, index)
    got = tf.convert_to_tensor(tape.gradient(output, points, upstream))
    np.testing.assert_array_equal(got, reference.take_rows_gradient(upstream, index.numpy(), 6))


def test_gather_gradient_agrees_with_finite_differences(kernels):
    index = tf.constant([[0, 2, 2]])
    points = tf.constant(grid(7, 1, 3, 2))
    by_rule, by_difference = tf.test.compute_gradient(
        lambda points: tf.square(sampling.gather_points(points, index)), [points], delta=2**-6
    )
    # Squares of small integers, and of them plus 2^-6, are exact in float32.
    np.testing.assert_allclose(by_rule, by_difference, atol=1e-5)


def test_gather_has_a_second_gradient():
    points, index = tf.constant(grid(8, 1, 4, 2)), tf.constant([[1, 1, 3]])
    with tf.GradientTape() as outer:
        outer.watch(points)
        with tf.GradientTape() as inner:
            inner.watch(points)
            cubes = tf.reduce_sum(sampling.gather_points(points, index) ** 3)
        slope = inner.gradient(cubes, points)
    twice = outer.gradient(slope, points).numpy()
    times_taken = np.array([0, 2, 0, 1], np.float32)[None, :, None]
    np.testing.assert_allclose(twice, 6 * times_taken * points)


@pytest.mark.parametrize("wrong", [-1, 4, 2**31 - 1])
def test_an_index_out_of_range_is_an_error_with_op_index_and_bound(wrong):
    index = tf.constant([[0, 3, wrong]])
    message = rf"GatherPoints.*\[0, 4\).*index={wrong} at flat position 2"
    with tf.device("CPU:0"), pytest.raises(tf.errors.InvalidArgumentError, match=message):
        sampling.gather_points(tf.zeros([1, 4, 2]), index)


def test_an_index_out_of_range_takes_a_row_of_zeros_in_the_stock_kernel():
    with library.stock_kernels():
        got = sampling.gather_points(tf.ones([2, 4, 1]), tf.constant([[0, -1], [4, 3]]))
    np.testing.assert_array_equal(got[..., 0], [[1, 0], [0, 1]])


def test_xla_is_refused_with_the_way_out_and_works_on_stock_kernels():
    xyz = tf.constant(grid(9, 2, 30, 3))
    refused = tf.function(lambda x: sampling.farthest_point_sample(x, 5), jit_compile=True)
    with pytest.raises(RuntimeError, match=r"jit_compile=True.*BAN_TF_OPS=stock"):
        refused(xyz)
    with library.stock_kernels():
        compiled = tf.function(lambda x: sampling.farthest_point_sample(x, 5), jit_compile=True)
        np.testing.assert_array_equal(
            compiled(xyz), reference.farthest_point_sample(xyz.numpy(), 5)
        )


class Sample(keras.layers.Layer):
    """A layer as the networks use the op: geometry in float32 whatever the policy."""

    supports_jit = False

    def call(self, xyz):
        xyz = keras.ops.cast(xyz, "float32")
        return sampling.gather_points(xyz, sampling.farthest_point_sample(xyz, 4))


def test_functional_model_knows_the_shape_and_runs_in_mixed_precision(kernels):
    xyz = keras.Input((16, 3))
    model = keras.Model(xyz, Sample(dtype="mixed_float16")(xyz))
    assert model.output_shape == (None, 4, 3)
    assert model(grid(10, 2, 16, 3)).shape == (2, 4, 3)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=st.integers(0, 2**16), num_points=st.integers(2, 40))
def test_translation_does_not_change_the_picks(seed, num_points):
    xyz = grid(seed, 1, num_points, 3, side=8)
    np.testing.assert_array_equal(
        sampling.farthest_point_sample(xyz, num_points),
        sampling.farthest_point_sample(xyz + np.float32(16.0), num_points),
    )


@settings(deadline=None, derandomize=True, max_examples=20)
@given(seed=st.integers(0, 2**16), fewer=st.integers(1, 60))
def test_fewer_samples_are_a_prefix_of_more(seed, fewer):
    xyz = np.random.default_rng(seed).normal(size=(1, 60, 3)).astype(np.float32)
    more = np.asarray(sampling.farthest_point_sample(xyz, 60))
    np.testing.assert_array_equal(sampling.farthest_point_sample(xyz, fewer), more[:, :fewer])
