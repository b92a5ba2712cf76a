"""What is timed: blocks of one room, and embeddings of them to cluster."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks, Experiment, Labels
from ban_tf.data import samples, synthetic
from ban_tf.data.samples import Samples

_POINTS_PER_M2 = 6000.0  # of floor: a block of 1 m then has more than 4096


@dataclasses.dataclass(frozen=True)
class Workload:
    """Blocks of one room and embeddings to cluster in place of the network's.

    Args:
        features: float32 `[K, P, C]`, blocks in snake order.
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


def require_mergeable(experiment: Experiment) -> None:
    """Raises ValueError unless the originals' way from outputs to instances can be gone.

    It merges blocks by voxels that are shares of the room's extent.
    """
    if not isinstance(experiment.samples, Blocks) or experiment.features.place("room_xyz") is None:
        raise ValueError(
            "what is timed beside the originals must be blocks of rooms whose features hold "
            "room_xyz, by which the originals merge. Received: "
            f"samples={experiment.samples}, features={experiment.features.names}"
        )


def generated_room(labels: Labels, seed: int = 0) -> Cloud:
    """A furnished office of the generated building.

    Args:
        labels: gives the classes; objects of others have none.
        seed: of the building.
    """
    scans = synthetic.scan_wing(1, 4, _POINTS_PER_M2, seed)
    scan = next(scan for scan in scans if scan.name.startswith("office"))
    classes = np.array(labels.of_names(scan.class_names), np.int32)
    return Cloud(
        name=scan.name,
        xyz=scan.xyz,
        rgb=scan.rgb,
        semantic=classes[scan.object],
        instance=scan.object.astype(np.int32),
    )


def draw_blocks(cloud: Cloud, experiment: Experiment, num_blocks: int, seed: int = 0) -> Samples:
    """The first blocks of a room, drawn as the originals do; all of them if there are fewer."""
    plan = samples.plan_training(cloud, experiment.samples, np.random.default_rng(seed))
    return samples.gather(cloud, plan[:num_blocks], experiment.samples, experiment.features)


def draw_centres(
    num_centres: int, width: int, separation: float, rng: np.random.Generator
) -> np.ndarray:
    """Draws centres of instances, in a cube that leaves them a little room.

    Args:
        num_centres: G.
        width: E.
        separation: least distance between two of them.
        rng: gives every draw.

    Returns:
        float64 `[G, E]`.

    Example:
        >>> draw_centres(4, 5, 1.5, np.random.default_rng(0)).shape
        (4, 5)
    """
    side = max(2.5, 1.1 * separation * num_centres ** (1 / width))
    centres = np.zeros((0, width))
    while len(centres) < num_centres:
        candidate = side * rng.random(width)
        if (np.linalg.norm(centres - candidate, axis=1) >= separation).all():
            centres = np.vstack([centres, candidate])
    return centres


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

    Example:
        >>> embed(np.zeros((2, 64), int), width=5, separation=1.5, std=0.1).shape
        (2, 64, 5)
    """
    rng = np.random.default_rng(seed)
    names, index = np.unique(instance, return_inverse=True)
    centres = draw_centres(len(names), width, separation, rng)
    found = centres[index.reshape(instance.shape)]
    return (found + std * rng.standard_normal(found.shape)).astype(np.float32)
