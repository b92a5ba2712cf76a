"""The signature `network` of an exported model as ONNX, compared with the model it comes from."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ban_tf.serving import graph

FILE = "assets.extra/network.onnx"
OPSET = 18
MAX_ERROR = 1e-3  # of logits and embedding, at valid rows
_NEEDED = ("tf2onnx", "onnxruntime")


def check(ops: graph.Kernels) -> None:
    """Refuses what cannot be ONNX, before any work.

    Raises:
        ValueError: compiled ops, which ONNX has no name for.
        ImportError: tf2onnx or onnxruntime is not installed.

    Example:
        >>> check("native")
        Traceback (most recent call last):
        ...
        ValueError: only TensorFlow's own ops can become ONNX: leave `ops` at "stock". Received: \
ops=native
    """
    if ops != "stock":
        raise ValueError(
            'only TensorFlow\'s own ops can become ONNX: leave `ops` at "stock". '
            f"Received: ops={ops}"
        )
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"ONNX needs {' and '.join(missing)}. Install it with: "
            'python -m pip install -e ".[onnx]"'
        )


def write(folder: Path, fewest_points: int) -> float:
    """Writes `FILE` into the folder of a version; returns the largest difference that was seen.

    Args:
        folder: of the version, with a SavedModel.
        fewest_points: that the network needs of a block.

    Raises:
        RuntimeError: the ONNX graph does not agree with the SavedModel.
    """
    import tf2onnx

    loaded = tf.saved_model.load(str(folder))  # kept: its weights live as long as it does
    signature = loaded.signatures[graph.NETWORK]
    given = signature.structured_input_signature[1]
    specs = [given["points"], given["num_points"]]

    def network(points: tf.Tensor, num_points: tf.Tensor) -> graph.Tensors:
        return signature(points=points, num_points=num_points)

    function = tf.function(network, input_signature=specs)
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    tf2onnx.convert.from_function(function, specs, opset=OPSET, output_path=str(path))
    return _compare(path, signature, fewest_points, specs[0].shape[-1])


def _compare(path: Path, signature: Any, fewest_points: int, num_channels: int) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rng = np.random.default_rng(0)
    largest = 0.0
    for counts in ([fewest_points], [fewest_points + 37], [fewest_points + 5, fewest_points]):
        shape = (len(counts), max(counts) + 3, num_channels)
        points = rng.uniform(0, 1, shape).astype(np.float32)
        for block, count in zip(points, counts, strict=True):
            block[count:] = np.nan
        request = {"points": points, "num_points": np.array(counts, np.int32)}
        found = dict(zip(names, session.run(names, request), strict=True))
        for name, expected in graph.run(signature, request).items():
            difference = float(np.abs(found[name] - expected).max())
            largest = float(np.maximum(largest, difference))  # NaN stays
    if not largest <= MAX_ERROR:
        raise RuntimeError(
            f"the ONNX graph must agree with the SavedModel within {MAX_ERROR}. "
            f"Received: a difference of {largest}"
        )
    return largest
