"""What the released code of ASIS, JSNet and BAN does between the network and a room's instances.

Here to compare results and time with, and for nothing else: scikit-learn's mean shift on one block
after another, and merging with a loop over points. Its limits of 100 clusters a block and 300
instances a room, beyond which it fails or fuses objects, are not repeated.
"""

from collections.abc import Mapping

import numpy as np

from ban_tf.config import Experiment, InferenceConfig
from ban_tf.instances import scikit_learn

_EMPTY = -1


def instances(
    features: np.ndarray, outputs: Mapping[str, np.ndarray], experiment: Experiment
) -> np.ndarray:
    """Clusters and merges the blocks of one room.

    Args:
        features: float32 `[K, P, C]`, blocks in snake order.
        outputs: `logits` `[K, P, C]` and `embedding` `[K, P, E]`.
        experiment: thresholds; its features, of which one is `room_xyz`.

    Returns:
        int32 `[K, P]`: instances, with gaps in their numbers.
    """
    merging = _PointwiseMerging(experiment.inference)
    room_xyz = features[..., experiment.features.places()["room_xyz"]]
    for block, logits, embedding in zip(
        room_xyz, outputs["logits"], outputs["embedding"], strict=True
    ):
        labels = scikit_learn.mean_shift(embedding, experiment.inference)
        semantic = logits.argmax(axis=-1)
        classes = [
            int(np.bincount(semantic[labels == cluster]).argmax())
            for cluster in range(labels.max() + 1)
        ]
        merging.add(block, labels.tolist(), classes)
    return np.array([merging.instances_of(block) for block in room_xyz], np.int32)


class _PointwiseMerging:
    """BlockMerging over two grids of voxels, a point at a time."""

    def __init__(self, config: InferenceConfig):
        side = int(1 / config.legacy_gap) + 1
        self._config = config
        self._instance = np.full((side, side, side), _EMPTY, np.int32)
        self._class = np.full((side, side, side), _EMPTY, np.int32)

    def _voxel(self, point: np.ndarray) -> tuple[int, ...]:
        return tuple((point / self._config.legacy_gap).astype(int).tolist())

    def add(self, xyz: np.ndarray, labels: list[int], classes: list[int]) -> None:
        """Merges a block: float32 `[P, 3]` as shares of the room, cluster of each point."""
        num_instances = int(self._instance.max()) + 1
        hits = np.zeros((len(classes), num_instances + 1), int)
        sizes = np.zeros(len(classes), int)
        for point, label in zip(xyz, labels, strict=True):
            voxel = self._voxel(point)
            if self._instance[voxel] != _EMPTY and self._class[voxel] == classes[label]:
                hits[label, self._instance[voxel]] += 1
            sizes[label] += 1
        targets = hits.argmax(axis=1)
        for cluster, size in enumerate(sizes):
            few_hits = hits[cluster].max() < self._config.min_overlap
            if few_hits and size >= self._config.min_new_points:
                targets[cluster] = num_instances
                num_instances += 1
        for point, label in zip(xyz, labels, strict=True):
            voxel = self._voxel(point)
            if self._instance[voxel] == _EMPTY:
                self._instance[voxel] = targets[label]
                self._class[voxel] = classes[label]

    def instances_of(self, xyz: np.ndarray) -> list[int]:
        """The instance in the voxel of each point."""
        return [int(self._instance[self._voxel(point)]) for point in xyz]
