"""What similarities are worth, against sums taken one by one."""

import math

import numpy as np
import pytest

from ban_tf.config import NONE
from ban_tf.metrics import similarity


def by_hand(products, label):
    """Weight on the row's own label and its chance, one number after the other."""
    weights, chances = [], []
    for i, own in enumerate(label):
        if own == NONE:
            continue
        total = sum(math.exp(value) for value in products[i])
        same = [j for j, other in enumerate(label) if other == own]
        weights.append(sum(math.exp(products[i, j]) for j in same) / total)
        chances.append(len(same) / len(label))
    return np.mean(weights), np.mean(chances)


@pytest.mark.parametrize("seed", range(3))
def test_weights_and_chances_are_those_of_single_sums(seed):
    rng = np.random.default_rng(seed)
    products = rng.normal(scale=2, size=(13, 13))
    semantic, instance = rng.integers(-1, 3, 13), rng.integers(-1, 5, 13)
    found = similarity.score(products, semantic, instance)
    np.testing.assert_allclose((found.own_class, found.class_chance), by_hand(products, semantic))
    expected = by_hand(products, instance)
    np.testing.assert_allclose((found.own_instance, found.instance_chance), expected)
    np.testing.assert_allclose(found.spread, products.std())


def test_rows_that_look_at_all_points_alike_are_at_chance():
    semantic = np.array([0, 0, 1, NONE])
    found = similarity.score(np.zeros((4, 4)), semantic, semantic)
    assert found.own_class == pytest.approx(found.class_chance) == pytest.approx(5 / 12)
    assert found.effective_points == pytest.approx(4)
    assert found.hubs == 1


def test_rows_that_look_at_themselves_alone_have_one_effective_point_and_no_hubs():
    found = similarity.score(1e4 * np.eye(5), np.arange(5), np.arange(5))
    assert (found.own_class, found.effective_points, found.hubs) == (1, 1, 5)


def test_without_labels_there_is_no_weight_on_them():
    none = np.full(3, NONE)
    found = similarity.score(np.zeros((3, 3)), none, none)
    assert math.isnan(found.own_class)
    assert math.isnan(found.class_chance)


def test_a_mean_leaves_out_samples_without_the_number():
    none, two = np.full(2, NONE), np.array([0, 1])
    parts = [similarity.score(np.zeros((2, 2)), label, label) for label in (none, two)]
    assert similarity.mean(parts).own_class == 0.5
    assert math.isnan(similarity.mean(parts[:1]).own_class)


@pytest.mark.parametrize(("rows", "points"), [(2, 3), (0, 0)])
def test_shapes_that_do_not_fit_are_refused(rows, points):
    with pytest.raises(ValueError, match=r"`products` must be \[N, N\]"):
        similarity.score(np.zeros((rows, rows)), np.zeros(points, int), np.zeros(points, int))


def test_several_samples_of_several_attentions_are_scored_as_each_alone():
    rng = np.random.default_rng(0)
    products = {name: rng.normal(size=(2, 5, 5)) for name in ("stoi", "itos")}
    semantic, instance = rng.integers(0, 2, (2, 2, 5))
    found = similarity.score_all(products, semantic, instance)
    for name, both in products.items():
        alone = [similarity.score(both[i], semantic[i], instance[i]) for i in range(2)]
        assert found[name] == similarity.mean(alone)
