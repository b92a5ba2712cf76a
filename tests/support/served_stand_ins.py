"""A stand-in network behind the tests' own servers, and clients of it."""

import contextlib
import functools
import json

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2

import fake_serving
from ban_tf import config
from ban_tf.clouds.cloud import unlabelled
from ban_tf.config.served import Server
from ban_tf.serving import inspection, model_card
from ban_tf.serving.client.client import Client
from ban_tf.serving.client.retrying import Waits


def experiment(**changes):
    options = {
        "labels": config.Labels(class_names=("floor", "thing")),
        "samples": config.Blocks(num_points=128, size_m=1.0, stride_m=0.5, min_points=5),
        "features": config.Features(names=("block_xyz", "rgb", "room_xyz")),
    }
    split = config.Split(name="val", train=("scan1",), test=("scan2",))
    return config.Experiment(dataset="desks", split=split, **(options | changes))


EXPERIMENT = experiment()
CHANNELS, CLASSES, WIDTH = EXPERIMENT.features.num_channels, 2, 3
FINGERPRINT = "f" * 64
_POINTS = {"points": ("float32", (-1, -1, CHANNELS)), "num_points": ("int32", (-1,))}
_OUTPUTS = {
    "logits": ("float32", (-1, -1, CLASSES)),
    "embedding": ("float32", (-1, -1, WIDTH)),
}
SIGNATURES = {
    "network": (_POINTS, _OUTPUTS),
    "serving_default": (_POINTS, {"semantic": ("int32", (-1, -1))}),
}
ABOUT = (
    {"num_points": ("int32", (-1,))},
    {"fingerprint": ("uint8", (-1, 64)), "card": ("uint8", (-1, -1))},
)
NO_WAITS = Waits(first_s=0.001)


def network(inputs):
    """Every point by itself: what is high is a thing, and where it is red it is another one."""
    points = inputs["points"]
    high, red = points[..., 2] > 0.3, points[..., 3] > 0.5
    logits = np.stack([1 - 2 * points[..., 2], 4 * points[..., 2] - 1], axis=-1)
    embedding = np.stack([8.0 * high, 8.0 * red, points[..., 4]], axis=-1)
    return {"logits": logits.astype(np.float32), "embedding": embedding.astype(np.float32)}


def label(inputs):
    """What is beyond `num_points` is told apart, to be seen if it comes out."""
    beyond = np.arange(inputs["points"].shape[1]) >= inputs["num_points"][:, None]
    semantic = np.argmax(network(inputs)["logits"], axis=-1)
    return {"semantic": np.where(beyond, 7, semantic).astype(np.int32)}


class Local:
    """The same as a `Predictor` of this process."""

    fingerprint = "local"

    def predict(self, features):
        return network({"points": features})


def card(experiment=EXPERIMENT, fingerprint=FINGERPRINT, mean_sizes=None, fewest_points=4):
    fields = model_card.fields(experiment, mean_sizes)
    return json.dumps(fields | {"fingerprint": fingerprint, "fewest_points": fewest_points})


def telling(text, fingerprint=FINGERPRINT):
    def about(inputs):
        size = len(inputs["num_points"])
        told = {"fingerprint": fingerprint, "card": text}
        return {
            name: np.tile(np.frombuffer(value.encode(), np.uint8), (size, 1))
            for name, value in told.items()
        }

    return about


def model(about=True, versions=(1,), **functions):
    """A `fake_serving.Model`; `functions` take the place of the stand-ins."""
    chosen = {"network": network, "serving_default": label, "about": telling(card())} | functions
    signatures = SIGNATURES | ({"about": ABOUT} if about else {})
    return fake_serving.Model(chosen, signatures, versions=versions)


def exported_model(folder, run):
    """A `fake_serving.Model` of an exported version; `run` calls a signature of it with arrays."""
    (meta_graph,) = inspection.read(folder).meta_graphs
    kinds = {number: name for name, number in types_pb2.DataType.items()}
    names = {kind: name for name, kind in fake_serving.DTYPES.items()}

    def listed(tensors):
        return {
            name: (names[kinds[one.dtype]], [dim.size for dim in one.tensor_shape.dim])
            for name, one in tensors.items()
        }

    signatures = {
        name: (listed(one.inputs), listed(one.outputs))
        for name, one in meta_graph.signature_def.items()
        if not name.startswith("__")
    }
    functions = {name: functools.partial(run, name) for name in signatures}
    return fake_serving.Model(functions, signatures)


@contextlib.contextmanager
def serving(kind, served, **options):
    """Yields the `host:port` of a server of a kind: "grpc" or "rest"."""
    if kind == "grpc":
        reason = "the extra `serving` is not installed"
        pytest.importorskip("grpc", reason=reason)
        pytest.importorskip("tensorflow_serving.apis", reason=reason)
        start = fake_serving.grpc_server
    else:
        start = fake_serving.rest_server
    with start(served, **options) as address:
        yield address


def server(kind, address, **options):
    options = {"timeout_s": 240.0, "attempts": 4} | options
    return Server(address=address, rest=kind == "rest", **options)


@contextlib.contextmanager
def client(kind, served, **options):
    """Yields a client of a server of its own, which waits hardly at all between tries."""
    with serving(kind, served) as address:
        with Client(server(kind, address, **options), NO_WAITS) as made:
            yield made


def blocks(num_blocks=5, num_points=9, seed=0):
    shape = (num_blocks, num_points, CHANNELS)
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)


def cloud(num_points=1500, seed=0):
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(0, 1, (num_points, 3)) * (3, 2, 1)
    return unlabelled("room", xyz, rng.integers(0, 256, (num_points, 3)).astype(np.uint8))
