"""What the samples of a cloud have added up to so far: one interface for blocks and shapes."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ban_tf import config
from ban_tf.inference.room_state import RoomState
from ban_tf.inference.sample_outputs import SampleOutputs
from ban_tf.inference.shape_state import ShapeState


class CloudState(Protocol):
    """From outputs for samples to labels of the points of a cloud; `N` points, `C` classes."""

    @property
    def num_samples(self) -> int:
        """How many samples were added."""

    @property
    def is_whole(self) -> bool:
        """Whether every sample was added to the end; an error within `add` leaves a torn state."""

    def add(self, rows: np.ndarray, samples: Sequence[SampleOutputs]) -> None:
        """Adds the next K samples, which show the points `rows`, int `[K, P]`."""

    def state(self) -> dict[str, np.ndarray]:
        """All that `restore` needs; arrays are not copied."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to what `state` gave; raises KeyError or ValueError for another cloud's."""

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """int32 `[N]` classes, float32 `[N]` confidences and int32 `[N]` instances, with gaps."""

    def entropy(self) -> np.ndarray:
        """float32 `[N]`: the entropy of each point's mean probabilities, in nats."""

    def probability(self, points: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """float32 `[n]`: the mean probability of a class for each of some points, int `[n]`."""


def state_of(xyz: np.ndarray, experiment: config.Experiment) -> CloudState:
    """The state of a cloud of which no sample was added yet.

    Args:
        xyz: float64 `[N, 3]`, all points of the cloud.
        experiment: how clouds become samples; classes and thresholds.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> state_of(np.zeros((5, 3)), experiment).num_samples
        0
    """
    if isinstance(experiment.samples, config.Blocks):
        return RoomState(xyz, experiment)
    return ShapeState(xyz, experiment)
