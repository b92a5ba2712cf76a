"""How requests meet in a batch: padded, filled up and split as TensorFlow Serving does it."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf import wrappers_pb2 as wrappers

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
    parameters = _parameters()
    try:
        text = path.read_text(encoding="utf-8")
        text_format.Parse(text, parameters, allow_unknown_field=True)
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


def _parameters() -> Any:
    """An empty `BatchingParameters`, of what is heeded of it here.

    Its class comes with no package: it is part of the stock server's session_bundle_config.proto.
    """
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="ban_tf/batching_parameters.proto",
        package="ban_tf",
        dependency=[wrappers.DESCRIPTOR.name],
        syntax="proto3",
    )
    message = file.message_type.add(name="BatchingParameters")
    for number, name in enumerate(("max_batch_size", "batch_timeout_micros"), start=1):
        message.field.add(
            name=name, number=number, label=field.LABEL_OPTIONAL, type=field.TYPE_MESSAGE,
            type_name=".google.protobuf.Int64Value",
        )  # fmt: skip
    message.field.add(
        name="allowed_batch_sizes", number=3, label=field.LABEL_REPEATED, type=field.TYPE_INT64
    )
    message.field.add(
        name="pad_variable_length_inputs", number=4, label=field.LABEL_OPTIONAL,
        type=field.TYPE_BOOL,
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    for made in (wrappers.DESCRIPTOR.serialized_pb, file.SerializeToString()):
        pool.AddSerializedFile(made)
    found = pool.FindMessageTypeByName("ban_tf.BatchingParameters")
    return message_factory.GetMessageClass(found)()


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
