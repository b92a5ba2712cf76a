"""The nearest points of a cloud, any number of them."""

from typing import Any

import keras
from keras import ops

from tf_ops import checks
from tf_ops.chunks import by_chunks

Shape = tuple[Any, ...]  # a size may be None: not known yet
# Query points of each cloud that are compared at a time; bounds the memory to [B, this, M].
QUERIES_AT_A_TIME = 256


def nearest_neighbours(query: Any, reference: Any, num_neighbours: int) -> Any:
    """Finds the reference points nearest to each query point.

    Distances are dx*dx + dy*dy + dz*dz in float32; a distance that is NaN counts as infinite.
    Ties go to the lowest index, so the result is the same on every device. Indices carry no
    gradient.

    Args:
        query: float32 `[B, N, 3]`, metres.
        reference: float32 `[B, M, 3]`, metres.
        num_neighbours: K, in [1, M].

    Returns:
        int32 `[B, N, K]` indices into M, nearest first.

    Raises:
        TypeError: an input is not float32.
        ValueError: the shapes do not fit, or M is known and less than K.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.nearest import nearest_neighbours
        >>> reference = np.array([[[0, 0, 0], [1, 0, 0], [5, 0, 0]]], "float32")
        >>> query = np.array([[[4, 0, 0]]], "float32")
        >>> np.asarray(nearest_neighbours(query, reference, 2)).tolist()
        [[[2, 1]]]
    """
    checks.check_float32("query", query)
    checks.check_float32("reference", reference)
    batch, num_queries, _ = checks.check_shape("query", query, "[B, N, 3]", None, None, 3)
    _, num_references, _ = checks.check_shape("reference", reference, "[B, M, 3]", batch, None, 3)
    _check_number(num_neighbours, num_references)
    query, reference = (
        ops.stop_gradient(ops.convert_to_tensor(points)) for points in (query, reference)
    )
    if num_queries == 0:  # there is no first chunk to look at
        return ops.zeros((ops.shape(query)[0], 0, num_neighbours), dtype="int32")
    return by_chunks(
        lambda chunk: _nearest(chunk, reference, num_neighbours), (query,), QUERIES_AT_A_TIME
    )


def _check_number(num_neighbours: int, num_references: int | None) -> None:
    most = num_neighbours if num_references is None else num_references
    if not 1 <= num_neighbours <= most:
        raise ValueError(
            "`num_neighbours` must be at least 1 and at most the number of points to choose from. "
            f"Received: num_neighbours={num_neighbours}, M={num_references}"
        )


def _nearest(query: Any, reference: Any, num_neighbours: int) -> Any:
    """As `nearest_neighbours`, all queries at once: holds `[B, N, M]`."""
    dx, dy, dz = (reference[:, None, :, axis] - query[:, :, None, axis] for axis in range(3))
    distance = dx * dx + dy * dy + dz * dz
    distance = ops.where(ops.isnan(distance), float("inf"), distance)
    # Of equal values, top_k returns the one with the lower index first.
    _, index = ops.top_k(-distance, num_neighbours, sorted=True)
    return ops.cast(index, "int32")


@keras.saving.register_keras_serializable(package="ban")
class NearestNeighbours(keras.layers.Layer):
    """Finds for every point the nearest points of its own cloud, itself among them.

    Layers over the same points share the result. Distances are float32 whatever the dtype policy.

    Args:
        num_neighbours: K.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        xyz: float32 `[B, N, 3]`, metres, `N >= num_neighbours`.

    Returns:
        int32 `[B, N, K]`, nearest first.

    Raises:
        ValueError: fewer points than neighbours, where their number is known beforehand.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.nearest import NearestNeighbours
        >>> xyz = np.array([[[0, 0, 0], [1, 0, 0], [5, 0, 0]]], "float32")
        >>> np.asarray(NearestNeighbours(2)(xyz)).tolist()
        [[[0, 1], [1, 0], [2, 1]]]
    """

    def __init__(self, num_neighbours: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_neighbours = num_neighbours

    def build(self, xyz_shape: Shape) -> None:
        _check_number(self.num_neighbours, xyz_shape[1])

    def call(self, xyz: Any) -> Any:
        xyz = ops.cast(xyz, "float32")
        return nearest_neighbours(xyz, xyz, self.num_neighbours)

    def compute_output_spec(self, xyz: Any) -> keras.KerasTensor:
        return keras.KerasTensor((*xyz.shape[:2], self.num_neighbours), "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_neighbours": self.num_neighbours}
