"""From rows of overlapping blocks back to the points of the room: sums and votes.

In a covering plan a point appears in several blocks, or several times in one. Its class is that
of the highest mean probability, its instance the one that most of its rows name. Blocks are added
as they come from the network; the order of adding decides nothing but rounding.
"""

import numpy as np

from ban_tf.config import NONE
from ban_tf.instances import restoring

_SLICE = 1 << 20  # points at a time, which bounds what `result` needs besides the sums
_PENDING = 1 << 22  # votes that may wait before they are counted


class SemanticVotes:
    """Mean class probabilities of each point of a room; holds float32 `[N, C]`.

    Args:
        num_points: N.
        num_classes: C.

    Example:
        >>> votes = SemanticVotes(num_points=3, num_classes=2)
        >>> votes.add(np.array([0, 1, 0]), np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]))
        >>> [part.tolist() for part in votes.result()]
        [[0, 1, -1], [0.75, 0.75, 0.0]]
    """

    def __init__(self, num_points: int, num_classes: int):
        self._sum = np.zeros((num_points, num_classes), np.float32)
        self._count = np.zeros(num_points, np.int32)

    def add(self, rows: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds some blocks.

        Args:
            rows: int64 `[...]`, the point of the room that each row shows.
            probabilities: float32 `[..., C]`, soft-max of the logits.

        Raises:
            ValueError: the shapes do not fit each other.
        """
        num_classes = self._sum.shape[1]
        if np.shape(probabilities) != (*np.shape(rows), num_classes):
            raise ValueError(
                f"`probabilities` must have the shape of `rows` and {num_classes} classes. "
                f"Received: rows.shape={np.shape(rows)}, "
                f"probabilities.shape={np.shape(probabilities)}"
            )
        flat = np.ravel(rows)
        if len(flat) == 0:
            return
        order = np.argsort(flat, kind="stable")
        starts = np.flatnonzero(np.diff(flat[order], prepend=-1))
        points = flat[order[starts]]
        ordered = np.reshape(probabilities, (-1, num_classes))[order]
        self._sum[points] += np.add.reduceat(ordered, starts, axis=0)
        self._count[points] += np.diff(starts, append=len(flat)).astype(np.int32)

    def state(self) -> dict[str, np.ndarray]:
        """The sums so far, for `restore`; arrays are not copied."""
        return {"sum": self._sum, "count": self._count}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to a `state` of the same room; keeps its arrays.

        Raises:
            ValueError: arrays that do not fit the room's points and classes.
        """
        restoring.check_fits(state, self.state())
        self._sum, self._count = state["sum"], state["count"]

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """The class of each point and how sure it is.

        Returns:
            int32 `[N]` classes (ties to the smallest; `NONE` for a point no row showed) and
            float32 `[N]` mean probabilities of those classes (0 where there is none).
        """
        num_points = len(self._count)
        semantic = np.full(num_points, NONE, np.int32)
        confidence = np.zeros(num_points, np.float32)
        for start in range(0, num_points, _SLICE):
            part = slice(start, start + _SLICE)
            seen = self._count[part] > 0
            best = self._sum[part].argmax(axis=1)
            highest = np.take_along_axis(self._sum[part], best[:, None], axis=1)[:, 0]
            semantic[part][seen] = best[seen]
            confidence[part][seen] = highest[seen] / self._count[part][seen]
        return semantic, confidence

    def entropy(self) -> np.ndarray:
        """float32 `[N]`: the entropy of each point's mean probabilities, in nats.

        0 where one class is certain and for a point no row showed, log C where all are alike.

        Example:
            >>> votes = SemanticVotes(num_points=2, num_classes=2)
            >>> votes.add(np.array([0, 1]), np.array([[0.5, 0.5], [1.0, 0.0]]))
            >>> votes.entropy().round(3).tolist()
            [0.6930000185966492, 0.0]
        """
        entropy = np.zeros(len(self._count), np.float32)
        for start in range(0, len(entropy), _SLICE):
            part = slice(start, start + _SLICE)
            count = np.maximum(self._count[part], 1)[:, None]
            share = self._sum[part] / count
            logs = np.log(share, out=np.zeros_like(share), where=share > 0)
            entropy[part] = np.maximum(-(share * logs).sum(axis=1), 0)
        return entropy


class InstanceVotes:
    """Counts how often each point of a room was given each instance.

    Memory grows with the number of different (point, instance) pairs, not with that of rows.

    Args:
        num_points: N.

    Example:
        >>> votes = InstanceVotes(num_points=3)
        >>> votes.add(np.array([0, 0, 0, 1]), np.array([7, 4, 7, -1]))
        >>> votes.result().tolist()
        [7, -1, -1]
    """

    def __init__(self, num_points: int):
        self._num_points = num_points
        self._keys = np.zeros(0, np.int64)  # instance * N + point, ascending
        self._counts = np.zeros(0, np.int32)
        self._pending: list[np.ndarray] = []
        self._num_pending = 0

    def add(self, rows: np.ndarray, instance: np.ndarray) -> None:
        """Adds some rows.

        Args:
            rows: int64 `[...]`, the point of the room that each row shows.
            instance: int `[...]`, the instance each row was given; `NONE` is no vote.

        Raises:
            ValueError: the shapes differ.
        """
        if np.shape(rows) != np.shape(instance):
            raise ValueError(
                "`rows` and `instance` must have one shape. "
                f"Received: rows.shape={np.shape(rows)}, instance.shape={np.shape(instance)}"
            )
        voted = np.asarray(instance) != NONE
        keys = instance[voted].astype(np.int64) * self._num_points + rows[voted]
        self._pending.append(keys)
        self._num_pending += len(keys)
        if self._num_pending >= max(_PENDING, len(self._keys) // 4):
            self._count()

    def _count(self) -> None:
        """Adds the pending votes: all of them, or none where memory runs out."""
        keys = np.concatenate([np.zeros(0, np.int64), *self._pending])
        keys.sort()
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        counts = np.diff(starts, append=len(keys)).astype(np.int32)
        keys = keys[starts]
        place = np.searchsorted(self._keys, keys)
        new = np.append(self._keys, -1)[place] != keys
        all_keys = np.insert(self._keys, place[new], keys[new])
        all_counts = np.insert(self._counts, place[new], 0)
        all_counts[np.searchsorted(all_keys, keys)] += counts
        self._keys, self._counts = all_keys, all_counts
        self._pending, self._num_pending = [], 0

    def state(self) -> dict[str, np.ndarray]:
        """The votes so far, for `restore`; arrays are not copied."""
        self._count()
        return {"keys": self._keys, "counts": self._counts}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to a `state` of the same room; keeps its arrays.

        Raises:
            ValueError: arrays of other types, or of different lengths.
        """
        num_pairs = len(state["keys"])
        counts = np.empty(num_pairs, np.int32)
        restoring.check_fits(state, {"keys": np.empty(num_pairs, np.int64), "counts": counts})
        self._keys, self._counts = state["keys"], state["counts"]
        self._pending, self._num_pending = [], 0

    def result(self, roots: np.ndarray | None = None) -> np.ndarray:
        """The instance of each point.

        Args:
            roots: int `[K]`, the instance that the votes for each instance count for, `NONE` where
                they count for none; None leaves every instance as it is.

        Returns:
            int32 `[N]`: the instance of most votes, ties to the smallest, `NONE` without a vote.
        """
        self._count()
        keys, counts = self._keys, self._counts
        if roots is not None:
            keys, counts = self._redirected(roots)
        winner = np.full(self._num_points, NONE, np.int32)
        most = np.zeros(self._num_points, np.int32)
        if self._num_points == 0:
            return winner
        # Keys ascend by instance, and within one instance no point occurs twice.
        start = 0
        while start < len(keys):
            instance = keys[start] // self._num_points
            stop = np.searchsorted(keys, (instance + 1) * self._num_points)
            points = keys[start:stop] - instance * self._num_points
            ahead = counts[start:stop] > most[points]
            winner[points[ahead]] = instance
            most[points[ahead]] = counts[start:stop][ahead]
            start = stop
        return winner

    def _redirected(self, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keys and counts with the votes of each instance under its root."""
        instance, point = np.divmod(self._keys, max(self._num_points, 1))
        root = np.asarray(roots, np.int64)[instance]
        counted = root != NONE
        keys = root[counted] * self._num_points + point[counted]
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], self._counts[counted][order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        if not len(starts):
            return keys, counts
        return keys[starts], np.add.reduceat(counts, starts)


def vote(
    plan: np.ndarray, probabilities: np.ndarray, num_points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Classes of a room's points from the soft-max of all its blocks at once.

    Args:
        plan: int64 `[K, P]`, the point that each row of each block shows.
        probabilities: float32 `[K, P, C]`.
        num_points: N.

    Returns:
        int32 `[N]` classes and float32 `[N]` confidences, as `SemanticVotes.result`.

    Example:
        >>> plan = np.array([[0, 1], [1, 1]])
        >>> probabilities = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.25, 0.75]]])
        >>> [part.tolist() for part in vote(plan, probabilities, num_points=2)]
        [[0, 1], [1.0, 0.75]]
    """
    votes = SemanticVotes(num_points, np.shape(probabilities)[-1])
    for rows, block in zip(plan, probabilities, strict=True):
        votes.add(rows, block)
    return votes.result()
