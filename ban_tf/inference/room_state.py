"""What the blocks of a room have added up to so far."""

from collections.abc import Sequence

import numpy as np

from ban_tf import config
from ban_tf.config import NONE
from ban_tf.inference.sample_outputs import SampleOutputs
from ban_tf.instances import linking, voting

_Owner = linking.PointLinking | voting.SemanticVotes | voting.InstanceVotes


class RoomState:
    """Linking and votes of one cloud that is cut into blocks, over its first blocks.

    Args:
        xyz: float64 `[N, 3]`, all points of the cloud, metres.
        experiment: classes and thresholds.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> state = RoomState(np.zeros((40, 3)), experiment)
        >>> label, rows = np.zeros(40, np.int32), np.arange(40)[None]
        >>> state.add(rows, [SampleOutputs(np.full((40, 2), 0.5), label, label, np.zeros(1, int))])
        >>> [array[0].item() for array in state.result()]
        [0, 0.5, 0]
    """

    def __init__(self, xyz: np.ndarray, experiment: config.Experiment):
        num_classes = experiment.labels.num_classes
        self._linking = linking.PointLinking(xyz, num_classes, experiment.inference)
        self._semantic = voting.SemanticVotes(len(xyz), num_classes)
        self._instance = voting.InstanceVotes(len(xyz))
        self._num_samples = 0
        self._whole = True

    @property
    def num_samples(self) -> int:
        """How many blocks were added."""
        return self._num_samples

    @property
    def is_whole(self) -> bool:
        """Whether every block was added to the end; an error within `add` leaves a torn state."""
        return self._whole

    def add(self, rows: np.ndarray, samples: Sequence[SampleOutputs]) -> None:
        """Adds the next blocks.

        Args:
            rows: int `[K, P]`, the points that they show.
            samples: K blocks.
        """
        self._whole = False
        for block_rows, block in zip(rows, samples, strict=True):
            targets = self._linking.add(block_rows, block.clusters, block.classes)
            self._semantic.add(block_rows, block.probabilities)
            self._instance.add(block_rows, np.append(targets, NONE)[block.clusters])
        self._num_samples += len(samples)
        self._whole = True

    def state(self) -> dict[str, np.ndarray]:
        """All that `restore` needs; arrays are not copied."""
        arrays = {"num_samples": np.array(self._num_samples)}
        for part, owner in self._owners().items():
            arrays |= {f"{part}.{name}": array for name, array in owner.state().items()}
        return arrays

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to what `state` of the same cloud and experiment gave; keeps its arrays.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays of another cloud.
        """
        parts: dict[str, dict[str, np.ndarray]] = {part: {} for part in self._owners()}
        for name, array in state.items():
            part, _, field = name.partition(".")
            if field:
                parts[part][field] = array
        for part, owner in self._owners().items():
            owner.restore(parts[part])
        self._num_samples = int(state["num_samples"])

    def _owners(self) -> dict[str, _Owner]:
        return {"linking": self._linking, "semantic": self._semantic, "instance": self._instance}

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """int32 `[N]` classes, float32 `[N]` confidences and int32 `[N]` instances of the points.

        Instances have gaps in their numbers; see `SemanticVotes` and `InstanceVotes` for ties.
        """
        semantic, confidence = self._semantic.result()
        return semantic, confidence, self._instance.result(self.roots())

    def roots(self) -> np.ndarray:
        """int32 `[K]`: what each instance of a block became, as `PointLinking.roots`."""
        return self._linking.roots()

    def entropy(self) -> np.ndarray:
        """float32 `[N]`: the entropy of each point's mean probabilities, in nats."""
        return self._semantic.entropy()

    def probability(self, points: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """float32 `[n]`: the mean probability of a class for each of some points.

        Args:
            points: int `[n]`, points that a block showed.
            classes: int `[n]`, in [0, C).
        """
        return mean_probability(self._semantic, points, classes)


def mean_probability(
    votes: voting.SemanticVotes, points: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """float32 `[n]`: the mean probability of a class for each of some points.

    Args:
        votes: where the probabilities were added.
        points: int `[n]`, points that were shown at least once.
        classes: int `[n]`, in [0, C).
    """
    sums = votes.state()
    return sums["sum"][points, classes] / sums["count"][points].astype(np.float32)
