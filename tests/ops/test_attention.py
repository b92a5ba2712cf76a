import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import attention_reference as reference
from tf_ops.attention import attention, stock

ATTEND = {
    "public": attention.attend,
    "chunked": stock.attend,
    "plain": stock.attend_plain,
}
# batch, N, M, D, C: edges of 0 and 1, odd sizes, and several chunks with a rest.
SIZES = [
    (1, 1, 1, 1, 1),
    (2, 0, 3, 2, 2),
    (0, 4, 3, 2, 2),
    (2, 13, 9, 4, 3),
    (1, 9, 13, 5, 128),
    (3, 70, 65, 33, 17),
]


@pytest.fixture(params=sorted(ATTEND))
def attend(request):
    return ATTEND[request.param]


@pytest.fixture(params=[1, 100, 2**22], ids=lambda elements: f"chunk_{elements}")
def chunk_elements(request, monkeypatch):
    monkeypatch.setattr(stock, "CHUNK_ELEMENTS", request.param)


def arrays(batch, num_queries, num_keys, width, channels, seed=0):
    rng = np.random.default_rng(seed)
    shapes = ((num_queries, width), (num_keys, width), (num_keys, channels))
    shapes = [*shapes, (num_queries, channels)]
    return [rng.normal(size=(batch, *shape)).astype(np.float32) for shape in shapes]


def value_and_gradients(attend, query, key, value, upstream, scale=1.0):
    with tf.GradientTape() as tape:
        inputs = [tf.convert_to_tensor(x) for x in (query, key, value)]
        tape.watch(inputs)
        output = attend(*inputs, scale)
        loss = tf.reduce_sum(tf.cast(output, tf.float32) * upstream)
    return [output, *tape.gradient(loss, inputs)]


def test_a_query_that_fits_two_keys_gets_the_mean_of_their_values(attend):
    query = np.array([[[1.0, 0.0]]], np.float32)
    key = np.array([[[50.0, 1.0], [50.0, -7.0], [0.0, 99.0]]], np.float32)
    value = np.array([[[2.0], [4.0], [1000.0]]], np.float32)
    np.testing.assert_allclose(attend(query, key, value), [[[3.0]]], rtol=1e-6)


@pytest.mark.usefixtures("chunk_elements")
@pytest.mark.parametrize("sizes", SIZES)
def test_values_and_gradients_match_the_reference(attend, sizes):
    query, key, value, upstream = arrays(*sizes)
    got = value_and_gradients(attend, query, key, value, upstream, scale=0.7)
    expected = [
        reference.attend(query, key, value, 0.7),
        *reference.gradients(query, key, value, upstream, 0.7),
    ]
    for name, a, b in zip(("output", "query", "key", "value"), got, expected, strict=True):
        assert a.shape == b.shape, name
        largest = np.abs(b).max(initial=0.0)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * largest + 1e-7, err_msg=name)


@pytest.mark.parametrize(
    ("batch", "num_queries", "num_keys"), [(None, None, None), (None, 13, 9), (2, None, None)]
)
def test_a_traced_function_takes_unknown_sizes(attend, batch, num_queries, num_keys, monkeypatch):
    monkeypatch.setattr(stock, "CHUNK_ELEMENTS", 100)
    specs = [
        tf.TensorSpec((batch, num_queries, 4)),
        tf.TensorSpec((batch, num_keys, 4)),
        tf.TensorSpec((batch, num_keys, 3)),
        tf.TensorSpec((batch, num_queries, 3)),
    ]
    traced = tf.function(
        lambda *inputs: value_and_gradients(attend, *inputs), input_signature=specs
    )
    inputs = arrays(2, 13, 9, 4, 3)
    expected = [reference.attend(*inputs[:3]), *reference.gradients(*inputs)]
    for a, b in zip(traced(*inputs), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def largest_tensor(attend, size):
    """Elements of the largest tensor that the forward and backward pass of N = M = size hold."""
    spec = tf.TensorSpec((1, size, 8))
    traced = tf.function(lambda *inputs: value_and_gradients(attend, *inputs))
    graph = traced.get_concrete_function(*[spec] * 4).graph.as_graph_def(add_shapes=True)
    nodes = [*graph.node, *(node for body in graph.library.function for node in body.node_def)]
    sizes = [
        tf.TensorShape(shape).num_elements()
        for node in nodes
        for shape in node.attr["_output_shapes"].list.shape
    ]
    assert None not in [size for size in sizes if size is not None]
    return max(size for size in sizes if size is not None)


def test_no_tensor_is_as_large_as_the_similarity_matrix():
    size = 16384
    assert largest_tensor(stock.attend_plain, size) == size * size  # the measure sees it
    assert largest_tensor(stock.attend, size) <= stock.CHUNK_ELEMENTS < size * size / 50


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_float32(attend, dtype):
    # Inner products near 2e5 overflow float16; only their differences matter.
    query = tf.constant(np.full((1, 2, 8), 160.0), dtype)
    key = tf.constant(np.full((1, 300, 8), 160.0), dtype)
    value = tf.constant(np.ones((1, 300, 3)), dtype)
    output, *gradients = value_and_gradients(attend, query, key, value, 1.0)
    assert output.dtype == dtype
    np.testing.assert_array_equal(tf.cast(output, tf.float32), np.ones((1, 2, 3)))
    for gradient in gradients:
        assert gradient.dtype == dtype
        assert np.isfinite(tf.cast(gradient, tf.float32)).all()


def test_a_row_of_the_similarity_matrix_is_that_row():
    query, key, _, _ = arrays(2, 6, 5, 3, 1)
    row = stock.attention_row(tf.constant(query), tf.constant(key), 4, scale=0.5)
    np.testing.assert_allclose(row, reference.similarity(query, key, 0.5)[:, 4], rtol=1e-5)


@pytest.mark.parametrize("row", [-1, 6])
def test_a_row_outside_the_matrix_is_refused(row):
    query, key, _, _ = arrays(2, 6, 5, 3, 1)
    with pytest.raises(ValueError, match=rf"row={row}, N=6"):
        stock.attention_row(tf.constant(query), tf.constant(key), row)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3), (2, 3), (2, 3)), "query"),
        (((1, 2, 3), (1, 4, 5), (1, 4, 6)), "key"),
        (((1, 2, 3), (2, 4, 3), (2, 4, 6)), "key"),
        (((1, 2, 3), (1, 4, 3), (1, 5, 6)), "value"),
        (((1, 2, 3), (1, 0, 3), (1, 0, 6)), "key"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(attend, shapes, message):
    with pytest.raises(ValueError, match=f"`{message}`"):
        attend(*(tf.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_other_dtypes_are_refused(attend, dtype):
    x = tf.zeros((1, 2, 3))
    with pytest.raises(TypeError, match=f"key.dtype={dtype}"):
        attend(x, tf.cast(x, dtype), x)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(seed=st.integers(0, 2**16), num_keys=st.integers(1, 40))
def test_the_order_of_the_keys_does_not_matter(seed, num_keys):
    query, key, value, _ = arrays(1, 7, num_keys, 3, 2, seed)
    order = np.random.default_rng(seed).permutation(num_keys)
    np.testing.assert_allclose(
        attention.attend(query, key[:, order], value[:, order]),
        attention.attend(query, key, value),
        rtol=1e-4,
        atol=1e-5,
    )


def test_small_similarities_have_the_gradients_of_the_papers_equations_5_and_6():
    """Z = X X^T Y is what remains of the soft-max when the scale goes to zero.

    With columns of X, Y and G that sum to zero, M / scale * attend(X, X, Y) tends to Z, so its
    gradients must tend to dL/dY = X X^T G and dL/dX = G Y^T X + Y G^T X.
    """
    rng = np.random.default_rng(3)
    num_points, scale = 12, 0.02
    x, y, g = (rng.normal(size=(1, num_points, width)) for width in (4, 3, 3))
    x, y, g = (array - array.mean(axis=1, keepdims=True) for array in (x, y, g))
    x, y, g = (array.astype(np.float32) for array in (x, y, g))

    def by_both(signed_scale):
        by_query, by_key, by_value = value_and_gradients(stock.attend, x, x, y, g, signed_scale)[1:]
        return np.array(by_query + by_key), np.array(by_value)

    # The difference of two signs leaves the terms that are odd in the scale.
    factor = num_points / (2 * scale)
    by_x, by_y = (factor * (a - b) for a, b in zip(by_both(scale), by_both(-scale), strict=True))
    x, y, g = x[0], y[0], g[0]
    expected_x, expected_y = g @ y.T @ x + y @ g.T @ x, x @ x.T @ g
    # Next terms are of order scale^2 (here below 1 %).
    np.testing.assert_allclose(by_x[0], expected_x, atol=0.02 * np.abs(expected_x).max())
    np.testing.assert_allclose(by_y[0], expected_y, atol=0.02 * np.abs(expected_y).max())
