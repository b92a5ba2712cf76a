"""Arrays as JSON and back, as the REST interface of TensorFlow Serving has them."""

import json
from typing import Any

import numpy as np

from ban_tf.serving.client.transport import Arrays, Signature

# A float32 comes back bit for bit from nine digits, at two thirds of the bytes of Python's own.
_FORMATS = {"f": "%.9g", "i": "%d", "u": "%d"}


def request(signature: str, inputs: Arrays) -> bytes:
    """The body of a request by columns.

    Args:
        signature: its name.
        inputs: numbers, finite.

    Example:
        >>> request("network", {"num_points": np.array([3, 4], np.int32)})
        b'{"signature_name": "network", "inputs": {"num_points": [3,4]}}'
    """
    columns = ", ".join(f"{json.dumps(name)}: {_text(array)}" for name, array in inputs.items())
    return f'{{"signature_name": {json.dumps(signature)}, "inputs": {{{columns}}}}}'.encode()


def _text(array: np.ndarray) -> str:
    layout = _FORMATS[array.dtype.kind]
    for size in reversed(array.shape):
        layout = f"[{','.join([layout] * size)}]"
    return layout % tuple(array.ravel().tolist())


def answer(body: bytes, signature: Signature) -> Arrays:
    """The outputs in the body of an answer by columns; NaN and infinity are read as such.

    Args:
        body: JSON.
        signature: tells names and dtypes; a single output goes without its name.

    Raises:
        ValueError: no such body.

    Example:
        >>> from ban_tf.serving.client.transport import Tensor
        >>> known = Signature({}, {"y": Tensor("float32", (None,))})
        >>> answer(b'{"outputs": [0.5, NaN]}', known)["y"]
        array([0.5, nan], dtype=float32)
    """
    document = json.loads(body)
    outputs = document.get("outputs") if isinstance(document, dict) else None
    if outputs is None:
        raise ValueError("`outputs` is missing")
    if not isinstance(outputs, dict):
        outputs = {name: outputs for name in list(signature.outputs)[:1]}
    known = signature.outputs
    return {name: _array(values, known[name].dtype) for name, values in outputs.items()
            if name in known}  # fmt: skip


def _array(values: Any, dtype: str) -> np.ndarray:
    found = np.array(values)  # of unequal rows: a ValueError
    if found.dtype.kind not in "iufb":
        raise ValueError(f"numbers are expected, not {found.dtype}")
    return found.astype(dtype, casting="same_kind" if found.dtype.kind == "f" else "unsafe")
