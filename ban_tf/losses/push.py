"""The push term: all pairs of instance means, in tiles."""

from collections.abc import Callable
from typing import Any

from keras import ops

from ban_tf.config import Norm
from ban_tf.losses.instance_means import InstanceMeans
from ban_tf.losses.norms import norm, norm_gradient

TILE = 64  # pairs are taken 64 x 64; most blocks have fewer instances than that


def push_apart(means: InstanceMeans, margin: float, kind: Norm) -> Any:
    """Mean over ordered pairs of different instances of `[2 margin - distance]_+^2`.

    Exact for any number of instances: tiles of pairs are visited as far as the block with the most
    instances needs, so the cost follows the instances present and not the N that there could be.
    The gradient is summed along the way, by hand: the number of tiles is known only from the
    data, and JAX cannot run such a loop backwards.

    Args:
        means: of `B` blocks.
        margin: half of the distance beyond which means leave each other alone, at least 0.
        kind: the norm that measures the distance.

    Returns:
        `[B]`, at least 0, of the dtype of the means; 0 for a block with fewer than two instances.

    Example:
        >>> from ban_tf.losses.instance_means import mean_by_instance
        >>> embedding = ops.array([[[0.0], [2.0]]])  # two instances, 2 apart, where 3 are wanted
        >>> means = mean_by_instance(ops.array([[0, 1]]), embedding)
        >>> push_apart(means, 1.5, "l1").numpy().tolist()
        [1.0]
    """

    @ops.custom_gradient
    def push(mean: Any, num_instances: Any) -> tuple[Any, Callable]:
        value, slope = _push_with_gradient(mean, num_instances, margin, kind)

        def backward(upstream: Any) -> tuple[Any, Any]:
            return upstream[:, None, None] * slope, ops.zeros_like(num_instances)

        return value, backward

    return push(means.mean, ops.cast(means.num_instances, means.mean.dtype))


def _push_with_gradient(
    mean: Any, num_instances: Any, margin: float, kind: Norm
) -> tuple[Any, Any]:
    batch, num_rows, width = ops.shape(mean)
    padded_rows = -(-num_rows // TILE) * TILE
    padding = ops.zeros((batch, padded_rows - num_rows, width), mean.dtype)
    mean = ops.concatenate([mean, padding], axis=1)
    num_tiles = ops.cast(ops.ceil(ops.max(num_instances, initial=0.0) / TILE), "int32")

    def row_of_tiles(step: Any, sums: tuple[Any, Any]) -> tuple[Any, Any]:
        value, slope = sums
        row = num_tiles - 1 - step
        rows = ops.slice(mean, (0, row * TILE, 0), (batch, TILE, width))

        def tile(column: Any, inner: tuple[Any, Any]) -> tuple[Any, Any]:
            columns = ops.slice(mean, (0, column * TILE, 0), (batch, TILE, width))
            offset = rows[:, :, None] - columns[:, None]  # [B, TILE, TILE, E]
            pairs = _pairs(row * TILE, column * TILE, num_instances)
            excess = pairs * ops.relu(2.0 * margin - norm(offset, kind))
            # A mean is the first of a pair and the second of its mirror image: 2 * 2 * excess.
            pull = -4.0 * excess[..., None] * norm_gradient(offset, kind)
            return (
                inner[0] + ops.sum(ops.square(excess), axis=(1, 2)),
                inner[1] + ops.sum(pull, axis=2),
            )

        start = (value, ops.zeros_like(rows))
        value, block = ops.fori_loop(0, num_tiles, tile, start)
        # From the last row of tiles to the first, each put in front of those before it.
        slope = ops.concatenate([block, slope[:, :-TILE]], axis=1)
        return value, ops.reshape(slope, (batch, padded_rows, width))

    start = (ops.zeros_like(num_instances), ops.zeros_like(mean))
    value, slope = ops.fori_loop(0, num_tiles, row_of_tiles, start)
    num_pairs = ops.maximum(num_instances * (num_instances - 1.0), 1.0)
    return value / num_pairs, slope[:, :num_rows] / num_pairs[:, None, None]


def _pairs(first_row: Any, first_column: Any, num_instances: Any) -> Any:
    """1 where a tile holds a pair of two different, present instances: `[B, T, T]`."""
    rows = ops.arange(TILE, dtype="int32") + first_row
    columns = ops.arange(TILE, dtype="int32") + first_column
    counts = ops.cast(num_instances, "int32")[:, None]
    present = ops.logical_and((rows < counts)[:, :, None], (columns < counts)[:, None])
    return ops.cast(ops.logical_and(present, rows[:, None] != columns), num_instances.dtype)
