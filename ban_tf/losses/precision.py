"""The precision of a loss: that of the network, but never less than 32 bits."""

from typing import Any

import keras


def loss_dtype(*outputs: Any) -> str:
    """The dtype in which a loss of these outputs is worked out and given.

    Sums over thousands of points need more digits than float16 and bfloat16 have; float64, which
    checks of gradients ask for, stays.

    Args:
        outputs: tensors or arrays, of the network.

    Returns:
        "float64" if any of them is, else "float32".

    Example:
        >>> import numpy as np
        >>> half, single, double = (np.ones(1, f"float{bits}") for bits in (16, 32, 64))
        >>> loss_dtype(half), loss_dtype(single, double)
        ('float32', 'float64')
    """
    return keras.backend.result_type("float32", *(output.dtype for output in outputs))
