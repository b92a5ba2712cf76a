import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from places import SUPPORT
from tf_ops import library
from tf_ops.attention import attention, native, stock

HAS_CUDA_KERNELS = False  # on a GPU the stock kernel runs

# B, N, M, D, C: none and one of each, odd, whole and broken tiles, BAN's own widths.
SHAPES = [
    (0, 3, 4, 2, 2),
    (2, 0, 4, 2, 3),
    (1, 1, 1, 1, 1),
    (2, 33, 1, 3, 5),
    (3, 5, 129, 1, 1),
    (2, 47, 300, 5, 128),
    (1, 513, 97, 128, 128),
    (2, 64, 256, 32, 48),
    (1, 700, 3, 17, 33),
]


def draw(batch, num_queries, num_keys, width, channels, seed=0):
    rng = np.random.default_rng(seed)
    shapes = ((batch, num_queries, width), (batch, num_keys, width), (batch, num_keys, channels))
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def reference(query, key, value, scale):
    """Output and log-sum-exp in float64, by the formula."""
    logits = scale * np.einsum("bnd,bmd->bnm", query, key, dtype=np.float64)
    highest = logits.max(axis=-1, keepdims=True)
    weights = np.exp(logits - highest)
    total = weights.sum(axis=-1, keepdims=True)
    return weights / total @ value.astype(np.float64), (highest + np.log(total))[..., 0]


def reference_gradients(query, key, value, scale, upstream):
    """The gradients of `sum(output * upstream)` in float64, through the N x M matrices."""
    query, key, value, upstream = (x.astype(np.float64) for x in (query, key, value, upstream))
    logits = scale * query @ key.swapaxes(1, 2)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    weights_grad = upstream @ value.swapaxes(1, 2)
    inner = (weights * weights_grad).sum(axis=-1, keepdims=True)
    logits_grad = scale * weights * (weights_grad - inner)
    return (
        logits_grad @ key,
        logits_grad.swapaxes(1, 2) @ query,
        weights.swapaxes(1, 2) @ upstream,
    )


def with_gradients(attend, query, key, value, scale, upstream):
    inputs = [tf.constant(x) for x in (query, key, value)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = attend(*inputs, scale)
    return [output, *tape.gradient(output, inputs, tf.cast(upstream, output.dtype))]


def test_by_hand(kernels):
    # Logits log(1) and log(3): weights 1/4 and 3/4.
    query = np.array([[[1.0, 0.0]]], np.float32)
    key = np.array([[[0.0, 7.0], [np.log(3.0), -2.0]]], np.float32)
    value = np.array([[[4.0, 0.0, 1.0], [8.0, 4.0, 1.0]]], np.float32)
    np.testing.assert_allclose(attention.attend(query, key, value), [[[7, 3, 1]]], rtol=1e-6)
    np.testing.assert_allclose(
        attention.attend(query, key, value, scale=0.0), [[[6, 2, 1]]], rtol=1e-6
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_output_and_log_sum_exp_match_float64(shape):
    query, key, value = draw(*shape)
    with tf.device("CPU:0"):
        got = library.ops().ban_attend(query=query, key=key, value=value, scale=0.7)
    want_output, want_log_sum_exp = reference(query, key, value, 0.7)
    # A logit of 128 products is rounded at 2^-24 of values around 30; a weight moves as much.
    np.testing.assert_allclose(got.output, want_output, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(got.log_sum_exp, want_log_sum_exp, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_match_float64(shape):
    query, key, value = draw(*shape)
    upstream = np.random.default_rng(1).standard_normal((*shape[:2], shape[4]), np.float32)
    with tf.device("CPU:0"):
        _, *got = with_gradients(native.attend, query, key, value, 0.3, upstream)
    want = reference_gradients(query, key, value, 0.3, upstream)
    for one, other in zip(got, want, strict=True):
        # Sums of up to 513 terms with rounded weights; the largest gradients are about 10.
        np.testing.assert_allclose(one, other, rtol=5e-5, atol=5e-5)


@pytest.mark.parametrize("twin", [stock.attend, stock.attend_plain])
def test_native_and_stock_give_the_same_values_and_gradients(twin):
    query, key, value = draw(2, 150, 170, 24, 40)
    upstream = np.random.default_rng(2).standard_normal((2, 150, 40), np.float32)
    for one, other in zip(
        with_gradients(native.attend, query, key, value, 0.2, upstream),
        with_gradients(twin, query, key, value, 0.2, upstream),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_gradient_matches_finite_differences(kernels, which):
    inputs = draw(1, 4, 5, 3, 2)

    def of_one(x):
        return attention.attend(*inputs[:which], x, *inputs[which + 1 :], 0.8)

    analytic, numeric = tf.test.compute_gradient(of_one, [inputs[which]], delta=1e-2)
    # Differences of float32 values around 1, 0.02 apart, leave errors of 1e-4.
    np.testing.assert_allclose(analytic[0], numeric[0], atol=5e-4)


def test_the_gradient_of_log_sum_exp_is_the_softmax():
    query, key, value = (tf.constant(x) for x in draw(1, 70, 90, 4, 3))
    with tf.device("CPU:0"), tf.GradientTape() as tape:
        tape.watch([query, key, value])
        found = library.ops().ban_attend(query=query, key=key, value=value, scale=1.0)
    grads = tape.gradient(found.log_sum_exp, [query, key, value])
    logits = query.numpy() @ key.numpy().swapaxes(1, 2)
    softmax = np.exp(logits - found.log_sum_exp.numpy()[..., None])
    np.testing.assert_allclose(grads[0], softmax @ key.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        grads[1], softmax.swapaxes(1, 2) @ query.numpy(), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(grads[2], np.zeros_like(value))


def assert_largest_picked(output):
    # On some processors TensorFlow's softmax, which the stock kernel takes, ends one rounding step
    # below 1; with any other key the output would be 299 or less.
    np.testing.assert_allclose(output, np.full((1, 40, 1), 300.0), rtol=2e-7)


def test_huge_logits_pick_the_largest_and_stay_finite(kernels):
    query = np.full((1, 40, 1), 100.0, np.float32)
    key = np.linspace(-100, 100, 301, dtype=np.float32)[None, :, None]  # logits up to +-1e4
    value = np.arange(301, dtype=np.float32)[None, :, None]
    upstream = np.ones((1, 40, 1), np.float32)
    output, *grads = with_gradients(attention.attend, query, key, value, 1.0, upstream)
    assert_largest_picked(output)
    assert all(np.isfinite(grad).all() for grad in grads)
    np.testing.assert_allclose(grads[2][0, -1], [40.0], rtol=1e-3)  # exp of a rounded 1e4


@pytest.mark.parametrize("factor", [1e5, 3e7, 1e15])
def test_logits_of_any_finite_size_pick_the_largest_and_stay_finite(kernels, factor):
    query = np.full((1, 40, 1), factor, np.float32)
    key = np.linspace(-factor, factor, 301, dtype=np.float32)[None, :, None]
    value = np.arange(301, dtype=np.float32)[None, :, None]
    upstream = np.ones((1, 40, 1), np.float32)
    output, *grads = with_gradients(attention.attend, query, key, value, 1.0, upstream)
    assert_largest_picked(output)
    assert all(np.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("factor", [100.0, 1e6, 1e15])
def test_equal_huge_logits_share_evenly(kernels, factor):
    query = np.full((1, 3, 1), -factor, np.float32)
    key = np.full((1, 256, 1), factor, np.float32)
    value = np.arange(256, dtype=np.float32)[None, :, None]
    np.testing.assert_allclose(
        attention.attend(query, key, value), np.full((1, 3, 1), 127.5), rtol=1e-6
    )


def test_a_logit_of_minus_infinity_has_no_weight_wherever_it_stands(kernels):
    key = np.full((1, 400, 1), -np.inf, np.float32)
    key[0, [250, 399]] = 0  # whole blocks of keys are out, before and between
    value = np.zeros((1, 400, 1), np.float32)
    value[0, [250, 399]] = [[2.0], [6.0]]
    output = attention.attend(np.ones((1, 2, 1), np.float32), key, value)
    np.testing.assert_allclose(output, [[[4.0], [4.0]]], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_query_that_is_not_finite_spoils_its_own_row_only(kernels, bad):
    query, key, value = (np.abs(x) for x in draw(1, 65, 130, 2, 3))
    query[0, 33, 1] = bad
    upstream = np.ones((1, 65, 3), np.float32)
    output, query_grad, key_grad, _ = with_gradients(
        attention.attend, query, key, value, 1.0, upstream
    )
    others = np.arange(65) != 33
    assert np.isnan(output[0, 33]).all()
    assert np.isnan(query_grad[0, 33]).all()
    assert np.isnan(key_grad).all()
    assert np.isfinite(output[0][others]).all()
    assert np.isfinite(query_grad[0][others]).all()


def test_a_key_that_is_nan_spoils_every_row(kernels):
    query, key, value = draw(1, 40, 150, 2, 3)
    key[0, 149, 0] = np.nan
    assert np.isnan(attention.attend(query, key, value)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32_and_returned_as_it_came(kernels, dtype):
    halves = [tf.cast(x, dtype) for x in draw(1, 40, 600, 8, 4)]
    upstream = np.ones((1, 40, 4), np.float32)
    output, *grads = with_gradients(attention.attend, *halves, 1.0, upstream)
    assert [x.dtype for x in (output, *grads)] == [dtype] * 4
    in_full = attention.attend(*(tf.cast(x, "float32") for x in halves))
    np.testing.assert_array_equal(output, tf.cast(in_full, dtype))


def test_unknown_sizes_run_with_gradient_and_known_ones_are_in_the_graph(kernels):
    sizes = ([None, None, 6], [None, 50, None], [None, None, 7])

    @tf.function(input_signature=[tf.TensorSpec(s, tf.float32) for s in sizes])
    def run(query, key, value):
        output = attention.attend(query, key, value)
        return output, tf.gradients(output, [query, key, value])

    inputs = draw(2, 30, 50, 6, 7)
    output, grads = run(*inputs)
    want = reference_gradients(*inputs, 1.0, np.ones((2, 30, 7), np.float32))
    np.testing.assert_allclose(output, reference(*inputs, 1.0)[0], rtol=2e-5, atol=2e-5)
    for one, other in zip(grads, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=5e-5, atol=5e-5)


def test_a_function_is_traced_without_a_warning_of_autograph(caplog):
    run = tf.function(lambda x: attention.attend(x, x, x))
    run(tf.zeros((1, 5, 3)))
    assert "AutoGraph" not in caplog.text


def test_the_shape_functions_merge_what_is_known():
    found = {}

    @tf.function(
        input_signature=[
            tf.TensorSpec(s, tf.float32) for s in ([4, None, 6], [None] * 3, [None] * 3)
        ]
    )
    def run(query, key, value):
        found["outputs"] = library.ops().ban_attend(query=query, key=key, value=value)
        found["grads"] = tf.gradients(found["outputs"].output, [query, key, value])
        return found["grads"]

    run.get_concrete_function()
    output, log_sum_exp = (x.shape.as_list() for x in found["outputs"])
    assert (output, log_sum_exp) == ([4, None, None], [4, None])
    assert [x.shape.as_list() for x in found["grads"]] == [
        [4, None, 6],
        [4, None, 6],
        [4, None, None],
    ]


@pytest.mark.parametrize(
    "shapes",
    [
        ([2, 3, 4], [3, 3, 4], [2, 3, 5]),
        ([2, 3, 4], [2, 3, 5], [2, 3, 5]),
        ([2, 3, 4], [2, 6, 4], [2, 7, 5]),
        ([3, 4], [2, 6, 4], [2, 7, 5]),
    ],
)
def test_shapes_that_do_not_fit_are_refused_when_built_and_when_run(shapes):
    arrays = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(ValueError, match=r"shape"):
        attention.attend(*arrays)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)] * 3)
    def of_any_rank(query, key, value):
        return library.ops().ban_attend(query=query, key=key, value=value).output

    with tf.device("CPU:0"), pytest.raises(tf.errors.InvalidArgumentError, match=r"Received: "):
        of_any_rank(*arrays)


def test_no_key_is_refused_when_built_and_when_run():
    query, key, value = draw(2, 3, 0, 4, 5)
    with pytest.raises(ValueError, match="at least one row"):
        attention.attend(query, key, value)

    @tf.function(input_signature=[tf.TensorSpec([None] * 3, tf.float32)] * 3)
    def of_any_size(query, key, value):
        return native.attend(query, key, value)

    with tf.device("CPU:0"), pytest.raises(tf.errors.InvalidArgumentError, match="at least one"):
        of_any_size(query, key, value)


def test_float64_is_refused():
    query, key, value = (x.astype(np.float64) for x in draw(1, 2, 3, 4, 5))
    with pytest.raises(TypeError, match="float64"):
        attention.attend(query, key, value)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    num_queries=st.integers(1, 70),
    num_keys=st.integers(1, 200),
    scale=st.floats(-3, 3, width=32),
)
def test_every_row_is_a_mean_of_values_and_the_order_of_keys_is_no_matter(
    seed, num_queries, num_keys, scale
):
    query, key, value = draw(1, num_queries, num_keys, 3, 2, seed)
    order = np.random.default_rng(seed).permutation(num_keys)
    with tf.device("CPU:0"):
        output = native.attend(query, key, value, scale).numpy()
        reordered = native.attend(query, key[:, order], value[:, order], scale)
    slack = 1e-5 * np.abs(value).max()
    assert (output >= value.min(axis=1, keepdims=True) - slack).all()
    assert (output <= value.max(axis=1, keepdims=True) + slack).all()
    np.testing.assert_allclose(output, reordered, rtol=1e-4, atol=slack)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
def test_memory_stays_far_below_one_similarity_matrix():
    script = SUPPORT / "attention_memory.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    # The matrix of N = 4096 takes 64 MiB; the outputs and gradients themselves take 5.
    assert found["forward_mib"] < 16
    assert found["both_mib"] < 24
