"""Numbers of occupied voxels, metric ones and those of the original."""

import numpy as np
import pytest

from ban_tf.instances import voxels


def test_metric_voxels_by_hand():
    xyz = np.array([[0.0, 0, 0], [0.049, 0, 0], [0.051, 0, 0], [-0.001, 0, 0]])
    voxel, num_voxels = voxels.metric_voxels(xyz + 0.001, 0.05)
    np.testing.assert_array_equal(voxel, [0, 1, 1, 0])
    assert num_voxels == 2


@pytest.mark.parametrize("extent", [0.0, 3.0, 1e7])
@pytest.mark.parametrize("num_points", [0, 1, 500])
def test_metric_voxels_number_the_distinct_cells_of_any_extent(num_points, extent):
    rng = np.random.default_rng(num_points)
    xyz = np.round(rng.random((num_points, 3)) * 8) / 8 * extent - 4.0
    voxel, num_voxels = voxels.metric_voxels(xyz, 0.05)
    cells = np.floor((xyz - xyz.min(axis=0, initial=np.inf)) / 0.05)
    distinct, expected = np.unique(cells, axis=0, return_inverse=True)
    assert num_voxels == len(distinct)
    np.testing.assert_array_equal(voxel, expected.reshape(-1))


def test_bad_voxels_are_refused():
    with pytest.raises(ValueError, match="`voxel_m` must be positive"):
        voxels.metric_voxels(np.zeros((1, 3)), 0.0)
    with pytest.raises(ValueError, match="`xyz` must be finite"):
        voxels.metric_voxels(np.full((1, 3), np.nan), 0.05)
    with pytest.raises(ValueError, match="`normalised_xyz` must be finite"):
        voxels.legacy_voxels(np.full((1, 3), np.inf))


def test_legacy_voxels_are_truncated_shares_of_the_room():
    shares = np.array([[[0.0, 0.0, 0.0], [0.0049, 0.0, 0.0]], [[0.0051, 0, 0], [1.0, 1.0, 1.0]]])
    voxel, num_voxels = voxels.legacy_voxels(shares.astype(np.float32))
    np.testing.assert_array_equal(voxel, [[0, 0], [1, 2]])
    assert num_voxels == 3
