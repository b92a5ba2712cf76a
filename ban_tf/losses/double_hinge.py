"""SGPN's loss of similarities: every pair of points of a block, a few rows at a time.

Wang et al., "SGPN: Similarity Group Proposal Network for 3D Point Cloud Instance Segmentation",
2018, section 4.1, in the reading of the released code.
"""

from typing import Any, NamedTuple

from keras import ops

from ban_tf.config import SimilarityLossConfig
from ban_tf.losses.labelled import is_labelled, where_labelled
from ban_tf.losses.precision import loss_dtype

ROWS = 64  # of each block's N x N similarities that exist at a time


class PairLoss(NamedTuple):
    """What the similarities of a batch amount to.

    Example:
        >>> pairs = PairLoss(loss=0.5, iou=[[1.0, 0.25]])
        >>> pairs.loss
        0.5
    """

    loss: Any  # float32 or float64 scalar, at least 0
    # Of the same dtype [B, N], in [0, 1]: IoU between the points that would be grouped with a
    # point, those with a similarity below the margin, and the point's true group. 0 at points
    # without a label. Without gradient.
    iou: Any


def double_hinge(
    features: Any,
    instance: Any,
    semantic: Any,
    weight: Any,
    factor: Any,
    config: SimilarityLossConfig,
) -> PairLoss:
    """Mean over all pairs of points of a block, both orders and a point with itself among them.

    With D the squared distance of the two points' features and S = margin x D, a pair costs: S in
    the same group; factor x [margin - S]_+ in different groups of the same class;
    [class_margin - S]_+ in different classes; and all that times the weights of both points.
    Points of weight 0 do not count in the mean; those without group or without class neither
    there nor in any IoU.

    The gradient is summed by hand beside the value, because differentiating the loop would keep
    all N x N similarities.

    Args:
        features: float `[B, N, F]`; anything at points without group or class.
        instance: integer `[B, N]` ids of the groups, `NONE` (-1) for points without group.
        semantic: integer `[B, N]` classes, `NONE` for points without class.
        weight: float `[B, N]`, at least 0; anything at points without group or class.
        factor: scalar, at least 0.
        config: the margins.

    Returns:
        Loss and IoU of float64 for features of float64, and of float32 for all others.

    Example:
        >>> features = ops.array([[[0.0], [1.0], [7.0]]])  # S is 10 between the first two
        >>> instance, semantic = ops.array([[5, 5, -1]]), ops.array([[1, 1, 1]])
        >>> config, weight = SimilarityLossConfig(margin=10.0), ops.ones((1, 3))
        >>> pairs = double_hinge(features, instance, semantic, weight, 2.0, config)
        >>> float(pairs.loss), pairs.iou.numpy().tolist()  # 2 pairs of 2 x 2; nobody is *below* 10
        (5.0, [[0.5, 0.5, 0.0]])
    """
    dtype, labelled = loss_dtype(features), is_labelled(instance, semantic)
    features = where_labelled(ops.cast(features, dtype), labelled)
    weight = where_labelled(ops.cast(weight, dtype), labelled)
    instance, semantic = (ops.cast(labels, "int32") for labels in (instance, semantic))
    fixed, factor = ops.stop_gradient(features), ops.cast(factor, dtype)
    value, slope, iou = _sweep(fixed, instance, semantic, labelled, weight, factor, config)
    # The features minus themselves: nothing in value, `slope` in gradient.
    return PairLoss(value + ops.sum(slope * (features - fixed)), iou)


def _sweep(
    features: Any,
    groups: Any,
    classes: Any,
    labelled: Any,
    weight: Any,
    factor: Any,
    config: SimilarityLossConfig,
) -> tuple[Any, Any, Any]:
    """Loss, its derivative by the features `[B, N, F]`, and IoU `[B, N]`."""
    batch, num_points, width = ops.shape(features)
    num_chunks = -(-num_points // ROWS)
    num_rows = num_chunks * ROWS
    norm = ops.sum(ops.square(features), axis=-1)
    columns = (features, norm, groups, classes, weight, labelled)
    padded = tuple(_pad(column, num_rows) for column in columns)
    transposed = ops.transpose(features, (0, 2, 1))

    def step(index: Any, sums: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        value, slope, iou = sums
        rows = tuple(_rows(column, index * ROWS) for column in padded)
        distance = rows[1][:, :, None] + norm[:, None] - 2.0 * ops.matmul(rows[0], transposed)
        similarity = config.margin * ops.relu(distance)  # rounding can leave it below zero
        same_group = ops.equal(rows[2][:, :, None], groups[:, None])  # [B, ROWS, N]
        same_class = ops.equal(rows[3][:, :, None], classes[:, None])
        pair_weight = rows[4][:, :, None] * weight[:, None]
        pair_labelled = ops.logical_and(rows[5][:, :, None], labelled[:, None])
        cost, rise = _hinges(similarity, same_group, same_class, factor, config)
        rise = pair_weight * rise
        # A point is the first of a pair and the second of its mirror image: 2 + 2.
        pull = ops.sum(rise, axis=2)[..., None] * rows[0] - ops.matmul(rise, features)
        near = ops.logical_and(similarity < config.margin, pair_labelled)
        overlap = _overlap(near, ops.logical_and(same_group, pair_labelled), features.dtype)
        return (
            value + ops.sum(pair_weight * cost),
            _append(slope, 4.0 * config.margin * pull),
            _append(iou, overlap[..., None]),
        )

    start = (
        ops.zeros((), features.dtype),
        ops.zeros((batch, num_rows, width), features.dtype),
        ops.zeros((batch, num_rows, 1), features.dtype),
    )
    value, slope, iou = ops.fori_loop(0, num_chunks, step, start)
    num_pairs = _number_of_pairs(weight)
    return value / num_pairs, slope[:, :num_points] / num_pairs, iou[:, :num_points, 0]


def _number_of_pairs(weight: Any) -> Any:
    """Pairs of points of a block `[B, N]` that both weigh something; at least 1, to divide by.

    Counted as shares of a block's N, which stay exact where squares of N have too many digits.
    """
    num_points = ops.cast(ops.shape(weight)[1], weight.dtype)
    num_weighted = ops.sum(ops.cast(weight > 0.0, weight.dtype), axis=1)
    share = num_weighted / ops.maximum(num_points, 1.0)
    return ops.maximum(ops.sum(num_weighted * share) * num_points, 1.0)


def _hinges(
    similarity: Any, same_group: Any, same_class: Any, factor: Any, config: SimilarityLossConfig
) -> tuple[Any, Any]:
    """Cost of each pair and its derivative by the similarity."""
    margins = (
        ops.cast(margin, similarity.dtype) for margin in (config.margin, config.class_margin)
    )
    missing = ops.relu(ops.where(same_class, *margins) - similarity)
    gain = ops.where(same_class, factor, 1.0)
    cost = ops.where(same_group, similarity, gain * missing)
    rise = ops.where(same_group, 1.0, ops.where(missing > 0.0, -gain, 0.0))
    return cost, rise


def _overlap(first: Any, second: Any, dtype: str) -> Any:
    """IoU of bool `[B, R, N]` sets over the last axis; 0 of empty ones."""
    both = ops.sum(ops.cast(ops.logical_and(first, second), dtype), axis=-1)
    either = ops.sum(ops.cast(ops.logical_or(first, second), dtype), axis=-1)
    return both / ops.maximum(either, 1.0)


def _pad(column: Any, num_rows: Any) -> Any:
    """Zeros behind `[B, N, ...]` up to `num_rows`; their weight is zero too."""
    shape = ops.shape(column)
    filling = ops.zeros((shape[0], num_rows - shape[1], *shape[2:]), column.dtype)
    return ops.concatenate([column, filling], axis=1)


def _rows(column: Any, first: Any) -> Any:
    shape = ops.shape(column)
    rest = shape[2:]
    return ops.slice(column, (0, first, *(0 for _ in rest)), (shape[0], ROWS, *rest))


def _append(collected: Any, block: Any) -> Any:
    """Drops rows in front and adds `block` behind; after the last block they stand in order."""
    shape = ops.shape(collected)
    return ops.reshape(ops.concatenate([collected[:, ROWS:], block], axis=1), shape)
