"""The server's own handling of requests, replayed: batches of unequal blocks, and the warm-up."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

import serving_rules
import tiny_networks
from ban_tf.serving import warm_up

# Sizes of the requests that meet in a batch, and the points of each block.
MEETINGS = {
    "two of unequal size": [(1, 24), (1, 15)],
    "an odd number, so the batch is filled up": [(1, 13), (1, 24), (1, 12)],
    "several blocks in one request": [(2, 14), (3, 19)],
    "a full batch": [(1, n) for n in (12, 24, 13, 20, 16, 24, 12, 14)],
}

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def allowed_sizes(exported):
    text = (exported / "batching_params.pbtxt").read_text()
    return [int(size) for size in re.findall(r"^allowed_batch_sizes: (\d+)$", text, re.M)]


def request(seed, size, num_points):
    return {
        "points": tiny_networks.blocks(size, num_points, seed),
        "num_points": np.full(size, num_points, np.int32),
    }


@pytest.mark.parametrize("meeting", MEETINGS.values(), ids=MEETINGS)
def test_requests_in_a_batch_get_what_they_get_alone(exported, model, meeting):
    requests = [request(seed, *sizes) for seed, sizes in enumerate(meeting)]
    batch = serving_rules.merge(requests, allowed_sizes(exported))
    assert len(batch["num_points"]) in allowed_sizes(exported)
    outputs = model("outputs", batch)
    for one, found in zip(
        requests, serving_rules.split(outputs, [size for size, _ in meeting]), strict=True
    ):
        alone, length = model("outputs", one), one["points"].shape[1]
        for name in ("semantic", "instance"):
            np.testing.assert_array_equal(found[name][:, :length], alone[name])
            assert not found[name][:, length:].any()
        np.testing.assert_allclose(found["logits"][:, :length], alone["logits"], atol=1e-4)
        np.testing.assert_allclose(found["embedding"][:, :length], alone["embedding"], atol=1e-4)


def test_padding_is_the_first_scalar_of_each_request():
    short = np.array([[[5.0, 6.0]]])
    padded, _ = serving_rules.pad([short, np.zeros((1, 3, 2))])
    assert padded.tolist() == [[[5.0, 6.0], [5.0, 5.0], [5.0, 5.0]]]


def test_sizes_ascend_and_end_at_the_largest_batch(exported):
    sizes = allowed_sizes(exported)
    text = (exported / "batching_params.pbtxt").read_text()
    assert sizes == sorted(set(sizes))
    assert f"max_batch_size {{ value: {sizes[-1]} }}" in text


def replayed(record):
    """Signature and inputs of a warm-up record, read field by field."""
    ((kind, log),) = serving_rules.fields(record)
    ((of_log, message),) = serving_rules.fields(log)
    assert (kind, of_log) == (6, 1)  # a PredictLog, and its request
    signature, inputs = "", {}
    for number, content in serving_rules.fields(message):
        parts = dict(serving_rules.fields(content))
        if number == 1:
            name, signature = parts[1].decode(), parts[3].decode()
            assert name == "ban"
        else:
            tensor = tf.make_ndarray(tensor_pb2.TensorProto.FromString(parts[2]))
            inputs[parts[1].decode()] = tensor
    return signature, inputs


def test_every_warm_up_record_runs(exported, model):
    records = tf.data.TFRecordDataset(str(exported / warm_up.FILE)).as_numpy_iterator()
    signatures = []
    for record in records:
        signature, inputs = replayed(record)
        signatures.append(signature)
        assert model(signature, inputs)
    assert sorted(signatures) == ["about", "network", "outputs", "points", "serving_default"]


def test_the_servers_own_classes_read_the_records(exported):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    for record in tf.data.TFRecordDataset(str(exported / warm_up.FILE)).as_numpy_iterator():
        log = apis.PredictionLog.FromString(record)
        request = log.predict_log.request
        assert request.model_spec.name == "ban"
        signature, inputs = replayed(record)
        assert request.model_spec.signature_name == signature
        for name, tensor in request.inputs.items():
            np.testing.assert_array_equal(tf.make_ndarray(tensor), inputs[name])


def test_a_message_longer_than_a_byte_can_tell_is_read_back():
    values = np.arange(5000, dtype=np.float32).reshape(1, 5000)
    signature, inputs = replayed(warm_up.prediction_log("ban", "network", {"points": values}))
    assert signature == "network"
    np.testing.assert_array_equal(inputs["points"], values)
