"""The REST interface's two forms of a request and of its answer: by rows, and by columns."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ban_tf.serving.server import refusals, signatures
from ban_tf.serving.server.signatures import Arrays, Input, Signature


def parse(body: bytes) -> dict[str, Any]:
    """The object that a body holds.

    Raises:
        RefusedError: it is no JSON, nested too deep, no object, or has neither `instances` nor
            `inputs`, or both.

    Example:
        >>> parse(b'{"instances": [1, 2]}')
        {'instances': [1, 2]}
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise refusals.invalid(f"JSON Parse error: {reason[:200]}") from None
    if not isinstance(document, dict):
        raise refusals.invalid("the body must be a JSON object")
    if ("instances" in document) == ("inputs" in document):
        raise refusals.invalid('the body must have one of "instances" (rows) and "inputs"')
    if not isinstance(document.get("signature_name", ""), str):
        raise refusals.invalid('"signature_name" must be text')
    return document


def to_arrays(document: Mapping[str, Any], signature: Signature, most_bytes: int) -> Arrays:
    """The arrays of a request, of the dtypes that the signature asks for.

    Args:
        document: of `parse`.
        signature: that is asked for.
        most_bytes: that each may take.

    Raises:
        RefusedError: other names, rows of unequal length, or what is no number of that dtype.

    Example:
        >>> one = Signature("twice", {"x": Input(np.dtype("int32"), (None,))}, ("y",))
        >>> to_arrays({"instances": [1, 2]}, one, 100)["x"].tolist()
        [1, 2]
    """
    if "inputs" in document:
        columns = document["inputs"]
        if len(signature.inputs) == 1 and not isinstance(columns, dict):
            columns = {next(iter(signature.inputs)): columns}
        if not isinstance(columns, dict):
            raise refusals.invalid('"inputs" must be an object, with a value for each input')
        signatures.check_names(signature, columns)
    else:
        columns = _columns(document["instances"], signature)
    return {
        name: _array(columns[name], name, expected, most_bytes)
        for name, expected in signature.inputs.items()
    }


def _columns(instances: Any, signature: Signature) -> dict[str, list[Any]]:
    if not isinstance(instances, list) or not instances:
        raise refusals.invalid('"instances" must be a list with at least one row')
    if len(signature.inputs) == 1 and not isinstance(instances[0], dict):
        return {next(iter(signature.inputs)): instances}
    for row in instances:
        if not isinstance(row, dict):
            raise refusals.invalid('each of "instances" must be an object with all inputs')
        signatures.check_names(signature, row)
    return {name: [row[name] for row in instances] for name in signature.inputs}


def _array(values: Any, name: str, expected: Input, most_bytes: int) -> np.ndarray:
    try:
        found = np.array(values)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise refusals.invalid(
            f"`{name}` must be nested lists of equal length. Received: others"
        ) from None
    dtype = expected.dtype
    kinds = {"f": "iuf", "b": "b"}.get(dtype.kind, "iu")
    if found.size and found.dtype.kind not in kinds:
        raise refusals.invalid(f"`{name}` must hold values of {dtype}. Received: others")
    if found.size * dtype.itemsize > most_bytes:
        raise refusals.exhausted(f"`{name}` must take at most {most_bytes} bytes.")
    if found.size and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if int(found.min()) < limits.min or int(found.max()) > limits.max:
            raise refusals.invalid(
                f"`{name}` must be from {limits.min} to {limits.max}. "
                f"Received: {found.min()} to {found.max()}"
            )
    with np.errstate(over="ignore"):
        return found.astype(dtype)


def answer(outputs: Arrays, by_rows: bool) -> bytes:
    """The answer in the form of its request.

    Args:
        outputs: by name, `[B, ...]`.
        by_rows: whether the request had "instances".

    Example:
        >>> answer({"a": np.array([1, 2]), "b": np.array([3, 4])}, by_rows=True)
        b'{"predictions": [{"a": 1, "b": 3}, {"a": 2, "b": 4}]}'
        >>> answer({"a": np.array([1, 2])}, by_rows=False)
        b'{"outputs": [1, 2]}'
    """
    columns: Any = {name: values.tolist() for name, values in sorted(outputs.items())}
    if len(columns) == 1:
        (columns,) = columns.values()
    elif by_rows:
        rows = zip(*columns.values(), strict=True)
        columns = [dict(zip(columns, row, strict=True)) for row in rows]
    return json.dumps({"predictions" if by_rows else "outputs": columns}).encode()
