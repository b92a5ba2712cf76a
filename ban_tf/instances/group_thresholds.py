"""How similar SGPN's points must be to share a group: a threshold per class, from training blocks.

The procedure of SGPN's released code: every point of a training block looks for the similarity
that holds most of its own instance and little of the others of its class.
"""

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE, GroupMergingConfig
from ban_tf.instances.similarity import Similarity, chunks, similarity_of


class GroupThresholds:
    """Collects training blocks, then gives the thresholds for `group_merging.merge_groups`.

    A point whose class also occurs outside its instance tries the edges of `num_bins` equal bins
    between its least and its greatest similarity within the instance. Below an edge lie a share of
    the instance (true) and a share of the class's other points (false). Of the edges with a true
    share above `min_true_share` it takes the one with the greatest ratio of true to false, the
    first of equal ones, if that ratio is above `min_gain`. The threshold of a class is the mean
    over its points.

    Two kinds of points give no estimate in the released code, but do here: those with an edge that
    has nothing false below it, the best there can be, whose first such edge counts, an infinite
    ratio; and those with an edge at exactly 0, at which it stops looking, though a point's
    similarity to itself is 0 but for rounding. Points that are equally similar to all of their
    instance have no bins, and give none; the released code makes some up.

    Args:
        num_classes: C.
        config: the numbers; None takes those of the released code.

    Example:
        >>> from ban_tf.instances.similarity import FeatureSimilarity
        >>> place = np.array([[0.0], [0.1], [0.3], [5.0]])  # of the features; the last is another
        >>> thresholds = GroupThresholds(num_classes=2)
        >>> thresholds.add(FeatureSimilarity(place), np.array([0, 0, 0, 1]), np.zeros(4, int))
        >>> thresholds.result().round(2).tolist()  # and the default for a class without points
        [0.22, 0.2]
    """

    def __init__(self, num_classes: int, config: GroupMergingConfig | None = None):
        self._num_classes = num_classes
        self._config = config or GroupMergingConfig()
        self._total = np.zeros(num_classes)
        self._count = np.zeros(num_classes, np.int64)

    def add(
        self, similarity: Similarity | np.ndarray, instance: np.ndarray, semantic: np.ndarray
    ) -> None:
        """Adds a training block of N points.

        Args:
            similarity: `FeatureSimilarity` or float `[N, N]`.
            instance: int `[N]`, the true instances; `NONE` is no instance.
            semantic: int `[N]` in [-1, C), the true classes; points of no class take no part.

        Raises:
            TypeError: labels that are not whole numbers, similarities that are not floats.
            ValueError: arrays of different lengths, a label out of range, a value not finite.
        """
        similarity = similarity_of(similarity)
        instance = overlap.check_labels("instance", instance, None, none=True)
        semantic = overlap.check_labels("semantic", semantic, self._num_classes, none=True)
        if not len(similarity) == len(instance) == len(semantic):
            raise ValueError(
                "`similarity`, `instance` and `semantic` must be of the same points. Received: "
                f"{len(similarity)}, {len(instance)} and {len(semantic)} points"
            )
        for number in np.unique(instance[instance != NONE]):
            inside = instance == number
            for class_number in np.unique(semantic[inside & (semantic != NONE)]):
                of_class = semantic == class_number
                others = np.flatnonzero(of_class & ~inside)
                if len(others):
                    rows = np.flatnonzero(of_class & inside)
                    edges = self._edges(similarity, rows, np.flatnonzero(inside), others)
                    self._total[class_number] += edges.sum(dtype=np.float64)
                    self._count[class_number] += len(edges)

    def result(self) -> np.ndarray:
        """The thresholds so far.

        Returns:
            float64 `[C]`, at least 0; `default_threshold` for a class without estimate.
        """
        default = np.full(self._num_classes, self._config.default_threshold)
        return np.divide(self._total, self._count, out=default, where=self._count > 0)

    def _edges(
        self, similarity: Similarity, index: np.ndarray, inside: np.ndarray, others: np.ndarray
    ) -> np.ndarray:
        """The edge that each point of `index` takes; fewer where some take none."""
        columns = np.concatenate([inside, others])
        taken = [np.zeros(0)]
        for _, rows in chunks(similarity, index, columns):
            taken.append(self._choose(rows[:, : len(inside)], rows[:, len(inside) :]))
        return np.concatenate(taken)

    def _choose(self, inside: np.ndarray, others: np.ndarray) -> np.ndarray:
        """From similarities `[R, n]` within and `[R, m]` beyond the instance to edges."""
        low, high = inside.min(axis=1), inside.max(axis=1)
        flat = low == high
        edges = np.linspace(low, high, self._config.num_bins + 1, axis=1, dtype=inside.dtype)
        true, false = shares_below(edges, inside), shares_below(edges, others)
        usable = true > self._config.min_true_share
        ratio = np.where(usable, np.inf, 0.0)
        np.divide(true, false, out=ratio, where=usable & (false > 0))
        best = ratio.argmax(axis=1)[:, None]
        gain = np.take_along_axis(ratio, best, axis=1)[:, 0]
        accepted = (gain > self._config.min_gain) & ~flat
        return np.take_along_axis(edges, best, axis=1)[accepted, 0]


def shares_below(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many of the values of a row lie below each of its edges.

    Args:
        edges: float `[R, A]`.
        values: float `[R, n]`, n at least 1.

    Returns:
        float64 `[R, A]`, shares in [0, 1].

    Example:
        >>> shares_below(np.array([[1.0, 2.0]]), np.array([[0.0, 1.0, 1.5, 3.0]])).tolist()
        [[0.25, 0.75]]
    """
    counts = [np.count_nonzero(values < edge[:, None], axis=1) for edge in edges.T]
    return np.stack(counts, axis=1) / values.shape[1]
