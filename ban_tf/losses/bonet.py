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
from ban_tf.losses.labelled import is_labelled, mean_of_labelled, where_labelled
from ban_tf.losses.precision import loss_dtype


class BonetParts(NamedTuple):
    """The terms of the loss, float32 or float64 scalars; the loss is their sum and the classes'.

    Example:
        >>> sum(BonetParts(box=1.0, score=0.5, mask=0.25))
        1.75
    """

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
        instance: integer `[B, N]` ids; `NONE` (-1) for points of no instance, which should be in
            no mask.
        semantic: integer `[B, N]` classes; points of `NONE` are left out, whatever the network
            says of them, and so is a block that has no others.
        outputs: float `xyz` `[B, N, 3]`, `boxes` `[B, K, 2, 3]`, `scores` `[B, K]` and `masks`
            `[B, K, N]` of the network; scores and masks in [0, 1].
        config: weights and sharpness.
        order: int32 `[B, K]`, an association to use; None looks for the cheapest.

    Returns:
        Terms of float64 if an output is float64, and of float32 otherwise.

    Example:
        >>> corners = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
        >>> outputs = {
        ...     "xyz": ops.array([corners]),
        ...     "boxes": ops.array([[corners]]),
        ...     "scores": ops.array([[0.5]]),
        ...     "masks": ops.array([[[1.0, 1.0]]]),
        ... }
        >>> instance, semantic = ops.array([[7, 7]]), ops.array([[0, 0]])
        >>> parts = bonet_parts(instance, semantic, outputs, BoxLossConfig())
        >>> [round(float(part), 4) for part in parts]  # on the faces: log 2 - 1 / 2; log 2; 0
        [0.1931, 0.6931, 0.0]
    """
    known = is_labelled(semantic)
    xyz, boxes, scores, masks = _known_outputs(outputs, known)
    targets = box_targets(ops.where(known, ops.cast(instance, "int32"), NONE), xyz, boxes.shape[1])
    wanted = inside(targets.boxes, xyz)
    logits = inside_logits(boxes, xyz, config)
    if order is None:
        cost = association_cost(targets, boxes, wanted, logits, known)
        order = associate(cost, ops.cast(ops.sum(targets.present, axis=1), "int32"))
    return BonetParts(
        box=_box_loss(targets, _take(boxes, order), wanted, _take(logits, order), known),
        score=_score_loss(targets, _take(scores, order), known),
        mask=_mask_loss(targets, _take(masks, order), known, config),
    )


def _known_outputs(outputs: Mapping[str, Any], known: Any) -> tuple[Any, Any, Any, Any]:
    """`xyz`, `boxes`, `scores` and `masks` in one dtype, and harmless where nothing is known."""
    names = ("xyz", "boxes", "scores", "masks")
    dtype = loss_dtype(*(outputs[name] for name in names))
    xyz, boxes, scores, masks = (ops.cast(outputs[name], dtype) for name in names)
    of_blocks = ops.any(known, axis=1)
    return (
        where_labelled(xyz, known),
        where_labelled(boxes, of_blocks),
        where_labelled(scores, of_blocks, 0.5),
        ops.where(known[:, None], masks, 0.5),
    )


def _take(values: Any, order: Any) -> Any:
    """Rows of `[B, K, ...]` in the order of `[B, K]`."""
    order = ops.reshape(order, (*ops.shape(order), *(1 for _ in values.shape[2:])))
    return ops.take_along_axis(values, order, axis=1)


def _box_loss(targets: BoxTargets, boxes: Any, wanted: Any, logits: Any, known: Any) -> Any:
    found, outside = ops.sigmoid(logits), ops.sigmoid(-logits)
    wanted, found = (ops.where(known[:, None], part, 0.0) for part in (wanted, found))
    entropy = _mean_of_points(_cross_entropy(wanted, found, outside), known)  # [B, K]
    shared = ops.sum(wanted * found, axis=2)
    union = ops.sum(wanted, axis=2) + ops.sum(found, axis=2) - shared
    squared = ops.mean(ops.square(targets.boxes - boxes), axis=(2, 3))
    extents = ops.sum(ops.square(boxes[:, :, 0] - boxes[:, :, 1]), axis=2)
    of_instances = _mean(entropy - shared / (union + UNION_OFFSET) + squared, targets.present)
    others = where_labelled(1.0 - targets.present, ops.any(known, axis=1))  # of known blocks
    return of_instances + _mean(extents, others)


def _score_loss(targets: BoxTargets, scores: Any, known: Any) -> Any:
    entropy = _cross_entropy(targets.present, scores, complement(scores))
    return mean_of_labelled(entropy, ops.any(known, axis=1))


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
    num_points = ops.maximum(ops.sum(ops.cast(known, values.dtype), axis=1), 1.0)
    return ops.sum(ops.where(known[:, None], values, 0.0), axis=2) / num_points[:, None]


def _mean(values: Any, weights: Any) -> Any:
    """Mean of `[B, K]` where the weights are 1; 0 if they are nowhere."""
    return ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1.0)
