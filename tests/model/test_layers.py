import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import layer_references
import op_references as reference
from ban_tf.config import ScheduleConfig, TrainingConfig
from ban_tf.model.layers import PointMLP, SetAbstraction
from ban_tf.model.normalization import MomentumSchedule, ScheduledBatchNormalization
from ban_tf.model.propagation import FeaturePropagation, ThreeNearest
from layer_checks import check_layer

HALVED = MomentumSchedule(
    decay=ScheduleConfig(initial=0.5, factor=0.5, every=6, limit=0.1), unit="samples"
)
ABSTRACTION = {"num_samples": 5, "radius_m": 0.6, "num_neighbours": 4, "widths": (6, 7)}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("cls", "init", "inputs", "output_shapes", "num_trainable"),
    [
        (ScheduledBatchNormalization, {}, {"inputs": normal(2, 5, 3)}, [(2, 5, 3)], 2),
        (PointMLP, {"widths": (4, 6)}, {"inputs": normal(2, 5, 3)}, [(2, 5, 6)], 8),
        (
            SetAbstraction,
            ABSTRACTION,
            {"xyz": uniform(2, 20, 3), "features": normal(2, 20, 4)},
            [(2, 5, 3), (2, 5, 7)],
            8,
        ),
        (
            FeaturePropagation,
            {"widths": (6,)},
            {
                "coarse": normal(2, 3, 4),
                "fine": normal(2, 8, 2),
                "index": np.tile(np.array([0, 2, 1], np.int32), (2, 8, 1)),
                "weights": np.full((2, 8, 3), 1 / 3, np.float32),
            },
            [(2, 8, 6)],
            4,
        ),
    ],
    ids=["batch norm", "MLP", "set abstraction", "feature propagation"],
)
def test_a_scheduled_layer_behaves(cls, init, inputs, output_shapes, num_trainable):
    check_layer(cls, {**init, "schedule": HALVED}, inputs, output_shapes, num_trainable)
    if cls is not ScheduledBatchNormalization:
        plain = {**init, "schedule": None, "negative_slope": 0.2}
        check_layer(cls, plain, inputs, output_shapes, num_trainable // 2)


def test_without_a_schedule_the_mlp_is_dense_layers_and_leaky_relus():
    mlp = PointMLP((4, 6), schedule=None, negative_slope=0.2)
    points = normal(2, 5, 3)
    got = mlp(points)
    expected = points
    for dense in mlp.dense:
        expected = expected @ dense.kernel.numpy() + dense.bias.numpy()
        expected = np.where(expected > 0, expected, 0.2 * expected)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert np.count_nonzero(expected < 0) > 10
    assert {weight.path.split("/")[-1] for weight in mlp.weights} == {"kernel", "bias"}


def test_three_nearest_behaves():
    inputs = {"fine_xyz": uniform(2, 9, 3), "coarse_xyz": uniform(2, 4, 3)}
    check_layer(ThreeNearest, {}, inputs, [(2, 9, 3), (2, 9, 3)], 0)


def gradients(layer, inputs, upstream):
    with tf.GradientTape() as tape:
        inputs = tf.convert_to_tensor(inputs)
        tape.watch(inputs)
        loss = tf.reduce_sum(layer(inputs, training=True) * upstream)
    return tape.gradient(loss, [inputs, *layer.trainable_variables])


def test_batch_norm_trains_as_the_layer_of_keras():
    constant = MomentumSchedule(
        decay=ScheduleConfig(initial=0.3, factor=1.0, every=10, limit=0.0), unit="samples"
    )
    ours = ScheduledBatchNormalization(constant)
    theirs = keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-3)
    for step in range(3):
        inputs, upstream = 3 * normal(4, 6, 5, seed=step) + 1, normal(4, 6, 5, seed=9 + step)
        for a, b in zip(
            gradients(ours, inputs, upstream), gradients(theirs, inputs, upstream), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        for name in ("moving_mean", "moving_variance"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-5)
    np.testing.assert_allclose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("samples", [0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.1]), ("iterations", [0.5] * 6 + [0.25])],
)
def test_the_share_of_a_batch_in_the_averages_halves_on_schedule(unit, expected):
    layer = ScheduledBatchNormalization(MomentumSchedule(decay=HALVED.decay, unit=unit))
    average = 0.0
    for share in expected:
        batch = np.random.default_rng(0).normal(5.0, 1.0, (3, 4, 1)).astype(np.float32)
        layer(batch, training=True)
        average += share * (batch.mean() - average)
        np.testing.assert_allclose(layer.moving_mean, [average], rtol=1e-5)


def test_the_papers_schedule_has_the_momenta_of_the_authors_code():
    schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
    seen = [0, 299_999, 300_000, 600_000, 900_000, 1_200_000, 1_500_000, 1_800_000, 2_000_000_000]
    momenta = [1 - float(schedule.share(ops.convert_to_tensor(count, "int32"))) for count in seen]
    expected = [0.5, 0.5, 0.75, 0.875, 0.9375, 0.96875, 0.984375, 0.99, 0.99]
    np.testing.assert_allclose(momenta, expected, rtol=1e-6)


def test_a_restored_batch_norm_goes_on_where_the_schedule_stood():
    whole, first, second = (ScheduledBatchNormalization(HALVED) for _ in range(3))
    batches = [normal(3, 4, 2, seed=seed) for seed in range(6)]
    for batch in batches:
        whole(batch, training=True)
    for batch in batches[:3]:
        first(batch, training=True)
    second.build((None, 4, 2))
    second.set_weights(first.get_weights())
    for batch in batches[3:]:
        second(batch, training=True)
    for a, b in zip(second.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(second.seen) == 18


def test_a_frozen_batch_norm_neither_moves_nor_looks_at_the_batch():
    layer = ScheduledBatchNormalization(HALVED)
    batch = normal(3, 4, 2) + 7
    layer(batch, training=True)
    layer.trainable = False
    before = [weight.numpy() for weight in layer.weights]
    np.testing.assert_array_equal(layer(batch, training=True), layer(batch, training=False))
    for a, b in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_batch_norm_takes_moments_in_float32_under_mixed_precision():
    layer = ScheduledBatchNormalization(HALVED, dtype="mixed_float16")
    batch = np.full((2, 4, 1), 300.0, np.float16)  # squares overflow float16
    batch[0] = 340.0
    output = layer(batch, training=True)
    assert output.dtype == "float16"
    np.testing.assert_allclose(np.array(output, np.float32)[:, 0, 0], [1, -1], atol=1e-2)
    np.testing.assert_allclose(layer.moving_variance, [0.5 + 0.5 * 400.0], rtol=1e-5)
    assert {weight.dtype for weight in layer.weights} == {"float32", "int32"}


def test_set_abstraction_describes_groups_around_sampled_centres():
    xyz = uniform(2, 40, 3, seed=1)
    features = normal(2, 40, 4, seed=2)
    layer = SetAbstraction(**ABSTRACTION, schedule=HALVED)
    layer.build(xyz.shape, features.shape)
    layer_references.randomise(layer)
    centres, described = layer(xyz, features)

    picks = reference.farthest_point_sample(xyz, 5)
    rows = np.arange(2)[:, None]
    expected_centres = xyz[rows, picks]
    index, _ = reference.ball_query(xyz, expected_centres, 0.6, 4)
    groups = rows[..., None]
    offsets = xyz[groups, index] - expected_centres[:, :, None]
    inputs = np.concatenate([offsets, features[groups, index]], axis=-1)
    np.testing.assert_array_equal(centres, expected_centres)
    np.testing.assert_allclose(
        described, layer_references.mlp(layer.mlp, inputs).max(axis=2), rtol=1e-4
    )


def test_feature_propagation_weighs_by_inverse_squared_distance():
    # One fine point at distances 1, 2 and 4 from three coarse ones, a fourth far away.
    coarse_xyz = np.array([[[1, 0, 0], [0, 2, 0], [0, 0, 4], [9, 9, 9]]], np.float32)
    fine_xyz = np.zeros((1, 1, 3), np.float32)
    index, weights = ThreeNearest()(fine_xyz, coarse_xyz)
    np.testing.assert_array_equal(index, [[[0, 1, 2]]])
    shares = np.array([1, 1 / 4, 1 / 16]) / (1 + 1 / 4 + 1 / 16)
    np.testing.assert_allclose(weights[0, 0], shares, rtol=1e-6)

    coarse, fine = normal(1, 4, 3), normal(1, 1, 2)
    layer = FeaturePropagation((5,), HALVED)
    layer.build(coarse.shape, fine.shape, index.shape, weights.shape)
    layer_references.randomise(layer)
    inputs = np.concatenate([shares @ coarse[0, :3], fine[0, 0]])
    np.testing.assert_allclose(
        layer(coarse, fine, index, weights)[0, 0],
        layer_references.mlp(layer.mlp, inputs),
        rtol=1e-4,
    )


def test_geometry_stays_float32_under_mixed_precision():
    # Points 0.1 mm apart around x = 2 are one point in float16.
    xyz = np.zeros((1, 8, 3), np.float32)
    xyz[0, :, 0] = 2 + 1e-4 * np.arange(8)
    layer = SetAbstraction(
        num_samples=8,
        radius_m=1e-5,
        num_neighbours=1,
        widths=(2,),
        schedule=HALVED,
        dtype="mixed_float16",
    )
    centres, features = layer(xyz, np.ones((1, 8, 2), np.float16))
    assert (centres.dtype, features.dtype) == ("float32", "float16")
    np.testing.assert_array_equal(np.sort(centres[0, :, 0]), xyz[0, :, 0])


def test_fewer_points_than_samples_are_refused_by_name():
    layer = SetAbstraction(**ABSTRACTION, schedule=HALVED, name="encoder_1")
    with pytest.raises(ValueError, match=r"encoder_1.*num_samples=5, N=4"):
        layer(uniform(1, 4, 3), normal(1, 4, 2))


def test_fewer_than_three_coarse_points_are_refused_by_name():
    with pytest.raises(ValueError, match=r"three_nearest_1.*coarse_xyz.shape=\(1, 2, 3\)"):
        ThreeNearest(name="three_nearest_1")(uniform(1, 4, 3), uniform(1, 2, 3))


def test_coordinates_get_no_gradient_and_features_do():
    layer = SetAbstraction(**ABSTRACTION, schedule=HALVED)
    xyz, features = tf.constant(uniform(1, 20, 3)), tf.constant(normal(1, 20, 2))
    with tf.GradientTape() as tape:
        tape.watch([xyz, features])
        loss = tf.reduce_sum(layer(xyz, features, training=True)[1] ** 2)
    by_xyz, by_features = tape.gradient(loss, [xyz, features])
    assert by_xyz is None
    assert np.any(by_features != 0)
