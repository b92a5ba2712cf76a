"""Means of the embedding by instance, for any ids and all blocks of a batch at once."""

from typing import Any, NamedTuple

from keras import ops

from ban_tf.config import NONE

LAST = 2**31 - 1  # sorts behind every id


class InstanceMeans(NamedTuple):
    """Instances of every block; row c belongs to rank c, rows behind the last are zero."""

    mean: Any  # float32 [B, N, E]
    size: Any  # float32 [B, N], points
    num_instances: Any  # int32 [B]


def instance_ranks(instance: Any) -> Any:
    """Renumbers the ids of each block as 0, 1, ... in rising order of the ids.

    Args:
        instance: `[B, N]` ids, any 32-bit values, `NONE` (-1) for points without instance.

    Returns:
        int32 `[B, N]`; points without instance keep `NONE`.
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
    """Averages `embedding` `[B, N, E]` over the points of each rank of `ranks` `[B, N]`."""
    batch, num_points, width = ops.shape(embedding)
    present = ops.not_equal(ranks, NONE)
    block = ops.arange(batch, dtype="int32")[:, None]
    segments = ops.reshape(block * num_points + ops.where(present, ranks, 0), (-1,))
    weight = ops.cast(present, "float32")
    weighted = ops.where(present[..., None], embedding, 0.0)

    size = ops.segment_sum(ops.reshape(weight, (-1,)), segments, batch * num_points)
    total = ops.segment_sum(ops.reshape(weighted, (-1, width)), segments, batch * num_points)
    size = ops.reshape(size, (batch, num_points))
    total = ops.reshape(total, (batch, num_points, width))
    return InstanceMeans(
        mean=total / ops.maximum(size, 1.0)[..., None],
        size=size,
        num_instances=ops.sum(ops.cast(size > 0, "int32"), axis=1),
    )
