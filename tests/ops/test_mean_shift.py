import functools
import re
import warnings

import keras
import numpy as np
import pytest
import sklearn
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import MeanShift

from tf_ops import library
from tf_ops.clustering import clustering

# Other releases sort ties differently and stop one step earlier or later.
SAME_RELEASE = sklearn.__version__.startswith("1.9.")


@pytest.fixture(autouse=True)
def on_cpu():
    """Where there is a GPU, only what takes `kernels` may use it: the CPU's bits are compared."""
    with tf.device("CPU:0"):
        yield


def scikit_learn(points, bandwidth, bin_seeding, max_iterations=300):
    """Centres and labels; None where scikit-learn finds no point near any seed."""
    estimator = MeanShift(bandwidth=bandwidth, bin_seeding=bin_seeding, max_iter=max_iterations)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Binning data failed", UserWarning)
        try:
            estimator.fit(points)
        except ValueError as error:
            if "No point was within bandwidth" not in str(error):
                raise
            return None
    return estimator.cluster_centers_, estimator.labels_


def same_partition(first, second):
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    return len(pairs) == len(set(first.tolist())) == len(set(second.tolist()))


def assert_is_scikit_learns(points, bandwidth, bin_seeding, max_iterations=300):
    labels, centres, num_clusters = clustering.mean_shift(
        points[None], bandwidth, bin_seeding, max_iterations
    )
    expected = scikit_learn(points, bandwidth, bin_seeding, max_iterations)
    if expected is None:
        expected = scikit_learn(points, bandwidth, False, max_iterations)
    if not SAME_RELEASE:
        assert same_partition(labels[0].numpy(), expected[1])
        return
    assert num_clusters[0] == len(expected[0])
    np.testing.assert_array_equal(labels[0], expected[1])
    # As bits, so that -0 and +0 differ.
    np.testing.assert_array_equal(centres[0].numpy().view("int32"), expected[0].view("int32"))


def blobs(rng, num_points, width, num_clusters=8, std=0.15, side=3.0):
    centres = side * rng.random((num_clusters, width))
    drawn = rng.integers(0, num_clusters, num_points)
    return (centres[drawn] + std * rng.standard_normal((num_points, width))).astype(np.float32)


def random_set(rng):
    """Points of one of eight kinds, most with ties or duplicates, and a bandwidth."""
    # 11 | 12 points, 15 | 16 coordinates and 3 | 4 or 60 | 61 centres change the search.
    num_points = int(rng.choice([1, 2, 3, 7, 8, 11, 12, 13, 31, 61, 62, 130, 300, 700, 2048]))
    width = int(rng.integers(1, 17))
    kind = rng.choice(["blobs", "broad", "decimal", "grid", "same", "repeats", "line", "far"])
    if kind == "grid":
        points = rng.integers(-3, 4, (num_points, width)).astype(np.float32)
        return points, float(rng.choice([1, 1.5, 2, 3, 2**0.5, 3**0.5]))
    if kind == "line":
        points = np.zeros((num_points, width), np.float32)
        points[:, 0] = 0.1 * np.arange(num_points)
        return points, 0.35
    std = {"broad": 0.4, "same": 0.0}.get(kind, float(rng.choice([0.05, 0.15, 0.25])))
    points = blobs(rng, num_points, width, int(rng.integers(1, 30)), std)
    if kind == "decimal":
        return points.round(1), float(rng.choice([0.1, 0.3, 0.5, 0.6, 1.0]))
    if kind == "repeats":
        points = points[rng.integers(0, max(1, num_points // 4), num_points)]
    if kind == "same":
        points = np.repeat(points[:1], num_points, 0)
    if kind == "far":
        points += np.float32(rng.choice([100, 1e4]))
    return points, 0.6


def assert_random_sets_are_scikit_learns(seed, count, largest):
    rng = np.random.default_rng(seed)
    while count > 0:
        points, bandwidth = random_set(rng)
        bin_seeding = bool(rng.random() < 0.6)
        max_iterations = int(rng.choice([300, 300, 300, 0, 1, 4]))
        # scikit-learn's search of wide points takes milliseconds a step.
        if len(points) * (8 if points.shape[1] > 15 else 1) > largest:
            continue
        assert_is_scikit_learns(points, bandwidth, bin_seeding, max_iterations)
        count -= 1


def test_by_hand(kernels):
    # Two balls of radius 1: around 0, 1/2 (3 points) and around 5 (2 points); one point alone.
    line = np.array([[0.0], [0.5], [0.25], [5.0], [5.5], [9.0]], np.float32)
    labels, centres, num_clusters = clustering.mean_shift(line[None], 1.0)
    np.testing.assert_array_equal(labels, [[0, 0, 0, 1, 1, 2]])
    np.testing.assert_array_equal(num_clusters, [3])
    np.testing.assert_array_equal(np.asarray(centres)[0, :3, 0], [0.25, 5.25, 9.0])
    assert keras.backend.standardize_dtype(labels.dtype) == "int32"
    assert keras.backend.standardize_dtype(num_clusters.dtype) == "int32"


@pytest.mark.parametrize("seed", range(4))
def test_random_sets_are_clustered_as_scikit_learn_does(seed):
    assert_random_sets_are_scikit_learns(seed, 15, 62)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 116))
def test_hundreds_of_random_sets_are_clustered_as_scikit_learn_does(seed):
    assert_random_sets_are_scikit_learns(seed, 25, 2048)


@pytest.mark.parametrize("bin_seeding", [True, False])
@pytest.mark.parametrize(
    ("width", "num_points"), [(1, 300), (2, 300), (5, 300), (9, 200), (15, 200), (16, 40)]
)
def test_every_width_is_clustered_as_scikit_learn_does(width, num_points, bin_seeding):
    points = blobs(np.random.default_rng(width), num_points, width)
    assert_is_scikit_learns(points, 0.6, bin_seeding)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    seed=st.integers(0, 2**16),
    num_points=st.integers(1, 24),
    width=st.integers(1, 16),
    bandwidth=st.sampled_from([0.5, 1.0, 2.0, 3.0]),
    bin_seeding=st.booleans(),
)
def test_ties_are_broken_as_scikit_learn_does(seed, num_points, width, bandwidth, bin_seeding):
    points = np.random.default_rng(seed).integers(-2, 3, (num_points, width)).astype(np.float32)
    assert_is_scikit_learns(points, bandwidth, bin_seeding)


def test_the_bandwidth_is_not_rounded_to_float32():
    # float32(0.6) > 0.6: the pairs are too far apart for a ball of 0.6.
    points = np.zeros((24, 2), np.float32)
    points[:, 1] = 4 * np.arange(24)
    pairs = np.concatenate([points, points + np.float32([0.6, 0])])
    assert clustering.mean_shift(pairs[None], 0.6, False)[2] == 48
    assert clustering.mean_shift(pairs[None], float(np.float32(0.6)), False)[2] == 24


@pytest.mark.parametrize("scale", [1e-38, 1e-40])
def test_subnormal_numbers_are_not_rounded_to_zero(scale):
    rng = np.random.default_rng(9)
    points = (scale * (3 * rng.integers(0, 9, (200, 3)) + rng.random((200, 3)))).astype(np.float32)
    assert_is_scikit_learns(points, 1.5e-38, True)


def test_more_than_a_leaf_of_equally_near_centres_is_labelled_as_scikit_learn_does():
    # 100 centres, and points halfway between four of them.
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(10)), -1).reshape(-1, 2) * 4.0
    points = np.concatenate([np.repeat(grid, 3, 0), grid + 2.0]).astype(np.float32)
    assert_is_scikit_learns(points, 1.0, False)


def test_labels_do_not_depend_on_batch_and_threads():
    rng = np.random.default_rng(5)
    embedding = np.stack([blobs(rng, 3000, 5, k, 0.25) for k in (1, 4, 9, 20, 30)])
    labels, centres, num_clusters = clustering.mean_shift(embedding, 0.6)
    assert centres.shape == (5, num_clusters.numpy().max(), 5)
    for b in range(5):
        alone = clustering.mean_shift(embedding[b : b + 1], 0.6)
        np.testing.assert_array_equal(alone[0][0], labels[b])
        np.testing.assert_array_equal(alone[1][0], centres[b, : num_clusters[b]])
        assert np.isnan(centres[b, num_clusters[b] :]).all()


@pytest.mark.parametrize("shape", [(0, 7, 5), (2, 0, 5), (0, 0, 3)])
def test_nothing_gives_nothing(kernels, shape):
    labels, centres, num_clusters = clustering.mean_shift(np.zeros(shape, np.float32), 0.6)
    assert labels.shape == shape[:2]
    assert centres.shape[::2] == shape[::2]
    np.testing.assert_array_equal(num_clusters, np.zeros(shape[0], np.int32))


@pytest.mark.parametrize("num_points", [1, 40, 4096])
def test_identical_points_are_one_cluster(num_points):
    point = np.float32([0.3, -1.7, 2.5, 8.1, 0])
    labels, centres, num_clusters = clustering.mean_shift(np.tile(point, (1, num_points, 1)), 0.6)
    assert num_clusters == 1
    assert not labels.numpy().any()
    np.testing.assert_allclose(centres[0, 0], point, rtol=1e-4)  # float32 sum of 4096 values


def test_points_in_the_corners_of_their_cells_are_clustered(kernels):
    # The corner is 0.3 * sqrt(9) = 0.9 from its centre: no seed of the grid has a point.
    points = np.full((1, 20, 9), 0.29, np.float32)
    points[0, 10:] += 6.0
    assert scikit_learn(points[0], 0.6, True) is None
    labels, _, num_clusters = clustering.mean_shift(points, 0.6)
    np.testing.assert_array_equal(num_clusters, [2])
    assert same_partition(np.asarray(labels)[0], np.arange(20) // 10)


def test_ten_thousand_instances():
    grid = np.stack(np.meshgrid(*[np.arange(10)] * 4), -1).reshape(-1, 4).astype(np.float32)
    points = np.repeat(2 * grid, 2, 0)[None]
    labels, centres, num_clusters = clustering.mean_shift(points, 0.6)
    assert num_clusters == 10_000
    np.testing.assert_array_equal(tf.gather(centres[0], labels[0]), points[0])


def test_order_of_points_does_not_change_separated_clusters(kernels):
    rng = np.random.default_rng(6)
    points = blobs(rng, 90, 3, 4, 0.05)
    order = rng.permutation(90)
    labels = np.asarray(clustering.mean_shift(np.stack([points, points[order]]), 0.6)[0])
    np.testing.assert_array_equal(labels[1], labels[0][order])


@pytest.mark.parametrize("bin_seeding", [True, False])
def test_stock_finds_the_native_clusters(bin_seeding):
    rng = np.random.default_rng(7)
    embedding = np.stack([blobs(rng, 500, 5, k, 0.1, side=4) for k in (3, 12)])
    native = clustering.mean_shift(embedding, 0.6, bin_seeding)
    run = tf.function(functools.partial(clustering.mean_shift, bandwidth=0.6))
    with library.stock_kernels():
        stock = run(tf.constant(embedding), bin_seeding=bin_seeding)
    np.testing.assert_array_equal(stock[0], native[0])
    np.testing.assert_array_equal(stock[2], native[2])
    kept = native[1].shape[1]
    np.testing.assert_allclose(stock[1][:, :kept], native[1], rtol=1e-5)
    assert np.isnan(stock[1][:, kept:]).all()


def test_stock_takes_shapes_that_are_known_only_as_it_runs():
    spec = tf.TensorSpec([None, None, 3], tf.float32)
    run = tf.function(lambda x: clustering.mean_shift(x, 0.6), input_signature=[spec])
    embedding = np.stack([blobs(np.random.default_rng(seed), 70, 3, 5, 0.05) for seed in (1, 2)])
    with library.stock_kernels():
        labels, _, num_clusters = run(embedding)
    native = clustering.mean_shift(embedding, 0.6)
    np.testing.assert_array_equal(labels, native[0])
    np.testing.assert_array_equal(num_clusters, native[2])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_embedding_that_is_not_finite_is_refused_by_block(bad):
    embedding = np.zeros((5, 30, 4), np.float32)
    embedding[3, 17, 2] = bad
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"finite.*block 3 .*point 17"):
        clustering.mean_shift(embedding, 0.6)


def test_sums_beyond_float32_are_refused_by_block():
    embedding = np.zeros((3, 40, 2), np.float32)
    embedding[1] = 3e38
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"range of float32.*block 1"):
        clustering.mean_shift(embedding, 0.6, False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"range of float32.*block 1"):
        clustering.mean_shift(embedding, 1e-4)


def test_a_bandwidth_lost_in_rounding_is_refused_by_block():
    # Sums of equal numbers that large are rounded, so their mean is another number.
    embedding = np.zeros((2, 41, 2), np.float32)
    embedding[1] = 123456789.0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rounding of.*block 1"):
        clustering.mean_shift(embedding, 1e-3)


@pytest.mark.parametrize("bandwidth", [0.0, -0.6, float("nan"), float("inf"), 1e-60, 1e60])
def test_a_bandwidth_that_is_no_positive_float32_is_refused(bandwidth):
    with pytest.raises(ValueError, match=re.escape(f"bandwidth={bandwidth}")):
        clustering.mean_shift(np.zeros((1, 4, 2), np.float32), bandwidth)


def test_the_op_itself_refuses_a_bandwidth_that_is_not_positive():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"bandwidth must be > 0.*=-1"):
        library.ops().ban_mean_shift(embedding=np.zeros((1, 4, 2), np.float32), bandwidth=-1.0)


def test_negative_iterations_are_refused():
    with pytest.raises(ValueError, match="max_iterations=-1"):
        clustering.mean_shift(np.zeros((1, 4, 2), np.float32), 0.6, max_iterations=-1)


@pytest.mark.parametrize("shape", [(4, 2), (1, 4, 0), (1, 4, 17)])
def test_a_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"\[B, N, E\]"):
        clustering.mean_shift(np.zeros(shape, np.float32), 0.6)


def test_float64_is_refused():
    with pytest.raises(TypeError, match="must be float32"):
        clustering.mean_shift(np.zeros((1, 4, 2)), 0.6)


def test_the_op_refuses_too_wide_an_embedding_when_the_graph_is_built():
    run = tf.function(lambda x: library.ops().ban_mean_shift(embedding=x, bandwidth=0.6))
    with pytest.raises(ValueError, match="E=17"):
        run.get_concrete_function(tf.TensorSpec([None, None, 17], tf.float32))


def test_there_is_no_gradient():
    embedding = tf.constant(blobs(np.random.default_rng(8), 50, 3)[None])
    with tf.GradientTape() as tape:
        tape.watch(embedding)
        centres = clustering.mean_shift(embedding, 0.6)[1]
    assert tape.gradient(centres, embedding) is None


class Cluster(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.supports_jit = False

    def call(self, embedding):
        labels, centres, num_clusters = clustering.mean_shift(embedding, 0.6)
        return {"labels": labels, "centres": centres, "num_clusters": num_clusters}


def test_functional_model_knows_the_shapes():
    embedding = keras.Input((40, 5))
    model = keras.Model(embedding, Cluster()(embedding))
    shapes = {name: tuple(tensor.shape) for name, tensor in model.output.items()}
    assert shapes == {
        "labels": (None, 40),
        "centres": (None, None, 5),
        "num_clusters": (None,),
    }
