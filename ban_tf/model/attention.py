"""Attention from one task's features to the other's (paper, section 3)."""

from typing import Any, get_args

import keras
from keras import ops

from ban_tf.config import AttentionKernel, AttentionScale, SimilarityStart
from tf_ops import library
from tf_ops.attention import attention, stock

Shape = tuple[Any, ...]  # a size may be None: not known yet


@keras.saving.register_keras_serializable(package="ban")
class CrossTaskAttention(keras.layers.Layer):
    """Propagates one task's features over the points that the other task finds alike.

    The paper's Eq. 2: `P = softmax(phi(X) theta(X)^T)`, result `{Y, P g(Y)}`, with `theta`, `phi`
    and `g` linear with bias. These follow the dtype policy; the soft-max and its sums are float32
    under every policy, float64 too, for the op that works them out knows nothing wider.

    Args:
        scale: "none" for the inner products as they are (the authors' code), "rsqrt" to divide
            them by the root of their length.
        kernel: "chunked" never holds the `N x N` similarity, "plain" does; same results.
        start: "independent" draws `theta` and `phi` each on its own (the authors' code), "tied"
            starts `phi` equal to `theta`; both are trained on their own from there.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        guide: X, `[B, N, Cx]` features that decide which points are alike.
        values: Y, `[B, N, Cy]` features to propagate.

    Returns:
        `[B, N, 2 Cy]`: the values, then what attention brought.

    Raises:
        ValueError: an unknown `scale`, `kernel` or `start`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.attention import CrossTaskAttention
        >>> guide, values = np.ones((1, 4, 3), "float32"), np.ones((1, 4, 2), "float32")
        >>> layer = CrossTaskAttention()
        >>> tuple(layer(guide, values).shape)
        (1, 4, 4)
        >>> np.asarray(layer.similarity_row(guide, row=0)).tolist()  # all are alike
        [[0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(
        self,
        scale: AttentionScale = "none",
        kernel: AttentionKernel = "chunked",
        start: SimilarityStart = "independent",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, choice, choices in (
            ("scale", scale, get_args(AttentionScale)),
            ("kernel", kernel, get_args(AttentionKernel)),
            ("start", start, get_args(SimilarityStart)),
        ):
            if choice not in choices:
                raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={choice!r}")
        self.scale = scale
        self.kernel = kernel
        self.start = start
        # XLA cannot compile the native op.
        self.supports_jit = kernel == "plain" or library.use_stock()

    def build(self, guide_shape: Shape, values_shape: Shape) -> None:
        self.theta = self._linear("theta", guide_shape)
        self.phi = self._linear("phi", guide_shape)
        self.g = self._linear("g", values_shape)
        if self.start == "tied":  # phi was drawn all the same: g starts alike under both
            for own, other in zip(self.phi.weights, self.theta.weights, strict=True):
                own.assign(other)

    def _linear(self, name: str, shape: Shape) -> keras.layers.Dense:
        layer = keras.layers.Dense(shape[-1], name=name, dtype=self.dtype_policy)
        layer.build(shape)
        return layer

    def call(self, guide: Any, values: Any) -> Any:
        attend = attention.attend if self.kernel == "chunked" else stock.attend_plain
        query, key = narrow(self.phi(guide)), narrow(self.theta(guide))
        propagated = attend(query, key, narrow(self.g(values)), self.factor(guide.shape[-1]))
        propagated = ops.cast(propagated, self.compute_dtype)
        return ops.concatenate([values, propagated], axis=-1)

    def similarity_row(self, guide: Any, row: int) -> Any:
        """Row `row` of P, float32 `[B, N]`: the paper's Fig. 7."""
        factor = self.factor(guide.shape[-1])
        query, key = narrow(self.phi(guide)), narrow(self.theta(guide))
        return stock.attention_row(query, key, row, factor)

    def inner_products(self, guide: Any) -> Any:
        """What the soft-max of P is taken of, row by row: float32 `[B, N, N]`."""
        phi, theta = (ops.cast(linear(guide), "float32") for linear in (self.phi, self.theta))
        return self.factor(guide.shape[-1]) * ops.matmul(phi, ops.transpose(theta, (0, 2, 1)))

    def factor(self, width: int) -> float:
        return width**-0.5 if self.scale == "rsqrt" else 1.0

    def compute_output_shape(self, guide_shape: Shape, values_shape: Shape) -> Shape:
        return (*values_shape[:-1], 2 * values_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "kernel": self.kernel,
            "start": self.start,
        }


def narrow(x: Any) -> Any:
    """float64 as float32, the widest that the op takes; halves as they are, which it sums wider.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model import attention
        >>> str(np.asarray(attention.narrow(np.ones(2))).dtype)
        'float32'
    """
    return ops.cast(x, "float32") if keras.backend.standardize_dtype(x.dtype) == "float64" else x
