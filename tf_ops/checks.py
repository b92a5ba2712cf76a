"""What every public op refuses before any work starts: wrong types and wrong shapes."""

from typing import Any

import keras


def check_float32(name: str, tensor: Any) -> None:
    """Raises TypeError unless `tensor` is float32 (or has no type yet, as a list)."""
    dtype = getattr(tensor, "dtype", None)
    if dtype is not None and keras.backend.standardize_dtype(dtype) != "float32":
        raise TypeError(
            f"`{name}` must be float32: the point-cloud ops compute in float32 only. Received: "
            f"{name}.dtype={keras.backend.standardize_dtype(dtype)}. Cast it with: "
            f'keras.ops.cast({name}, "float32")'
        )


def check_int32(name: str, tensor: Any) -> None:
    """Raises TypeError unless `tensor` is int32 (or has no type yet, as a list)."""
    dtype = getattr(tensor, "dtype", None)
    if dtype is not None and keras.backend.standardize_dtype(dtype) != "int32":
        raise TypeError(
            f"`{name}` must be int32. Received: "
            f"{name}.dtype={keras.backend.standardize_dtype(dtype)}. Cast it with: "
            f'keras.ops.cast({name}, "int32")'
        )


def check_shape(name: str, tensor: Any, letters: str, *sizes: int | None) -> None:
    """Raises ValueError when the known part of the shape is not `sizes`.

    Args:
        name: the argument, for the message.
        tensor: anything; what has no `shape` yet, or one of unknown rank, passes.
        letters: the shape in letters, e.g. "[B, N, 3]".
        sizes: the size of each axis, None for any.
    """
    shape = _known_shape(tensor)
    if shape is None:
        return
    fits = len(shape) == len(sizes) and all(
        want is None or got is None or want == got for want, got in zip(sizes, shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`{name}` must have shape {letters}, here {_text(sizes)}. Received: "
            f"{name}.shape={_text(shape)}"
        )


def known_size(tensor: Any, axis: int) -> int | None:
    """Returns the size of one axis, or None while it is unknown."""
    shape = _known_shape(tensor)
    return None if shape is None or axis >= len(shape) else shape[axis]


def _known_shape(tensor: Any) -> tuple[int | None, ...] | None:
    shape = getattr(tensor, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:
        return None
    return tuple(shape)


def _text(sizes: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("any" if size is None else str(size) for size in sizes) + "]"
