"""Runs a NumPy function in the middle of a graph, whatever the backend."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops


def run(
    function: Callable[..., np.ndarray], *inputs: Any, shape: tuple[int | None, ...], dtype: str
) -> Any:
    """Calls a function with the values of tensors, on the host, each time the graph runs.

    The function must depend on nothing but its arguments: it may be called more often or less
    often than the code reads. XLA under TensorFlow cannot compile it.

    Args:
        function: takes one NumPy array per tensor and returns one of `shape` and `dtype`.
        *inputs: tensors; no gradient flows back to them.
        shape: shape of the result; under TensorFlow a size that is not known yet may be None.
        dtype: dtype of the result.

    Returns:
        The result as a tensor; carries no gradient.
    """
    inputs = tuple(ops.stop_gradient(ops.convert_to_tensor(tensor)) for tensor in inputs)
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        result = tf.numpy_function(function, inputs, dtype, stateful=False)
        return tf.ensure_shape(tf.stop_gradient(result), shape)
    if backend == "jax":
        import jax

        def on_arrays(*arrays: Any) -> np.ndarray:
            return function(*(np.asarray(array) for array in arrays))

        return jax.pure_callback(on_arrays, jax.ShapeDtypeStruct(shape, dtype), *inputs)
    return ops.convert_to_tensor(function(*(ops.convert_to_numpy(x) for x in inputs)), dtype)
