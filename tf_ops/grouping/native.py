"""The compiled kernel of grouping; called through `grouping.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library


def ball_query(
    xyz: Any, centres: Any, radius: float, num_neighbours: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """As `grouping.ball_query`."""
    found = library.ops().ban_ball_query(
        xyz=xyz, centres=centres, radius=radius, num_neighbours=num_neighbours
    )
    return found.index, found.count


tf.no_gradient("Ban>BallQuery")
