"""Work on some points after others, so that the memory does not grow with all of them at once."""

from collections.abc import Callable
from typing import Any

from keras import ops


def by_chunks(function: Callable[..., Any], rows: tuple[Any, ...], chunk_rows: int) -> Any:
    """Applies a function to some rows of each cloud at a time.

    Args:
        function: from arrays `[B, chunk_rows, ...]`, one for each of `rows`, to an array
            `[B, chunk_rows, D]`; a row of the result depends on the same row of the arrays only.
        rows: arrays `[B, N, ...]` of rank 3, `N >= 1`. The last chunk is filled up with zeros.
        chunk_rows: at least 1.

    Returns:
        `[B, N, D]`.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from ban_tf.model.chunks import by_chunks
        >>> rows = np.arange(3, dtype="float32").reshape(1, 3, 1)
        >>> np.asarray(by_chunks(keras.ops.square, (rows,), chunk_rows=2)).tolist()
        [[[0.0], [1.0], [4.0]]]
    """
    batch, num_rows, _ = ops.shape(rows[0])
    num_chunks = -(-num_rows // chunk_rows)

    def split(x: Any) -> Any:
        padded = ops.pad(x, [[0, 0], [0, num_chunks * chunk_rows - num_rows], [0, 0]])
        chunks = ops.reshape(padded, (batch, num_chunks, chunk_rows, x.shape[-1]))
        return ops.transpose(chunks, (1, 0, 2, 3))

    results = ops.map(lambda chunk: function(*chunk), tuple(split(x) for x in rows))
    joined = ops.transpose(results, (1, 0, 2, 3))
    shape = (batch, num_chunks * chunk_rows, results.shape[-1])
    return ops.reshape(joined, shape)[:, :num_rows]
