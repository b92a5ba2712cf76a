import numpy as np
import pytest
import tensorflow as tf

import layer_references
import op_references as reference
from ban_tf.config import PointConvConfig, ScheduleConfig
from ban_tf.model.nearest import nearest_neighbours
from ban_tf.model.normalization import MomentumSchedule, ScheduledBatchNormalization
from ban_tf.model.pointconv import PointConvEncoding, kernel_density
from ban_tf.model.pointconv_decoding import PointConvDecoding, SumPool
from ban_tf.model.propagation import Interpolation, ThreeNearest
from layer_checks import check_layer

HALVED = MomentumSchedule(
    decay=ScheduleConfig(initial=0.5, factor=0.5, every=6, limit=0.1), unit="samples"
)
SIZES = PointConvConfig(
    num_samples=5,
    radius_m=0.5,
    density_variance_m2=0.1,
    widths=(6, 7, 8),
    num_neighbours=4,
    density_neighbours=6,
    weight_width=3,
    density_width=2,
)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def decoding_inputs(num_fine=9, num_coarse=4, width=5):
    fine_xyz, coarse_xyz = uniform(2, num_fine, 3), uniform(2, num_coarse, 3, seed=1)
    index, weights = ThreeNearest()(fine_xyz, coarse_xyz)
    return {
        "coarse": normal(2, num_coarse, width),
        "fine": normal(2, num_fine, 2, seed=1),
        "index": index.numpy(),
        "weights": weights.numpy(),
        "xyz": fine_xyz,
        "neighbours": nearest_neighbours(fine_xyz, fine_xyz, 4).numpy(),
    }


@pytest.mark.parametrize(
    ("cls", "init", "inputs", "output_shapes", "num_trainable"),
    [
        (
            ScheduledBatchNormalization,
            {"per_channel": False},
            {"inputs": normal(2, 5, 3)},
            [(2, 5, 3)],
            2,
        ),
        (SumPool, {}, {"groups": normal(2, 5, 4, 3)}, [(2, 5, 3)], 3),
        (
            PointConvEncoding,
            {"sizes": SIZES},
            {"xyz": uniform(2, 20, 3), "features": normal(2, 20, 4)},
            [(2, 5, 3), (2, 5, 8)],
            4 * 2 + 4 + 4 + 2 + 4,
        ),
        (
            PointConvDecoding,
            {"widths": (6, 7), "weight_width": 3},
            decoding_inputs(),
            [(2, 9, 7)],
            4 + 2 + 3 + 4 * 2,
        ),
    ],
    ids=["batch norm over all axes", "sum pool", "encoding", "decoding"],
)
def test_a_layer_behaves(cls, init, inputs, output_shapes, num_trainable):
    check_layer(cls, {**init, "schedule": HALVED}, inputs, output_shapes, num_trainable)


def test_interpolation_behaves_and_carries_features():
    inputs = {name: decoding_inputs()[name] for name in ("coarse", "index", "weights")}
    check_layer(Interpolation, {}, inputs, [(2, 9, 5)], 0)
    np.testing.assert_allclose(
        Interpolation()(**inputs), reference.interpolate(**renamed(inputs)), rtol=1e-5, atol=1e-6
    )


def renamed(inputs):
    return {"points": inputs["coarse"], "index": inputs["index"], "weights": inputs["weights"]}


def test_batch_norm_over_all_axes_has_one_mean_and_one_variance():
    layer = ScheduledBatchNormalization(HALVED, per_channel=False)
    layer.build((None, 4, 3))
    layer_references.randomise(layer)
    layer.moving_mean.assign(0.0)
    layer.moving_variance.assign(1.0)
    batch = normal(2, 4, 3) + np.array([1, 5, 9], np.float32)
    output = layer(batch, training=True)
    normalised = (batch - batch.mean()) / np.sqrt(batch.var() + 1e-3)
    expected = normalised * layer.gamma.numpy() + layer.beta.numpy()
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.5 * batch.mean(), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.5 + 0.5 * batch.var(), rtol=1e-5)
    assert layer.moving_mean.shape == ()
    np.testing.assert_allclose(
        layer(batch), layer_references.batch_norm(layer, batch), rtol=1e-5, atol=1e-6
    )


def test_the_bias_of_a_sum_pool_matters_though_a_batch_norm_follows():
    layer = SumPool(HALVED)
    groups = normal(2, 5, 4, 3)
    layer.build(groups.shape)
    bias = np.array([0.0, 3.0, -1.0])
    layer.bias.assign(bias)
    summed = groups.sum(axis=2) + bias
    expected = np.maximum((summed - summed.mean()) / np.sqrt(summed.var() + 1e-3), 0)
    np.testing.assert_allclose(layer(groups, training=True), expected, rtol=1e-4, atol=1e-5)


def density_reference(xyz, radius, variance, num_neighbours):
    """Point by point, over the first points by index within the radius."""
    density = np.zeros(xyz.shape[:2])
    for b, cloud in enumerate(xyz):
        for n, squared in enumerate(reference.squared_distances(cloud, cloud)):
            within = squared[squared < np.float32(radius) ** 2][:num_neighbours]
            density[b, n] = np.mean(np.exp(-within / (2 * variance)))
    return density


def test_density_by_hand():
    # Two points 1 apart see each other; the third is alone.
    xyz = np.array([[[0, 0, 0], [1, 0, 0], [9, 9, 9]]], np.float32)
    pair = (1 + np.exp(-0.5 / 0.25)) / 2
    np.testing.assert_allclose(kernel_density(xyz, 2.0, 0.25, 8), [[pair, pair, 1]], rtol=1e-6)


@pytest.mark.parametrize("num_neighbours", [1, 5, 64])  # nearly all balls overflow, some, none
def test_density_looks_at_the_first_points_within_the_radius(num_neighbours):
    xyz = uniform(2, 60, 3)
    np.testing.assert_allclose(
        kernel_density(xyz, 0.4, 0.1, num_neighbours),
        density_reference(xyz, 0.4, 0.1, num_neighbours),
        rtol=1e-5,
    )


def test_encoding_is_the_formula_of_pointconv():
    xyz, features = uniform(2, 40, 3, seed=1), normal(2, 40, 4, seed=2)
    layer = PointConvEncoding(SIZES, HALVED)
    layer.build(xyz.shape, features.shape)
    layer_references.randomise(layer)
    centres, described = layer(xyz, features)

    rows = np.arange(2)[:, None]
    expected_centres = xyz[rows, reference.farthest_point_sample(xyz, 5)]
    np.testing.assert_array_equal(centres, expected_centres)
    density = density_reference(xyz, 0.5, 0.1, 6)
    expected = np.zeros((2, 5, 8))
    for b, m in np.ndindex(2, 5):
        squared = reference.squared_distances(expected_centres[b, m][None], xyz[b])[0]
        index = np.argsort(squared, kind="stable")[:4]
        offsets = xyz[b, index] - expected_centres[b, m]
        inputs = layer_references.mlp(layer.mlp, np.hstack([offsets, features[b, index]]))
        inverse = 1 / density[b, index]
        hidden = layer_references.mlp(layer.density_net, (inverse / inverse.max())[:, None])
        scale = layer_references.sigmoid(layer_references.dense(layer.density_gate, hidden))
        weights = layer_references.mlp(layer.weight_net, offsets)
        patch = np.einsum("kc,kw->cw", inputs * scale, weights)
        expected[b, m] = layer_references.mlp(layer.convolution, patch.reshape(1, -1))[0]
    np.testing.assert_allclose(described, expected, rtol=1e-4)


def test_decoding_is_a_depth_wise_convolution_of_what_was_interpolated():
    inputs = decoding_inputs()
    layer = PointConvDecoding((6, 7), 3, HALVED)
    layer.build(*(array.shape for array in inputs.values()))
    layer_references.randomise(layer)
    interpolated = reference.interpolate(**renamed(inputs))
    expected = np.zeros((2, 9, 7))
    for b, n in np.ndindex(2, 9):
        index = inputs["neighbours"][b, n]
        offsets = inputs["xyz"][b, index] - inputs["xyz"][b, n]
        groups = np.hstack([offsets, interpolated[b, index]])
        hidden = layer_references.mlp(layer.weight_net, offsets)
        summed = np.sum(groups * layer_references.dense(layer.channel_weights, hidden), axis=0)
        pool = layer.sum_pool
        pooled = layer_references.batch_norm(pool.batch_norm, summed + pool.bias.numpy())
        row = np.concatenate([np.maximum(pooled, 0), inputs["fine"][b, n]])
        expected[b, n] = layer_references.mlp(layer.mlp, row)
    np.testing.assert_allclose(layer(**inputs), expected, rtol=1e-4)


def test_coordinates_get_no_gradient_and_features_do():
    layer = PointConvEncoding(SIZES, HALVED)
    xyz, features = tf.constant(uniform(1, 20, 3)), tf.constant(normal(1, 20, 2))
    with tf.GradientTape() as tape:
        tape.watch([xyz, features])
        loss = tf.reduce_sum(layer(xyz, features, training=True)[1] ** 2)
    by_xyz, by_features = tape.gradient(loss, [xyz, features])
    assert by_xyz is None
    assert np.any(by_features != 0)


def test_geometry_stays_float32_under_mixed_precision():
    # Points 0.1 mm apart around x = 2 are one point in float16.
    xyz = np.zeros((1, 8, 3), np.float32)
    xyz[0, :, 0] = 2 + 1e-4 * np.arange(8)
    layer = PointConvEncoding(SIZES, HALVED, dtype="mixed_float16")
    centres, features = layer(xyz, np.ones((1, 8, 2), np.float16))
    assert (centres.dtype, features.dtype) == ("float32", "float16")
    assert len(np.unique(centres[0, :, 0])) == 5
    assert np.isfinite(features).all()


@pytest.mark.parametrize("num_points", [3, 4])
def test_too_few_points_are_refused_by_name(num_points):
    layer = PointConvEncoding(SIZES, HALVED, name="encoder_2")
    received = rf"encoder_2.*num_samples=5, num_neighbours=4, N={num_points}"
    with pytest.raises(ValueError, match=received):
        layer(uniform(1, num_points, 3), normal(1, num_points, 2))
