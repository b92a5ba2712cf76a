"""What is timed: blocks of one room, and embeddings of them to cluster."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import BlockConfig
from ban_tf.data import synthetic
from ban_tf.data.samples import blocks
from ban_tf.data.samples.blocks import Blocks

_POINTS_PER_M2 = 6000.0  # of floor: a block of 1 m then has more than 4096


@dataclasses.dataclass(frozen=True)
class Workload:
    """Blocks of one room and embeddings to cluster in place of the network's.

    Args:
        features: float32 `[K, P, 9]`, in snake order.
        embeddings: float32 `[K, P, E]` each, by name.
    """

    features: np.ndarray
    embeddings: dict[str, np.ndarray]

    def write(self, path: Path) -> None:
        content = io.BytesIO()
        arrays: dict[str, Any] = {"features": self.features, **self.embeddings}
        np.savez(content, **arrays)
        disk.write_whole(path, content.getvalue())


def read(path: Path) -> Workload:
    """The inverse of `Workload.write`."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Workload(arrays.pop("features"), arrays)


def generated_room(class_names: tuple[str, ...], seed: int = 0) -> Cloud:
    """A furnished office of the generated building."""
    scans = synthetic.scan_area(1, 4, _POINTS_PER_M2, seed)
    scan = next(scan for scan in scans if scan.name.startswith("office"))
    classes = np.array([class_names.index(name) for name in scan.class_names], np.int32)
    return Cloud(
        name=f"Area_1_{scan.name}",
        xyz=scan.xyz,
        rgb=scan.rgb,
        semantic=classes[scan.object],
        instance=scan.object.astype(np.int32),
    )


def draw_blocks(cloud: Cloud, config: BlockConfig, num_blocks: int, seed: int = 0) -> Blocks:
    """The first blocks of a room, drawn as the originals do; all of them if there are fewer."""
    plan = blocks.plan_legacy(cloud, config, np.random.default_rng(seed))
    return blocks.gather(cloud, plan[:num_blocks], blocks.room_coordinates(cloud), config.size_m)


def embed(
    instance: np.ndarray, width: int, separation: float, std: float, seed: int = 0
) -> np.ndarray:
    """Points of each instance around a centre of its own, as the discriminative loss leaves them.

    Args:
        instance: int `[K, P]`, true instances.
        width: E.
        separation: least distance between two centres.
        std: standard deviation of the points around them, in each of the E directions.
        seed: of centres and points.

    Returns:
        float32 `[K, P, E]`.
    """
    rng = np.random.default_rng(seed)
    names, index = np.unique(instance, return_inverse=True)
    side = max(2.5, 1.1 * separation * len(names) ** (1 / width))
    centres = np.zeros((0, width))
    while len(centres) < len(names):
        candidate = side * rng.random(width)
        if (np.linalg.norm(centres - candidate, axis=1) >= separation).all():
            centres = np.vstack([centres, candidate])
    found = centres[index.reshape(instance.shape)]
    return (found + std * rng.standard_normal(found.shape)).astype(np.float32)
