"""SGPN's loss of similarities: every pair of points of a block, a few rows at a time.

Wang et al., "SGPN: Similarity Group Proposal Network for 3D Point Cloud Instance Segmentation",
2018, section 4.1, in the reading of the released code.
"""

from typing import Any, NamedTuple

from keras import ops

from ban_tf.config import NONE, SimilarityLossConfig

ROWS = 64  # of each block's N x N similarities that exist at a time


class PairLoss(NamedTuple):
    """What the similarities of a batch amount to."""

    loss: Any  # float32 scalar
    # float32 [B, N], in [0, 1]: IoU between the points that would be grouped with a point, those
    # with a similarity below the margin, and the point's true group. Without gradient.
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
    [class_margin - S]_+ in different classes; and all that times the weights of both points. A
    point without group is its own group, one without class its own class. Points of weight 0, such
    as those without group, do not count in the mean, and points without class not in any IoU.

    The gradient is summed by hand beside the value, because differentiating the loop would keep
    all N x N similarities.

    Args:
        features: `[B, N, F]`.
        instance: `[B, N]` ids of the groups, at least -1, `NONE` for points without group.
        semantic: `[B, N]` classes, at least -1, `NONE` for points without class.
        weight: float32 `[B, N]`, at least 0.
        factor: float32 scalar.
        config: the margins.
    """
    features = ops.cast(features, "float32")
    fixed = ops.stop_gradient(features)
    labels = (_one_each(instance), _one_each(semantic))
    has_class = ops.not_equal(ops.cast(semantic, "int32"), NONE)
    value, slope, iou = _sweep(fixed, *labels, has_class, weight, factor, config)
    # The features minus themselves: nothing in value, `slope` in gradient.
    return PairLoss(value + ops.sum(slope * (features - fixed)), iou)


def _one_each(labels: Any) -> Any:
    """Gives each point without label one of its own: every point is then equal to itself only."""
    labels = ops.cast(labels, "int32")
    own = NONE - 1 - ops.arange(ops.shape(labels)[1], dtype="int32")
    return ops.where(ops.equal(labels, NONE), own, labels)


def _sweep(
    features: Any,
    groups: Any,
    classes: Any,
    has_class: Any,
    weight: Any,
    factor: Any,
    config: SimilarityLossConfig,
) -> tuple[Any, Any, Any]:
    """Loss, its derivative by the features `[B, N, F]`, and IoU `[B, N]`."""
    batch, num_points, width = ops.shape(features)
    num_chunks = -(-num_points // ROWS)
    num_rows = num_chunks * ROWS
    norm = ops.sum(ops.square(features), axis=-1)
    columns = (features, norm, groups, classes, weight)
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
        cost, rise = _hinges(similarity, same_group, same_class, factor, config)
        rise = pair_weight * rise
        # A point is the first of a pair and the second of its mirror image: 2 + 2.
        pull = ops.sum(rise, axis=2)[..., None] * rows[0] - ops.matmul(rise, features)
        return (
            value + ops.sum(pair_weight * cost),
            _append(slope, 4.0 * config.margin * pull),
            _append(iou, _overlap(_near(similarity, has_class, config), same_group)[..., None]),
        )

    start = (
        ops.zeros((), "float32"),
        ops.zeros((batch, num_rows, width)),
        ops.zeros((batch, num_rows, 1)),
    )
    value, slope, iou = ops.fori_loop(0, num_chunks, step, start)
    num_weighted = ops.sum(ops.cast(weight > 0.0, "float32"), axis=1)
    num_pairs = ops.maximum(ops.sum(ops.square(num_weighted)), 1.0)
    return value / num_pairs, slope[:, :num_points] / num_pairs, iou[:, :num_points, 0]


def _near(similarity: Any, has_class: Any, config: SimilarityLossConfig) -> Any:
    """Whether a point `[B, ROWS]` would be grouped with another `[B, N]` that has a class."""
    return ops.logical_and(similarity < config.margin, has_class[:, None])


def _hinges(
    similarity: Any, same_group: Any, same_class: Any, factor: Any, config: SimilarityLossConfig
) -> tuple[Any, Any]:
    """Cost of each pair and its derivative by the similarity."""
    missing = ops.relu(ops.where(same_class, config.margin, config.class_margin) - similarity)
    gain = ops.where(same_class, factor, 1.0)
    cost = ops.where(same_group, similarity, gain * missing)
    rise = ops.where(same_group, 1.0, ops.where(missing > 0.0, -gain, 0.0))
    return cost, rise


def _overlap(first: Any, second: Any) -> Any:
    """IoU of bool `[B, R, N]` sets over the last axis."""
    both = ops.sum(ops.cast(ops.logical_and(first, second), "float32"), axis=-1)
    either = ops.sum(ops.cast(ops.logical_or(first, second), "float32"), axis=-1)
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
