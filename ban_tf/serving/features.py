"""Makes the channels that a network sees inside the graph: `data.samples.features` in TensorFlow.

A block here has rows that are not there, and comes without its cloud: the request tells the box of
the room instead.
"""

from collections.abc import Callable

import tensorflow as tf

from ban_tf.config import Blocks, Features, Sampling

# From the points' offsets from the room's least corner, float64 [B, N, 3], which rows are there,
# bool [B, N, 1], and the room's extent, float64 [B, 1, 3], to channels [B, N, C].
_Make = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, Sampling], tf.Tensor]


def make(
    xyz: tf.Tensor,
    rgb: tf.Tensor | None,
    room: tuple[tf.Tensor, tf.Tensor],
    present: tf.Tensor,
    samples: Sampling,
    features: Features,
) -> tf.Tensor:
    """Computes the channels of raw points, with the very numbers that training saw.

    Args:
        xyz: float32 `[B, N, 3]`, metres, z up.
        rgb: uint8 `[B, N, 3]`; None where the network sees no colours.
        room: float32 `[B, 3]` twice, the least and the greatest x, y and z of the whole room.
        present: bool `[B, N, 1]`, which rows are there.
        samples: tells the edge of a block.
        features: which channels, in which order.

    Returns:
        float32 `[B, N, C]`.

    Example:
        >>> xyz = tf.constant([[[2.0, 3.0, 1.0], [4.0, 3.5, 2.0]]])
        >>> room = (tf.constant([[0.0, 0.0, 0.0]]), tf.constant([[4.0, 7.0, 4.0]]))
        >>> channels = Features(names=("block_xyz", "room_xyz"))
        >>> here = tf.constant([[[True], [True]]])
        >>> make(xyz, None, room, here, Blocks(size_m=2.0), channels)[0, 0].numpy().tolist()
        [-1.0, -1.0, 1.0, 0.5, 0.4285714328289032, 0.25]
    """
    least, greatest = (tf.cast(corner, tf.float64)[:, None] for corner in room)
    shifted = tf.cast(xyz, tf.float64) - least
    made = []
    for name in features.names:
        if name == "rgb":
            made.append(tf.cast(rgb, tf.float64) / 255.0)
        else:
            made.append(MAKERS[name](shifted, present, greatest - least, samples))
    return tf.concat([tf.cast(channels, tf.float32) for channels in made], axis=-1)


def _block_xyz(
    shifted: tf.Tensor, present: tf.Tensor, extent: tf.Tensor, samples: Sampling
) -> tf.Tensor:
    assert isinstance(samples, Blocks)  # which `Experiment` asks for
    infinite = tf.constant(float("inf"), tf.float64)
    least = tf.reduce_min(tf.where(present, shifted[..., :2], infinite), axis=1, keepdims=True)
    return tf.concat([shifted[..., :2] - (least + samples.size_m / 2), shifted[..., 2:]], axis=-1)


def _room_xyz(
    shifted: tf.Tensor, present: tf.Tensor, extent: tf.Tensor, samples: Sampling
) -> tf.Tensor:
    return shifted / tf.where(extent > 0, extent, tf.ones_like(extent))


def _xyz(shifted: tf.Tensor, present: tf.Tensor, extent: tf.Tensor, samples: Sampling) -> tf.Tensor:
    radius = tf.sqrt(tf.reduce_sum(tf.square(extent), axis=-1, keepdims=True)) / 2
    return (shifted - extent / 2) / tf.where(radius > 0, radius, tf.ones_like(radius))


MAKERS: dict[str, _Make] = {"block_xyz": _block_xyz, "room_xyz": _room_xyz, "xyz": _xyz}
