"""Numbers of occupied voxels, as the original makes them."""

import numpy as np
import pytest

from ban_tf.instances import voxels


@pytest.mark.parametrize("gap", [0.005, 1.0, 1e-9])
@pytest.mark.parametrize("num_points", [0, 1, 500])
def test_voxels_number_the_distinct_cells_in_lexicographic_order(num_points, gap):
    rng = np.random.default_rng(num_points)
    shares = np.round(rng.random((num_points, 3)) * 8) / 8
    voxel, num_voxels = voxels.legacy_voxels(shares, gap)
    distinct, expected = np.unique(np.trunc(shares / gap), axis=0, return_inverse=True)
    assert num_voxels == len(distinct)
    np.testing.assert_array_equal(voxel, expected.reshape(-1))


def test_bad_voxels_are_refused():
    with pytest.raises(ValueError, match="`gap` must be positive"):
        voxels.legacy_voxels(np.zeros((1, 3), np.float32), 0.0)
    with pytest.raises(ValueError, match="`normalised_xyz` must be finite"):
        voxels.legacy_voxels(np.full((1, 3), np.inf))


def test_legacy_voxels_are_truncated_shares_of_the_room():
    shares = np.array([[[0.0, 0.0, 0.0], [0.0049, 0.0, 0.0]], [[0.0051, 0, 0], [1.0, 1.0, 1.0]]])
    voxel, num_voxels = voxels.legacy_voxels(shares.astype(np.float32))
    np.testing.assert_array_equal(voxel, [[0, 0], [1, 2]])
    assert num_voxels == 3
