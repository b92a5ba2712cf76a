"""What an exported model takes and gives, read from its file, and requests held against it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc
import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2

from ban_tf.serving import graph, inspection
from ban_tf.serving.server import refusals, tensors

PREDICT = "tensorflow/serving/predict"
_TAG = "serve"
Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Input:
    """What stands at one name of a request.

    Args:
        dtype: of the values.
        shape: None where any size fits.
    """

    dtype: np.dtype
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One kind of request.

    Args:
        name: by which it is asked for.
        inputs: by name, in alphabetical order.
        outputs: names, in alphabetical order.
    """

    name: str
    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Description:
    """All that is asked of a model's file.

    Args:
        signatures: those of Predict, by name.
        definitions: all of them, as GetModelMetadata tells them.
        ops: names of all ops in the graph.
    """

    signatures: Mapping[str, Signature]
    definitions: Mapping[str, meta_graph_pb2.SignatureDef]
    ops: frozenset[str]

    def signature(self, name: str) -> Signature:
        """The signature of a name; none is `serving_default`.

        Raises:
            RefusedError: there is none.
        """
        wanted = name or graph.FEATURES
        if wanted not in self.signatures:
            raise refusals.RefusedError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f'Serving signature key "{wanted[:100]}" not found. '
                f"There are: {', '.join(sorted(self.signatures))}",
            )
        return self.signatures[wanted]


def read(folder: Path) -> Description:
    """Reads `saved_model.pb`.

    Raises:
        ValueError: it is damaged, or of a model that is not for serving.
        OSError: it cannot be read.
    """
    try:
        model = inspection.read(folder)
    except Exception as error:  # of protobuf, whose class depends on how it was built
        if isinstance(error, OSError):
            raise
        raise ValueError(f"{folder / 'saved_model.pb'} cannot be read: {error}") from error
    graphs = [graph for graph in model.meta_graphs if _TAG in graph.meta_info_def.tags]
    if not graphs:
        raise ValueError(f'{folder} must hold a graph with the tag "{_TAG}".')
    definitions = dict(graphs[0].signature_def)
    found = {
        name: _signature(name, definition)
        for name, definition in definitions.items()
        if definition.method_name == PREDICT
    }
    if not found:
        raise ValueError(f"{folder} must hold a signature that predicts.")
    return Description(found, definitions, frozenset(inspection.ops_of(model)))


def _signature(name: str, definition: meta_graph_pb2.SignatureDef) -> Signature:
    inputs = {}
    for key, info in sorted(definition.inputs.items()):
        if info.dtype not in tensors.DTYPES or not info.tensor_shape.dim:
            raise ValueError(
                f"every input of the signature `{name}` must be numbers with a batch dimension. "
                f"Received: {key}"
            )
        sizes = [dim.size for dim in info.tensor_shape.dim]
        inputs[key] = Input(
            tensors.DTYPES[info.dtype], tuple(None if size < 0 else size for size in sizes)
        )
    return Signature(name, inputs, tuple(sorted(definition.outputs)))


def check_names(signature: Signature, given: Mapping[str, object]) -> None:
    """Refuses a request that brings other inputs than the signature asks for.

    Raises:
        RefusedError: some are missing, or there are others.
    """
    if set(given) != set(signature.inputs):
        missing = sorted(set(signature.inputs) - set(given))
        extra = sorted(str(name)[:100] for name in set(given) - set(signature.inputs))[:10]
        raise refusals.invalid(
            f"the inputs must be those of the signature `{signature.name}`. "
            f"Sent extra: {extra}. Missing but required: {missing}"
        )


def rows(signature: Signature, arrays: Arrays) -> int:
    """How many rows a request brings, after a look at dtypes and shapes.

    Args:
        signature: that is asked for.
        arrays: by name, the names being right.

    Raises:
        RefusedError: a dtype or a shape that the signature does not take.

    Example:
        >>> points = Input(np.dtype("float32"), (None, None, 3))
        >>> rows(Signature("network", {"points": points}, ()), {"points": np.zeros((2, 5, 3), "f")})
        2
    """
    for name, values in arrays.items():
        expected = signature.inputs[name]
        if values.dtype != expected.dtype:
            raise refusals.invalid(f"`{name}` must be {expected.dtype}. Received: {values.dtype}")
        fits = len(values.shape) == len(expected.shape) and all(
            size in (None, have) for size, have in zip(expected.shape, values.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("?" if size is None else str(size) for size in expected.shape)
            raise refusals.invalid(
                f"`{name}` must have the shape [{wanted}]. Received: {list(values.shape)}"
            )
    sizes = {name: len(values) for name, values in arrays.items()}
    if len(set(sizes.values())) != 1 or not next(iter(sizes.values())):
        raise refusals.invalid(
            f"all inputs must have the same number of rows, at least one. Received: {sizes}"
        )
    return next(iter(sizes.values()))


def check_filter(signature: Signature, wanted: Sequence[str]) -> None:
    """Refuses outputs that the signature does not give.

    Raises:
        RefusedError: one is unknown or asked for twice.
    """
    unknown = sorted(set(wanted) - set(signature.outputs))
    if unknown or len(set(wanted)) < len(wanted):
        raise refusals.invalid(
            f"`output_filter` must name outputs once each: {', '.join(signature.outputs)}. "
            f"Received: {[name[:100] for name in wanted][:10]}"
        )
