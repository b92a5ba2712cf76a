"""The dtype policy "float64": every layer and every network builds, runs, trains, and agrees."""

import contextlib
import dataclasses
import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from ban_tf import model as room
from ban_tf.config import PointConvConfig, TrainingConfig
from ban_tf.model import networks
from ban_tf.model.association import InstanceAssociation
from ban_tf.model.attention import CrossTaskAttention
from ban_tf.model.bonet import BoxMasks, UnitCube
from ban_tf.model.jsnet import PointGate
from ban_tf.model.layers import PointMLP, SetAbstraction
from ban_tf.model.nearest import NearestNeighbours
from ban_tf.model.normalization import MomentumSchedule, ScheduledBatchNormalization, ScheduledLayer
from ban_tf.model.pointconv import PointConvEncoding
from ban_tf.model.pointconv_decoding import PointConvDecoding, SumPool
from ban_tf.model.pointnet import AppendGlobal
from ban_tf.model.propagation import FeaturePropagation, Interpolation, ThreeNearest
from ban_tf.model.sgpn import ClassThresholds
from tf_ops import library
from tiny_networks import POINTCONV, TINY, blocks, compiled, labels

SCHEDULE = {"schedule": MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")}
KERNELS = {"native": contextlib.nullcontext, "stock": library.stock_kernels}
# Sums of up to 100 terms near 1, one in float32 and one in float64.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def drawn(*shape, seed=0):
    """float64 values that float32 cannot hold."""
    return np.random.default_rng(seed).uniform(size=shape) + 1e-9


THREE = {
    "index": np.tile(np.array([0, 2, 1], np.int32), (2, 8, 1)),
    "weights": np.full((2, 8, 3), 1 / 3, np.float32),
}
XYZ = {"xyz": drawn(2, 8, 3), "features": drawn(2, 8, 4, seed=1)}
LEVELS = {"coarse": drawn(2, 3, 4), "fine": drawn(2, 8, 2, seed=1), **THREE}
POINTS = drawn(2, 8, 6)
# Layer, arguments, inputs by name.
LAYERS = [
    (ScheduledBatchNormalization, SCHEDULE, {"inputs": POINTS}),
    (ScheduledBatchNormalization, {**SCHEDULE, "per_channel": False}, {"inputs": POINTS}),
    (PointMLP, {**SCHEDULE, "widths": (4, 6)}, {"inputs": POINTS}),
    (PointMLP, {"schedule": None, "widths": (4,)}, {"inputs": POINTS}),
    (
        SetAbstraction,
        {**SCHEDULE, "num_samples": 5, "radius_m": 0.6, "num_neighbours": 4, "widths": (6,)},
        XYZ,
    ),
    (ThreeNearest, {}, {"fine_xyz": drawn(2, 8, 3), "coarse_xyz": drawn(2, 4, 3, seed=1)}),
    (Interpolation, {}, {"coarse": drawn(2, 3, 4), **THREE}),
    (FeaturePropagation, {**SCHEDULE, "widths": (6,)}, LEVELS),
    (NearestNeighbours, {"num_neighbours": 3}, {"xyz": drawn(2, 8, 3)}),
    (
        PointConvEncoding,
        {
            **SCHEDULE,
            "sizes": PointConvConfig(
                num_samples=4, radius_m=0.6, density_variance_m2=0.1, **POINTCONV
            ),
        },
        XYZ,
    ),
    (SumPool, SCHEDULE, {"groups": drawn(2, 4, 3, 5)}),
    (
        PointConvDecoding,
        {**SCHEDULE, "widths": (6,), "weight_width": 4},
        {
            **LEVELS,
            "xyz": drawn(2, 8, 3, seed=2),
            "neighbours": np.tile(np.array([0, 4, 7], np.int32), (2, 8, 1)),
        },
    ),
    *(
        (
            CrossTaskAttention,
            {"kernel": kernel, "scale": "rsqrt"},
            {"guide": POINTS, "values": drawn(2, 8, 3, seed=1)},
        )
        for kernel in ("chunked", "plain")
    ),
    (
        InstanceAssociation,
        {"num_neighbours": 3, "max_distance": 0.5, "chunk_rows": 5},
        {"embedding": drawn(2, 8, 3), "features": POINTS},
    ),
    (UnitCube, {}, {"points": POINTS}),
    (
        BoxMasks,
        {"widths": (8, 6), "negative_slope": 0.2},
        {"features": POINTS, "boxes": drawn(2, 3, 2, 3), "scores": drawn(2, 3)},
    ),
    (AppendGlobal, {}, {"features": POINTS, "block": drawn(2, 1, 4)}),
    (PointGate, {}, {"features": POINTS}),
    (ClassThresholds, {}, {"logits": POINTS}),
]
# float32 by declaration: indices aside, what they give is geometry, or a float32 output.
FLOAT32 = {
    (ThreeNearest, 1),
    (SetAbstraction, 0),
    (PointConvEncoding, 0),
    (UnitCube, 0),
    (BoxMasks, 0),
    (ClassThresholds, 0),
}


def test_every_layer_is_tried():
    names = [found.name for found in pkgutil.iter_modules(room.__path__, "ban_tf.model.")]
    classes = {
        kind
        for name in names
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        if issubclass(kind, keras.layers.Layer) and kind.__module__.startswith("ban_tf.model.")
    }
    assert classes - {ScheduledLayer} == {cls for cls, _, _ in LAYERS}


def run(cls, init, inputs, dtype, weights):
    """The layer and its outputs; `weights` of None for fresh ones. Trains on the way if it can."""
    layer = cls(**init, dtype=dtype)
    tensors = {name: tf.constant(array) for name, array in inputs.items()}
    layer(**tensors)
    if weights is not None:
        layer.set_weights(weights)
    trains = "training" in inspect.signature(cls.call).parameters
    outputs = layer(**tensors, training=True) if trains else layer(**tensors)
    return layer, keras.tree.flatten(outputs)


def rounded(inputs):
    """As float32 has them."""
    return {
        name: array.astype(np.float32) if array.dtype == np.float64 else array
        for name, array in inputs.items()
    }


@pytest.mark.parametrize("kernels_of", KERNELS)
@pytest.mark.parametrize(("cls", "init", "inputs"), LAYERS)
def test_a_layer_of_float64_gives_what_one_of_float32_gives(cls, init, inputs, kernels_of):
    with KERNELS[kernels_of]():
        fresh = cls(**init, dtype="float64")
        fresh(**inputs)
        wide, got = run(cls, init, inputs, "float64", fresh.get_weights())
        narrow, expected = run(cls, init, rounded(inputs), "float32", fresh.get_weights())
    for place, (one, other) in enumerate(zip(got, expected, strict=True)):
        if other.dtype.is_floating:
            assert one.dtype == ("float32" if (cls, place) in FLOAT32 else "float64"), place
        np.testing.assert_allclose(one, other, **TOLERANCE)
    for one, other in zip(wide.get_weights(), narrow.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE)


@pytest.mark.parametrize(("cls", "init"), [(cls, init) for cls, init, _ in LAYERS[:4]])
def test_no_digit_is_lost_where_no_op_is_in_between(cls, init):
    inputs = {"inputs": POINTS}
    layer, (exact,) = run(cls, init, inputs, "float64", None)
    assert {weight.dtype for weight in layer.trainable_weights} == {"float64"}
    layer, (exact,) = run(cls, init, inputs, "float64", layer.get_weights())
    _, (of_rounded,) = run(cls, init, rounded(inputs), "float64", layer.get_weights())
    assert np.abs(exact - of_rounded).max() > 1e-12


@pytest.fixture
def float64():
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("kernels_of", KERNELS)
@pytest.mark.parametrize("name", sorted(networks.BUILDERS))
def test_a_network_of_float64_gives_what_one_of_float32_gives(name, kernels_of, request):
    config = dataclasses.replace(TINY, name=name)
    with KERNELS[kernels_of]():
        narrow = networks.build(config)
        expected = narrow(blocks())
        request.getfixturevalue("float64")
        wide = networks.build(config)
        wide.set_weights(narrow.get_weights())
        got = wide(blocks())
    assert "float64" in {layer.compute_dtype for layer in wide.layers}
    assert {weight.dtype for weight in wide.trainable_weights} >= {"float64"}
    for output, value in expected.items():
        assert got[output].dtype == "float32", output  # whatever the policy, as `networks` says
        np.testing.assert_allclose(got[output], value, **TOLERANCE, err_msg=output)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kernels_of", KERNELS)
def test_a_network_of_float64_trains(kernels_of):
    with KERNELS[kernels_of]():
        model = compiled(networks.build(TINY), run_eagerly=True)
        before = model.get_weights()
        losses = model.train_on_batch(blocks(), labels(), return_dict=True)
    assert all(np.isfinite(value) for value in losses.values())
    after = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any(np.any(one != other) for one, other in zip(before, after, strict=True))
