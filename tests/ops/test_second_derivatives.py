"""The gradient of a gradient: every native op has one, or says in a sentence that it has none."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops as framework

import tf_ops
from tf_ops import library
from tf_ops.attention import attention, stock

CLEAR = r"no second derivative.*Ban>AttendGrad.*BAN_TF_OPS=stock.*stock_kernels"


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def second_derivative(function, *inputs):
    """The gradient of the sum of the squared gradients of `sum(function(*inputs) ** 2)`."""
    inputs = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            loss = tf.reduce_sum(function(*inputs) ** 2)
        gradients = inner.gradient(loss, inputs)
        total = tf.add_n([tf.reduce_sum(gradient**2) for gradient in gradients])
    return outer.gradient(total, inputs)


def attention_inputs():
    return normal(2, 7, 3), normal(2, 5, 3, seed=1), normal(2, 5, 4, seed=2)


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
def test_the_native_attention_says_that_it_has_no_second_derivative(traced):
    derive = tf.function(second_derivative) if traced else second_derivative
    with tf.device("CPU:0"), pytest.raises(NotImplementedError, match=CLEAR):
        derive(attention.attend, *attention_inputs())


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("chunk_elements", [20, stock.CHUNK_ELEMENTS])
def test_the_way_out_gives_the_second_derivative(traced, chunk_elements, monkeypatch):
    monkeypatch.setattr(stock, "CHUNK_ELEMENTS", chunk_elements)
    derive = tf.function(second_derivative) if traced else second_derivative
    inputs = attention_inputs()
    with tf_ops.stock_kernels():
        got = derive(attention.attend, *inputs)

    def by_the_formula(query, key, value):
        logits = tf.matmul(query, key, transpose_b=True)
        return tf.matmul(tf.nn.softmax(logits), value)

    in_full = [x.astype(np.float64) for x in inputs]
    for one, other in zip(got, second_derivative(by_the_formula, *in_full), strict=True):
        largest = np.abs(other).max()
        assert largest > 1  # there is something to compare
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * largest)


def test_the_environment_variable_of_the_message_is_a_way_out(monkeypatch):
    monkeypatch.setenv("BAN_TF_OPS", "stock")
    gradients = second_derivative(attention.attend, *attention_inputs())
    assert all(np.abs(gradient).max() > 1 for gradient in gradients)


def test_gathering_and_interpolation_have_second_derivatives(kernels):
    index = np.array([[0, 2, 2, 1]], np.int32)
    three = np.array([[[0, 1, 2], [2, 1, 0]]], np.int32)
    weights = np.array([[[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]], np.float32)
    # Both are linear, y = A x: the gradient of |2 A'A x|^2 is 8 (A'A)^2 x.
    gather = np.eye(3, dtype=np.float64)[index[0]]
    blend = (weights[0].astype(np.float64)[..., None] * np.eye(3)[three[0]]).sum(axis=1)
    cases = [
        (lambda x: tf_ops.gather_points(x, index), gather),
        (lambda x: tf_ops.group_points(x, index[:, :, None]), gather),
        (lambda x: tf_ops.interpolate(x, three, weights), blend),
    ]
    points = normal(1, 3, 2)
    for function, matrix in cases:
        (got,) = second_derivative(function, points)
        square = matrix.T @ matrix
        np.testing.assert_allclose(got[0], 8 * square @ square @ points[0], rtol=1e-5)


def test_every_compiled_op_has_a_gradient_or_says_that_it_has_none():
    for folder in ("attention", "clustering", "gathering", "grouping", "interpolation", "sampling"):
        library.kernels(folder)
    assert library.registered_kernels()
    for name in library.registered_kernels():
        # Raises LookupError, the obscure way to fail, where nothing is registered.
        framework.gradient_registry.lookup(name)
