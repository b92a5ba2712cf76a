"""What every kernel of mean shift must find: scikit-learn's partition, wherever no tie decides."""

import numpy as np
import pytest

from test_mean_shift import blobs, same_partition, scikit_learn
from tf_ops.clustering import clustering


def assert_is_clustered_as_by_scikit_learn(embedding, bandwidth, bin_seeding, max_iterations=300):
    labels, centres, num_clusters = (
        np.asarray(output)
        for output in clustering.mean_shift(embedding, bandwidth, bin_seeding, max_iterations)
    )
    assert centres.shape[1] >= num_clusters.max()
    for b, points in enumerate(embedding):
        expected = scikit_learn(points, bandwidth, bin_seeding, max_iterations)
        wanted, partition = expected or scikit_learn(points, bandwidth, False, max_iterations)
        assert num_clusters[b] == len(wanted)
        assert same_partition(labels[b], partition)
        # Of which centre a label speaks: the order of equally dense ones hangs on rounding.
        chosen = centres[b][labels[b]]
        np.testing.assert_allclose(chosen, wanted[partition], rtol=1e-5, atol=1e-6)
        assert np.isnan(centres[b, num_clusters[b] :]).all()


@pytest.mark.parametrize("bin_seeding", [True, False])
@pytest.mark.parametrize(("width", "num_points"), [(1, 33), (2, 64), (5, 65), (7, 31), (16, 12)])
def test_blobs_of_any_width(kernels, width, num_points, bin_seeding):
    points = blobs(np.random.default_rng(width), num_points, width, 5, 0.08)
    assert_is_clustered_as_by_scikit_learn(points[None], 0.6, bin_seeding)


@pytest.mark.parametrize("num_points", [1, 2, 3, 32, 33])
def test_few_points_and_odd_numbers_of_them(kernels, num_points):
    points = blobs(np.random.default_rng(num_points), num_points, 3, 4, 0.05)
    assert_is_clustered_as_by_scikit_learn(points[None], 0.6, True)


@pytest.mark.parametrize("bin_seeding", [True, False])
def test_overlapping_clusters(kernels, bin_seeding):
    points = blobs(np.random.default_rng(3), 40, 5, 4, 0.3)
    assert_is_clustered_as_by_scikit_learn(points[None], 0.6, bin_seeding)


@pytest.mark.parametrize("max_iterations", [0, 1, 4])
def test_few_iterations(kernels, max_iterations):
    points = blobs(np.random.default_rng(4), 70, 2, 3, 0.5)
    assert_is_clustered_as_by_scikit_learn(points[None], 1.0, True, max_iterations)


@pytest.mark.parametrize("bandwidth", [1.0, 2.0, 3.0])
def test_whole_numbers_with_duplicates_at_the_rim_of_the_ball(kernels, bandwidth):
    # From the points and once only: at a mean, the rim would hang on its rounding.
    points = np.random.default_rng(5).integers(-3, 4, (50, 2)).astype(np.float32)
    assert_is_clustered_as_by_scikit_learn(points[None], bandwidth, False, 0)


@pytest.mark.parametrize("num_points", [1, 2, 37])
def test_identical_points(kernels, num_points):
    points = np.tile(np.float32([0.3, -1.7, 2.5, 8.1, 0]), (1, num_points, 1))
    assert_is_clustered_as_by_scikit_learn(points, 0.6, True)


@pytest.mark.parametrize("bin_seeding", [True, False])
def test_blocks_of_a_batch_do_not_influence_each_other(kernels, bin_seeding):
    rng = np.random.default_rng(6)
    embedding = np.stack([blobs(rng, 32, 4, k, 0.1, side=4) for k in (1, 9, 3)])
    embedding[0] = embedding[0, 0]
    assert_is_clustered_as_by_scikit_learn(embedding, 0.6, bin_seeding)


@pytest.mark.parametrize("copies", [(3, 2), (2, 3)])
def test_equally_near_centres_give_the_lower_label(kernels, copies):
    # In the corner of its cell, a point that is in no ball; two clusters on its either side.
    corner = np.full(5, 0.9375, np.float32)
    right = np.float32([4, 0, 0, 0, 0])
    clusters = np.repeat([right, 2 * corner - right], copies, axis=0)
    labels, _, num_clusters = clustering.mean_shift(np.array([[corner, *clusters]]), 2.0)
    np.testing.assert_array_equal(num_clusters, [2])
    assert labels[0][0] == 0


@pytest.mark.parametrize(("corner_first", "num_clusters"), [(True, 1), (False, 2)])
def test_of_equal_ends_the_last_seeds_count_holds(kernels, corner_first, num_clusters):
    # The seed 0 finds five points and moves to their mean, the first of them; so does the seed
    # (2, 0, 0, 0, 0), but it finds that one alone: its own point is in the corner of its cell.
    points = np.zeros((6, 5), np.float32)
    points[:5, 0] = 0.5
    points[1:5, 1] = 1.75, 1.75, -1.75, -1.75
    points[5] = 2.95, 0.95, 0.95, 0.95, 0.95
    if corner_first:
        points = np.roll(points, 1, axis=0)
    assert_is_clustered_as_by_scikit_learn(points[None], 2.0, True, 0)
    assert clustering.mean_shift(points[None], 2.0, True, 0)[2] == num_clusters
