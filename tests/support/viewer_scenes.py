"""A small room of two boxes, with labels, for the page that shows it."""

import dataclasses

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE, Labels
from ban_tf.view.viewer.similarity import Attention

LABELS = Labels(
    class_names=("floor", "</script><b>box", "lamp"),
    stuff=("floor",),
    class_colors=((120, 120, 120), (255, 0, 0), (0, 0, 255)),
)
BOXES = np.array([[0.7, 0.7], [3.3, 2.3]])  # middles on the floor of 4 m x 3 m
SIDE_M, HEIGHT_M = 0.8, 1.0


@dataclasses.dataclass(frozen=True)
class Found:
    """What a network may have predicted."""

    semantic: np.ndarray
    instance: np.ndarray
    confidence: np.ndarray
    instance_scores: np.ndarray


def boxes(num_points: int = 4000, seed: int = 0, **fields) -> Cloud:
    """Two upright boxes on a floor, far from the origin; box k is instance 10 k + 3."""
    rng = np.random.default_rng(seed)
    part = np.sort(rng.integers(0, 3, num_points))
    xyz = rng.uniform(0, 1, (num_points, 3))
    floor = part == 0
    xyz[floor] *= (4, 3, 0)
    side = rng.integers(0, 3, num_points)  # points lie on the faces
    for axis in range(3):
        on_face = ~floor & (side == axis)
        xyz[on_face, axis] = xyz[on_face, axis].round() if axis < 2 else 1.0
    for number, middle in enumerate(BOXES, start=1):
        own = part == number
        xyz[own] = (xyz[own] - (0.5, 0.5, 0)) * (SIDE_M, SIDE_M, HEIGHT_M) + (*middle, 0)
    rgb = rng.integers(0, 256, (num_points, 3)).astype(np.uint8)
    made = {
        "name": "two <boxes> & a floor",
        "xyz": xyz + np.array([500_000.0, 4_000_000.0, 120.0]),
        "rgb": rgb,
        "semantic": np.minimum(part, 1).astype(np.int32),
        "instance": np.where(floor, NONE, 10 * part - 7).astype(np.int32),
    }
    return Cloud(**(made | fields))


def predicted(cloud: Cloud) -> Found:
    """Right but for the second box, which is a lamp; instances 0 and 1."""
    second = cloud.instance == 13
    semantic = np.where(second, 2, cloud.semantic).astype(np.int32)
    instance = np.where(cloud.instance == NONE, NONE, second).astype(np.int32)
    confidence = np.linspace(0, 1, len(cloud)).astype(np.float32)
    return Found(semantic, instance, confidence, np.array([0.75, 0.5]))


def attention(cloud: Cloud, num_points: int = 512) -> tuple[np.ndarray, Attention]:
    """One sample of every m-th shown point, which looks at points of its height."""
    samples = (np.arange(num_points) * len(cloud) // num_points)[None]
    rng = np.random.default_rng(0)
    return samples, Attention("stoi", *rng.normal(size=(2, 1, num_points, 6)))
