"""The CUDA kernels of mean shift, called without TensorFlow; see `test_cuda_kernels`."""

import numpy as np
import pytest
import test_cuda_kernels

from cuda_memory import CudaError
from test_mean_shift import blobs, random_set, same_partition, scikit_learn

gpu_ops, ops, run = test_cuda_kernels.gpu_ops, test_cuda_kernels.ops, test_cuda_kernels.run


def cluster(ops, points, bandwidth, bin_seeding=True, max_iterations=300):
    """Clusters one block `[N, E]`; centres without the filling."""
    labels, centres, num_clusters = run(
        ops, ops.mean_shift(points[None], bandwidth, bin_seeding, max_iterations)
    )
    return labels[0], centres[0, : num_clusters[0]]


def assert_same_as_scikit_learn(got, points, *options):
    labels, centres = got
    wanted, partition = scikit_learn(points, *options)
    assert len(centres) == len(wanted)
    assert same_partition(labels, partition)
    np.testing.assert_allclose(centres[labels], wanted[partition], rtol=1e-5)


def test_random_sets_are_clustered_as_by_scikit_learn(ops):
    rng = np.random.default_rng(0)
    for _ in range(16):
        points, bandwidth = random_set(rng)
        if bandwidth == 0.35:  # a line with ties everywhere
            continue
        points = points[:40, :9]  # the emulator and the search of wider points are slow
        labels, centres, num_clusters = ops.run(ops.mean_shift(points[None], bandwidth, True, 300))
        expected = scikit_learn(points, bandwidth, True) or scikit_learn(points, bandwidth, False)
        assert num_clusters == len(expected[0])
        assert same_partition(labels[0], expected[1])
        assert np.isnan(centres[0, num_clusters[0] :]).all()


@pytest.mark.parametrize("bin_seeding", [True, False])
def test_more_points_than_a_block_has_threads(ops, bin_seeding):
    points = blobs(np.random.default_rng(1), 261, 3, 6, 0.1)
    got = cluster(ops, points, 0.6, bin_seeding)
    assert_same_as_scikit_learn(got, points, 0.6, bin_seeding)


def test_more_clusters_than_a_block_has_threads(ops):
    line = np.random.default_rng(2).permutation(270).astype(np.float32)
    labels, centres = cluster(ops, line[:, None], 0.75)
    # Equally dense, so the larger coordinate comes first.
    np.testing.assert_array_equal(centres[:, 0], np.arange(270)[::-1])
    np.testing.assert_array_equal(labels, 269 - line)


@pytest.mark.parametrize(("num_points", "bandwidth"), [(7, 1.0), (150, 40.0), (150, 2.0)])
def test_a_chain_of_ends_is_thinned_from_the_densest_down(ops, num_points, bandwidth):
    # One step from whole numbers to means that are halves: every distance is exact.
    line = np.random.default_rng(8).permutation(num_points).astype(np.float32)[:, None]
    labels, centres = cluster(ops, line, bandwidth, False, 0)
    wanted, partition = scikit_learn(line, bandwidth, False, 0)
    np.testing.assert_array_equal(centres, wanted)
    nearest = np.abs(line - centres[:, 0]).min(axis=1)
    np.testing.assert_array_equal(np.abs(line[:, 0] - centres[labels, 0]), nearest)
    np.testing.assert_array_equal(np.abs(line[:, 0] - wanted[partition, 0]), nearest)


def test_the_bandwidth_is_not_rounded_to_float32(ops):
    # float32(0.6) > 0.6: the pairs are too far apart for a ball of 0.6.
    points = np.zeros((6, 2), np.float32)
    points[:, 1] = 4 * np.arange(6)
    pairs = np.concatenate([points, points + np.float32([0.6, 0])])
    assert len(cluster(ops, pairs, 0.6, False)[1]) == 12
    assert len(cluster(ops, pairs, float(np.float32(0.6)), False)[1]) == 6


@pytest.mark.parametrize("scale", [1e-38, 1e-40])
def test_subnormal_numbers_are_not_rounded_to_zero(ops, scale):
    rng = np.random.default_rng(3)
    points = scale * (3 * rng.integers(0, 4, (40, 3)) + rng.random((40, 3)))
    points = points.astype(np.float32)
    assert_same_as_scikit_learn(cluster(ops, points, 1.5e-38), points, 1.5e-38, True)


def test_squares_beyond_float32_do_not_matter(ops):
    points = blobs(np.random.default_rng(3), 40, 3, 4, 0.1)
    labels, centres = cluster(ops, points, 0.6)
    scaled_labels, scaled_centres = cluster(ops, points * np.float32(2**66), 0.6 * 2.0**66)
    np.testing.assert_array_equal(scaled_labels, labels)
    np.testing.assert_array_equal(scaled_centres, centres * np.float32(2**66))


@pytest.mark.parametrize("num_points", [1, 40])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_block_that_is_not_finite_is_marked_and_no_other(ops, value, num_points):
    rng = np.random.default_rng(4)
    embedding = np.stack([blobs(rng, num_points, 4, 3, 0.1) for _ in range(3)])
    embedding[1, num_points // 2, 2] = value
    labels, centres, num_clusters = run(ops, ops.mean_shift(embedding, 0.6, True, 300))
    assert num_clusters[1] == -1
    assert (labels[1] == -1).all()
    assert np.isnan(centres[1]).all()
    for b in (0, 2):
        alone = cluster(ops, embedding[b], 0.6)
        np.testing.assert_array_equal(labels[b], alone[0])
        np.testing.assert_array_equal(centres[b, : num_clusters[b]], alone[1])


@pytest.mark.parametrize(("value", "bandwidth"), [(3e38, 0.6), (3e38, 1e-4), (1e38, 1e-30)])
def test_a_block_whose_sums_or_cells_overflow_is_marked(ops, value, bandwidth):
    embedding = np.zeros((2, 40, 2), np.float32)
    embedding[1] = value
    labels, _, num_clusters = run(ops, ops.mean_shift(embedding, bandwidth, True, 300))
    np.testing.assert_array_equal(num_clusters, [1, -1])
    np.testing.assert_array_equal(labels, [[0] * 40, [-1] * 40])


def test_a_block_whose_means_lose_the_bandwidth_is_marked(ops):
    # The sum of the three is rounded, and their mean is another number, eight further.
    embedding = np.zeros((2, 3, 2), np.float32)
    embedding[1, :, 0] = 96000016
    labels, centres, num_clusters = run(ops, ops.mean_shift(embedding, 1e-3, True, 300))
    np.testing.assert_array_equal(num_clusters, [1, -1])
    np.testing.assert_array_equal(labels, [[0] * 3, [-1] * 3])
    assert np.isnan(centres[1]).all()


@pytest.mark.parametrize("shape", [(0, 7, 5), (2, 0, 5), (0, 0, 3)])
def test_nothing_gives_no_clusters(ops, shape):
    labels, centres, num_clusters = run(ops, ops.mean_shift(np.zeros(shape, "f4"), 0.6, True, 300))
    assert labels.shape == shape[:2]
    assert centres.shape == shape
    np.testing.assert_array_equal(num_clusters, np.zeros(shape[0]))


@pytest.mark.parametrize("width", [0, 17])
def test_an_embedding_of_no_supported_width_is_refused(ops, width):
    call = ops.mean_shift(np.zeros((1, 4, width), np.float32), 0.6, True, 300)
    with pytest.raises(CudaError, match="BanMeanShiftCuda failed with CUDA error 1"):
        call.launch()
