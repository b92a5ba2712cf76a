"""Attention: every point gathers the values of the points whose keys fit its query."""

from typing import Any

from tf_ops import library


def attend(query: Any, key: Any, value: Any, scale: float = 1.0) -> Any:
    """Computes `softmax(scale * query @ key^T) @ value` without ever holding it `N x M`.

    Exact, not an approximation, in the forward and in the backward pass, which computes the
    similarities again. Sums are float32 whatever the dtype of the inputs.
    A second derivative, the gradient of a gradient, is the stock kernel's alone.

    Args:
        query: float32 (or a half precision) `[B, N, D]`.
        key: `[B, M, D]`, `M >= 1`.
        value: `[B, M, C]`.
        scale: factor on the inner products.

    Returns:
        `[B, N, C]` in the dtype of `value`. Gradients reach all three tensors.

    Raises:
        TypeError: an input is float64 or not floating.
        ValueError: the shapes do not fit, or there is no key.
        NotImplementedError: a gradient of the native kernel's gradient is asked for.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> query = np.array([[[9, 0]]], "float32")
        >>> key = np.array([[[9, 0], [0, 9], [9, 0]]], "float32")  # the first and the last fit
        >>> value = np.array([[[1], [5], [3]]], "float32")
        >>> np.asarray(tf_ops.attend(query, key, value)).round(3).tolist()
        [[[2.0]]]
    """
    return library.kernels("attention").attend(query, key, value, scale)
