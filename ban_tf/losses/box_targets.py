"""The boxes and masks that BoNet should find, and how well boxes hold points."""

from typing import Any, NamedTuple

from keras import ops

from ban_tf.config import BoxLossConfig
from ban_tf.losses.instance_means import instance_ranks
from ban_tf.losses.precision import loss_dtype


class BoxTargets(NamedTuple):
    """Instances of every block, at most K; row k belongs to rank k, the rows behind are zero.

    All of the dtype of the coordinates, float32 or float64.

    Example:
        >>> targets = box_targets(ops.array([[4, -1]]), ops.ones((1, 2, 3)), num_boxes=2)
        >>> targets.masks.numpy().tolist(), targets.present.numpy().tolist()
        ([[[1.0, 0.0], [0.0, 0.0]]], [[1.0, 0.0]])
    """

    boxes: Any  # [B, K, 2, 3], least and greatest coordinates of the instance
    masks: Any  # [B, K, N], 1 for the points of the instance
    present: Any  # [B, K], 1 for a row with an instance


def box_targets(instance: Any, xyz: Any, num_boxes: int) -> BoxTargets:
    """Finds the instances of each block, in rising order of their ids.

    Instances beyond the first `num_boxes` are left out: their points belong to no mask.

    Args:
        instance: integer `[B, N]` ids; points of `NONE` (-1) belong to no instance.
        xyz: float `[B, N, 3]`, in the units of the boxes; anything at points of no instance.
        num_boxes: K, at least 1.

    Returns:
        Targets of float64 for coordinates of float64, and of float32 for all others; they carry
        no gradient.

    Example:
        >>> xyz = ops.array([[[0.0, 0.5, 1.0], [1.0, 0.0, 1.0]]])
        >>> box_targets(ops.array([[7, 7]]), xyz, num_boxes=1).boxes.numpy().tolist()
        [[[[0.0, 0.0, 1.0], [1.0, 0.5, 1.0]]]]
    """
    rows = ops.arange(num_boxes, dtype="int32")[:, None]
    members = ops.equal(instance_ranks(instance)[:, None], rows)  # [B, K, N]
    present = ops.any(members, axis=2)
    dtype = loss_dtype(xyz)
    points = ops.stop_gradient(ops.cast(xyz, dtype))[:, None]
    infinity = float("inf")
    least = ops.min(ops.where(members[..., None], points, infinity), axis=2)
    greatest = ops.max(ops.where(members[..., None], points, -infinity), axis=2)
    boxes = ops.stack([least, greatest], axis=2)
    return BoxTargets(
        boxes=ops.where(present[..., None, None], boxes, 0.0),
        masks=ops.cast(members, dtype),
        present=ops.cast(present, dtype),
    )


def inside(boxes: Any, xyz: Any) -> Any:
    """Which points lie in which boxes, on their faces too.

    Args:
        boxes: float `[B, K, 2, 3]`, least and greatest coordinates.
        xyz: float `[B, N, 3]`, of the same dtype.

    Returns:
        0 or 1 in that dtype, `[B, K, N]`; no gradient flows through.

    Example:
        >>> boxes = ops.array([[[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]]])
        >>> inside(boxes, ops.array([[[0.5, 0.5, 1.0], [0.5, 0.5, 1.1]]])).numpy().tolist()
        [[[1.0, 0.0]]]
    """
    inwards = _inwards(boxes, xyz)
    return ops.cast(ops.all(inwards >= 0, axis=-1), inwards.dtype)


def inside_logits(boxes: Any, xyz: Any, config: BoxLossConfig) -> Any:
    """As `inside`, softly: before the sigmoid, the probability of being inside.

    It falls off around the faces and is one half on them (BoNet's Algorithm 1).

    Args:
        boxes: float `[B, K, 2, 3]`, least and greatest coordinates.
        xyz: float `[B, N, 3]`, of the same dtype.
        config: how steeply, and the limit.

    Returns:
        `[B, K, N]` in that dtype, in [-limit, limit].

    Example:
        >>> boxes = ops.array([[[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]]])
        >>> xyz = ops.array([[[0.5, 0.5, 0.5], [0.5, 0.5, 0.9], [0.5, 0.5, 9.0]]])
        >>> inside_logits(boxes, xyz, BoxLossConfig()).numpy().round().tolist()
        [[[20.0, 9.0, -20.0]]]
    """
    steep = ops.clip(config.sharpness * _inwards(boxes, xyz), -config.limit, config.limit)
    return ops.min(steep, axis=-1)


def _inwards(boxes: Any, xyz: Any) -> Any:
    """Product of a point's distances to both faces of an axis, `[B, K, N, 3]`; 0 on a face."""
    points = xyz[:, None]
    return (boxes[:, :, None, 0] - points) * (points - boxes[:, :, None, 1])
