"""Rows that stand for several points score as these points do."""

import numpy as np
import pytest

from ban_tf.clouds import overlap
from ban_tf.config import Labels
from ban_tf.metrics import documents
from ban_tf.metrics.evaluators import Evaluator


def rows(seed, count=60):
    rng = np.random.default_rng(seed)
    labels = [rng.integers(-1, 3, count) if k % 2 == 0 else rng.integers(-1, 6, count)
              for k in range(4)]  # fmt: skip
    return labels, rng.integers(1, 9, count)


@pytest.mark.parametrize("stuff", [(), ("wall",)])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_points(stuff, seed):
    labels, num_points = rows(seed)
    found = []
    for times in (None, num_points):
        names = Labels(class_names=("wall", "chair", "lamp"), stuff=stuff)
        evaluator = Evaluator("office", names, test=("scan",), protocol="covering")
        given = labels if times is not None else [np.repeat(one, num_points) for one in labels]
        score = np.linspace(0, 1, 6)
        evaluator.add("scan", *given, score, times)
        found.append(documents.to_dict(evaluator.evaluation()))
    assert found[0] == found[1]


@pytest.mark.parametrize("spread", [1, 10**7])  # few labels are counted in a table, many by pairs
def test_a_contingency_counts_the_points(spread):
    (first, _, second, _), num_points = rows(0)
    first = np.where(first < 0, -1, first * spread)
    weighted = overlap.contingency(first, second, weight=num_points)
    repeated = overlap.contingency(np.repeat(first, num_points), np.repeat(second, num_points))
    for name in ("first_labels", "second_sizes", "first_sizes", "first_index", "count"):
        np.testing.assert_array_equal(getattr(weighted, name), getattr(repeated, name))
        assert getattr(weighted, name).dtype == np.int64
