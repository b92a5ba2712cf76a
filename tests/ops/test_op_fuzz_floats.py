"""Random shapes and values for attention and mean shift, whose sums have no exact reference."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from test_attention_native import reference, reference_gradients, with_gradients
from test_mean_shift import assert_is_scikit_learns
from test_op_fuzz import AWKWARD, SHARES
from tf_ops.attention import native
from tf_ops.clustering import clustering

# Values that are awkward, but whose sums and squares stay within float32.
SMALL = np.array([0, -0.0, 1e-45, -1e-38, 1e-20, 1.5, -1.5], np.float32)

attention_inputs = {
    "seed": st.integers(0, 2**32 - 1),
    "batch": st.integers(0, 3),
    "num_queries": st.integers(0, 150),
    "num_keys": st.one_of(st.integers(1, 40), st.integers(100, 600)),
    "width": st.integers(0, 70),
    "channels": st.integers(0, 140),
}


def draw(rng, shape, share, values):
    drawn = rng.standard_normal(shape, np.float32)
    return np.where(rng.random(shape) < share, rng.choice(values, shape), drawn)


def draw_attention(rng, batch, num_queries, num_keys, width, channels, share, values):
    shapes = (
        (batch, num_queries, width),
        (batch, num_keys, width),
        (batch, num_keys, channels),
        (batch, num_queries, channels),
    )
    return [draw(rng, shape, share, values) for shape in shapes]


def run(query, key, value, upstream, scale=0.3):
    with tf.device("CPU:0"):
        return with_gradients(native.attend, query, key, value, scale, upstream)


@given(**attention_inputs, share=SHARES)
def test_attention_and_its_gradients_match_float64(seed, share, **sizes):
    rng = np.random.default_rng(seed)
    query, key, value, upstream = draw_attention(rng, **sizes, share=share, values=SMALL)
    output, *grads = run(query, key, value, upstream)
    # Logits of up to 70 products and sums of up to 600 terms, rounded to float32.
    np.testing.assert_allclose(output, reference(query, key, value, 0.3)[0], rtol=1e-4, atol=1e-4)
    for one, other in zip(
        grads, reference_gradients(query, key, value, 0.3, upstream), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@given(**attention_inputs, share=SHARES, bad_rows=st.floats(0, 1))
def test_awkward_queries_do_not_spoil_the_rows_of_others(seed, share, bad_rows, **sizes):
    rng = np.random.default_rng(seed)
    query, key, value, upstream = draw_attention(rng, **sizes, share=0.0, values=AWKWARD)
    bad = rng.random(query.shape[:2]) < bad_rows
    awkward = np.where(bad[..., None], draw(rng, query.shape, share, AWKWARD), query)
    output, query_grad, *_ = run(query, key, value, upstream)
    other, other_grad, *_ = run(awkward, key, value, upstream)
    # Rows that share a tile share the running maximum's steps, and so how sums are rounded.
    np.testing.assert_allclose(output[~bad], other[~bad], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(query_grad[~bad], other_grad[~bad], rtol=1e-3, atol=1e-3)


@given(**attention_inputs, share=SHARES, scale=st.sampled_from([0.0, 1e-30, -1.0, 1e30]))
def test_attention_of_anything_is_the_same_every_time(seed, share, scale, **sizes):
    inputs = draw_attention(np.random.default_rng(seed), **sizes, share=share, values=AWKWARD)
    for one, other in zip(run(*inputs, scale), run(*inputs, scale), strict=True):
        np.testing.assert_array_equal(one, other)


mean_shift_inputs = {
    "seed": st.integers(0, 2**32 - 1),
    "width": st.integers(1, 16),
    "bandwidth": st.sampled_from([0.3, 0.6, 1.0, 2.0]),
    "bin_seeding": st.booleans(),
    "max_iterations": st.sampled_from([0, 1, 5, 300]),
}


@given(
    **{**mean_shift_inputs, "width": st.integers(1, 6)},  # it is slow in wider spaces
    num_points=st.integers(1, 16),
    share=SHARES,
)
def test_mean_shift_of_small_values_is_scikit_learns(
    seed, width, bandwidth, bin_seeding, max_iterations, num_points, share
):
    points = draw(np.random.default_rng(seed), (num_points, width), share, SMALL)
    assert_is_scikit_learns(points, bandwidth, bin_seeding, max_iterations)


@given(
    **{**mean_shift_inputs, "bandwidth": st.sampled_from([1e-37, 1e-5, 0.6, 1e5, 1e19, 3e38])},
    batch=st.integers(0, 3),
    num_points=st.one_of(st.integers(0, 40), st.integers(300, 900)),
    scale=st.sampled_from([1e-44, 1e-30, 1.0, 1e6, 1e18, 1e37]),
    share=st.sampled_from([0.0, 0.0, 0.01, 1.0]),
)
def test_mean_shift_of_anything_gives_clusters_or_says_why_not(
    seed, width, bandwidth, bin_seeding, max_iterations, batch, num_points, scale, share
):
    rng = np.random.default_rng(seed)
    embedding = draw(rng, (batch, num_points, width), share, AWKWARD)
    with np.errstate(over="ignore"):
        embedding = np.where(np.isin(embedding, AWKWARD), embedding, np.float32(scale) * embedding)
    try:
        labels, centres, num_clusters = clustering.mean_shift(
            embedding, bandwidth, bin_seeding, max_iterations
        )
    except tf.errors.InvalidArgumentError as error:
        refused = str(error)
    else:
        refused = ""
    if not np.isfinite(embedding).all():
        assert "must be finite" in refused
    elif refused:
        assert "range of float32" in refused or "rounding of" in refused
    for b in range(0 if refused else batch):
        kept = centres[b, : num_clusters[b]].numpy().astype(np.float64)
        assert len(kept) > 0 or num_points == 0
        distance = np.linalg.norm(embedding[b][:, None] - kept, axis=2)
        chosen = np.take_along_axis(distance, labels[b].numpy()[:, None], axis=1)[:, 0]
        # The label is that of the nearest centre; nearly equal ones may be rounded to equal.
        assert (chosen <= distance.min(axis=1, initial=np.inf) * (1 + 1e-6)).all()
