"""The CUDA kernels against NumPy: emulated on the CPU, and on a GPU under `-m gpu`."""

import numpy as np
import pytest

import cuda_emulation
import cuda_launchers
import op_references as reference
from cuda_memory import CudaError
from tf_ops.building import toolchain

SEEDS = (1, 2, 3)


class GpuOps(cuda_launchers.CudaOps):
    """Runs a call as often as there are seeds: a GPU has its own schedule."""

    def run(self, call, seed=0):
        return call.run()


@pytest.fixture(scope="module")
def gpu_ops():
    try:
        runtime = cuda_launchers.find_runtime()
    except (FileNotFoundError, toolchain.BuildError, CudaError, OSError) as error:
        pytest.skip(f"no GPU to run on: {error}")
    major, minor = runtime.compute_capability()
    path = cuda_emulation.ROOT / "build" / "ban_cuda_test.so"
    return GpuOps(cuda_launchers.compile_library(path, [10 * major + minor]), runtime)


@pytest.fixture(
    params=[
        *cuda_emulation.DEVICES,
        pytest.param("gpu", marks=pytest.mark.gpu),
    ]
)
def ops(request):
    if request.param == "gpu":
        return request.getfixturevalue("gpu_ops")
    return cuda_emulation.EmulatedOps(request.param)


def run(ops, call):
    """Runs a call under several schedules, which must not change a single bit."""
    first, *others = [ops.run(call, seed) for seed in SEEDS]
    for other in others:
        for a, b in zip(first, other, strict=True):
            assert a.tobytes() == b.tobytes()
    return first if len(first) > 1 else first[0]


def grid_points(seed, *shape, extent=6):
    """Points on whole numbers: exact in float32, with many ties and duplicates."""
    rng = np.random.default_rng(seed)
    return rng.integers(-extent, extent, (*shape, 3)).astype(np.float32)


def with_bad_values(xyz):
    """Puts NaN and infinities where they hurt: first, last and in between."""
    xyz = xyz.copy()
    xyz[:, 0] = np.nan
    xyz[:, -1, 2] = np.inf
    xyz[:, xyz.shape[1] // 2, 1] = -np.inf
    return xyz


# ---- Farthest point sampling ------------------------------------------------


def test_sampling_by_hand(ops):
    xyz = np.array([[[0, 0, 0], [3, 0, 0], [-3, 0, 0], [0, 1, 0], [3, 0, 0]]], np.float32)
    picks = run(ops, ops.farthest_point_sample(xyz, 5))
    np.testing.assert_array_equal(picks, [[0, 1, 2, 3, 0]])


@pytest.mark.parametrize(
    ("batch", "num_points", "num_samples"),
    [
        *[(0, 9, 4), (1, 1, 1), (3, 2, 2), (2, 31, 31), (2, 33, 9), (3, 128, 20)],
        *[(1, 129, 30), (2, 257, 33), (1, 1024, 20), (1, 1100, 20), (2, 2049, 12)],
        *[(1, 4097, 8), (1, 8200, 6), (1, 16384, 4)],
    ],
)
def test_sampling_in_registers_matches_numpy(ops, batch, num_points, num_samples):
    xyz = grid_points(num_points, batch, num_points)
    picks = run(ops, ops.farthest_point_sample(xyz, num_samples))
    np.testing.assert_array_equal(picks, reference.farthest_point_sample(xyz, num_samples))


@pytest.mark.parametrize(
    ("batch", "num_points", "num_samples"), [(2, 16385, 4), (1, 40000, 3), (1, 70000, 2)]
)
def test_sampling_in_clusters_or_steps_matches_numpy(ops, batch, num_points, num_samples):
    xyz = with_bad_values(grid_points(num_points, batch, num_points, extent=300))
    picks = run(ops, ops.farthest_point_sample(xyz, num_samples))
    np.testing.assert_array_equal(picks, reference.farthest_point_sample(xyz, num_samples))


def test_sampling_beyond_the_largest_cluster_matches_numpy(ops):
    xyz = grid_points(0, 1, 131073, extent=300)
    picks = run(ops, ops.farthest_point_sample(xyz, 2))
    np.testing.assert_array_equal(picks, reference.farthest_point_sample(xyz, 2))


@pytest.mark.parametrize("num_points", [5, 40, 300, 5000])
def test_points_that_are_not_finite_are_never_picked(ops, num_points):
    xyz = with_bad_values(grid_points(1, 2, num_points))
    num_samples = min(num_points, 25)
    picks = run(ops, ops.farthest_point_sample(xyz, num_samples))
    np.testing.assert_array_equal(picks, reference.farthest_point_sample(xyz, num_samples))
    assert np.isfinite(np.take_along_axis(xyz, picks[..., None], axis=1)).all()


@pytest.mark.parametrize("num_points", [3, 1000, 17000])
def test_a_cloud_without_a_finite_point_gives_index_0(ops, num_points):
    xyz = np.full((1, num_points, 3), np.nan, np.float32)
    picks = run(ops, ops.farthest_point_sample(xyz, 3))
    np.testing.assert_array_equal(picks, np.zeros((1, 3)))


def test_huge_and_tiny_coordinates_do_not_upset_the_order(ops):
    xyz = np.array([[[0, 0, 0], [3e38, 0, 0], [-3e38, 1, 0], [1e-44, 0, 0]]], np.float32)
    picks = run(ops, ops.farthest_point_sample(xyz, 4))
    np.testing.assert_array_equal(picks, reference.farthest_point_sample(xyz, 4))


def test_more_samples_than_points_are_refused(ops):
    call = ops.farthest_point_sample(grid_points(0, 1, 3), 4)
    with pytest.raises(CudaError, match="BanFarthestPointSampleCuda failed with CUDA error 1"):
        call.launch()


# ---- Ball query -------------------------------------------------------------


def test_ball_query_by_hand(ops):
    xyz = np.array([[[9, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [np.nan, 0, 0]]], np.float32)
    centres = np.array([[[0, 0, 0], [-9, 0, 0]]], np.float32)
    index, count = run(ops, ops.ball_query(xyz, centres, 2.0, 4))
    np.testing.assert_array_equal(index, [[[1, 3, 1, 1], [0, 0, 0, 0]]])
    np.testing.assert_array_equal(count, [[2, 0]])


@pytest.mark.parametrize(
    ("batch", "num_points", "num_centres", "num_neighbours"),
    [
        *[(0, 8, 4, 2), (2, 8, 0, 2), (2, 0, 3, 2), (1, 1, 1, 1), (2, 31, 7, 5)],
        *[(2, 128, 9, 32), (2, 129, 9, 33), (1, 700, 40, 32), (1, 700, 3, 700)],
    ],
)
def test_ball_query_matches_numpy(ops, batch, num_points, num_centres, num_neighbours):
    xyz = grid_points(2, batch, num_points)
    centres = grid_points(3, batch, num_centres)
    got = run(ops, ops.ball_query(xyz, centres, 3.0, num_neighbours))
    wanted = reference.ball_query(xyz, centres, 3.0, num_neighbours)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_ball_query_of_bad_values_matches_numpy(ops):
    xyz = with_bad_values(grid_points(4, 2, 90))
    centres = with_bad_values(grid_points(5, 2, 12))
    got = run(ops, ops.ball_query(xyz, centres, 2.5, 8))
    for a, b in zip(got, reference.ball_query(xyz, centres, 2.5, 8), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- Gathering and grouping -------------------------------------------------

CHANNELS = [0, 1, 3, 4, 64, 130, 516]


def in_range(index, num_points):
    """Sends every index that is out of range to one row after the last."""
    return np.where((index >= 0) & (index < num_points), index, num_points)


def rows_or_zero(points, index):
    padded = np.pad(points, ((0, 0), (0, 1), (0, 0)))
    return padded, in_range(index, points.shape[1])


def sum_in_order(grad, index, num_points):
    return reference.take_rows_gradient(grad, in_range(index, num_points), num_points + 1)[:, :-1]


def entries(seed, batch, num_points, *shape):
    """Indices of which some are out of range and many are the same."""
    rng = np.random.default_rng(seed)
    index = rng.integers(-1, num_points + 1, (batch, *shape)).astype(np.int32)
    return np.where(rng.random(index.shape) < 0.3, min(2, num_points - 1), index).astype(np.int32)


@pytest.mark.parametrize("num_channels", CHANNELS)
def test_gathering_and_grouping_match_numpy(ops, num_channels):
    rng = np.random.default_rng(6)
    points = rng.normal(size=(2, 37, num_channels)).astype(np.float32)
    for shape in ((45,), (9, 7)):
        index = entries(7, 2, 37, *shape)
        wanted = reference.take_rows(*rows_or_zero(points, index))
        np.testing.assert_array_equal(run(ops, ops.gather_points(points, index)), wanted)


@pytest.mark.parametrize("num_channels", CHANNELS[1:])
def test_gradients_of_gathering_add_in_order(ops, num_channels):
    rng = np.random.default_rng(8)
    index = entries(9, 2, 37, 11, 13)
    grad = rng.normal(size=(*index.shape, num_channels)).astype(np.float32)
    flat = grad.reshape(2, 143, num_channels), index.reshape(2, 143)
    wanted = sum_in_order(grad, index, 37)
    np.testing.assert_array_equal(run(ops, ops.gather_points_grad(grad, index, 37)), wanted)
    np.testing.assert_array_equal(run(ops, ops.gather_points_grad(*flat, 37)), wanted)


@pytest.mark.parametrize("num_rows", [1024, 1025, 3000])
def test_a_point_of_very_many_entries_gets_their_sum_in_order(ops, num_rows):
    rng = np.random.default_rng(10)
    index = np.full((2, num_rows), 3, np.int32)
    index[1, ::5] = 0
    grad = rng.normal(size=(2, num_rows, 36)).astype(np.float32)
    wanted = sum_in_order(grad, index, 5)
    np.testing.assert_array_equal(run(ops, ops.gather_points_grad(grad, index, 5)), wanted)


def test_the_gradient_of_many_points_matches_numpy(ops):
    rng = np.random.default_rng(11)
    index = rng.integers(0, 2500, (2, 3001)).astype(np.int32)
    grad = rng.normal(size=(2, 3001, 4)).astype(np.float32)
    wanted = sum_in_order(grad, index, 2500)
    np.testing.assert_array_equal(run(ops, ops.gather_points_grad(grad, index, 2500)), wanted)


@pytest.mark.parametrize(("batch", "num_rows", "num_channels"), [(0, 5, 4), (2, 0, 4), (2, 5, 0)])
def test_nothing_to_take_gives_zeros_or_nothing(ops, batch, num_rows, num_channels):
    index = np.zeros((batch, num_rows, 3), np.int32)
    points = np.ones((batch, 6, num_channels), np.float32)
    output = np.ones((*index.shape, num_channels), np.float32)
    assert run(ops, ops.gather_points(points, index)).shape == output.shape
    grad = run(ops, ops.gather_points_grad(output, index, 6))
    np.testing.assert_array_equal(grad, np.zeros_like(points))
    weights = np.ones(index.shape, np.float32)
    assert run(ops, ops.interpolate(points, index, weights)).shape == output[:, :, 0].shape
    grad = run(ops, ops.interpolate_grad(output[:, :, 0], index, weights, 6))
    np.testing.assert_array_equal(grad, np.zeros_like(points))


# ---- Interpolation ----------------------------------------------------------


def test_three_nearest_by_hand(ops):
    query = np.array([[[0, 0, 0], [5, 0, 0]]], np.float32)
    reference_xyz = np.array([[[2, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0]]], np.float32)
    distance, index = run(ops, ops.three_nearest(query, reference_xyz))
    np.testing.assert_array_equal(index, [[[1, 2, 3], [0, 1, 3]]])
    np.testing.assert_array_equal(distance, [[[1, 1, 1], [9, 16, 26]]])


@pytest.mark.parametrize(
    ("batch", "num_queries", "num_references"),
    [(0, 4, 4), (2, 0, 4), (1, 1, 3), (2, 5, 3), (2, 128, 31), (1, 129, 512), (2, 300, 1030)],
)
def test_three_nearest_matches_numpy(ops, batch, num_queries, num_references):
    query = grid_points(12, batch, num_queries)
    cloud = grid_points(13, batch, num_references)
    got = run(ops, ops.three_nearest(query, cloud))
    for a, b in zip(got, reference.three_nearest(query, cloud), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("num_references", [3, 4, 9])
def test_references_that_are_not_finite_come_last(ops, num_references):
    query = with_bad_values(grid_points(14, 1, 9))
    cloud = with_bad_values(grid_points(15, 1, num_references))
    cloud[:, 1] = 3e38  # its distance overflows
    got = run(ops, ops.three_nearest(query, cloud))
    for a, b in zip(got, reference.three_nearest(query, cloud), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fewer_than_three_references_are_refused(ops):
    call = ops.three_nearest(grid_points(0, 1, 4), grid_points(1, 1, 2))
    with pytest.raises(CudaError, match="BanThreeNearestCuda failed with CUDA error 1"):
        call.launch()


@pytest.mark.parametrize("num_channels", CHANNELS[1:])
def test_interpolation_and_its_gradient_match_numpy(ops, num_channels):
    rng = np.random.default_rng(16)
    points = rng.normal(size=(2, 19, num_channels)).astype(np.float32)
    index = entries(17, 2, 19, 41, 3)
    weights = rng.random(index.shape, np.float32)
    output = run(ops, ops.interpolate(points, index, weights))
    wanted = reference.interpolate(*rows_or_zero(points, index), weights)
    np.testing.assert_array_equal(output, wanted)
    grad = rng.normal(size=output.shape).astype(np.float32)
    wanted = sum_in_order(weights[..., None] * grad[:, :, None], index, 19)
    got = run(ops, ops.interpolate_grad(grad, index, weights, 19))
    np.testing.assert_array_equal(got, wanted)
