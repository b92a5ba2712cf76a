import dataclasses
import re

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import tiny_runs
from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import AugmentationConfig, Features
from ban_tf.data import augmentation, pipeline, store

EXPERIMENT = dataclasses.replace(
    tiny_runs.experiment(),
    samples=config.Blocks(num_points=32, min_points=10, stride_m=1.0),
)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """23 blocks of two groups; every point's instance is the number of its block, roughly."""
    path = tmp_path_factory.mktemp("blocks")
    rng = np.random.default_rng(0)
    clouds = []
    for name, group, width in (("long", "A", 14), ("short", "B", 9)):
        num = width * 60
        xyz = np.stack(
            [np.linspace(0, width, num), rng.uniform(0, 1, num), rng.uniform(0, 2, num)], axis=1
        )
        instance = np.minimum(xyz[:, 0], width - 1).astype(np.int32) + 1000
        rgb = rng.integers(1, 256, (num, 3)).astype(np.uint8)
        clouds.append(Cloud(name, xyz, rgb, instance % 13, instance, group))
    opened = tiny_runs.prepare(clouds, path, EXPERIMENT, num_workers=1)
    assert len(opened) == 23
    return opened


def take(dataset):
    return [
        (features.numpy(), labels["semantic"].numpy(), labels["instance"].numpy())
        for features, labels in dataset
    ]


def identities(batches, blocks):
    """Which block of the store each one is, by its content, batch after batch."""
    whole = blocks.read(range(len(blocks))).features.reshape(len(blocks), -1)
    number = {row.tobytes(): k for k, row in enumerate(whole)}
    assert len(number) == len(blocks)
    return [number[row.tobytes()] for features, _, _ in batches for row in features]


def test_batches_have_static_shapes_and_types(blocks):
    dataset = pipeline.batches(blocks, batch_size=4, seed=0, num_epochs=2)
    features, labels = dataset.element_spec
    assert features == tf.TensorSpec((4, 32, 9), tf.float32)
    assert labels == {
        "semantic": tf.TensorSpec((4, 32), tf.int32),
        "instance": tf.TensorSpec((4, 32), tf.int32),
    }
    assert dataset.cardinality() == 10


def test_features_and_labels_of_a_block_stay_together(blocks):
    batches = take(pipeline.batches(blocks, batch_size=4, seed=0, num_epochs=1))
    order = identities(batches, blocks)
    expected = blocks.read(order)
    np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), expected.semantic)
    np.testing.assert_array_equal(np.concatenate([b[2] for b in batches]), expected.instance)


def test_an_epoch_sees_each_block_at_most_once_and_drops_the_partial_batch(blocks):
    assert pipeline.steps_per_epoch(blocks, 4) == 5
    order = identities(take(pipeline.batches(blocks, batch_size=4, seed=0, num_epochs=1)), blocks)
    assert len(order) == len(set(order)) == 20


def test_epochs_and_seeds_differ_and_repeat(blocks):
    two = identities(take(pipeline.batches(blocks, batch_size=23, seed=0, num_epochs=2)), blocks)
    again = identities(take(pipeline.batches(blocks, batch_size=23, seed=0, num_epochs=2)), blocks)
    other = identities(take(pipeline.batches(blocks, batch_size=23, seed=1, num_epochs=1)), blocks)
    assert two == again
    assert sorted(two[:23]) == sorted(two[23:]) == sorted(other) == list(range(23))
    assert two[:23] != list(range(23))
    assert two[:23] != two[23:]
    assert two[:23] != other


@pytest.mark.parametrize("first_epoch", [1, 2, 3])
def test_resumed_sequence_is_the_end_of_the_uninterrupted_one(blocks, first_epoch):
    options = {
        "batch_size": 4,
        "seed": 7,
        "num_epochs": 3,
        "blocks_per_epoch": 13,
        "augmentation": AugmentationConfig(rotate_z=True, scale=0.1, jitter_m=0.01, drop_color=0.3),
    }
    whole = take(pipeline.batches(blocks, **options))
    resumed = take(pipeline.batches(blocks, first_epoch=first_epoch, **options))
    assert len(whole) == 9
    assert len(resumed) == 9 - 3 * first_epoch
    for got, expected in zip(resumed, whole[3 * first_epoch :], strict=True):
        for part, same in zip(got, expected, strict=True):
            np.testing.assert_array_equal(part, same)


def test_reduced_epochs_draw_other_blocks_each_time(blocks):
    dataset = pipeline.batches(blocks, batch_size=4, seed=0, num_epochs=12, blocks_per_epoch=9)
    order = identities(take(dataset), blocks)
    assert len(order) == 12 * 8
    for epoch in range(12):
        assert len(set(order[8 * epoch : 8 * epoch + 8])) == 8
    assert set(order) == set(range(23))


def test_long_epochs_show_all_blocks_before_any_again(blocks):
    dataset = pipeline.batches(blocks, batch_size=5, seed=0, num_epochs=2, blocks_per_epoch=60)
    order = identities(take(dataset), blocks)
    assert len(order) == 2 * 60
    for first in (0, 23, 60, 83):
        assert sorted(order[first : first + 23]) == list(range(23))
    assert order[:23] != order[23:46]


def test_selected_clouds_alone_are_fed(blocks):
    part = blocks.select(["B"])
    order = identities(take(pipeline.batches(part, batch_size=9, seed=0, num_epochs=1)), blocks)
    assert sorted(order) == list(range(14, 23))


class _Seen(keras.layers.Layer):
    """Passes its input on, and keeps the sum of each batch it was called with."""

    sums: list[float]

    def call(self, x):
        tf.py_function(lambda value: self.sums.append(float(value)), [tf.reduce_sum(x)], [])
        return x


def test_fit_walks_through_all_epochs_of_the_dataset(blocks):
    seen = _Seen()
    seen.sums = []
    inputs = keras.Input((32, 9))
    outputs = {
        "semantic": keras.layers.Dense(13)(seen(inputs)),
        "instance": keras.layers.Dense(1)(inputs)[..., 0],
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        "sgd",
        {"semantic": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
         "instance": keras.losses.MeanAbsoluteError()},
        jit_compile=False,
    )  # fmt: skip
    dataset = pipeline.batches(blocks, batch_size=4, seed=0, first_epoch=1, num_epochs=4)
    history = model.fit(
        dataset, initial_epoch=1, epochs=4, steps_per_epoch=5, verbose=0, shuffle=False
    )
    assert history.epoch == [1, 2, 3]
    expected = [float(features.sum()) for features, *_ in take(dataset)]
    np.testing.assert_allclose(seen.sums[-15:], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("batch_size", "blocks_per_epoch"), [(24, None), (4, 3), (0, None), (8, 0)]
)
def test_fewer_blocks_than_a_batch_are_refused(blocks, batch_size, blocks_per_epoch):
    message = re.escape(
        f"Received: batch_size={batch_size}, samples=23 in {blocks.path}, "
        f"blocks_per_epoch={blocks_per_epoch}"
    )
    with pytest.raises(ValueError, match=message):
        pipeline.batches(
            blocks,
            batch_size=batch_size,
            seed=0,
            num_epochs=1,
            blocks_per_epoch=blocks_per_epoch,
        )


@pytest.mark.parametrize("first_epoch", [-1, 3])
def test_epochs_out_of_order_are_refused(blocks, first_epoch):
    with pytest.raises(ValueError, match=f"Received: first_epoch={first_epoch}, num_epochs=2"):
        pipeline.batches(blocks, batch_size=4, seed=0, first_epoch=first_epoch, num_epochs=2)


def test_class_out_of_range_is_refused_by_name_of_file(tmp_path):
    with h5py.File(tmp_path / "office_1.h5", "w") as file:
        file["data"] = np.zeros((2, 8, 9), np.float32)
        file["seglabel"] = np.full((2, 8), 13)
        file["pid"] = np.zeros((2, 8), np.int32)
    foreign = store.Store.open(tmp_path)
    message = r"classes in .*office_1\.h5 must be in \[0, 13\).*Received: 13"
    dataset = pipeline.batches(foreign, batch_size=2, seed=0, num_epochs=1, num_classes=13)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        take(dataset)
    assert len(take(pipeline.batches(foreign, batch_size=2, seed=0, num_epochs=1))) == 1


def test_points_without_a_class_are_fed_as_they_are(tmp_path):
    cloud = tiny_runs.room("office_1")
    cloud.semantic[::2] = config.NONE
    opened = tiny_runs.prepare([cloud], tmp_path, EXPERIMENT)
    (batch,) = take(pipeline.batches(opened, batch_size=len(opened), seed=0, num_epochs=1))
    unlabelled = batch[1] == config.NONE
    assert 0.3 < unlabelled.mean() < 0.7
    assert (batch[2][unlabelled] == config.NONE).all()


def test_batches_have_the_channels_of_the_store(tmp_path):
    experiment = dataclasses.replace(
        EXPERIMENT, features=Features(names=("block_xyz",)), network=config.NetworkConfig()
    )
    opened = tiny_runs.prepare([tiny_runs.room("office_1")], tmp_path, experiment)
    options = {"rotate_z": True, "drop_color": 0.5}
    dataset = pipeline.batches(
        opened, batch_size=2, seed=0, num_epochs=1, augmentation=AugmentationConfig(**options)
    )
    assert dataset.element_spec[0] == tf.TensorSpec((2, 32, 3), tf.float32)
    assert take(dataset)[0][0].shape == (2, 32, 3)


def make_features(num_blocks=6, num_points=400):
    rng = np.random.default_rng(0)
    return rng.uniform(-0.5, 1.0, (num_blocks, num_points, 9)).astype(np.float32)


def augment(features, seed=0, channels=Features(), **changes):
    before = features.copy()
    rng = np.random.default_rng(seed)
    got = augmentation.augment(features, channels, AugmentationConfig(**changes), rng)
    np.testing.assert_array_equal(features, before)
    assert got.dtype == np.float32
    return got


def test_augmentation_is_off_by_default():
    features = make_features()
    np.testing.assert_array_equal(augment(features), features)


def test_rotation_turns_every_block_about_the_vertical():
    features = make_features()
    got = augment(features, rotate_z=True)
    np.testing.assert_array_equal(got[..., 2:], features[..., 2:])
    before = features[..., 0] + 1j * features[..., 1]
    after = got[..., 0] + 1j * got[..., 1]
    turn = after / before  # one number of length 1 for all points of a block
    np.testing.assert_allclose(np.abs(turn), 1, atol=1e-3)
    np.testing.assert_allclose(turn, np.broadcast_to(turn[:, :1], turn.shape), atol=1e-3)
    assert len(np.unique(turn[:, 0].round(3))) == len(features)


def test_scale_is_one_factor_per_block_within_its_limits():
    features = make_features()
    got = augment(features, scale=0.2)
    factor = got[..., :3] / features[..., :3]
    assert (np.ptp(factor, axis=(1, 2)) < 1e-4).all()
    assert factor.min() >= 0.8 - 1e-4
    assert factor.max() <= 1.2 + 1e-4
    assert np.ptp(factor[:, 0, 0]) > 0.05
    np.testing.assert_array_equal(got[..., 3:], features[..., 3:])


def test_jitter_has_the_deviation_asked_for():
    features = make_features()
    got = augment(features, jitter_m=0.02)
    noise = (got - features)[..., :3]
    assert abs(noise.std() - 0.02) < 0.001
    np.testing.assert_array_equal(got[..., 3:], features[..., 3:])


def test_colours_are_dropped_from_whole_blocks():
    features = make_features(num_blocks=200, num_points=3)
    got = augment(features, drop_color=0.25)
    dropped = (got[..., 3:6] == 0).all(axis=(1, 2))
    assert 25 <= dropped.sum() <= 75
    np.testing.assert_array_equal(got[~dropped], features[~dropped])
    np.testing.assert_array_equal(got[dropped][..., 6:], features[dropped][..., 6:])
    np.testing.assert_array_equal(augment(features, drop_color=1.0)[..., 3:6], 0)


def test_augmentation_moves_and_colours_the_channels_that_a_network_sees():
    channels = Features(names=("xyz", "room_xyz", "rgb"))
    features = make_features()
    got = augment(features, channels=channels, rotate_z=True, scale=0.2, jitter_m=0.02)
    assert (got[..., :3] != features[..., :3]).any(axis=(0, 1)).all()
    np.testing.assert_array_equal(got[..., 3:], features[..., 3:])
    dropped = augment(features, channels=channels, drop_color=1.0)
    np.testing.assert_array_equal(dropped[..., 6:], 0)
    np.testing.assert_array_equal(dropped[..., :6], features[..., :6])


def test_without_colours_there_is_nothing_to_drop():
    features = make_features()[..., :3]
    got = augment(features, channels=Features(names=("xyz",)), drop_color=1.0)
    np.testing.assert_array_equal(got, features)


@pytest.mark.parametrize("change", [{"scale": 1.0}, {"jitter_m": -0.1}, {"drop_color": 1.5}])
def test_augmentation_out_of_range_is_refused(change):
    name, value = next(iter(change.items()))
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        AugmentationConfig(**change)
