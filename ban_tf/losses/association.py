"""Which of BoNet's boxes answers for which instance: the cheapest one-to-one association."""

from typing import Any

import numpy as np
from keras import ops
from scipy import optimize

from ban_tf.losses.box_targets import BoxTargets
from tf_ops import host

# Keep quotients and logarithms finite; the original's values.
UNION_OFFSET = 1e-6
LOG_OFFSET = 1e-8
_NO_NUMBER = 1e6  # cost of a pair whose cost is none; more than any other


def association_cost(targets: BoxTargets, boxes: Any, wanted: Any, logits: Any, known: Any) -> Any:
    """What it would cost that a box answers for an instance.

    The mean cross-entropy of the points being inside, plus the mean squared difference of the
    corners, minus the soft IoU of the points inside.

    Args:
        targets: of `[B, K]` instances.
        boxes: float `[B, K, 2, 3]`, those found.
        wanted: float `[B, K, N]`, 1 for the points in the box of each instance.
        logits: float `[B, K, N]`, `inside_logits` of the boxes found; finite.
        known: bool `[B, N]`, the points that count.

    Returns:
        float `[B, K, K]`: an instance a row, a box a column.

    Example:
        >>> from ban_tf.losses.box_targets import box_targets
        >>> targets = box_targets(ops.array([[3, 3]]), ops.array([[[0.0] * 3, [1.0] * 3]]), 1)
        >>> wanted, logits = ops.ones((1, 1, 2)), ops.zeros((1, 1, 2))  # half inside, each
        >>> known = ops.array([[True, True]])
        >>> cost = association_cost(targets, targets.boxes, wanted, logits, known)
        >>> round(float(cost[0, 0, 0]), 4)  # log 2 + 0 - 1 / 2
        0.1931
    """
    counts = ops.cast(known, logits.dtype)
    num_points = ops.maximum(ops.sum(counts, axis=1), 1.0)[:, None, None]
    found, outside = ops.sigmoid(logits), ops.sigmoid(-logits)
    log_in, log_out = logarithms(found, outside)
    found, wanted, others = (part * counts[:, None] for part in (found, wanted, 1.0 - wanted))
    agreement = _pairs(wanted, log_in) + _pairs(others, log_out)
    shared = _pairs(wanted, found)
    sizes = ops.sum(wanted, axis=2)[:, :, None] + ops.sum(found, axis=2)[:, None]
    iou = shared / (sizes - shared + UNION_OFFSET)
    difference = targets.boxes[:, :, None] - boxes[:, None]  # [B, K, K, 2, 3]
    return ops.mean(ops.square(difference), axis=(3, 4)) - agreement / num_points - iou


def logarithms(probability: Any, complement: Any) -> tuple[Any, Any]:
    """Of probabilities and of their complements, finite at 0 too.

    Args:
        probability: float, in [0, 1].
        complement: of the same shape and dtype, one minus it.

    Returns:
        Two tensors of that shape and dtype, at least -19.

    Example:
        >>> [round(float(value), 2) for value in logarithms(ops.array(0.0), ops.array(1.0))]
        [-18.42, 0.0]
    """
    return ops.log(probability + LOG_OFFSET), ops.log(complement + LOG_OFFSET)


def complement(probability: Any) -> Any:
    """1 - p. Left bare, TensorFlow would fold a small offset after it: (1 + 1e-8) - p.

    Args:
        probability: float, in [0, 1].

    Returns:
        Shape and dtype of `probability`, in [0, 1].

    Example:
        >>> float(complement(ops.array(0.25)))
        0.75
    """
    return ops.maximum(1.0 - probability, 0.0)


def _pairs(rows: Any, columns: Any) -> Any:
    return ops.matmul(rows, ops.transpose(columns, (0, 2, 1)))


def associate(cost: Any, num_instances: Any) -> Any:
    """Finds the association of the least total cost (Hungarian method, by SciPy on the host).

    Args:
        cost: float `[B, K, K]` of `association_cost`; what is not finite is avoided.
        num_instances: int32 `[B]` in [0, K]: how many rows of the cost count.

    Returns:
        int32 `[B, K]`: the box of each instance, then the boxes of none, ascending. Carries no
        gradient.

    Example:
        >>> cost = ops.array([[[5.0, 5.0, 1.0], [1.0, 2.0, 0.0], [0.0, 0.0, 0.0]]])
        >>> associate(cost, ops.array([2])).numpy().tolist()
        [[2, 0, 1]]
    """
    return host.run(_associate, cost, num_instances, shape=tuple(cost.shape[:2]), dtype="int32")


def _associate(cost: np.ndarray, num_instances: np.ndarray) -> np.ndarray:
    # A network that diverged: its loss will tell, better than an error from here.
    cost = np.where(np.isfinite(cost), cost, _NO_NUMBER)
    order = np.empty(cost.shape[:2], np.int32)
    for block, num_rows in enumerate(num_instances):
        _, boxes = optimize.linear_sum_assignment(cost[block, :num_rows])
        others = np.setdiff1d(np.arange(cost.shape[2]), boxes)
        order[block] = np.concatenate([boxes, others])
    return order
