"""Requests that the server replays before it lets a model answer: `tf_serving_warmup_requests`.

A TFRecord file of `PredictionLog` messages. They are put together here byte by byte, for the
classes of these messages come with a package that an export needs for nothing else; a record that
the server cannot run keeps it from loading the model.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ban_tf.config import Experiment
from ban_tf.serving import graph, model_card

FILE = "assets.extra/tf_serving_warmup_requests"

# Numbers of the fields: tensorflow_serving/apis/{prediction_log,predict,model}.proto.
_PREDICT_LOG = 6  # of PredictionLog
_REQUEST = 1  # of PredictLog
_MODEL_SPEC, _INPUTS = 1, 2  # of PredictRequest
_KEY, _VALUE = 1, 2  # of an entry of a map
_NAME, _SIGNATURE_NAME = 1, 3  # of ModelSpec


def requests(
    experiment: Experiment, fewest_points: int, batch_sizes: tuple[int, ...]
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields a signature and its inputs for every signature and batch size, always the same.

    Args:
        experiment: tells the size of a block and its channels.
        fewest_points: that the network needs of a block.
        batch_sizes: of the server's batches.

    Example:
        >>> from ban_tf.config import Labels, Split
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> len(list(requests(experiment, fewest_points=1024, batch_sizes=(1, 2))))
        10
    """
    num_points = max(experiment.samples.num_points, fewest_points)
    for size in batch_sizes:
        rng = np.random.default_rng(size)
        count = np.full(size, num_points, np.int32)
        xyz = rng.uniform(0, 1, (size, num_points, 3)).astype(np.float32)
        channels = (size, num_points, experiment.features.num_channels)
        points = rng.uniform(0, 1, channels).astype(np.float32)
        for name in (graph.FEATURES, graph.OUTPUTS, graph.NETWORK):
            yield name, {"points": points, "num_points": count}
        raw = {
            "xyz": xyz,
            "room_min": np.zeros((size, 3), np.float32),
            "room_max": np.ones((size, 3), np.float32),
            "num_points": count,
        }
        if experiment.features.place("rgb") is not None:
            raw["rgb"] = rng.integers(0, 256, xyz.shape).astype(np.uint8)
        yield graph.POINTS, raw
        yield model_card.ABOUT, {"num_points": count}


def write(
    path: Path, model_name: str, records: Iterator[tuple[str, Mapping[str, np.ndarray]]]
) -> int:
    """Writes the records; returns their number.

    Args:
        path: the file to write; its folder is made.
        model_name: under which the server knows the model.
        records: signature and inputs of each.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in records:
            writer.write(prediction_log(model_name, signature, inputs))
            count += 1
    return count


def prediction_log(model_name: str, signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """One serialized `PredictionLog` of a Predict request.

    Example:
        >>> prediction_log("ban", "network", {"num_points": np.array([5], np.int32)})[:1]
        b'2'
    """
    spec = _field(_NAME, model_name.encode()) + _field(_SIGNATURE_NAME, signature.encode())
    request = _field(_MODEL_SPEC, spec)
    for name in sorted(inputs):
        tensor = tf.make_tensor_proto(inputs[name]).SerializeToString()
        request += _field(_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor))
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    """A field of wire type 2: bytes, text or a message, behind their length."""
    length, rest = b"", len(content)
    while rest > 0x7F:
        length += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return bytes([number << 3 | 2]) + length + bytes([rest]) + content
