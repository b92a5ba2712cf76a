"""The points that the authors' JSNet picked and grouped, and those that we do."""

import numpy as np
import pytest

from ban_tf.config import JsnetConfig
from ban_tf.model.nearest import nearest_neighbours
from places import SHARED
from tf_ops.grouping import grouping
from tf_ops.interpolation import interpolation
from tf_ops.sampling import sampling

RECORD = SHARED / "fixtures" / "tf1" / "jsnet" / "io.npz"
SIZES = JsnetConfig()


@pytest.fixture(scope="module")
def record():
    if not RECORD.exists():
        pytest.skip(f"no recorded network at {RECORD}")
    with np.load(RECORD) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def levels(record):
    """Coordinates of the points and of the four sampled levels, by the recorded picks."""
    levels = [record["input"][..., :3]]
    for level in (1, 2, 3, 4):
        picks = record[f"fps{level}"]
        levels.append(np.take_along_axis(levels[-1], picks[..., None], axis=1))
    return levels


def test_every_level_samples_the_recorded_points(record, levels):
    for level, sizes in enumerate((SIZES.first, *SIZES.encoder), start=1):
        got = sampling.farthest_point_sample(levels[level - 1], sizes.num_samples)
        np.testing.assert_array_equal(got, record[f"fps{level}"])


def test_every_encoding_groups_the_recorded_points(record, levels):
    for level, sizes in enumerate(SIZES.encoder, start=2):
        got = nearest_neighbours(levels[level], levels[level - 1], sizes.num_neighbours)
        assert_same_sets(got, record[f"knn_layer{level}"])


def test_every_density_looks_at_the_recorded_points(record, levels):
    for level, sizes in enumerate(SIZES.encoder, start=2):
        source = levels[level - 1]
        index, count = grouping.ball_query(source, source, sizes.radius_m, sizes.density_neighbours)
        np.testing.assert_array_equal(count, record[f"density_ball{level}_count"])
        np.testing.assert_array_equal(index, record[f"density_ball{level}"])


def test_every_decoding_groups_and_interpolates_the_recorded_points(record, levels):
    for step in (1, 2, 3):
        fine = levels[4 - step]
        got = nearest_neighbours(fine, fine, SIZES.decoder_neighbours)
        assert_same_sets(got, record[f"knn_fa_layer{step}"])
    sources = {"fa_layer1": (3, 4), "fa_layer2": (2, 3), "fa_layer3": (1, 2), "fa_layer4": (0, 1)}
    for name, (fine, coarse) in {**sources, "up1": (0, 2), "up2": (0, 1)}.items():
        _, got = interpolation.three_nearest(levels[fine], levels[coarse])
        np.testing.assert_array_equal(got, record[f"nn3_{name}"], err_msg=name)


def assert_same_sets(got, expected):
    """The order within a group means nothing."""
    np.testing.assert_array_equal(np.sort(got, axis=-1), np.sort(expected, axis=-1))
