"""Semantic features joined over points of one instance (Wang et al., "ASIS", 2019, section 3.2)."""

from typing import Any

import keras
from keras import ops

from tf_ops import library
from tf_ops.chunks import by_chunks
from tf_ops.grouping import grouping

Shape = tuple[Any, ...]  # a size may be None: not known yet


@keras.saving.register_keras_serializable(package="ban")
class InstanceAssociation(keras.layers.Layer):
    """Gives each point the maximum of the semantic features around it in the embedding.

    The neighbours of a point are those of `nearest_in_embedding`. No gradient reaches the
    embedding; a feature's goes to the neighbour it came from, of several to the nearest. Distances
    and features are compared in float32 whatever the dtype policy.

    Args:
        num_neighbours: K, at least 1.
        max_distance: L1, in units of the embedding; a point takes part in place of a neighbour
            further away.
        chunk_rows: points worked on at a time; sets the memory, not the result.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        embedding: `[B, N, E]`, `N >= num_neighbours`.
        features: `[B, N, C]`.

    Returns:
        `[B, N, C]`.

    Raises:
        ValueError: fewer points than neighbours, where the number of points is known beforehand;
            else the backend raises its own error when it picks them.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.association import InstanceAssociation
        >>> embedding = np.array([[[0], [0.1], [5]]], "float32")
        >>> features = np.array([[[1], [2], [3]]], "float32")
        >>> layer = InstanceAssociation(2, max_distance=0.5, chunk_rows=2)
        >>> np.asarray(layer(embedding, features)).tolist()
        [[[2.0], [2.0], [3.0]]]
    """

    def __init__(
        self, num_neighbours: int, max_distance: float, chunk_rows: int, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_neighbours = num_neighbours
        self.max_distance = max_distance
        self.chunk_rows = chunk_rows
        self.supports_jit = library.use_stock()  # XLA cannot compile the native op.

    def build(self, embedding_shape: Shape, features_shape: Shape) -> None:
        num_points = embedding_shape[1]
        if num_points is not None and num_points < self.num_neighbours:
            raise ValueError(
                f"`{self.name}` needs at least as many points as neighbours. Received: "
                f"num_neighbours={self.num_neighbours}, N={num_points}"
            )

    def call(self, embedding: Any, features: Any) -> Any:
        embedding = ops.cast(embedding, "float32")
        index = nearest_in_embedding(
            embedding, self.num_neighbours, self.max_distance, self.chunk_rows
        )  # [B, N, K]
        source = rows_of_maximum(ops.cast(features, "float32"), index, self.chunk_rows)
        return ops.take_along_axis(ops.cast(features, self.compute_dtype), source, axis=1)

    def compute_output_shape(self, embedding_shape: Shape, features_shape: Shape) -> Shape:
        return tuple(features_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_neighbours": self.num_neighbours,
            "max_distance": self.max_distance,
            "chunk_rows": self.chunk_rows,
        }


def nearest_in_embedding(
    embedding: Any, num_neighbours: int, max_distance: float, chunk_rows: int
) -> Any:
    """Finds the points of the most similar embedding; nothing carries a gradient.

    Nearest first by the sum of absolute differences, of equals the lowest index first. A point is
    among its own neighbours, unless that many others of the same embedding come before it.

    Args:
        embedding: float32 `[B, N, E]`, `N >= num_neighbours`.
        num_neighbours: K, at least 1.
        max_distance: where a neighbour is further away than this, the point itself stands.
        chunk_rows: points whose distances are held at a time.

    Returns:
        int32 `[B, N, K]` indices into N.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.association import nearest_in_embedding
        >>> embedding = np.array([[[0], [0.1], [5]]], "float32")
        >>> np.asarray(nearest_in_embedding(embedding, 2, max_distance=0.5, chunk_rows=2)).tolist()
        [[[0, 1], [1, 0], [2, 2]]]
    """
    embedding = ops.stop_gradient(embedding)
    batch, num_points, width = ops.shape(embedding)
    numbers = ops.arange(num_points, dtype="int32")[None, :, None]

    def of_chunk(points: Any, own: Any) -> Any:
        distance = 0.0
        for channel in range(width):  # one after the other: never [B, R, N, E]
            difference = points[:, :, None, channel] - embedding[:, None, :, channel]
            distance = distance + ops.abs(difference)  # [B, R, N]
        # Of equal values, top_k returns the one with the lower index first.
        negative, index = ops.top_k(-distance, num_neighbours)
        return ops.where(-negative > max_distance, own, ops.cast(index, "int32"))

    own = ops.broadcast_to(numbers, (batch, num_points, 1))
    return by_chunks(of_chunk, (embedding, own), chunk_rows)


def rows_of_maximum(features: Any, index: Any, chunk_rows: int) -> Any:
    """Finds, per channel, which neighbour has the largest feature; nothing carries a gradient.

    Args:
        features: float32 `[B, N, C]`.
        index: int32 `[B, M, K]` neighbours, indices into N.
        chunk_rows: points whose neighbours' features are held at a time.

    Returns:
        int32 `[B, M, C]` indices into N; of equals the first in `index`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.association import rows_of_maximum
        >>> features = np.array([[[1, 8], [2, 7], [3, 6]]], "float32")
        >>> index = np.array([[[0, 1], [2, 1]]], "int32")
        >>> np.asarray(rows_of_maximum(features, index, chunk_rows=2)).tolist()
        [[[1, 0], [2, 1]]]
    """
    features = ops.stop_gradient(features)

    def of_chunk(index: Any) -> Any:
        best = ops.argmax(grouping.group_points(features, index), axis=2)  # [B, R, C] of K
        return ops.take_along_axis(index, best, axis=2)

    return by_chunks(of_chunk, (index,), chunk_rows)
