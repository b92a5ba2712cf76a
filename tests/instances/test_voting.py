"""Votes of overlapping rows for the class and the instance of each point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ban_tf.clouds import overlap
from ban_tf.instances import voting


def test_semantic_votes_are_means_by_hand():
    votes = voting.SemanticVotes(3, 2)
    votes.add(np.array([0, 0, 2]), np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32))
    votes.add(np.array([[0]]), np.array([[[0.1, 0.9]]], np.float32))
    semantic, confidence = votes.result()
    np.testing.assert_array_equal(semantic, [1, -1, 0])
    np.testing.assert_allclose(confidence, [0.6, 0.0, 0.5], rtol=1e-6)
    assert semantic.dtype == np.int32
    assert confidence.dtype == np.float32


def test_voting_over_a_plan_is_the_mean_over_rows():
    rng = np.random.default_rng(4)
    plan = rng.integers(0, 40, (7, 33))
    probabilities = rng.dirichlet(np.ones(5), plan.shape).astype(np.float32)
    semantic, confidence = voting.vote(plan, probabilities, 41)
    for point in range(40):
        mean = probabilities[plan == point].mean(axis=0)
        assert semantic[point] == mean.argmax()
        assert confidence[point] == pytest.approx(mean.max(), rel=1e-5)
    assert semantic[40] == -1


def test_votes_of_no_rows_and_of_wrong_shapes():
    votes = voting.SemanticVotes(2, 3)
    votes.add(np.zeros((0, 4), int), np.zeros((0, 4, 3), np.float32))
    np.testing.assert_array_equal(votes.result()[0], [-1, -1])
    with pytest.raises(ValueError, match=r"3 classes.*rows.shape=\(2,\)"):
        votes.add(np.zeros(2, int), np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="one shape"):
        voting.InstanceVotes(2).add(np.zeros(2, int), np.zeros(3, int))
    assert voting.InstanceVotes(0).result().shape == (0,)


@given(seed=st.integers(0, 10_000))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_instance_votes_are_the_mode_of_each_point(seed):
    rng = np.random.default_rng(seed)
    rows, instances = rng.integers(0, 20, (5, 17)), rng.integers(-1, 4, (5, 17))
    votes = voting.InstanceVotes(21)
    for block in range(5):
        votes.add(rows[block], instances[block])
    expected, _ = overlap.majority(rows.ravel(), instances.ravel(), 21)
    np.testing.assert_array_equal(votes.result(), expected)
    np.testing.assert_array_equal(votes.result(), expected)


def test_counting_early_changes_no_vote(monkeypatch):
    rng = np.random.default_rng(6)
    rows, instances = rng.integers(0, 50, (30, 40)), rng.integers(-1, 9, (30, 40))
    results = []
    for pending in (1, 1 << 22):
        monkeypatch.setattr(voting, "_PENDING", pending)
        votes = voting.InstanceVotes(50)
        for block in range(30):
            votes.add(rows[block], instances[block])
        results.append(votes.result())
    np.testing.assert_array_equal(*results)
