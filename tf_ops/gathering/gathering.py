"""Gathering: rows of points by index. What `gather_points` and `group_points` have in common."""

from typing import Any

from tf_ops import checks, library


def gather(points: Any, index: Any, letters: str) -> Any:
    """Takes the rows of `points` that `index` names.

    The gradient flows to `points`; rows taken more than once add up in the order of the index,
    so the native gradient is the same from run to run.

    Args:
        points: float32 `[B, N, C]`.
        index: int32 `[B, ...]` indices in [0, N).
        letters: the shape that `index` must have, in letters, e.g. "[B, M]".

    Returns:
        float32 `[B, ..., C]`.

    Raises:
        TypeError: `points` is not float32, or `index` not int32.
        ValueError: the shapes do not fit.
        tf.errors.InvalidArgumentError: an index is not in [0, N), seen by the native kernel on
            the CPU as the op runs. On a GPU and in the stock kernel its row is zero.
    """
    checks.check_float32("points", points)
    checks.check_int32("index", index)
    batch, _, _ = checks.check_shape("points", points, "[B, N, C]", None, None, None)
    rank = letters.count(",") + 1
    checks.check_shape("index", index, letters, batch, *[None] * (rank - 1))
    return library.kernels("gathering").gather(points, _with_rank(index, rank))


def _with_rank(index: Any, rank: int) -> Any:
    """Tells an `index` of unknown rank, which only TensorFlow has, how many axes it has."""
    if getattr(getattr(index, "shape", None), "rank", rank) is not None:
        return index
    import tensorflow as tf

    return tf.ensure_shape(index, [None] * rank)
