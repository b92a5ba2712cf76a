"""Where an attention looks, small enough to be carried by a page: its products at low rank."""

import dataclasses

import numpy as np

RANK = 16  # of the products that are kept; the first ones carry nearly all
_TOP = 127  # numbers are kept as -127 to 127 steps


@dataclasses.dataclass(frozen=True)
class Attention:
    """What makes the rows of an attention's similarity, for some samples of a cloud.

    The similarity of a point is the soft-max of its query's products with the keys of all points
    of the sample.

    Args:
        name: of the attention, such as `stoi`.
        query: float `[K, P, W]`.
        key: float `[K, P, W]`.

    Raises:
        ValueError: other shapes, or a value that is not finite.
    """

    name: str
    query: np.ndarray
    key: np.ndarray

    def __post_init__(self) -> None:
        if self.query.ndim != 3 or self.query.shape != self.key.shape:
            raise ValueError(
                "`query` and `key` must both have shape [K, P, W]. "
                f"Received: {self.query.shape}, {self.key.shape}"
            )
        if not (np.isfinite(self.query).all() and np.isfinite(self.key).all()):
            raise ValueError("`query` and `key` must be finite. Received: values that are not")


@dataclasses.dataclass(frozen=True)
class Small:
    """An attention at low rank in bytes; `R` components.

    Args:
        query: uint8 `[K, P, R]`; 128 is zero.
        key: uint8 `[K, P, R]`.
        scale: float64 `[K, R]`; products are sums over `scale * (query - 128) * (key - 128)`.
        moved: which share of a row's weight lies elsewhere than in the network, on average.
    """

    query: np.ndarray
    key: np.ndarray
    scale: np.ndarray
    moved: float


def small(attention: Attention, rank: int = RANK) -> Small:
    """Brings an attention to low rank, sample by sample, and to bytes.

    The best approximation of each sample's products, once the mean key is taken off all keys: it
    adds the same to all products of a row, which the soft-max does not see.

    Args:
        attention: as the network has it.
        rank: R at most, at least 1.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> found = small(Attention("stoi", *rng.normal(size=(2, 1, 50, 3))))
        >>> found.query.shape, found.moved < 0.02
        ((1, 50, 3), True)
    """
    num_samples, num_points, width = attention.query.shape
    rank = min(rank, width, num_points)
    factors = np.zeros((2, num_samples, num_points, rank), np.uint8)
    scale = np.zeros((num_samples, rank))
    moved = np.zeros(num_samples)
    for sample in range(num_samples):
        query = attention.query[sample].astype(np.float64)
        key = attention.key[sample].astype(np.float64)
        pair, scale[sample] = _in_bytes(*_factors(query, key - key.mean(axis=0), rank))
        factors[:, sample] = pair
        steps = pair.astype(np.float64) - (_TOP + 1)
        moved[sample] = _moved(query @ key.T, (steps[0] * scale[sample]) @ steps[1].T)
    return Small(factors[0], factors[1], scale, float(moved.mean()))


def _factors(query: np.ndarray, key: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """float64 `[P, R]` each, whose products are nearest to those of `[P, W]` each."""
    query_basis, query_part = np.linalg.qr(query)
    key_basis, key_part = np.linalg.qr(key)
    left, size, right = np.linalg.svd(query_part @ key_part.T)
    root = np.sqrt(size[:rank])
    return query_basis @ (left[:, :rank] * root), key_basis @ (right[:rank].T * root)


def _in_bytes(query: np.ndarray, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 `[2, P, R]`, and float64 `[R]` what a product of their steps is worth."""
    steps = [np.abs(part).max(axis=0) / _TOP for part in (query, key)]
    kept = [
        np.rint(part / np.where(step > 0, step, 1.0)) + _TOP + 1
        for part, step in zip((query, key), steps, strict=True)
    ]
    return np.stack(kept).astype(np.uint8), steps[0] * steps[1]


def _moved(products: np.ndarray, kept: np.ndarray) -> float:
    """The mean share of a row's weight that lies elsewhere: half the sum of differences."""
    return float(np.abs(_softmax(products) - _softmax(kept)).sum(axis=1).mean() / 2)


def _softmax(products: np.ndarray) -> np.ndarray:
    weight = np.exp(products - products.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
