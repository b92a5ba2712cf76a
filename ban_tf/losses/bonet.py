"""BoNet's losses: of the boxes, of their scores, and of their masks (Yang et al. 2019)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from keras import ops

from ban_tf.config import NONE, BoxLossConfig
from ban_tf.losses.association import (
    UNION_OFFSET,
    associate,
    association_cost,
    complement,
    logarithms,
)
from ban_tf.losses.box_targets import BoxTargets, box_targets, inside, inside_logits


class BonetParts(NamedTuple):
    """The terms of the loss, float32 scalars; the loss is their sum, and that of the classes."""

    box: Any
    score: Any
    mask: Any


def bonet_parts(
    instance: Any,
    semantic: Any,
    outputs: Mapping[str, Any],
    config: BoxLossConfig,
    order: Any = None,
) -> BonetParts:
    """Computes the terms for a batch.

    The boxes that were found are first associated with the instances; the other boxes should be
    small and of score 0. Means run over the instances of the whole batch, so a block counts by
    the number of its instances, as in the authors' code. Without any instance the terms of boxes
    and masks are 0, but for that of the other boxes.

    Args:
        instance: integer `[B, N]` ids; `NONE` (-1) for points of no instance.
        semantic: integer `[B, N]` classes; points of `NONE` are left out, and so is a block that
            has no others.
        outputs: float32 `xyz` `[B, N, 3]`, `boxes` `[B, K, 2, 3]`, `scores` `[B, K]` and `masks`
            `[B, K, N]` of the network.
        config: weights and sharpness.
        order: int32 `[B, K]`, an association to use; None looks for the cheapest.
    """
    xyz, boxes = outputs["xyz"], outputs["boxes"]
    known = ops.cast(ops.not_equal(ops.cast(semantic, "int32"), NONE), "float32")
    targets = box_targets(instance, xyz, boxes.shape[1])
    wanted = inside(targets.boxes, xyz)
    logits = inside_logits(boxes, xyz, config)
    if order is None:
        cost = association_cost(targets, boxes, wanted, logits, known)
        order = associate(cost, ops.cast(ops.sum(targets.present, axis=1), "int32"))
    return BonetParts(
        box=_box_loss(targets, _take(boxes, order), wanted, _take(logits, order), known),
        score=_score_loss(targets, _take(outputs["scores"], order), known),
        mask=_mask_loss(targets, _take(outputs["masks"], order), known, config),
    )


def _take(values: Any, order: Any) -> Any:
    """Rows of `[B, K, ...]` in the order of `[B, K]`."""
    order = ops.reshape(order, (*ops.shape(order), *(1 for _ in values.shape[2:])))
    return ops.take_along_axis(values, order, axis=1)


def _box_loss(targets: BoxTargets, boxes: Any, wanted: Any, logits: Any, known: Any) -> Any:
    found, outside = ops.sigmoid(logits), ops.sigmoid(-logits)
    entropy = _mean_of_points(_cross_entropy(wanted, found, outside), known)  # [B, K]
    wanted, found = wanted * known[:, None], found * known[:, None]
    shared = ops.sum(wanted * found, axis=2)
    union = ops.sum(wanted, axis=2) + ops.sum(found, axis=2) - shared
    squared = ops.mean(ops.square(targets.boxes - boxes), axis=(2, 3))
    extents = ops.sum(ops.square(boxes[:, :, 0] - boxes[:, :, 1]), axis=2)
    of_instances = _mean(entropy - shared / (union + UNION_OFFSET) + squared, targets.present)
    return of_instances + _mean(extents, _of_known_blocks(1.0 - targets.present, known))


def _score_loss(targets: BoxTargets, scores: Any, known: Any) -> Any:
    entropy = _cross_entropy(targets.present, scores, complement(scores))
    return _mean(entropy, _of_known_blocks(ops.ones_like(entropy), known))


def _mask_loss(targets: BoxTargets, masks: Any, known: Any, config: BoxLossConfig) -> Any:
    """Focal loss (Lin et al. 2017): points that are told apart well already hardly count."""
    alpha, gamma = config.focal_alpha, config.focal_gamma
    outside = complement(masks)
    log_in, log_out = logarithms(masks, outside)
    members = alpha * ops.power(outside, gamma) * log_in
    others = (1.0 - alpha) * ops.power(masks, gamma) * log_out
    focal = -targets.masks * members - (1.0 - targets.masks) * others
    return config.mask_weight * _mean(_mean_of_points(focal, known), targets.present)


def _cross_entropy(truth: Any, probability: Any, complement: Any) -> Any:
    """Of 0 or 1 against a probability and its complement, elementwise."""
    log_true, log_false = logarithms(probability, complement)
    return -truth * log_true - (1.0 - truth) * log_false


def _mean_of_points(values: Any, known: Any) -> Any:
    """Mean `[B, K]` of `[B, K, N]` over the points that are known; 0 if none is."""
    num_points = ops.maximum(ops.sum(known, axis=1), 1.0)
    return ops.sum(values * known[:, None], axis=2) / num_points[:, None]


def _of_known_blocks(weights: Any, known: Any) -> Any:
    """The weights `[B, K]` of blocks that have a known point, 0 in the others."""
    return weights * ops.max(known, axis=1, keepdims=True)


def _mean(values: Any, weights: Any) -> Any:
    """Mean of `[B, K]` where the weights are 1; 0 if they are nowhere."""
    return ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1.0)
