"""What an evaluation saw beyond its scores, against counting by hand."""

import dataclasses
import json

import numpy as np
import pytest

from ban_tf.config import NONE, Labels
from ban_tf.metrics import documents
from ban_tf.metrics.evaluators import Evaluator

LABELS = Labels(class_names=("floor", "chair", "sky"), stuff=("sky",))


def evaluated(*clouds):
    evaluator = Evaluator("office", LABELS, ("all",), "covering")
    for number, labels in enumerate(clouds):
        evaluator.add(f"cloud{number}", *map(np.array, labels))
    return evaluator.evaluation()


GOOD = ([0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [5, 5, 5, 6])
# A floor of three found in two, a chair of one called floor, sky, and a point without a class.
BAD = (
    [0, 0, 0, 1, 2, NONE],
    [0, 0, 0, 1, NONE, 9],
    [0, 0, NONE, 0, 2, 1],
    [0, 0, 1, 2, NONE, 3],
)


def test_confusions_sizes_and_clouds_are_those_counted_by_hand():
    found = evaluated(GOOD, BAD).details
    assert found.confusion.tolist() == [[5, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0]]
    assert found.true_sizes[:3].tolist() == [2, 2, 0]  # of one point, of two or three
    assert found.found_sizes[:3].tolist() == [1, 2, 0]
    # Of the bad one: a floor of two points, and a floor of one; what has no class is no prediction.
    assert found.predicted_sizes[:3].tolist() == [2, 2, 0]
    assert found.cloud_points.tolist() == [4, 5]
    assert found.cloud_objects.tolist() == [2, 2]
    assert found.cloud_predicted.tolist() == [2, 2]
    assert found.cloud_found.tolist() == [2, 1]
    np.testing.assert_allclose(found.cloud_accuracy, [1, 3 / 5])
    np.testing.assert_allclose(found.cloud_coverage, [1, (2 / 3 + 0) / 2])
    np.testing.assert_allclose(found.cloud_iou, [1, np.mean([2 / 4, 0, 1])])
    assert found.worst_first().tolist() == [1, 0]


@pytest.mark.parametrize(("size", "bin_"), [(1, 0), (2, 1), (3, 1), (4, 2), (1023, 9), (1024, 10)])
def test_a_bin_begins_at_a_power_of_two(size, bin_):
    nothing = np.zeros(size, int)
    found = evaluated((nothing, nothing, nothing, nothing)).details
    for sizes in (found.true_sizes, found.found_sizes, found.predicted_sizes):
        assert np.flatnonzero(sizes).tolist() == [bin_]


def test_clouds_without_anything_come_last():
    empty = (np.zeros(0, int),) * 4
    found = evaluated(empty, BAD).details
    assert found.worst_first().tolist() == [1, 0]
    assert np.isnan(found.cloud_coverage[0])


def test_they_are_kept_to_the_last_bit_and_may_be_missing():
    evaluation = evaluated(GOOD, BAD, (np.zeros(0, int),) * 4)
    kept = json.loads(json.dumps(documents.to_dict(evaluation), allow_nan=False))
    assert documents.from_dict(kept) == evaluation
    del kept["details"]
    older = documents.from_dict(kept)
    assert older == dataclasses.replace(evaluation, details=None)
