import numpy as np
import pytest
import tensorflow as tf

import op_references as reference
from ban_tf.model import nearest
from ban_tf.model.nearest import NearestNeighbours, nearest_neighbours
from layer_checks import check_layer

CHUNK = nearest.QUERIES_AT_A_TIME


def on_a_lattice(*shape, seed=0):
    """Few integer places, so that float32 is exact and ties happen."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)


def nearest_reference(query, points, num_neighbours):
    index = np.zeros((*query.shape[:2], num_neighbours), np.int32)
    for b in range(len(query)):
        distance = reference.squared_distances(query[b], points[b])
        distance[np.isnan(distance)] = np.inf
        index[b] = np.argsort(distance, axis=1, kind="stable")[:, :num_neighbours]
    return index


def test_neighbours_by_hand():
    points = np.array([[[0, 0, 0], [3, 0, 0], [1, 0, 0], [-1, 0, 0], [1, 0, 0]]], np.float32)
    query = np.array([[[0, 0, 0], [2.4, 0, 0]]], np.float32)
    np.testing.assert_array_equal(
        nearest_neighbours(query, points, 4), [[[0, 2, 3, 4], [1, 2, 4, 0]]]
    )


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize(
    ("num_queries", "num_points", "num_neighbours"),
    [(0, 5, 2), (1, 1, 1), (7, 9, 9), (CHUNK, 40, 16), (CHUNK + 1, 33, 5), (2 * CHUNK, 3, 1)],
)
def test_matches_the_reference_whatever_the_chunks(batch, num_queries, num_points, num_neighbours):
    query = on_a_lattice(batch, num_queries, 3)
    points = on_a_lattice(batch, num_points, 3, seed=1)
    got = nearest_neighbours(query, points, num_neighbours)
    assert got.dtype == "int32"
    np.testing.assert_array_equal(got, nearest_reference(query, points, num_neighbours))


def test_distances_do_not_cancel_far_from_the_origin():
    rng = np.random.default_rng(2)
    points = (1000 + rng.uniform(size=(1, 60, 3))).astype(np.float32)
    got = nearest_neighbours(points, points, 8)
    np.testing.assert_array_equal(got, nearest_reference(points, points, 8))
    np.testing.assert_array_equal(got[0, :, 0], np.arange(60))


def test_sizes_may_be_known_only_as_it_runs():
    unknown = tf.TensorSpec((None, None, 3))
    traced = tf.function(lambda q, p: nearest_neighbours(q, p, 4), input_signature=[unknown] * 2)
    for num_queries in (1, CHUNK + 3):
        query, points = on_a_lattice(2, num_queries, 3), on_a_lattice(2, 12, 3, seed=1)
        np.testing.assert_array_equal(traced(query, points), nearest_reference(query, points, 4))


def test_points_that_are_not_finite_come_last():
    points = on_a_lattice(1, 6, 3)
    points[0, 1] = np.nan
    points[0, 3, 2] = np.inf
    got = nearest_neighbours(on_a_lattice(1, 5, 3, seed=1), points, 6)
    np.testing.assert_array_equal(np.sort(got[..., -2:], axis=-1), np.tile([1, 3], (1, 5, 1)))


def test_moving_the_cloud_leaves_the_neighbours_alone():
    points = on_a_lattice(2, 50, 3)
    moved = points + np.array([5, -7, 2], np.float32)
    np.testing.assert_array_equal(
        nearest_neighbours(moved, moved, 7), nearest_neighbours(points, points, 7)
    )


@pytest.mark.parametrize("num_neighbours", [0, 5])
def test_more_neighbours_than_points_or_none_are_refused(num_neighbours):
    points = on_a_lattice(1, 4, 3)
    with pytest.raises(ValueError, match=rf"num_neighbours={num_neighbours}, M=4"):
        nearest_neighbours(points, points, num_neighbours)
    with pytest.raises(ValueError, match=rf"num_neighbours={num_neighbours}, M=4"):
        NearestNeighbours(num_neighbours)(points)


def test_wrong_types_and_shapes_are_refused():
    points = on_a_lattice(1, 4, 3)
    with pytest.raises(TypeError, match="`query` must be float32"):
        nearest_neighbours(points.astype(np.float64), points, 1)
    with pytest.raises(ValueError, match="`reference` must have shape"):
        nearest_neighbours(points, points[..., :2], 1)


def test_the_layer_behaves():
    check_layer(
        NearestNeighbours, {"num_neighbours": 4}, {"xyz": on_a_lattice(2, 9, 3)}, [(2, 9, 4)], 0
    )
