"""Attention written in `keras.ops` only: blocks of queries, one after the other.

A block sees all keys, so its softmax needs no running maximum; the backward pass computes the
block's similarities again and writes its gradient by hand (Dao et al., "FlashAttention", 2022,
appendix B.2, gives the formulas).
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tf_ops import checks

# Similarities held at a time, over the whole batch: 2^22 float32 are 16 MiB.
CHUNK_ELEMENTS = 2**22
ALLOWED_DTYPES = ("float32", "bfloat16", "float16")


def attend(query: Any, key: Any, value: Any, scale: float = 1.0) -> Any:
    """Same contract as `attention.attend`."""
    check(query, key, value)

    @ops.custom_gradient
    def chunked(query: Any, key: Any, value: Any) -> tuple[Any, Callable]:
        output = _forward(query, key, value, scale)

        def backward(upstream: Any) -> tuple[Any, Any, Any]:
            return _backward(query, key, value, scale, output, upstream)

        return output, backward

    output = chunked(*(ops.cast(x, "float32") for x in (query, key, value)))
    return ops.cast(output, value.dtype)


def attend_forward(query: Any, key: Any, value: Any, scale: float = 1.0) -> Any:
    """As `attention.attend` in blocks, without the gradient that is worked out by hand.

    A graph that is to be saved would otherwise name a gradient that is not saved with it.
    """
    check(query, key, value)
    query, key, values = (ops.cast(x, "float32") for x in (query, key, value))
    return ops.cast(_forward(query, key, values, scale), value.dtype)


def attend_plain(query: Any, key: Any, value: Any, scale: float = 1.0) -> Any:
    """`attention.attend` as the formula stands; holds `[B, N, M]`, in the backward pass too."""
    check(query, key, value)
    query, key, values = (ops.cast(x, "float32") for x in (query, key, value))
    similarity = _softmax(scale * ops.matmul(query, _transpose(key)))
    return ops.cast(ops.matmul(similarity, values), value.dtype)


def attention_row(query: Any, key: Any, row: int, scale: float = 1.0) -> Any:
    """One row of the similarity matrix: how much point `row` takes from every point.

    The paper's Fig. 7 paints it over the cloud.

    Args:
        query: float32 (or a half precision) `[B, N, D]`.
        key: `[B, M, D]`, `M >= 1`.
        row: index of the point, `0 <= row < N`.
        scale: factor on the inner products.

    Returns:
        float32 `[B, M]`; each row of the batch sums to 1.

    Raises:
        TypeError: `row` is no whole number, or as `attention.attend`.
        ValueError: `row` is not a point of `query`, or what `attention.attend` refuses.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> query = np.array([[[9, 0]]], "float32")
        >>> key = np.array([[[9, 0], [0, 9], [9, 0]]], "float32")
        >>> np.asarray(tf_ops.attention_row(query, key, row=0)).round(3).tolist()
        [[0.5, 0.0, 0.5]]
    """
    check(query, key, key)
    checks.check_whole("row", row)
    num_queries = query.shape[1]
    if row < 0 or (num_queries is not None and row >= num_queries):
        raise ValueError(
            f"`row` must be a point of `query`: 0 <= row < N. Received: row={row}, N={num_queries}"
        )
    chosen = ops.cast(query[:, row : row + 1], "float32")
    return _softmax(scale * ops.matmul(chosen, _transpose(ops.cast(key, "float32"))))[:, 0]


def check(query: Any, key: Any, value: Any) -> None:
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype not in ALLOWED_DTYPES:
            raise TypeError(
                f"`{name}` must be one of {', '.join(ALLOWED_DTYPES)}; cast it first. "
                f"Received: {name}.dtype={dtype}"
            )
    checks.check_shape("query", query, "[B, N, D]", None, None, None)
    batch, width = checks.known_size(query, 0), checks.known_size(query, 2)
    checks.check_shape("key", key, "[B, M, D]", batch, None, width)
    num_keys = checks.known_size(key, 1)
    checks.check_shape("value", value, "[B, M, C]", batch, num_keys, None)
    if num_keys == 0:
        raise ValueError(
            f"`key` must have at least one row. Received: key.shape={tuple(key.shape)}"
        )


def _transpose(x: Any) -> Any:
    return ops.transpose(x, (0, 2, 1))


def _softmax(logits: Any) -> Any:
    if logits.shape[-1] == 1:  # The share of a single key is 1; Keras warns about such a softmax.
        return logits - logits + 1.0
    return ops.softmax(logits)


def _chunks(query: Any, num_keys: Any) -> tuple[Any, Any]:
    """Number of blocks and queries in each; Python integers where the shapes are known."""
    batch, num_queries, _ = ops.shape(query)
    known = all(isinstance(size, int) for size in (batch, num_queries, num_keys))
    at_least, at_most = (max, min) if known else (ops.maximum, ops.minimum)
    rows = at_least(CHUNK_ELEMENTS // at_least(batch * num_keys, 1), 1)
    rows = at_least(at_most(rows, num_queries), 1)
    num_chunks = -(-num_queries // rows)
    return num_chunks, -(-num_queries // at_least(num_chunks, 1))


def _pad(x: Any, num_rows: Any) -> Any:
    """Appends rows of zeros until there are `num_rows`."""
    batch, present, width = ops.shape(x)
    return ops.concatenate([x, ops.zeros((batch, num_rows - present, width))], axis=1)


def _block(x: Any, index: Any, rows: Any) -> Any:
    batch, _, width = ops.shape(x)
    return ops.slice(x, (0, index * rows, 0), (batch, rows, width))


def _append(collected: Any, block: Any, rows: Any) -> Any:
    """Drops `rows` rows in front and adds `block` behind.

    When every block has come in turn they stand in order. A write in place would do less, but
    `keras.ops` has none that works with unknown sizes.
    """
    shape = ops.shape(collected)
    return ops.reshape(ops.concatenate([collected[:, rows:], block], axis=1), shape)


def _forward(query: Any, key: Any, value: Any, scale: float) -> Any:
    batch, num_queries, _ = ops.shape(query)
    num_chunks, rows = _chunks(query, ops.shape(key)[1])
    padded = _pad(query, num_chunks * rows)
    keys = _transpose(key)

    def step(index: Any, collected: Any) -> Any:
        similarity = _softmax(scale * ops.matmul(_block(padded, index, rows), keys))
        return _append(collected, ops.matmul(similarity, value), rows)

    start = ops.zeros((batch, num_chunks * rows, ops.shape(value)[2]))
    return ops.fori_loop(0, num_chunks, step, start)[:, :num_queries]


def _backward(
    query: Any, key: Any, value: Any, scale: float, output: Any, upstream: Any
) -> tuple[Any, Any, Any]:
    num_queries = ops.shape(query)[1]
    num_chunks, rows = _chunks(query, ops.shape(key)[1])
    # Rows of zeros add nothing to any gradient: their upstream is zero.
    padded, outputs, upstreams = (_pad(x, num_chunks * rows) for x in (query, output, upstream))
    keys, values = _transpose(key), _transpose(value)

    def step(index: Any, gradients: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        for_query, for_key, for_value = gradients
        q, o, g = (_block(x, index, rows) for x in (padded, outputs, upstreams))
        similarity = _softmax(scale * ops.matmul(q, keys))  # P, [B, rows, M]
        # The softmax: dS = P * (dP - sum_j P dP), and the sum is dO . O.
        inner = ops.sum(g * o, axis=-1, keepdims=True)
        logits = scale * similarity * (ops.matmul(g, values) - inner)
        return (
            _append(for_query, ops.matmul(logits, key), rows),
            for_key + ops.matmul(_transpose(logits), q),
            for_value + ops.matmul(_transpose(similarity), g),
        )

    start = (ops.zeros_like(padded), ops.zeros_like(key), ops.zeros_like(value))
    for_query, for_key, for_value = ops.fori_loop(0, num_chunks, step, start)
    return for_query[:, :num_queries], for_key, for_value
