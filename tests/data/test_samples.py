"""Shapes as samples, and features beyond those of blocks."""

import numpy as np
import pytest

from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.config import NONE, Blocks, Features, Shapes
from ban_tf.config.features import KNOWN
from ban_tf.data import samples
from ban_tf.data.samples import features


def shape(num_points, seed=0, extent=(0.6, 0.4, 1.1), origin=(30.0, -7.0, 2.0)):
    rng = np.random.default_rng(seed)
    return Cloud(
        name="chair_1",
        xyz=rng.uniform(0, extent, (num_points, 3)) + origin,
        rgb=rng.integers(0, 256, (num_points, 3)).astype(np.uint8),
        semantic=rng.integers(NONE, 4, num_points).astype(np.int32),
        instance=rng.integers(NONE, 9, num_points).astype(np.int32),
    )


def training(cloud, num_points, seed=0):
    return samples.plan_training(cloud, Shapes(num_points=num_points), np.random.default_rng(seed))


def covering(cloud, num_points):
    return samples.plan_covering(cloud, Shapes(num_points=num_points))


@pytest.mark.parametrize("num_points", [1, 2, 63, 64, 65, 1000])
def test_a_shape_is_one_sample_of_rows_of_its_cloud(num_points):
    cloud = shape(num_points)
    for plan in (training(cloud, 64), covering(cloud, 64)):
        assert plan.shape == (1, 64)
        assert plan.dtype == np.int64
        assert 0 <= plan.min() <= plan.max() < num_points


@pytest.mark.parametrize("num_points", [1, 2, 63])
def test_every_point_of_a_small_shape_is_drawn_and_the_rest_repeats(num_points):
    cloud = shape(num_points)
    plan = training(cloud, 64)
    np.testing.assert_array_equal(plan[0, :num_points], np.arange(num_points))
    counts = np.bincount(covering(cloud, 64)[0], minlength=num_points)
    assert counts.min() >= 1
    assert counts.max() - counts.min() <= 1


def test_a_shape_with_exactly_enough_points_keeps_their_order_in_training():
    np.testing.assert_array_equal(training(shape(64), 64), [np.arange(64)])
    np.testing.assert_array_equal(np.sort(covering(shape(64), 64)), [np.arange(64)])


def test_no_point_of_a_large_shape_is_drawn_twice():
    cloud = shape(1000)
    for plan in (training(cloud, 64), covering(cloud, 64)):
        assert len(np.unique(plan)) == 64


def test_training_draws_by_the_generator_alone_and_covering_draws_nothing():
    cloud = shape(1000)
    np.testing.assert_array_equal(training(cloud, 64, seed=1), training(cloud, 64, seed=1))
    assert (training(cloud, 64, seed=1) != training(cloud, 64, seed=2)).any()
    np.testing.assert_array_equal(covering(cloud, 64), covering(cloud, 64))


def test_covering_spreads_over_the_whole_shape():
    cloud = shape(8000, extent=(1.0, 1.0, 1.0))
    octant = ((cloud.xyz - cloud.xyz.min(axis=0)) > 0.5) @ [1, 2, 4]
    counts = np.bincount(octant[covering(cloud, 800)[0]], minlength=8)
    assert np.abs(counts - 100).max() <= 15


def test_an_empty_shape_is_refused_by_name():
    cloud = unlabelled("void", np.zeros((0, 3)))
    for plan in (training, covering):
        with pytest.raises(ValueError, match="void must have at least one point"):
            plan(cloud, 8)


# Features


def made(cloud, *names):
    plan = np.arange(len(cloud))[None]
    return samples.gather(cloud, plan, Shapes(), Features(names=names)).features[0]


def test_every_known_feature_can_be_made():
    assert set(features.MAKERS) | {"rgb"} == set(KNOWN)


@pytest.mark.parametrize("extent", [(0.6, 0.4, 1.1), (900.0, 0.0, 3.0)])
def test_xyz_touches_the_unit_sphere_from_inside_and_keeps_proportions(extent):
    cloud = shape(500, extent=extent)
    cloud.xyz[0], cloud.xyz[1] = (30.0, -7.0, 2.0), np.array((30.0, -7.0, 2.0)) + extent
    xyz = made(cloud, "xyz")
    radius = np.linalg.norm(xyz, axis=1)
    assert radius.max() <= 1 + 1e-6
    np.testing.assert_allclose(radius[:2], 1, rtol=1e-6)
    np.testing.assert_allclose(xyz[0], -xyz[1], atol=1e-6)
    scale = 2 / np.linalg.norm(extent)
    np.testing.assert_allclose(
        np.linalg.norm(xyz[5] - xyz[9]),
        scale * np.linalg.norm(cloud.xyz[5] - cloud.xyz[9]),
        rtol=1e-5,  # float32 against float64
    )


def test_moving_or_scaling_a_shape_leaves_xyz_alone():
    cloud = shape(200)
    moved = unlabelled("moved", cloud.xyz * 4 + (64, -32, 128))
    np.testing.assert_allclose(made(moved, "xyz"), made(cloud, "xyz"), atol=1e-6)


def test_a_shape_of_one_point_lies_in_the_middle():
    np.testing.assert_array_equal(made(shape(1), "xyz"), np.zeros((1, 3)))


def test_channels_stand_in_the_order_of_their_names():
    cloud = shape(50)
    got = made(cloud, "xyz", "room_xyz", "rgb")
    np.testing.assert_array_equal(got[:, :3], made(cloud, "xyz"))
    np.testing.assert_array_equal(got[:, 6:], np.float32(cloud.rgb / 255))
    assert got[:, 3:6].min() == 0
    assert got[:, 3:6].max() == 1
    assert got.dtype == np.float32


def test_a_few_channels_of_blocks_equal_those_among_all():
    cloud, config = shape(300, extent=(2, 2, 2)), Blocks(num_points=64, min_points=1)
    plan = samples.plan_covering(cloud, config)
    everything = samples.gather(cloud, plan, config, Features()).features
    for name, place in Features().places().items():
        if KNOWN[name].moves:
            alone = samples.gather(cloud, plan, config, Features(names=(name,))).features
            np.testing.assert_array_equal(alone, everything[..., place])


def test_labels_are_those_of_the_planned_points():
    cloud = shape(100)
    plan = covering(cloud, 256)
    got = samples.gather(cloud, plan, Shapes(num_points=256), Features(names=("xyz",)))
    np.testing.assert_array_equal(got.semantic, cloud.semantic[plan])
    np.testing.assert_array_equal(got.instance, cloud.instance[plan])
    assert got.semantic.dtype == got.instance.dtype == np.int32
