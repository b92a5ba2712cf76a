"""Lengths of vectors whose gradient at zero is zero, not NaN."""

from typing import Any

from keras import ops

from ban_tf.config import Norm


def norm(vectors: Any, kind: Norm) -> Any:
    """L1 or L2 length over the last axis.

    Args:
        vectors: float `[..., E]`.
        kind: "l1" or "l2".

    Returns:
        `[...]`, at least 0, of the dtype of `vectors`.

    Example:
        >>> vectors = ops.array([[3.0, -4.0], [0.0, 0.0]])
        >>> norm(vectors, "l1").numpy().tolist(), norm(vectors, "l2").numpy().tolist()
        ([7.0, 0.0], [5.0, 0.0])
    """
    if kind == "l1":
        return ops.sum(ops.abs(vectors), axis=-1)
    squared = ops.sum(ops.square(vectors), axis=-1)
    # The derivative of the root at 0 is infinite; `where` must also hide 0 from the root.
    positive = squared > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def norm_gradient(vectors: Any, kind: Norm) -> Any:
    """Derivative of `norm` by the vectors; zero at zero.

    Args:
        vectors: float `[..., E]`.
        kind: "l1" or "l2".

    Returns:
        `[..., E]`, of the dtype of `vectors`.

    Example:
        >>> norm_gradient(ops.array([[0.0, -4.0], [0.0, 0.0]]), "l2").numpy().tolist()
        [[0.0, -1.0], [0.0, 0.0]]
    """
    if kind == "l1":
        return ops.sign(vectors)
    length = norm(vectors, "l2")
    return vectors / ops.where(length > 0, length, 1.0)[..., None]
