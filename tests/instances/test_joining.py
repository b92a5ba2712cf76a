"""Which instances are one: against a search through all pairs, step by step."""

import itertools

import numpy as np
import pytest

from ban_tf.instances.joining import PairEvidence


def slowly(pairs, num_instances):
    """Joins the best pair of groups again and again, each sum taken anew."""
    groups = [{number} for number in range(num_instances)]
    while True:
        found = []
        for one, other in itertools.combinations(groups, 2):
            total = sum(
                w for i, j, w in pairs if {i, j} <= one | other and (i in one) != (j in one)
            )
            found.append((-total, min(min(one), min(other)), max(min(one), min(other)), one, other))
        best = min(found, key=lambda entry: entry[:3], default=(0, 0, 0, set(), set()))
        if best[0] >= 0:
            break
        groups = [group for group in groups if group not in best[3:]] + [best[3] | best[4]]
    return [min(group) for number in range(num_instances) for group in groups if number in group]


@pytest.mark.parametrize("seed", range(30))
def test_pairs_are_joined_from_the_strongest_on(seed):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 9)
    pairs = [
        (i, j, int(rng.integers(-6, 7)))
        for i, j in itertools.combinations(range(count), 2)
        if rng.random() < 0.7
    ]
    evidence = PairEvidence()
    for i, j, weight in pairs:
        part = int(rng.integers(-3, 4))  # evidence comes in parts, and either way round
        evidence.add(np.array([i, j]), np.array([j, i]), np.array([part, weight - part]))
    np.testing.assert_array_equal(evidence.roots(count), slowly(pairs, count))


def test_without_evidence_every_instance_stays():
    np.testing.assert_array_equal(PairEvidence().roots(3), [0, 1, 2])
    assert PairEvidence().roots(0).shape == (0,)


def test_as_much_against_as_for_keeps_two_apart():
    evidence = PairEvidence()
    evidence.add(np.array([0, 0]), np.array([1, 1]), np.array([5, -5]))
    np.testing.assert_array_equal(evidence.roots(2), [0, 1])


def test_a_chain_goes_by_its_smallest_number():
    evidence = PairEvidence()
    evidence.add(np.array([3, 2, 4]), np.array([2, 1, 3]), np.array([9, 8, 7]))
    np.testing.assert_array_equal(evidence.roots(5), [0, 1, 1, 1, 1])


def test_a_state_goes_on_where_it_was():
    evidence, other = PairEvidence(), PairEvidence()
    evidence.add(np.array([0]), np.array([1]), np.array([2]))
    other.restore(evidence.state())
    for one in (evidence, other):
        one.add(np.array([1]), np.array([0]), np.array([-3]))
        np.testing.assert_array_equal(one.roots(2), [0, 1])
    with pytest.raises(ValueError, match="`pairs` of a state must be"):
        other.restore({"pairs": np.zeros((1, 3), np.int32), "weights": np.zeros(1, np.int64)})


def test_a_million_pieces_are_added_up_as_they_come():
    evidence = PairEvidence()
    first = np.arange(1000)
    for _ in range(1100):
        evidence.add(first, first + 1, np.full(1000, 1 - 2 * (first % 2)))
    expected = np.arange(1001) - np.arange(1001) % 2
    np.testing.assert_array_equal(evidence.roots(1001), np.minimum(expected, 1000))
    assert len(evidence.state()["weights"]) == 1000
