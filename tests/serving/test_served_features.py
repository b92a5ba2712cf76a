"""Features made in the graph are those that training saw, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf

from ban_tf.clouds.cloud import unlabelled
from ban_tf.config import Blocks, Features, Shapes
from ban_tf.config.features import KNOWN
from ban_tf.data.samples import features as made_before
from ban_tf.data.samples import frame_of
from ban_tf.serving import features


def cloud(flat=False):
    rng = np.random.default_rng(0)
    xyz = rng.uniform(-3, 9, (50, 3)).astype(np.float32).astype(np.float64)
    if flat:
        xyz[:, 2] = 1.5
    return unlabelled("room", xyz, rng.integers(0, 256, (50, 3)).astype(np.uint8))


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize(
    ("names", "samples"),
    [
        (("block_xyz", "rgb", "room_xyz"), Blocks(size_m=1.3, stride_m=0.5)),
        (("block_xyz",), Blocks()),
        (("xyz", "rgb"), Shapes()),
    ],
)
def test_they_equal_those_of_training(names, samples, flat):
    room, channels = cloud(flat), Features(names=names)
    plan = np.arange(30).reshape(2, 15)
    frame = frame_of(room)
    expected = made_before.make(room, plan, frame, samples, channels)
    xyz = np.full((2, 20, 3), np.nan, np.float32)  # five rows are not there
    rgb = np.zeros((2, 20, 3), np.uint8)
    xyz[:, :15], rgb[:, :15] = room.xyz[plan], room.rgb[plan]
    ends = [np.tile(end.astype(np.float32), (2, 1)) for end in (room.xyz.min(0), room.xyz.max(0))]
    present = np.broadcast_to(np.arange(20)[:, None] < 15, (2, 20, 1))
    made = features.make(tf.constant(xyz), tf.constant(rgb), ends, present, samples, channels)
    if "xyz" in names:  # NumPy's norm and a root of a sum may differ in the last bit
        np.testing.assert_allclose(made[:, :15], expected, rtol=2e-7, atol=1e-7)
    else:
        np.testing.assert_array_equal(made[:, :15], expected)


def test_every_channel_can_be_made():
    assert {*features.MAKERS, "rgb"} == set(KNOWN)
