"""Work on some points after others, so that the memory does not grow with all of them at once.

What a chunk makes also stays in the processor's cache, where a matrix over all points would not.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def by_chunks(function: Callable[..., Any], rows: tuple[Any, ...], chunk_rows: int) -> Any:
    """Applies a function to some rows of each cloud at a time.

    Args:
        function: from arrays `[B, chunk_rows, ...]`, one for each of `rows`, to an array
            `[B, chunk_rows, D]` or a tuple of them; a row of the result depends on the same row of
            the arrays only.
        rows: arrays `[B, N, ...]` of rank 3. The last chunk is filled up with zeros; where N is 0
            there is one chunk of nothing else.
        chunk_rows: at least 1.

    Returns:
        `[B, N, D]`, or a tuple of such arrays.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from tf_ops.chunks import by_chunks
        >>> rows = np.arange(3, dtype="float32").reshape(1, 3, 1)
        >>> np.asarray(by_chunks(keras.ops.square, (rows,), chunk_rows=2)).tolist()
        [[[0.0], [1.0], [4.0]]]
    """
    batch, num_rows, _ = ops.shape(rows[0])
    # At least one: `ops.map` wants a first chunk to look at.
    at_least = max if isinstance(num_rows, int) else ops.maximum
    num_chunks = at_least(-(-num_rows // chunk_rows), 1)

    def split(x: Any) -> Any:
        padded = ops.pad(x, [[0, 0], [0, num_chunks * chunk_rows - num_rows], [0, 0]])
        chunks = ops.reshape(padded, (batch, num_chunks, chunk_rows, x.shape[-1]))
        return ops.transpose(chunks, (1, 0, 2, 3))

    def join(results: Any) -> Any:
        joined = ops.transpose(results, (1, 0, 2, 3))
        shape = (batch, num_chunks * chunk_rows, results.shape[-1])
        return ops.reshape(joined, shape)[:, :num_rows]

    results = ops.map(lambda chunk: function(*chunk), tuple(split(x) for x in rows))
    return keras.tree.map_structure(join, results)
