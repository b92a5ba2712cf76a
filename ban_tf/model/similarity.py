"""The attentions of a network and what their soft-max is taken of, for those who look into it."""

from typing import Any

import keras
import numpy as np

from ban_tf.model.attention import CrossTaskAttention


def attentions(network: keras.Model) -> list[CrossTaskAttention]:
    """The attentions of a network, in the order in which they are computed; none for most.

    Example:
        >>> import keras
        >>> from ban_tf.model import similarity
        >>> similarity.attentions(keras.Sequential([keras.Input((4, 3)), keras.layers.Dense(2)]))
        []
    """
    return [layer for layer in network.layers if isinstance(layer, CrossTaskAttention)]


class _Guides:
    def __init__(self, network: keras.Model) -> None:
        self._layers = attentions(network)
        if not self._layers:
            raise ValueError(
                f"`network` must have an attention. Received: {network.name}, which has none"
            )
        self._guides = keras.Model(network.input, [layer.input[0] for layer in self._layers])

    def _pairs(self, features: Any) -> list[tuple[CrossTaskAttention, Any]]:
        """Each attention with what decides which points it finds alike, `[B, N, Cx]`."""
        found = self._guides(features, training=False)
        guides = found if isinstance(found, list) else [found]
        return list(zip(self._layers, guides, strict=True))


class InnerProducts(_Guides):
    """Gives the inner products of every attention of a network, with its weights as they are then.

    Args:
        network: with at least one attention.

    Raises:
        ValueError: it has none.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from ban_tf.model.attention import CrossTaskAttention
        >>> from ban_tf.model.similarity import InnerProducts
        >>> points = keras.Input((4, 3))
        >>> network = keras.Model(points, CrossTaskAttention(name="stoi")(points, points))
        >>> InnerProducts(network)(np.zeros((2, 4, 3), "float32"))["stoi"].shape
        (2, 4, 4)
    """

    def __call__(self, features: Any) -> dict[str, np.ndarray]:
        """The products, float32 `[B, N, N]` by the name of the attention, as at inference.

        Args:
            features: float32 `[B, N, C]`.
        """
        return {
            layer.name: keras.ops.convert_to_numpy(layer.inner_products(guide))
            for layer, guide in self._pairs(features)
        }


class QueriesAndKeys(_Guides):
    """Gives what the inner products of every attention are products of, which is far smaller.

    Args:
        network: with at least one attention.

    Raises:
        ValueError: it has none.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from ban_tf.model.attention import CrossTaskAttention
        >>> from ban_tf.model.similarity import QueriesAndKeys
        >>> points = keras.Input((4, 3))
        >>> network = keras.Model(points, CrossTaskAttention(name="stoi")(points, points))
        >>> query, key = QueriesAndKeys(network)(np.zeros((2, 4, 3), "float32"))["stoi"]
        >>> query.shape, key.shape
        ((2, 4, 3), (2, 4, 3))
    """

    def __call__(self, features: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Query and key, float32 `[B, N, Cx]` each, by the name of the attention.

        Args:
            features: float32 `[B, N, C]`.
        """
        found = {}
        for layer, guide in self._pairs(features):
            query, key = (
                keras.ops.convert_to_numpy(keras.ops.cast(linear(guide), "float32"))
                for linear in (layer.phi, layer.theta)
            )
            found[layer.name] = (layer.factor(guide.shape[-1]) * query, key)
        return found
