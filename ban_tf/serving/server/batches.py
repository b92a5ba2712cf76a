"""How requests meet in a batch: padded, filled up and split as TensorFlow Serving does it."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from google.protobuf import text_format
from tensorflow_serving.config import session_bundle_config_pb2

from ban_tf.serving.server.signatures import Arrays

FILE = "batching_params.pbtxt"


@dataclasses.dataclass(frozen=True)
class Rules:
    """What `batching_params.pbtxt` says.

    Args:
        most_rows: of a batch, and so of a request.
        sizes: to which a batch is filled up; empty leaves it as it is.
        wait_s: how long the first request of a batch waits for others.
        pads: whether requests whose other dimensions differ may meet.
    """

    most_rows: int
    sizes: tuple[int, ...] = ()
    wait_s: float = 0.0
    pads: bool = False


def read(folder: Path) -> Rules | None:
    """The rules of a version; None where it has none, and every request runs alone.

    Raises:
        ValueError: the file is damaged, or its sizes do not ascend to the largest batch.
        OSError: it cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return None
    parameters = session_bundle_config_pb2.BatchingParameters()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), parameters)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    most = parameters.max_batch_size.value if parameters.HasField("max_batch_size") else 1000
    sizes = tuple(parameters.allowed_batch_sizes)
    if most < 1 or (sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != most)):
        raise ValueError(
            f"`allowed_batch_sizes` of {path} must ascend and end at `max_batch_size`. "
            f"Received: {sizes}, {most}"
        )
    wait_s = max(parameters.batch_timeout_micros.value, 0) / 1e6
    return Rules(most, sizes, wait_s, parameters.pad_variable_length_inputs)


def merge(requests: Sequence[Arrays], sizes: Sequence[int]) -> Arrays:
    """One batch of several requests.

    Shorter ones are padded along all dimensions but the first with the first scalar of each
    tensor; the first row of the last request is repeated up to the next of `sizes`.

    Args:
        requests: arrays by name, `[B, ...]`.
        sizes: allowed ones, ascending; empty for any.

    Example:
        >>> short, long = {"x": np.array([[5, 6]])}, {"x": np.array([[1, 2, 3]])}
        >>> merge([short, long], (1, 4))["x"].tolist()
        [[5, 6, 5], [1, 2, 3], [1, 2, 3], [1, 2, 3]]
    """
    total = sum(len(next(iter(request.values()))) for request in requests)
    missing = min((size for size in sizes if size >= total), default=total) - total
    merged = {}
    for name in requests[0]:
        parts = [request[name] for request in requests]
        longest = tuple(np.max([part.shape[1:] for part in parts], axis=0).astype(int))
        parts = [_padded(part, longest) for part in parts]
        merged[name] = np.concatenate([*parts, *[parts[-1][:1]] * missing])
    return merged


def _padded(part: np.ndarray, longest: tuple[int, ...]) -> np.ndarray:
    if part.shape[1:] == longest:
        return part
    padded = np.full((len(part), *longest), part.flat[0] if part.size else 0, part.dtype)
    padded[tuple(slice(size) for size in part.shape)] = part
    return padded


def merged_bytes(requests: Sequence[Arrays]) -> int:
    """What a batch of these would take, its padding included and the filling up not."""
    total = 0
    for name in requests[0]:
        parts = [request[name] for request in requests]
        longest = np.max([part.shape[1:] for part in parts], axis=0).astype(int).tolist()
        row = math.prod(longest) * parts[0].itemsize
        total += row * sum(len(part) for part in parts)
    return total


def split(outputs: Arrays, rows: Sequence[int]) -> list[Arrays]:
    """The outputs of each request; nothing is cut to its own length in other dimensions.

    Raises:
        ValueError: an output has not the rows of the batch.

    Example:
        >>> [part["y"].tolist() for part in split({"y": np.arange(4)}, [1, 2])]
        [[0], [1, 2]]
    """
    ends = np.cumsum(rows)
    if any(not values.ndim or len(values) < ends[-1] for values in outputs.values()):
        shapes = {name: values.shape for name, values in outputs.items()}
        raise ValueError(f"every output must have a row for each of the batch. Received: {shapes}")
    return [
        {name: values[end - size : end] for name, values in outputs.items()}
        for size, end in zip(rows, ends, strict=True)
    ]
