import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import op_references as reference
from tf_ops import library
from tf_ops.grouping import grouping


def grid(seed, *shape, side=5):
    """Integer coordinates: exact in float32, so points really lie on the sphere."""
    return np.random.default_rng(seed).integers(-side, side, shape).astype(np.float32)


def check_ball_query(xyz, centres, radius, num_neighbours):
    index, count = grouping.ball_query(xyz, centres, radius, num_neighbours)
    assert (index.dtype, count.dtype) == ("int32", "int32")
    want_index, want_count = reference.ball_query(xyz, centres, radius, num_neighbours)
    np.testing.assert_array_equal(index, want_index)
    np.testing.assert_array_equal(count, want_count)


def test_by_hand(kernels):
    line = np.array([[[5, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 0]]], np.float32)
    centres = np.array([[[0, 0, 0], [9, 9, 9]]], np.float32)
    # Radius 2 leaves out the point at exactly 2; the first hit fills the last slot.
    index, count = grouping.ball_query(line, centres, 2.0, 3)
    np.testing.assert_array_equal(index, [[[1, 3, 1], [0, 0, 0]]])
    np.testing.assert_array_equal(count, [[2, 0]])


@pytest.mark.parametrize("batch", [0, 1, 2])
@pytest.mark.parametrize(
    ("num_points", "num_centres", "num_neighbours"),
    [(0, 3, 2), (1, 1, 1), (5, 0, 4), (7, 3, 9), (130, 17, 4), (700, 65, 32)],
)
def test_matches_reference(kernels, batch, num_points, num_centres, num_neighbours):
    xyz, centres = grid(0, batch, num_points, 3), grid(1, batch, num_centres, 3)
    for radius in (1.0, 3.0, 100.0):
        check_ball_query(xyz, centres, radius, num_neighbours)


@pytest.mark.parametrize(("num_points", "radius"), [(300, 0.4), (2500, 0.1), (9000, 0.05)])
def test_matches_reference_bit_for_bit_on_real_coordinates(num_points, radius):
    rng = np.random.default_rng(2)
    xyz = rng.uniform(0, 1, (2, num_points, 3)).astype(np.float32)
    xyz[:, ::3, 2] = 0
    check_ball_query(xyz, xyz[:, : num_points // 10], radius, 32)


def test_cells_hold_points_far_from_the_origin_and_flat_clouds(kernels):
    rng = np.random.default_rng(3)
    xyz = rng.uniform(0, 2, (1, 1200, 3)).astype(np.float32)
    xyz += np.array([1000, -500, 0], np.float32)
    check_ball_query(xyz, xyz[:, :50], 0.2, 16)
    xyz[..., 2] = 7
    check_ball_query(xyz, xyz[:, :50] + np.float32(0.05), 0.2, 16)


def test_a_point_that_is_not_finite_lies_in_no_ball(kernels):
    xyz, centres = grid(4, 1, 600, 3), grid(5, 1, 20, 3)
    xyz[0, [0, 5, 599]] = [[np.nan, 0, 0], [0, np.inf, 0], [0, -np.inf, np.nan]]
    centres[0, :3] = [[np.nan, 0, 0], [np.inf, 0, 0], [0, -np.inf, 0]]
    check_ball_query(xyz, centres, 4.0, 8)
    _, count = grouping.ball_query(xyz, centres, 4.0, 8)
    np.testing.assert_array_equal(np.asarray(count)[0, :3], 0)


@pytest.mark.parametrize("radius", [1e-30, 1e-3, 1e15, 1e25])
def test_extreme_radii_and_coordinates(kernels, radius):
    xyz = np.zeros((1, 600, 3), np.float32)
    xyz[0, :, 0] = np.linspace(-1e19, 1e19, 600)
    xyz[0, :9, 1] = [0, 1e-45, 1e-30, 1e-4, 1, 1e14, 1e24, 3e38, -3e38]
    check_ball_query(xyz, xyz[:, :20], radius, 8)


@pytest.mark.parametrize("num_points", [10, 600])  # all points are visited, and a grid of cells
def test_a_ball_whose_squared_radius_is_denormal_holds_its_centre(num_points):
    xyz = np.ones((1, num_points, 3), np.float32)
    xyz[0, 3] = 0
    check_ball_query(xyz, np.zeros((1, 2, 3), np.float32), 1e-21, 4)
    _, count = grouping.ball_query(xyz, np.zeros((1, 2, 3), np.float32), 1e-21, 4)
    np.testing.assert_array_equal(count, [[1, 1]])


def test_wrong_arguments_are_refused(kernels):
    xyz = np.zeros((1, 4, 3), np.float32)
    for radius in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"`radius` must be > 0 and within .*{radius}"):
            grouping.ball_query(xyz, xyz, radius, 2)
    with pytest.raises(ValueError, match="num_neighbours=0"):
        grouping.ball_query(xyz, xyz, 1.0, 0)
    with pytest.raises(TypeError, match=r"`centres` must be float32.*float64"):
        grouping.ball_query(xyz, xyz.astype(float), 1.0, 2)
    with pytest.raises(ValueError, match=r"`centres` must have shape \[B, M, 3\], here \[1, any"):
        grouping.ball_query(xyz, np.zeros((2, 4, 3), np.float32), 1.0, 2)
    with pytest.raises(TypeError, match="`index` must be int32"):
        grouping.group_points(xyz, np.zeros((1, 4, 2), np.int64))
    with pytest.raises(ValueError, match=r"`index` must have shape \[B, M, K\]"):
        grouping.group_points(xyz, np.zeros((1, 4), np.int32))


def test_kernels_refuse_wrong_inputs_themselves():
    ops, xyz = library.ops(), tf.zeros([2, 4, 3])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"centres must have shape"):
        ops.ban_ball_query(xyz=xyz, centres=tf.zeros([1, 4, 3]), radius=1.0, num_neighbours=1)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"radius must be finite and > 0"):
        ops.ban_ball_query(xyz=xyz, centres=xyz, radius=-1.0, num_neighbours=1)


def test_unknown_sizes_have_exact_shapes_and_the_same_result(kernels):
    anything = tf.TensorSpec([None, None, 3], tf.float32)
    function = tf.function(lambda xyz, centres: grouping.ball_query(xyz, centres, 3.0, 5))
    traced = function.get_concrete_function(anything, anything)
    assert traced.output_shapes[0][2] == 5
    xyz, centres = grid(6, 2, 50, 3), grid(7, 2, 11, 3)
    index, count = traced(tf.constant(xyz), tf.constant(centres))
    want_index, want_count = reference.ball_query(xyz, centres, 3.0, 5)
    np.testing.assert_array_equal(index, want_index)
    np.testing.assert_array_equal(count, want_count)


@pytest.mark.parametrize("channels", [0, 1, 3, 16, 67])
@pytest.mark.parametrize("shape", [(0, 4, 2), (2, 0, 3), (1, 1, 1), (3, 20, 7)])
def test_group_takes_rows(kernels, channels, shape):
    rng = np.random.default_rng(8)
    points = rng.normal(size=(shape[0], 9, channels)).astype(np.float32)
    index = rng.integers(0, 9, shape).astype(np.int32)
    got = grouping.group_points(points, index)
    assert got.shape == (*shape, channels)
    np.testing.assert_array_equal(got, reference.take_rows(points, index))


@pytest.mark.parametrize("mebibytes", [5, 50])  # beyond the second-level cache, and the third
@pytest.mark.parametrize("channels", [16, 37, 128])
def test_an_output_larger_than_the_caches_holds_the_same_rows(channels, mebibytes):
    rng = np.random.default_rng(14)
    points = rng.normal(size=(2, 90, channels)).astype(np.float32)
    num_centres = mebibytes * 2**20 // (2 * 32 * channels * 4)
    index = rng.integers(0, 90, (2, num_centres, 32)).astype(np.int32)
    got = grouping.group_points(points, index)
    np.testing.assert_array_equal(got, reference.take_rows(points, index))


# Few rows a point, many, and more of them than the second-level cache holds.
@pytest.mark.parametrize("channels", [1, 3, 16, 64, 67, 192])
@pytest.mark.parametrize(
    "shape", [(0, 4, 2), (2, 0, 3), (1, 1, 1), (2, 5, 16), (3, 20, 32), (3, 200, 32)]
)
def test_group_gradient_adds_in_the_order_of_the_index(channels, shape):
    rng = np.random.default_rng(9)
    points = tf.constant(rng.normal(size=(shape[0], 90, channels)).astype(np.float32))
    index = rng.integers(0, 80, shape).astype(np.int32)  # the last ten points have no row
    upstream = rng.normal(size=(*shape, channels)).astype(np.float32)
    with tf.device("CPU:0"), tf.GradientTape() as tape:
        tape.watch(points)
        output = grouping.group_points(points, index)
    got = tape.gradient(output, points, upstream)
    # Equal to the last bit: the order of the additions is part of the contract.
    np.testing.assert_array_equal(got, reference.take_rows_gradient(upstream, index, 90))


def test_group_gradient_agrees_with_finite_differences(kernels):
    index = tf.constant([[[0, 2], [2, 2]]])
    points = tf.constant(grid(10, 1, 3, 2))
    by_rule, by_difference = tf.test.compute_gradient(
        lambda points: tf.square(grouping.group_points(points, index)), [points], delta=2**-6
    )
    # Squares of small integers, and of them plus 2^-6, are exact in float32.
    np.testing.assert_allclose(by_rule, by_difference, atol=1e-5)


def test_group_has_a_second_gradient():
    points, index = tf.constant(grid(11, 1, 4, 2)), tf.constant([[[1, 1], [3, 1]]])
    with tf.GradientTape() as outer:
        outer.watch(points)
        with tf.GradientTape() as inner:
            inner.watch(points)
            cubes = tf.reduce_sum(grouping.group_points(points, index) ** 3)
        slope = inner.gradient(cubes, points)
    twice = outer.gradient(slope, points).numpy()
    times_taken = np.array([0, 3, 0, 1], np.float32)[None, :, None]
    np.testing.assert_allclose(twice, 6 * times_taken * points)


@pytest.mark.parametrize("wrong", [-1, 4, -(2**31), 2**31 - 1])
def test_an_index_out_of_range_is_an_error_with_op_index_and_bound(wrong):
    index = np.zeros((1, 3000, 2), np.int32)
    index[0, 2500, 1] = wrong
    message = rf"GatherPoints.*\[0, 4\).*index={wrong} at flat position 5001"
    with tf.device("CPU:0"), pytest.raises(tf.errors.InvalidArgumentError, match=message):
        grouping.group_points(tf.zeros([1, 4, 2]), index)
    message = rf"GatherPointsGrad.*\[0, 4\).*index={wrong} at flat position 5001"
    with tf.device("CPU:0"), pytest.raises(tf.errors.InvalidArgumentError, match=message):
        library.ops().ban_gather_points_grad(
            output_grad=tf.zeros([1, 3000, 2, 5]), index=index, num_points=4
        )


def test_xla_is_refused_with_the_way_out_and_works_on_stock_kernels():
    xyz = tf.constant(grid(12, 2, 30, 3))

    def group(xyz):
        index, _ = grouping.ball_query(xyz, xyz, 3.0, 6)
        return grouping.group_points(xyz, index)

    with pytest.raises(RuntimeError, match=r"jit_compile=True.*BAN_TF_OPS=stock"):
        tf.function(group, jit_compile=True)(xyz)
    with library.stock_kernels():
        got = tf.function(lambda xyz: group(xyz), jit_compile=True)(xyz)
    index, _ = reference.ball_query(xyz.numpy(), xyz.numpy(), 3.0, 6)
    np.testing.assert_array_equal(got, reference.take_rows(xyz.numpy(), index))


class Group(keras.layers.Layer):
    supports_jit = False

    def call(self, xyz):
        xyz = keras.ops.cast(xyz, "float32")
        return grouping.group_points(xyz, grouping.ball_query(xyz, xyz[:, :4], 2.0, 5)[0])


def test_functional_model_knows_the_shape_and_runs_in_mixed_precision(kernels):
    xyz = keras.Input((16, 3))
    model = keras.Model(xyz, Group(dtype="mixed_float16")(xyz))
    assert model.output_shape == (None, 4, 5, 3)
    assert model(grid(13, 2, 16, 3)).shape == (2, 4, 5, 3)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    num_points=st.integers(1, 900),
    num_neighbours=st.integers(1, 40),
    radius=st.sampled_from([0.3, 1.0, 2.0, 20.0]),
)
def test_every_neighbour_lies_in_the_ball_and_no_earlier_one_is_left_out(
    seed, num_points, num_neighbours, radius
):
    rng = np.random.default_rng(seed)
    xyz = rng.normal(size=(1, num_points, 3)).astype(np.float32)
    check_ball_query(xyz, xyz[:, :7] + np.float32(0.1), radius, num_neighbours)
