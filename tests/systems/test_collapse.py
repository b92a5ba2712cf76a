"""Collapsed embeddings are recognised, healthy ones and bare walls are left in peace."""

import dataclasses

import numpy as np
import pytest

from ban_tf.config import InferenceConfig, LossConfig
from ban_tf.instances import clustering
from ban_tf.systems import collapse

BANDWIDTH = InferenceConfig().bandwidth
LOSS = LossConfig()


def blocks(num_blocks=6, distance=3.0, noise=0.02, seed=0):
    """Two objects of two classes in each block, `distance` apart; labels as mean shift gives."""
    rng = np.random.default_rng(seed)
    semantic = np.broadcast_to(np.arange(120) % 3 // 2, (num_blocks, 120))
    embedding = rng.normal(0, noise, (num_blocks, 120, 5)).astype(np.float32)
    embedding[..., 0] += distance * semantic
    return embedding, clustering.cluster_blocks(embedding, InferenceConfig()), semantic


def test_a_collapsed_embedding_is_explained_in_one_sentence():
    embedding, labels, semantic = blocks(distance=0.0)
    found = collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic)
    assert found.num_blocks == 6
    assert found.spread == pytest.approx(0.02 * np.sqrt(5), rel=0.1)
    assert str(found).startswith("The embedding has collapsed: in 6 of 6 blocks with several")
    assert "0.045 from their mean and the bandwidth is 0.6" in str(found)
    assert "estimate a bandwidth that separates them" in str(found)
    assert str(found).count(". ") == 0
    assert str(found).endswith(".")


def test_separate_instances_are_no_collapse():
    embedding, labels, semantic = blocks()
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic) is None
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH) is None


def test_blocks_of_one_class_may_be_one_instance():
    embedding, labels, semantic = blocks(distance=0.0)
    wall = np.zeros_like(semantic)
    wall[:, :6] = 1  # five per cent of slips
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH, wall) is None
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH) is not None  # nothing is known
    wall[:, :7] = 1
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH, wall) is not None


def test_walls_do_not_hide_a_collapse_and_are_no_alibi():
    embedding, labels, semantic = blocks(20, distance=0.0)
    semantic = semantic.copy()
    semantic[4:] = 0
    found = collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic)
    assert found.num_blocks == 4
    embedding, labels, _ = blocks(20, distance=3.0)
    labels[4:], embedding[4:] = 0, 0.0  # walls, one instance each; the others are two
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic) is None


def test_one_cluster_that_reaches_far_is_no_collapse():
    embedding, labels, semantic = blocks(distance=0.0, noise=0.5)
    assert collapse.detect_collapse(embedding, labels * 0, BANDWIDTH, semantic) is None


def test_outliers_do_not_hide_a_collapse():
    embedding, labels, semantic = blocks(distance=0.0)
    embedding[:, 0] += 2.0
    labels[:, 0] = 1  # one point of 120
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic) is not None
    labels[:, :2] = 1
    assert collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic) is None


@pytest.mark.parametrize(("num_blocks", "judged"), [(0, False), (2, False), (3, True)])
def test_few_blocks_are_not_judged(num_blocks, judged):
    embedding, labels, semantic = blocks(3, distance=0.0)
    part = slice(0, num_blocks)
    found = collapse.detect_collapse(embedding[part], labels[part], BANDWIDTH, semantic[part])
    assert (found is not None) == judged


def test_blocks_may_come_in_parts():
    embedding, labels, semantic = blocks(7, distance=0.0)
    detector = collapse.CollapseDetector(BANDWIDTH)
    for start in (0, 2, 4, 6):
        part = slice(start, start + 2)
        detector.add(embedding[part], labels[part], semantic[part])
    detector.add(embedding[:, :0], labels[:, :0], semantic[:, :0])
    whole = collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic)
    assert detector.result() == whole


def test_shapes_must_fit():
    embedding, labels, semantic = blocks()
    with pytest.raises(ValueError, match=r"`labels` \[K, P\]. Received: .*labels.shape=\(5, 120\)"):
        collapse.detect_collapse(embedding, labels[:5], BANDWIDTH)
    with pytest.raises(ValueError, match="`semantic` must have shape"):
        collapse.detect_collapse(embedding, labels, BANDWIDTH, semantic[:5])
    with pytest.raises(ValueError, match="`push` and `num_instances`"):
        collapse.detect_training_collapse(np.zeros(3), np.zeros(4), LOSS)


@pytest.mark.parametrize(
    ("push", "num_instances", "collapsed"),
    [
        ([9.0, 9.0, 9.0], [2, 5, 9], True),
        ([9.0, 9.0, 9.0, 0.0], [2, 5, 9, 1], True),  # a single instance has no push term
        ([9.0, 9.0, 0.0], [2, 5, 9], False),
        ([8.2, 8.1, 8.1], [2, 2, 2], True),
        ([8.0, 8.1, 8.1], [2, 2, 2], False),
        ([9.0, 9.0, 9.0], [2, 2, 1], False),  # two blocks are too few
        ([], [], False),
    ],
)
def test_push_terms_near_their_stationary_value_are_a_collapse(push, num_instances, collapsed):
    found = collapse.detect_training_collapse(np.array(push), np.array(num_instances), LOSS)
    assert (found is not None) == collapsed


def test_the_stationary_value_follows_margin_and_weight():
    config = dataclasses.replace(LOSS, push_margin=1.0, push_weight=0.5)  # 0.5 * 2 ** 2 = 2
    num_instances = np.full(3, 4)
    found = collapse.detect_training_collapse(np.full(3, 2.0), num_instances, config)
    assert "the push term is 2, near the 2 of" in str(found)
    assert found.spread == 0
    assert found.limit == 2
    assert collapse.detect_training_collapse(np.full(3, 1.7), num_instances, config) is None
    off = dataclasses.replace(LOSS, push_weight=0.0)
    assert collapse.detect_training_collapse(np.zeros(3), num_instances, off) is None


def test_a_probe_of_training_blocks_sees_the_same():
    embedding, _, semantic = blocks(4, distance=0.0, noise=1e-3)
    found = collapse.probe_training(semantic, embedding, LOSS)
    assert found.num_blocks == 4
    assert found.spread < 0.01
    embedding, _, semantic = blocks(4, distance=3.0)
    assert collapse.probe_training(semantic, embedding, LOSS) is None
    alone = np.where(semantic == 1, -1, 0)  # points of no instance are none
    assert collapse.probe_training(alone, embedding * 0, LOSS) is None
