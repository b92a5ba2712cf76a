"""What gathering and grouping share; each of them: `test_sampling.py` and `test_grouping.py`."""

import numpy as np
import pytest
import tensorflow as tf

import op_references as reference
from tf_ops import library
from tf_ops.grouping import grouping
from tf_ops.sampling import sampling


def rows(seed, *shape, num_points=9, channels=5):
    """Points `[B, N, C]` and an index of `shape`, in which some points come often."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(shape[0], num_points, channels)).astype(np.float32)
    return points, (num_points * rng.random(shape) ** 2).astype(np.int32)


def with_gradient(function, points, index):
    points = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(points)
        output = function(points, index)
    upstream = tf.cos(tf.reshape(tf.range(tf.size(output), dtype=tf.float32), output.shape))
    return output, tf.convert_to_tensor(tape.gradient(output, points, upstream))


@pytest.mark.parametrize("channels", [1, 5, 64])
def test_a_group_is_the_rows_of_its_index_one_after_the_other(kernels, channels):
    points, index = rows(0, 3, 20, 7, channels=channels)
    grouped, by_group = with_gradient(grouping.group_points, points, index)
    gathered, by_row = with_gradient(sampling.gather_points, points, index.reshape(3, 140))
    np.testing.assert_array_equal(grouped, np.reshape(gathered, (3, 20, 7, channels)))
    np.testing.assert_array_equal(by_group, by_row)


@pytest.mark.parametrize(
    ("points", "index", "output"),
    [
        ([None, None, None], [None, None], [None, None, None]),
        ([2, 9, 5], [None, None, 4], [2, None, 4, 5]),
        ([None, 9, None], [2, 7], [2, 7, None]),
        (None, [2, 7, 4], [2, 7, 4, None]),
        ([2, 9, 5], None, None),
    ],
)
def test_the_static_shape_says_all_that_is_known(points, index, output):
    @tf.function(input_signature=[tf.TensorSpec(points), tf.TensorSpec(index, tf.int32)])
    def gather(points, index):
        return library.ops().ban_gather_points(points=points, index=index)

    def as_list(shape):
        return None if shape.rank is None else shape.as_list()

    assert as_list(gather.get_concrete_function().output_shapes) == output


@pytest.mark.parametrize("grad", [None, [None, None, None, None], [2, 7, 4, 5]])
@pytest.mark.parametrize("index", [None, [None, None, None], [2, 7, 4]])
def test_the_static_shape_of_the_gradient_says_all_that_is_known(grad, index):
    @tf.function(input_signature=[tf.TensorSpec(grad), tf.TensorSpec(index, tf.int32)])
    def sum_up(grad, index):
        return library.ops().ban_gather_points_grad(output_grad=grad, index=index, num_points=9)

    batch = 2 if 2 in (grad or []) + (index or []) else None
    channels = 5 if 5 in (grad or []) else None
    assert sum_up.get_concrete_function().output_shapes.as_list() == [batch, 9, channels]


@pytest.mark.parametrize(
    ("function", "shape"), [(sampling.gather_points, (2, 7)), (grouping.group_points, (2, 7, 4))]
)
def test_an_index_of_unknown_rank_must_have_the_axes_of_the_function(kernels, function, shape):
    points, index = rows(1, *shape)
    specs = [tf.TensorSpec([None, None, 5]), tf.TensorSpec(None, tf.int32)]
    traced = tf.function(function).get_concrete_function(*specs)
    assert traced.output_shapes.as_list()[1:] == [None] * (len(shape) - 1) + [5]
    got = traced(tf.constant(points), tf.constant(index))
    np.testing.assert_array_equal(got, reference.take_rows(points, index))
    with pytest.raises(tf.errors.InvalidArgumentError):
        traced(tf.constant(points), tf.constant(index[..., None]))


@pytest.mark.parametrize("shape", [[2], [3, 4], []])
def test_the_kernel_refuses_an_index_that_does_not_fit_itself(shape):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"index must have shape \[B, \.\.\.\]"
    ):
        library.ops().ban_gather_points(points=tf.zeros([2, 4, 1]), index=tf.zeros(shape, tf.int32))


@pytest.mark.parametrize(
    ("grad", "index", "message"),
    [
        ([2, 4], [2], r"output_grad must have shape \[B, \.\.\., C\]"),
        ([2, 4, 5], [2, 4, 5], r"index must have shape \[B, \.\.\.\]"),
        ([2, 4, 5], [2, 3], r"index must have shape \[B, \.\.\.\]"),
        ([2, 4, 3, 5], [2, 4, 2], r"index must have shape \[B, \.\.\.\]"),
    ],
)
def test_the_gradient_kernel_refuses_what_does_not_fit_itself(grad, index, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        library.ops().ban_gather_points_grad(
            output_grad=tf.zeros(grad), index=tf.zeros(index, tf.int32), num_points=3
        )
