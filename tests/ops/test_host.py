import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tf_ops import host


def doubled(values):
    assert type(values) is np.ndarray
    return (2 * values).astype(np.int32)


def test_a_function_of_numpy_runs_eagerly():
    result = host.run(doubled, [[1, 2], [3, 4]], shape=(2, 2), dtype="int32")
    np.testing.assert_array_equal(result, [[2, 4], [6, 8]])


def test_a_function_of_numpy_runs_in_a_graph_whose_sizes_are_not_known():
    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.int32)])
    def graph(values):
        result = host.run(doubled, values, shape=(None, 2), dtype="int32")
        assert result.shape.as_list() == [None, 2]
        return ops.sum(result, axis=0)

    for batch in (0, 1, 5):
        values = np.arange(2 * batch).reshape(batch, 2).astype(np.int32)
        np.testing.assert_array_equal(graph(values), 2 * values.sum(axis=0))


def test_a_result_of_another_shape_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        host.run(doubled, [1, 2], shape=(3,), dtype="int32")


def test_no_gradient_flows_through_the_host():
    values = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        far = host.run(np.square, values, shape=(2,), dtype="float32")
        loss = tf.reduce_sum(values + far)
    np.testing.assert_array_equal(tape.gradient(loss, values), [1, 1])
    np.testing.assert_array_equal(far, [1, 4])
