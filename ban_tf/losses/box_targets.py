"""The boxes and masks that BoNet should find, and how well boxes hold points."""

from typing import Any, NamedTuple

from keras import ops

from ban_tf.config import BoxLossConfig
from ban_tf.losses.instance_means import instance_ranks


class BoxTargets(NamedTuple):
    """Instances of every block, at most K; row k belongs to rank k, the rows behind are zero."""

    boxes: Any  # float32 [B, K, 2, 3], least and greatest coordinates of the instance
    masks: Any  # float32 [B, K, N], 1 for the points of the instance
    present: Any  # float32 [B, K], 1 for a row with an instance


def box_targets(instance: Any, xyz: Any, num_boxes: int) -> BoxTargets:
    """Finds the instances of each block, in rising order of their ids.

    Instances beyond the first `num_boxes` are left out: their points belong to no mask.

    Args:
        instance: integer `[B, N]` ids; points of `NONE` (-1) belong to no instance.
        xyz: float32 `[B, N, 3]`.
        num_boxes: K.
    """
    rows = ops.arange(num_boxes, dtype="int32")[:, None]
    members = ops.equal(instance_ranks(instance)[:, None], rows)  # [B, K, N]
    present = ops.any(members, axis=2)
    points = ops.stop_gradient(ops.cast(xyz, "float32"))[:, None]
    infinity = float("inf")
    least = ops.min(ops.where(members[..., None], points, infinity), axis=2)
    greatest = ops.max(ops.where(members[..., None], points, -infinity), axis=2)
    boxes = ops.stack([least, greatest], axis=2)
    return BoxTargets(
        boxes=ops.where(present[..., None, None], boxes, 0.0),
        masks=ops.cast(members, "float32"),
        present=ops.cast(present, "float32"),
    )


def inside(boxes: Any, xyz: Any) -> Any:
    """Which points lie in which boxes, on their faces too: float32 0 or 1, `[B, K, N]`.

    Args:
        boxes: `[B, K, 2, 3]`.
        xyz: `[B, N, 3]`.
    """
    return ops.cast(ops.all(_inwards(boxes, xyz) >= 0, axis=-1), "float32")


def inside_logits(boxes: Any, xyz: Any, config: BoxLossConfig) -> Any:
    """As `inside`, softly: before the sigmoid, the probability of being inside, `[B, K, N]`.

    It falls off around the faces and is one half on them (BoNet's Algorithm 1).
    """
    steep = ops.clip(config.sharpness * _inwards(boxes, xyz), -config.limit, config.limit)
    return ops.min(steep, axis=-1)


def _inwards(boxes: Any, xyz: Any) -> Any:
    """Product of a point's distances to both faces of an axis, `[B, K, N, 3]`; 0 on a face."""
    points = xyz[:, None]
    return (boxes[:, :, None, 0] - points) * (points - boxes[:, :, None, 1])
