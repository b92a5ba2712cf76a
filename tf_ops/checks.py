"""What every public op refuses before any work starts: wrong types, wrong shapes, wrong numbers."""

import numbers
from typing import Any

import keras

SMALLEST_FLOAT32, END_OF_FLOAT32 = 2.0**-126, 2.0**128


def check_float32(name: str, tensor: Any) -> None:
    """Raises TypeError unless `tensor` is float32 (or has no type yet, as a list)."""
    found = _dtype_name(tensor)
    if found not in ("float32", None):
        raise TypeError(
            f"`{name}` must be float32: the point-cloud ops compute in float32 only. Received: "
            f'{name}.dtype={found}. Cast it with: keras.ops.cast({name}, "float32")'
        )


def check_int32(name: str, tensor: Any) -> None:
    """Raises TypeError unless `tensor` is int32 (or has no type yet, as a list)."""
    found = _dtype_name(tensor)
    if found not in ("int32", None):
        raise TypeError(
            f"`{name}` must be int32. Received: {name}.dtype={found}. Cast it with: "
            f'keras.ops.cast({name}, "int32")'
        )


def _dtype_name(tensor: Any) -> str | None:
    dtype = getattr(tensor, "dtype", None)
    # TensorFlow's and NumPy's types have a name, Keras's are one; others are for Keras to read.
    name = getattr(dtype, "name", dtype)
    return name if name is None or type(name) is str else keras.backend.standardize_dtype(dtype)


def check_shape(name: str, tensor: Any, letters: str, *sizes: int | None) -> tuple[int | None, ...]:
    """Raises ValueError when the known part of the shape is not `sizes`.

    Args:
        name: name of the argument, for the error message.
        tensor: what to check; passes if it has no `shape` yet, or one of unknown rank.
        letters: the shape in letters for the message, e.g. "[B, N, 3]".
        sizes: the size that each axis must have, None for any.

    Returns:
        The size of each axis, None where it is not known.
    """
    shape = getattr(tensor, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:
        return sizes
    found = tuple(shape)
    if len(found) == len(sizes) and _fits(found, sizes):
        return found
    raise ValueError(
        f"`{name}` must have shape {letters}, here {_text(sizes)}. Received: "
        f"{name}.shape={_text(found)}"
    )


def _fits(found: tuple[int | None, ...], sizes: tuple[int | None, ...]) -> bool:
    # A plain loop, because this runs at every call of an op; without `else`, which AutoGraph
    # cannot convert and warns about in a user's first trace.
    for want, got in zip(sizes, found, strict=True):
        if want != got and want is not None and got is not None:
            return False
    return True


def check_whole(name: str, value: Any) -> None:
    """Raises TypeError unless `value` is a whole number: 2.5 would be cut without a word."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"`{name}` must be a whole number, an int. Received: {name}={value!r}, of type "
            f"{type(value).__name__}"
        )


def check_positive_float32(name: str, value: Any) -> None:
    """Raises TypeError unless `value` is a number, ValueError unless float32 has it, above 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"`{name}` must be a number. Received: {name}={value!r}, of type {type(value).__name__}"
        )
    number: Any = value  # `numbers.Real` has no comparisons for a type checker
    if not SMALLEST_FLOAT32 <= number < END_OF_FLOAT32:  # false for NaN too
        raise ValueError(
            f"`{name}` must be > 0 and within the range of float32. Received: {name}={value}"
        )


def known_size(tensor: Any, axis: int) -> int | None:
    """Returns the size of one axis, or None while it is unknown."""
    shape = getattr(tensor, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None or axis >= len(shape):
        return None
    return shape[axis]


def _text(sizes: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("any" if size is None else str(size) for size in sizes) + "]"
