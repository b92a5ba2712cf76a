"""Clusters of embeddings, and their classes."""

import contextlib
import dataclasses

import numpy as np
import pytest

from ban_tf.config import InferenceConfig
from ban_tf.instances import clustering, scikit_learn
from tf_ops import library

CONFIG = InferenceConfig()
CLUSTERERS = {name: dataclasses.replace(CONFIG, clusterer=name) for name in ("native", "sklearn")}


@pytest.fixture(params=sorted(CLUSTERERS))
def config(request):
    return CLUSTERERS[request.param]


def separated(num_points, num_clusters, seed=0, size=5):
    """Embeddings around centres 3 apart, and the cluster that each point was drawn from."""
    rng = np.random.default_rng(seed)
    centres = 3.0 * rng.permutation(3**size)[:num_clusters, None] // 3 ** np.arange(size) % 3 * 3
    drawn = rng.integers(0, num_clusters, num_points)
    noise = 0.05 * rng.standard_normal((num_points, size))
    return (centres[drawn] + noise).astype(np.float32), drawn


def same_partition(first, second):
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    return len(pairs) == len(set(first.tolist())) == len(set(second.tolist()))


@pytest.mark.parametrize("bin_seeding", [True, False])
def test_separated_instances_are_found(bin_seeding, config):
    embedding, drawn = separated(301, 7)
    config = dataclasses.replace(config, bin_seeding=bin_seeding)
    labels = clustering.cluster(embedding, config)
    assert labels.dtype == np.int32
    assert same_partition(labels, drawn)


def test_label_zero_is_the_densest(config):
    embedding = np.array([[9, 9]] * 2 + [[0, 0]] * 5 + [[4, 4]] * 3, np.float32)
    expected = [2] * 2 + [0] * 5 + [1] * 3
    np.testing.assert_array_equal(clustering.cluster(embedding, config), expected)


def test_the_bandwidth_decides(config):
    embedding = np.array([[0.0], [1.0]], np.float32).repeat(10, axis=0)
    assert clustering.cluster(embedding, config).max() == 1
    wide = dataclasses.replace(config, bandwidth=2.0)
    assert clustering.cluster(embedding, wide).max() == 0


@pytest.mark.parametrize("bin_seeding", [True, False])
@pytest.mark.parametrize("num_points", [0, 1, 2, 65])
@pytest.mark.parametrize("value", [0.0, 0.37, 0.29])  # 0.29: a corner out of its centre's reach
def test_identical_points_are_one_cluster(num_points, bin_seeding, value, config):
    config = dataclasses.replace(config, bin_seeding=bin_seeding)
    labels = clustering.cluster(np.full((num_points, 5), value, np.float32), config)
    np.testing.assert_array_equal(labels, np.zeros(num_points, np.int32))


def test_points_in_cells_of_their_own_are_clusters_of_their_own(config):
    embedding = 10 * np.arange(5, dtype=np.float32)[:, None]
    assert sorted(clustering.cluster(embedding, config)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_embedding_names_its_block_and_point(value):
    embedding = np.zeros((3, 8, 5), np.float32)
    embedding[1, 6, 2] = value
    with pytest.raises(ValueError, match=r"block 41 must be finite.*1 of 8.*embedding\[6\]"):
        clustering.cluster_blocks(embedding, CONFIG, first_block=40)


@pytest.mark.parametrize("shape", [(4,), (1, 4, 5)])
def test_a_block_of_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \[P, E\]"):
        clustering.cluster(np.zeros(shape, np.float32), CONFIG)


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 0)])
def test_blocks_of_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"shape \[K, P, E\]"):
        clustering.cluster_blocks(np.zeros(shape, np.float32), CONFIG)


@pytest.mark.parametrize(("field", "value"), [("bandwidth", 0.0), ("clusterer", "fast")])
def test_a_wrong_setting_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(CONFIG, **{field: value})


def test_blocks_do_not_influence_each_other(config):
    blocks = np.stack([separated(60, 2 + index, seed=index)[0] for index in range(5)])
    together = clustering.cluster_blocks(blocks, config)
    assert together.max(axis=1).tolist() == [1, 2, 3, 4, 5]
    for index, labels in enumerate(together):
        np.testing.assert_array_equal(clustering.cluster(blocks[index], config), labels)


def test_the_op_and_scikit_learn_give_the_same_labels():
    rng = np.random.default_rng(7)
    blocks = rng.normal(scale=0.7, size=(4, 300, 5)).astype(np.float32)
    native, reference = (
        clustering.cluster_blocks(blocks, CLUSTERERS[name]) for name in ("native", "sklearn")
    )
    assert reference.max() > 5
    np.testing.assert_array_equal(native, reference)


def who_clusters(config, monkeypatch):
    """Whether the op and whether scikit-learn was asked for a block's labels."""
    asked = []
    op, reference = clustering.op.mean_shift, scikit_learn.mean_shift
    monkeypatch.setattr(clustering.op, "mean_shift", lambda *a: (asked.append("op"), op(*a))[1])
    monkeypatch.setattr(
        scikit_learn, "mean_shift", lambda *a: (asked.append("scikit-learn"), reference(*a))[1]
    )
    monkeypatch.setattr(clustering.joblib, "cpu_count", lambda: 1)  # in this process
    clustering.cluster(separated(40, 3)[0], config)
    return asked


@pytest.mark.parametrize(
    ("name", "stock", "expected"),
    [
        ("native", False, "op"),
        ("native", True, "scikit-learn"),
        ("sklearn", False, "scikit-learn"),
        ("sklearn", True, "scikit-learn"),
    ],
)
def test_scikit_learn_stands_in_where_stock_kernels_are_in_use(name, stock, expected, monkeypatch):
    with library.stock_kernels() if stock else contextlib.nullcontext():
        assert who_clusters(CLUSTERERS[name], monkeypatch) == [expected]


def test_the_kernels_in_use_do_not_change_the_labels():
    blocks = np.random.default_rng(8).normal(scale=0.7, size=(3, 200, 5)).astype(np.float32)
    expected = clustering.cluster_blocks(blocks, CONFIG)
    with library.stock_kernels():
        np.testing.assert_array_equal(clustering.cluster_blocks(blocks, CONFIG), expected)


def test_no_blocks_give_no_labels(config):
    assert clustering.cluster_blocks(np.zeros((0, 8, 5), np.float32), config).shape == (0, 8)


def test_a_cluster_takes_the_class_of_most_of_its_points():
    labels = np.array([0, 0, 0, 2, 2, 2, 2, -1])
    semantic = np.array([5, 5, 1, 9, 3, 9, 3, 7])
    np.testing.assert_array_equal(clustering.cluster_classes(labels, semantic), [5, -1, 3])


def test_no_points_are_no_clusters():
    assert clustering.cluster_classes(np.zeros(0, int), np.zeros(0, int)).shape == (0,)
