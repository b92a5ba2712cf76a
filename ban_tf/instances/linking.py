"""From clusters of overlapping samples to the instances of a cloud, by the points they share.

The covering protocol's merging. That of the originals (`merging`) looks for voxels of 5 cm that
already belong to an instance, and so joins small objects that touch. Here nothing has a size:

- A point that an earlier sample showed with the same class tells which instance it was given
  there.
- Any other point asks its nearest neighbour in the sample before, which is a
  subset of the same place where a dense block is dealt out over several samples. The neighbours
  are believed where they answer for most of a cluster's new points: at the border of two places
  only a few new points have one.
- The clusters of a sample stay apart. Which instances are one object after all is decided in the
  end, by the evidence of all samples (`joining.PairEvidence`).
"""

import numpy as np
from scipy.spatial import cKDTree

from ban_tf.clouds import overlap
from ban_tf.config import NONE, InferenceConfig
from ban_tf.instances import clusters, restoring
from ban_tf.instances.joining import PairEvidence

_REACH = 3.0  # median distances between neighbours of a sample: how far a new point asks
_NUM_PROBES = 256  # points whose neighbours tell that distance
_SAME_PLACE_M = 1e-9  # how far a new point asks where all points lie on each other


class PointLinking:
    """Gives the clusters of one cloud their instances, sample after sample.

    A cluster's *hits* on an instance are its rows whose point, or nearest neighbour, carries that
    instance and whose class is the instance's. Clusters choose in the order of their hits, each
    instance is chosen once a sample, ties go to the lower cluster and instance. With fewer than
    `min_overlap` hits a cluster opens a new instance if it has at least `min_new_points` rows; a
    cluster that finds no instance opens one as well. An instance with fewer than `min_overlap`
    rows in all is dropped in the end: specks that nothing confirms.

    Args:
        xyz: float64 `[N, 3]`, all points of the cloud, finite.
        num_classes: C.
        config: the thresholds.

    Example:
        >>> xyz = np.stack([np.arange(60) / 100, np.zeros(60), np.zeros(60)], axis=1)
        >>> linking = PointLinking(xyz, num_classes=1, config=InferenceConfig())
        >>> one, two = np.zeros(1, int), np.zeros(2, int)
        >>> linking.add(np.arange(40), np.zeros(40, int), one)  # points 0 to 39 are one cluster
        array([0], dtype=int32)
        >>> linking.add(np.arange(20, 60), np.repeat([0, 1], 20), two)  # 20 to 39 are known
        array([0, 1], dtype=int32)
    """

    def __init__(self, xyz: np.ndarray, num_classes: int, config: InferenceConfig):
        self._xyz = xyz
        self._num_classes = num_classes
        self._config = config
        # The first instance of each class that each point was given.
        self._instance = np.full(len(xyz) * num_classes, NONE, np.int32)
        self._class_of = np.zeros(0, np.int32)  # of each instance
        self._num_rows = np.zeros(0, np.int64)  # of each instance, in all samples
        self._previous = np.zeros(0, np.int64)  # points of the sample before
        self._previous_instance = np.zeros(0, np.int32)
        self._tree: cKDTree | None = None
        self._evidence = PairEvidence()

    def add(self, rows: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Links the clusters of the next sample.

        Args:
            rows: int `[P]`, the point that each row shows; one may be shown several times.
            labels: int `[P]` cluster of each row, in [-1, G); `NONE` takes no part.
            classes: int `[G]` class of each cluster; one without a class (`NONE`) takes no part.

        Returns:
            int32 `[G]`: the instance of each cluster, `NONE` where it takes no part.

        Raises:
            TypeError: labels or classes that are not whole numbers.
            ValueError: arrays of different lengths, or a label or class out of range.
        """
        rows, labels, classes = clusters.taking_part(
            "rows", rows, labels, classes, self._num_classes
        )
        sizes = np.bincount(labels, minlength=len(classes))
        slot = rows.astype(np.int64) * self._num_classes + classes[labels]
        table = overlap.contingency(labels, self._carried(slot, rows, labels, classes))
        targets = self._choose(table, sizes, classes)
        self._weigh(table, targets, sizes, classes)
        given = targets[labels]
        self._num_rows += np.bincount(given, minlength=len(self._num_rows))
        new = self._instance[slot] == NONE
        self._instance[slot[new]] = given[new]
        self._remember(rows, given)
        return targets

    def _carried(
        self, slot: np.ndarray, rows: np.ndarray, labels: np.ndarray, classes: np.ndarray
    ) -> np.ndarray:
        """int64 `[P]`: the instance of the cluster's class that each row's point is known by."""
        carried = self._instance[slot].astype(np.int64)
        new = np.flatnonzero(carried == NONE)
        if self._tree is not None and len(new):
            near = self._neighbours(rows[new])
            near[np.append(self._class_of, NONE)[near] != classes[labels[new]]] = NONE
            asked = np.bincount(labels[new], minlength=len(classes))
            answered = np.bincount(labels[new[near != NONE]], minlength=len(classes))
            near[2 * answered[labels[new]] <= asked[labels[new]]] = NONE
            carried[new] = near
        return carried

    def _neighbours(self, points: np.ndarray) -> np.ndarray:
        """The instance of the nearest point of the sample before, `NONE` where none is near."""
        assert self._tree is not None
        distance, place = self._tree.query(self._xyz[points], distance_upper_bound=self._reach)
        return np.append(self._previous_instance, NONE)[
            np.where(np.isfinite(distance), place, len(self._previous))
        ].astype(np.int64)

    def _remember(self, rows: np.ndarray, given: np.ndarray) -> None:
        """Keeps the sample for the next one, each point once."""
        self._previous, first = np.unique(np.asarray(rows, np.int64), return_index=True)
        self._previous_instance = given[first]
        self._build_tree()

    def _build_tree(self) -> None:
        self._tree = None
        if len(self._previous) > 1:
            xyz = self._xyz[self._previous]
            self._tree = cKDTree(xyz)
            some = xyz[:: max(1, len(xyz) // _NUM_PROBES)]
            distance, _ = self._tree.query(some, k=2)
            # A point that lies on another one says nothing of the spacing.
            apart = distance[:, 1][distance[:, 1] > 0]
            self._reach = _REACH * float(np.median(apart)) if len(apart) else _SAME_PLACE_M

    def _choose(
        self, table: overlap.Contingency, sizes: np.ndarray, classes: np.ndarray
    ) -> np.ndarray:
        """int32 `[G]`: an instance for each cluster with rows, new ones where none fits."""
        targets = np.full(len(classes), NONE, np.int32)
        taken: set[int] = set()
        of_cluster = table.first_labels[table.first_index]
        instances = table.second_labels[table.second_index]
        for place in np.lexsort((instances, of_cluster, -table.count)):
            cluster, instance = int(of_cluster[place]), int(instances[place])
            few = table.count[place] < self._config.min_overlap
            opens = few and sizes[cluster] >= self._config.min_new_points
            if targets[cluster] == NONE and instance not in taken and not opens:
                targets[cluster] = instance
                taken.add(instance)
        new = np.flatnonzero((targets == NONE) & (sizes > 0))
        targets[new] = len(self._class_of) + np.arange(len(new))
        self._class_of = np.append(self._class_of, classes[new].astype(np.int32))
        self._num_rows = np.append(self._num_rows, np.zeros(len(new), np.int64))
        return targets

    def _weigh(
        self,
        table: overlap.Contingency,
        targets: np.ndarray,
        sizes: np.ndarray,
        classes: np.ndarray,
    ) -> None:
        """Notes what the sample says of pairs of instances."""
        own = targets[table.first_labels[table.first_index]]
        other = table.second_labels[table.second_index]
        hits_on_own = np.zeros(len(table.first_labels), np.int64)
        hits_on_own[table.first_index[own == other]] = table.count[own == other]
        # A new instance has the rows of its cluster.
        known = np.where(hits_on_own > 0, hits_on_own, sizes[table.first_labels])
        apart = own != other
        weight = np.minimum(table.count, known[table.first_index])
        self._evidence.add(own[apart], other[apart], weight[apart])
        present = np.flatnonzero(targets != NONE)
        first, second = (present[side] for side in np.triu_indices(len(present), 1))
        alike = classes[first] == classes[second]
        first, second = first[alike], second[alike]
        against = -np.minimum(sizes[first], sizes[second])
        self._evidence.add(targets[first], targets[second], against)

    def roots(self) -> np.ndarray:
        """int32 `[K]`: what each instance given by `add` became: one it was joined to, or `NONE`.

        A group of joined instances goes by the smallest of their numbers.
        """
        roots = self._evidence.roots(self._num_rows)
        rows = np.bincount(roots, self._num_rows, len(roots))
        return np.where(rows[roots] >= self._config.min_overlap, roots, NONE).astype(np.int32)

    def state(self) -> dict[str, np.ndarray]:
        """What the samples so far have led to, for `restore`; arrays are not copied."""
        return {
            "instance": self._instance,
            "class_of": self._class_of,
            "num_rows": self._num_rows,
            "previous": self._previous,
            "previous_instance": self._previous_instance,
            **self._evidence.state(),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to a `state` of the same cloud; keeps its arrays.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays that do not fit the cloud or each other.
        """
        num_instances, num_previous = len(state["class_of"]), len(state["previous"])
        expected: dict[str, np.ndarray] = {
            "instance": self._instance,
            "class_of": np.empty(num_instances, np.int32),
            "num_rows": np.empty(num_instances, np.int64),
            "previous": np.empty(num_previous, np.int64),
            "previous_instance": np.empty(num_previous, np.int32),
        }
        restoring.check_fits(state, expected)
        self._evidence.restore(state)
        for name in expected:
            setattr(self, f"_{name}", state[name])
        self._build_tree()
