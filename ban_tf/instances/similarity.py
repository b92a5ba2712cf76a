"""SGPN's similarity of the points of a block, row by row: all of it takes N x N numbers."""

from collections.abc import Iterator

import numpy as np

from ban_tf.config import GroupMergingConfig

_CHUNK_BYTES = 1 << 20  # of the rows that exist at a time


class FeatureSimilarity:
    """Computes rows of the similarity from the features that SGPN's similarity head gives.

    The similarity of two points is `margin` times the squared distance of their features, so
    *small* values mean the same group. It is computed in float64, in which the expanded form
    (norms and one matrix product) is exact enough: the original rounds it in float32.

    Args:
        features: float `[N, F]`.
        margin: the factor; SGPN's `margin_same`.

    Raises:
        ValueError: not `[N, F]`, or a feature that is not finite.

    Example:
        >>> similarity = FeatureSimilarity(np.array([[0.0], [1.0], [3.0]]), margin=10.0)
        >>> similarity.rows(np.array([0]), np.array([0, 1, 2])).tolist()
        [[0.0, 10.0, 90.0]]
    """

    def __init__(self, features: np.ndarray, margin: float = GroupMergingConfig.margin):
        features = np.asarray(features, np.float64)
        if features.ndim != 2:
            raise ValueError(
                f"`features` must have shape [N, F]. Received: features.shape={features.shape}"
            )
        _check_finite("features", features)
        self._features = features
        self._norm = np.einsum("nf,nf->n", features, features)
        self._margin = margin

    def __len__(self) -> int:
        return len(self._features)

    def rows(self, index: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Similarities of some points with others.

        Args:
            index: int `[R]`, in [0, N).
            columns: int `[M]`, in [0, N).

        Returns:
            float64 `[R, M]`, at least 0.
        """
        product = self._features[index] @ self._features[columns].T
        distance = self._norm[index][:, None] + self._norm[columns] - 2.0 * product
        return np.maximum(self._margin * distance, 0.0)


class DenseSimilarity:
    """The same interface over similarities that are there already.

    Args:
        matrix: float32 or float64 `[N, N]`.

    Raises:
        TypeError: the values are no floats.
        ValueError: not square, or (when its row is read) a value that is not finite.

    Example:
        >>> similarity = DenseSimilarity(np.array([[0.0, 4.0], [4.0, 0.0]]))
        >>> similarity.rows(np.array([1]), np.array([0, 1])).tolist()
        [[4.0, 0.0]]
    """

    def __init__(self, matrix: np.ndarray):
        matrix = np.asarray(matrix)
        if matrix.dtype.kind != "f":
            raise TypeError(
                f"`similarity` must hold floats. Received: similarity.dtype={matrix.dtype}"
            )
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(
                f"`similarity` must have shape [N, N]. Received: similarity.shape={matrix.shape}"
            )
        self._matrix = matrix

    def __len__(self) -> int:
        return len(self._matrix)

    def rows(self, index: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Similarities of some points with others.

        Args:
            index: int `[R]`, in [0, N).
            columns: int `[M]`, in [0, N).

        Returns:
            `[R, M]` in the precision of the matrix.

        Raises:
            ValueError: a value that is not finite.
        """
        rows = self._matrix[np.ix_(index, columns)]
        _check_finite("similarity", rows)
        return rows


Similarity = FeatureSimilarity | DenseSimilarity


def similarity_of(source: Similarity | np.ndarray) -> Similarity:
    """Wraps a dense array; anything else is returned as it is.

    Args:
        source: float32 or float64 `[N, N]`, or a similarity.

    Returns:
        A similarity of N points.

    Raises:
        TypeError, ValueError: what `DenseSimilarity` refuses.

    Example:
        >>> len(similarity_of(np.zeros((3, 3))))
        3
    """
    return DenseSimilarity(source) if isinstance(source, np.ndarray) else source


def chunks(
    similarity: Similarity, index: np.ndarray, columns: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields parts of an index with their rows, about a megabyte at a time.

    Args:
        similarity: of N points.
        index: int, in [0, N): the rows.
        columns: int `[M]`, in [0, N).

    Yields:
        int `[R]`, the next part of `index`, and its rows, float `[R, M]`.

    Example:
        >>> similarity = FeatureSimilarity(np.array([[0.0], [1.0]]))
        >>> [rows.tolist() for _, rows in chunks(similarity, np.array([1, 0]), np.array([0]))]
        [[[10.0], [0.0]]]
    """
    num_rows = max(_CHUNK_BYTES // (8 * max(len(columns), 1)), 1)
    for start in range(0, len(index), num_rows):
        part = index[start : start + num_rows]
        yield part, similarity.rows(part, columns)


def _check_finite(name: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` must be finite; a network that diverged gives NaN, use an earlier "
            f"checkpoint. Received: {np.count_nonzero(~np.isfinite(values))} values that are not"
        )
