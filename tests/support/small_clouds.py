"""Three small clouds of two groups, and the samples that a store should hold of them."""

import dataclasses

import numpy as np

import tiny_runs
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks, Features
from ban_tf.data import samples

BLOCKS = Blocks(num_points=64, min_points=20)
EXPERIMENT = dataclasses.replace(tiny_runs.experiment(), samples=BLOCKS, seed=3)
NAMES = ("east_1", "east_2", "west_1")


def make_cloud(name, num_points=900, seed=0):
    """Ids of instances are 0, 100 ... 800, and the class follows from the id."""
    rng = np.random.default_rng([seed, *name.encode()])
    instance = rng.integers(0, 9, num_points).astype(np.int32) * 100
    return Cloud(
        name=name,
        xyz=rng.uniform(0, (1.8, 1.2, 2.5), (num_points, 3)),
        rgb=rng.integers(0, 256, (num_points, 3)).astype(np.uint8),
        semantic=instance // 100 % 4,
        instance=instance,
        group=name.split("_")[0],
    )


def with_samples(**changes):
    changed = dataclasses.replace(BLOCKS, **changes)
    return dataclasses.replace(EXPERIMENT, samples=changed)


def prepare(path, clouds, experiment=EXPERIMENT, **options):
    return tiny_runs.prepare(clouds, path, experiment, **{"num_workers": 1} | options)


def expected_blocks(cloud):
    rng = np.random.default_rng([3, *cloud.name.encode()])
    return samples.gather(cloud, samples.plan_training(cloud, BLOCKS, rng), BLOCKS, Features())


def assert_same_blocks(got, expected):
    for field in ("features", "semantic", "instance"):
        np.testing.assert_array_equal(getattr(got, field), getattr(expected, field))
        assert getattr(got, field).dtype == getattr(expected, field).dtype
