"""What is refused before it is sent, and what is refused of an answer."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ban_tf.serving.client.errors import BadAnswerError
from ban_tf.serving.client.transport import Arrays, Signature, Tensor

COUNTS = "num_points"
_BLOCKS = ("points", "xyz", "rgb")  # `[B, N, ...]`, of which `num_points` rows are there
_FAR = 1e7  # as metres: farther than a point of any map is from its origin


def inputs(signature: Signature, given: Mapping[str, Any], fewest_points: int) -> Arrays:
    """The inputs of a request as the signature takes them.

    A server that merges requests refuses a whole batch for one that cannot be, so all that the
    graph would refuse is refused here. Rows that are not there become 0.

    Args:
        signature: that is asked.
        given: arrays by name; None is as good as not given. Without `num_points` all rows are
            there.
        fewest_points: that a block must have.

    Raises:
        ValueError: a name, a shape, a dtype or a value that cannot be.

    Example:
        >>> takes = {"points": Tensor("float32", (None, None, 2)), COUNTS: Tensor("int32", (None,))}
        >>> inputs(Signature(takes, {}), {"points": np.ones((1, 5, 2))}, 1)[COUNTS]
        array([5], dtype=int32)
    """
    given = {name: values for name, values in given.items() if values is not None}
    block = next((name for name in _BLOCKS if name in signature.inputs), None)
    shape: tuple[int, ...] = ()
    if block is not None and block in given:
        shape = np.shape(given[block])
    if COUNTS in signature.inputs and len(shape) > 1:
        num_blocks, length = shape[:2]
        given = {COUNTS: np.full(num_blocks, length, np.int32), **given}
    _check_names(signature, given)
    arrays = {name: _cast(name, given[name], takes) for name, takes in signature.inputs.items()}
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1 or min(sizes.values()) == 0:
        raise ValueError(f"every input must be of the same blocks, at least one. Received: {sizes}")
    if block is not None and COUNTS in arrays:
        _check_rows(arrays, block, fewest_points)
    return arrays


def _check_names(signature: Signature, given: Mapping[str, Any]) -> None:
    may_lack = {COUNTS} if set(_BLOCKS) & set(signature.inputs) else set()
    missing = sorted(set(signature.inputs) - set(given) - may_lack)
    foreign = sorted(set(given) - set(signature.inputs))
    if missing or foreign:
        takes = ", ".join(f"`{name}`" for name in sorted(set(signature.inputs) - may_lack))
        optional = f", and may have `{COUNTS}`" if may_lack & set(signature.inputs) else ""
        wrong = [f"without {', '.join(missing)}"] if missing else []
        wrong += [f"{', '.join(foreign)}, which it does not know"] if foreign else []
        raise ValueError(
            f"the signature takes arrays {takes}{optional}. Received: {'; '.join(wrong)}"
        )


def _cast(name: str, given: Any, takes: Tensor) -> np.ndarray:
    array = np.asarray(given)
    if not _fits(array.shape, takes.shape):
        raise ValueError(
            f"`{name}` must have shape {_shown(takes.shape)}. Received: {name}.shape={array.shape}"
        )
    dtype = np.dtype(takes.dtype)
    cast = array
    if array.dtype.kind in "iuf" and dtype.kind in "iuf" and (
        dtype.kind == "f" or array.dtype.kind != "f"
    ):  # fmt: skip
        with np.errstate(over="ignore"):  # what is too large is refused as not finite
            cast = array.astype(dtype, copy=False)
    if cast.dtype != dtype or (dtype.kind in "iu" and not np.array_equal(cast, array)):
        raise ValueError(
            f"`{name}` must hold values of {dtype}. Received: {name} of {array.dtype}"
            + (f", {array.min()} to {array.max()}" if array.size and cast.dtype == dtype else "")
        )
    return cast


def _check_rows(arrays: Arrays, block: str, fewest_points: int) -> None:
    counts, length = arrays[COUNTS], arrays[block].shape[1]
    if counts.min() < fewest_points or counts.max() > length:
        raise ValueError(
            f"`{COUNTS}` must be at least {fewest_points}, which the network needs of a block, and "
            f"at most the {length} rows of `{block}`. Received: {COUNTS}={counts.tolist()}"
        )
    present = np.arange(length) < counts[:, None]
    for name in set(_BLOCKS) & set(arrays):
        values = arrays[name]
        if values.shape[1] != length:
            raise ValueError(
                f"`{name}` must have the rows of `{block}`. "
                f"Received: {values.shape[1]} and {length} rows"
            )
        if not np.isfinite(values[present]).all():
            where, row = np.argwhere(present & ~np.isfinite(values).all(axis=-1))[0]
            raise ValueError(
                f"`{name}` must be finite in the first `{COUNTS}` rows of every block. "
                f"Received: {name}[{where}, {row}]={values[where, row].tolist()}"
            )
        if not present.all():
            arrays[name] = np.where(present[..., None], values, np.zeros((), values.dtype))


def outputs(signature: Signature, found: Arrays, sent: Arrays) -> Arrays:
    """The outputs of a request, cut to its rows: a server that merges requests answers with more.

    Args:
        signature: that was asked.
        found: what came back.
        sent: as `inputs` gave it.

    Raises:
        BadAnswerError: an output is missing, of another shape or dtype, or not finite.

    Example:
        >>> gives = Signature({}, {"semantic": Tensor("int32", (None, None))})
        >>> sent = {"points": np.ones((1, 2, 6), np.float32)}
        >>> outputs(gives, {"semantic": np.zeros((1, 5), np.int32)}, sent)["semantic"].shape
        (1, 2)
    """
    missing = sorted(set(signature.outputs) - set(found))
    if missing:
        raise BadAnswerError(
            f"an answer must hold {sorted(signature.outputs)}. Received: without {missing}"
        )
    num_blocks = len(next(iter(sent.values())))
    length = next((sent[name].shape[1] for name in _BLOCKS if name in sent), None)
    return {
        name: _finite(name, _cut(name, found[name], gives, num_blocks, length), sent)
        for name, gives in signature.outputs.items()
    }


def _cut(
    name: str, values: np.ndarray, gives: Tensor, num_blocks: int, length: int | None
) -> np.ndarray:
    is_of_points = length is not None and values.ndim > 1
    is_of_these = values.ndim > 0 and len(values) == num_blocks
    if not is_of_these or not _fits(values.shape, gives.shape) or (
        is_of_points and values.shape[1] < (length or 0)
    ):  # fmt: skip
        expected = [num_blocks, *(gives.shape or (None, None))[1:]]
        if len(expected) > 1 and length is not None:
            expected[1] = length
        raise BadAnswerError(
            f"`{name}` of an answer must have shape {_shown(tuple(expected))}, or more rows. "
            f"Received: {values.shape}"
        )
    if values.dtype != np.dtype(gives.dtype):
        raise BadAnswerError(
            f"`{name}` of an answer must be {gives.dtype}. Received: {values.dtype}"
        )
    return values[:, :length] if is_of_points else values


def _finite(name: str, values: np.ndarray, sent: Arrays) -> np.ndarray:
    """What is sent may be finite and yet so large that a sound network overflows."""
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return values
    count = int(np.count_nonzero(~np.isfinite(values)))
    received = f"Received: {count} of {values.size} values that are not"
    largest = {
        key: float(np.abs(array).max()) for key, array in sent.items() if array.dtype.kind == "f"
    }
    large = {key: value for key, value in largest.items() if value > _FAR}
    if large:
        inputs = " and ".join(f"`{key}`" for key in large)
        told = " and ".join(f"{key} up to {value:.3g}" for key, value in large.items())
        raise BadAnswerError(
            f"`{name}` of an answer must be finite, and {inputs} of the request is out of any "
            f"sensible range, which makes a network overflow: give values as in training, "
            f"coordinates in metres. {received}, from {told}"
        )
    raise BadAnswerError(
        f"`{name}` of an answer must be finite: a network that diverged gives NaN, export an "
        f"earlier checkpoint. {received}"
    )


def _fits(shape: tuple[int, ...], asked: tuple[int | None, ...] | None) -> bool:
    if asked is None:
        return True
    return len(shape) == len(asked) and all(
        size in (None, have) for size, have in zip(asked, shape, strict=True)
    )


def _shown(shape: tuple[int | None, ...] | None) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape or ())}]"
