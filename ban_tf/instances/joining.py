"""Which instances are one object: evidence from many samples, weighed together at the end."""

import heapq

import numpy as np

from ban_tf.instances import restoring

_PENDING = 1 << 20  # pieces of evidence that may wait before they are added up


class PairEvidence:
    """Adds up what speaks for and against two instances being one.

    Evidence is measured in rows of samples: a cluster that holds rows of two instances speaks for
    them being one, a sample that shows them as two clusters speaks against. Of all pairs with more
    for than against, the one with the largest difference is joined first; its evidence about third
    instances adds up, and so on until no pair is left (greedy additive edge contraction, Keuper et
    al., "Efficient decomposition of image and mesh graphs by lifted multicuts", 2015).

    Example:
        >>> evidence = PairEvidence()
        >>> evidence.add(np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([9, 4, -6]))
        >>> evidence.roots(3)  # 1 joins 0; then 4 - 6 speaks against 2
        array([0, 0, 2], dtype=int32)
    """

    def __init__(self) -> None:
        self._pairs = np.zeros((0, 2), np.int32)
        self._weights = np.zeros(0, np.int64)
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []
        self._num_pending = 0

    def add(self, first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> None:
        """Adds evidence about some pairs.

        Args:
            first: int `[n]`, instances.
            second: int `[n]`, the others, none equal to its `first`.
            weight: int `[n]`, rows: positive for one object, negative against.
        """
        pairs = np.sort(np.stack([first, second], axis=1).astype(np.int32), axis=1)
        self._pending.append((pairs, np.asarray(weight, np.int64)))
        self._num_pending += len(pairs)
        if self._num_pending >= max(_PENDING, len(self._weights)):
            self._add_up()

    def _add_up(self) -> None:
        pairs = np.concatenate([self._pairs, *(pairs for pairs, _ in self._pending)])
        weights = np.concatenate([self._weights, *(weights for _, weights in self._pending)])
        self._pairs, place = np.unique(pairs, axis=0, return_inverse=True)
        self._weights = np.zeros(len(self._pairs), np.int64)
        np.add.at(self._weights, place.ravel(), weights)
        self._pending, self._num_pending = [], 0

    def state(self) -> dict[str, np.ndarray]:
        """The sums so far, for `restore`; arrays are not copied."""
        self._add_up()
        return {"pairs": self._pairs, "weights": self._weights}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to a `state`; keeps its arrays.

        Raises:
            ValueError: arrays of other types, or of different lengths.
        """
        count = len(state["weights"])
        pairs, weights = np.empty((count, 2), np.int32), np.empty(count, np.int64)
        restoring.check_fits(state, {"pairs": pairs, "weights": weights})
        self._pairs, self._weights = state["pairs"], state["weights"]
        self._pending, self._num_pending = [], 0

    def roots(self, num_instances: int) -> np.ndarray:
        """int32 `[num_instances]`: for each instance the smallest of those that it is one with.

        Args:
            num_instances: more than the largest instance of any pair.
        """
        self._add_up()
        sums: dict[int, dict[int, int]] = {}
        for (low, high), weight in zip(self._pairs.tolist(), self._weights.tolist(), strict=True):
            sums.setdefault(low, {})[high] = weight
            sums.setdefault(high, {})[low] = weight
        # Of equal weights the pair with the smallest numbers comes first.
        queue = [(-weight, low, high) for low, others in sums.items()
                 for high, weight in others.items() if low < high and weight > 0]  # fmt: skip
        heapq.heapify(queue)
        root = np.arange(num_instances, dtype=np.int32)
        while queue:
            weight, low, high = heapq.heappop(queue)
            if sums.get(low, {}).get(high) != -weight:
                continue  # joined since, or with another sum
            root[high] = low
            _contract(sums, queue, low, high)
        # A root is smaller than what it is the root of, so one pass from below is enough.
        for number in range(num_instances):
            root[number] = root[root[number]]
        return root


def _contract(
    sums: dict[int, dict[int, int]], queue: list[tuple[int, int, int]], low: int, high: int
) -> None:
    """Joins `high` to `low`: what was known about either is now known about `low`."""
    for third, weight in sums.pop(high).items():
        del sums[third][high]
        if third == low:
            continue
        total = sums[low].get(third, 0) + weight
        sums[low][third] = sums[third][low] = total
        if total > 0:
            heapq.heappush(queue, (-total, min(low, third), max(low, third)))
