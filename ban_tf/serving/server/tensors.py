"""Tensors of the protocol as arrays, checked before anything of their size is made."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2

from ban_tf.serving.server import refusals

_NUMBERS = (
    tf.float16, tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64,
    tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool,
)  # fmt: skip
DTYPES = {dtype.as_datatype_enum: np.dtype(dtype.as_numpy_dtype) for dtype in _NUMBERS}
_ENUMS = {dtype: number for number, dtype in DTYPES.items()}
_FIELDS = (
    "half_val", "float_val", "double_val", "int_val", "int64_val", "bool_val", "uint32_val",
    "uint64_val",
)  # fmt: skip


def to_array(tensor: tensor_pb2.TensorProto, name: str, most_bytes: int) -> np.ndarray:
    """The values of a tensor.

    Args:
        tensor: of a request; few bytes may announce very many values.
        name: for the messages.
        most_bytes: that the values may take.

    Returns:
        What may be read only.

    Raises:
        RefusedError: no numbers, a shape that its content does not fill, or too many bytes.

    Example:
        >>> to_array(tf.make_tensor_proto([1.0, 2.0]), "points", 100).tolist()
        [1.0, 2.0]
    """
    dtype = DTYPES.get(tensor.dtype)
    if dtype is None:
        raise refusals.invalid(
            f"`{name}` must hold numbers or booleans. Received: dtype number {tensor.dtype}"
        )
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in shape) or len(shape) > 8:
        raise refusals.invalid(
            f"`{name}` must have a shape of at most 8 known dimensions. Received: {shape[:20]}"
        )
    count = math.prod(shape)
    if count * dtype.itemsize > most_bytes:
        raise refusals.exhausted(
            f"`{name}` must take at most {most_bytes} bytes. Received: {count * dtype.itemsize} "
            f"bytes, shape {shape}"
        )
    if tensor.tensor_content:
        if len(tensor.tensor_content) != count * dtype.itemsize:
            raise refusals.invalid(
                f"`{name}` must bring as many bytes as its shape and dtype need, "
                f"{count * dtype.itemsize}. Received: {len(tensor.tensor_content)}"
            )
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    return _of_fields(tensor, name, count)


def _of_fields(tensor: tensor_pb2.TensorProto, name: str, count: int) -> np.ndarray:
    """Values one by one; the last of them stands for all that follow."""
    received = max(len(getattr(tensor, field)) for field in _FIELDS)
    if received > count:
        raise refusals.invalid(
            f"`{name}` must bring at most as many values as its shape has, {count}. "
            f"Received: {received}"
        )
    try:
        return tf.make_ndarray(tensor)
    except (ValueError, TypeError, OverflowError) as error:
        raise refusals.invalid(f"`{name}` cannot be read: {error}") from error


def to_proto(values: np.ndarray) -> tensor_pb2.TensorProto:
    """An array as a tensor of the protocol.

    Example:
        >>> tf.make_ndarray(to_proto(np.array([[1, 2]], np.int32))).tolist()
        [[1, 2]]
    """
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in values.shape]
    return tensor_pb2.TensorProto(
        dtype=_ENUMS[values.dtype],
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=dims),
        tensor_content=values.tobytes(),
    )
