"""What the one sample of a shape says of all points of its cloud."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from ban_tf import config
from ban_tf.config import NONE
from ban_tf.inference.room_state import mean_probability
from ban_tf.inference.sample_outputs import SampleOutputs
from ban_tf.instances import restoring, voting

_NUM_CANDIDATES = 4  # nearest points that are compared exactly; twice as many where all are tied
_SLACK = 1e-9  # of a distance: what a tree may round


class ShapeState:
    """Labels of one cloud that is a single sample; there is nothing to merge.

    A point that occurs in several rows of the sample takes the mean of their probabilities, and
    the cluster of the first of them. A point that is in no row takes the labels of the nearest
    point that is in one, ties to the lowest index.

    Args:
        xyz: float64 `[N, 3]`, all points of the cloud.
        experiment: its classes.

    Example:
        >>> from ban_tf.config import Experiment, Features, Labels, Shapes, Split
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ...     samples=Shapes(num_points=2),
        ...     features=Features(names=("xyz",)),
        ... )
        >>> state = ShapeState(np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0]]), experiment)
        >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
        >>> clusters, classes = np.array([0, 1]), np.array([0, 1])
        >>> sample = SampleOutputs(probabilities, classes, clusters, classes)
        >>> state.add(np.array([[0, 2]]), [sample])
        >>> state.result()[0]  # the point between them is nearer to the first
        array([0, 0, 1], dtype=int32)
    """

    def __init__(self, xyz: np.ndarray, experiment: config.Experiment):
        self._xyz = xyz
        self._semantic = voting.SemanticVotes(len(xyz), experiment.labels.num_classes)
        self._cluster = np.full(len(xyz), NONE, np.int32)
        self._source: np.ndarray | None = None
        self._num_samples = 0
        self._whole = True

    @property
    def num_samples(self) -> int:
        """1 once the sample was added, else 0."""
        return self._num_samples

    @property
    def is_whole(self) -> bool:
        """Whether the sample was added to the end; an error within `add` leaves a torn state."""
        return self._whole

    def add(self, rows: np.ndarray, samples: Sequence[SampleOutputs]) -> None:
        """Adds the sample.

        Args:
            rows: int `[1, P]`, the points that it shows.
            samples: one item.

        Raises:
            ValueError: there would be more than one sample.
        """
        if self._num_samples + len(samples) > 1:
            raise ValueError(
                "a shape must be one sample. Received: "
                f"{len(samples)} samples, {self._num_samples} before"
            )
        self._whole = False
        for sample_rows, sample in zip(rows, samples, strict=True):
            self._semantic.add(sample_rows, sample.probabilities)
            # An assignment that names a point twice keeps the last value: backwards, the first.
            self._cluster[sample_rows[::-1]] = sample.clusters[::-1]
        self._num_samples += len(samples)
        self._source = None
        self._whole = True

    def state(self) -> dict[str, np.ndarray]:
        """All that `restore` needs; arrays are not copied."""
        votes = {f"semantic.{name}": array for name, array in self._semantic.state().items()}
        return {"num_samples": np.array(self._num_samples), "cluster": self._cluster, **votes}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to what `state` of the same cloud and experiment gave; keeps its arrays.

        Raises:
            KeyError: the number of samples is missing.
            ValueError: another array is missing, or of another cloud.
        """
        restoring.check_fits(state, {"cluster": self._cluster})
        votes = {name.removeprefix("semantic."): array for name, array in state.items()}
        self._semantic.restore(votes)
        self._cluster = state["cluster"]
        self._source = None
        self._num_samples = int(state["num_samples"])

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """int32 `[N]` classes, float32 `[N]` confidences and int32 `[N]` instances of the points.

        Instances are the clusters of the sample, perhaps with gaps in their numbers.
        """
        semantic, confidence = self._semantic.result()
        source = self._sources()
        return semantic[source], confidence[source], self._cluster[source]

    def entropy(self) -> np.ndarray:
        """float32 `[N]`: the entropy of each point's mean probabilities, in nats."""
        return self._semantic.entropy()[self._sources()]

    def probability(self, points: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """float32 `[n]`: the mean probability of a class for each of some points.

        Args:
            points: int `[n]`.
            classes: int `[n]`, in [0, C).
        """
        return mean_probability(self._semantic, self._sources()[points], classes)

    def _sources(self) -> np.ndarray:
        """int64 `[N]`: the point of the sample whose labels each point takes."""
        if self._source is None:
            seen = self._semantic.state()["count"] > 0
            self._source = np.arange(len(seen))
            if not seen.all():
                rows = np.flatnonzero(seen)
                self._source[~seen] = rows[nearest(self._xyz[rows], self._xyz[~seen])]
        return self._source


def nearest(points: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The nearest point of each query, ties to the lowest index.

    Args:
        points: float64 `[M, 3]`, at least one.
        queries: float64 `[Q, 3]`.

    Returns:
        int64 `[Q]` indices into `points`.

    Example:
        >>> points = np.array([[2.0, 0, 0], [0, 0, 0], [2, 0, 0]])
        >>> nearest(points, np.array([[1.0, 0, 0], [1.5, 0, 0], [0, 1, 0]]))
        array([0, 0, 1])
    """
    # Points in one place are one candidate; else a thousand of them would be a thousand.
    places, first = np.unique(points, axis=0, return_index=True)
    tree = cKDTree(places)
    found = np.empty(len(queries), np.int64)
    left = np.arange(len(queries))
    num_candidates = min(_NUM_CANDIDATES, len(places))
    while len(left):
        _, index = tree.query(queries[left], k=np.arange(1, num_candidates + 1))
        # A tree does not tell which of equally near points it gives: compare squares, exactly.
        distance = np.square(queries[left, None] - places[index]).sum(axis=-1)
        least = distance.min(axis=1, keepdims=True)
        found[left] = np.where(distance == least, first[index], len(points)).min(axis=1)
        all_tied = distance.max(axis=1) <= least[:, 0] * (1 + _SLACK)
        left = left[all_tied] if num_candidates < len(places) else left[:0]
        num_candidates = min(2 * num_candidates, len(places))
    return found
