"""Means of the embedding by instance, for any ids and all blocks of a batch at once."""

from typing import Any, NamedTuple

from keras import ops

from ban_tf.config import NONE
from ban_tf.losses.labelled import is_labelled, where_labelled

LAST = 2**31 - 1  # sorts behind every id


class InstanceMeans(NamedTuple):
    """Instances of every block; row c belongs to rank c, rows behind the last are zero.

    Example:
        >>> means = mean_by_instance(ops.array([[0, 0]]), ops.array([[[1.0], [3.0]]]))
        >>> means.size.numpy().tolist(), means.num_instances.numpy().tolist()
        ([[2.0, 0.0]], [1])
    """

    mean: Any  # float32 or float64 [B, N, E]
    size: Any  # of the same dtype [B, N], points
    num_instances: Any  # int32 [B]


def instance_ranks(instance: Any) -> Any:
    """Renumbers the ids of each block as 0, 1, ... in rising order of the ids.

    Args:
        instance: integer `[B, N]` ids, any 32-bit values, `NONE` (-1) for points without instance.

    Returns:
        int32 `[B, N]` in [0, N); points without instance keep `NONE`.

    Example:
        >>> instance_ranks(ops.array([[70, -1, 5, 70]])).numpy().tolist()
        [[1, -1, 0, 1]]
    """
    instance = ops.cast(instance, "int32")
    nowhere = ops.equal(instance, NONE)
    keys = ops.where(nowhere, LAST, instance)
    order = ops.argsort(keys, axis=1)
    keys = ops.take_along_axis(keys, order, axis=1)
    steps = ops.cast(ops.not_equal(keys[:, 1:], keys[:, :-1]), "int32")
    steps = ops.concatenate([ops.zeros_like(keys[:, :1]), steps], axis=1)
    ranks = ops.take_along_axis(ops.cumsum(steps, axis=1), ops.argsort(order, axis=1), axis=1)
    return ops.where(nowhere, NONE, ops.cast(ranks, "int32"))


def mean_by_instance(ranks: Any, embedding: Any) -> InstanceMeans:
    """Averages an embedding over the points of each rank.

    Args:
        ranks: int32 `[B, N]`, as `instance_ranks` gives them.
        embedding: float32 or float64 `[B, N, E]`; anything at points of `NONE` (-1).

    Returns:
        Means of the dtype of `embedding`.

    Example:
        >>> ranks, embedding = ops.array([[0, -1, 0]]), ops.array([[[1.0], [9.0], [3.0]]])
        >>> mean_by_instance(ranks, embedding).mean.numpy().tolist()
        [[[2.0], [0.0], [0.0]]]
    """
    batch, num_points, width = ops.shape(embedding)
    present = is_labelled(ranks)
    block = ops.arange(batch, dtype="int32")[:, None]
    segments = ops.reshape(block * num_points + ops.where(present, ranks, 0), (-1,))
    weight = ops.cast(present, embedding.dtype)
    weighted = where_labelled(embedding, present)

    size = ops.segment_sum(ops.reshape(weight, (-1,)), segments, batch * num_points)
    total = ops.segment_sum(ops.reshape(weighted, (-1, width)), segments, batch * num_points)
    size = ops.reshape(size, (batch, num_points))
    total = ops.reshape(total, (batch, num_points, width))
    return InstanceMeans(
        mean=total / ops.maximum(size, 1.0)[..., None],
        size=size,
        num_instances=ops.sum(ops.cast(size > 0, "int32"), axis=1),
    )
