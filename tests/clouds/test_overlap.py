"""Contingency, IoU and majority of label arrays against counts done by hand and by loops."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ban_tf.clouds import cloud, overlap

LABELS = hnp.arrays(np.int32, st.integers(0, 40), elements=st.integers(-1, 5))


def test_a_table_by_hand():
    table = overlap.contingency(np.array([3, 3, 3, 8, 8, -1]), np.array([0, 0, 2, 2, -1, 2]))
    np.testing.assert_array_equal(table.first_labels, [3, 8])
    np.testing.assert_array_equal(table.second_labels, [0, 2])
    np.testing.assert_array_equal(table.first_sizes, [3, 2])
    np.testing.assert_array_equal(table.second_sizes, [2, 3])
    np.testing.assert_array_equal(table.first_code, [0, 0, 0, 1, 1, -1])
    np.testing.assert_array_equal(table.second_code, [0, 0, 1, 1, -1, 1])
    np.testing.assert_array_equal(table.dense_count(), [[2, 1], [0, 1]])
    np.testing.assert_allclose(table.dense_iou(), [[2 / 3, 1 / 5], [0, 1 / 4]])


def test_none_can_be_a_label_like_any_other():
    table = overlap.contingency(np.array([-1, -1, 4]), np.array([1, 2, 2]), first_none=None)
    np.testing.assert_array_equal(table.first_labels, [-1, 4])
    np.testing.assert_array_equal(table.dense_count(), [[1, 1], [0, 1]])


@pytest.mark.parametrize("labels", [[], [-1], [-1, -1, -1]])
def test_without_labels_the_table_is_empty(labels):
    table = overlap.contingency(np.array(labels, np.int32), np.array(labels, np.int32))
    assert table.dense_iou().shape == (0, 0)
    assert table.count.shape == (0,)


@given(first=LABELS, second=LABELS)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_dense_iou_is_that_of_the_point_sets(first, second):
    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    iou = overlap.contingency(first, second).dense_iou()
    for row, a in enumerate(sorted(set(first.tolist()) - {-1})):
        for column, b in enumerate(sorted(set(second.tolist()) - {-1})):
            union = np.sum((first == a) | (second == b))
            assert iou[row, column] == np.sum((first == a) & (second == b)) / union


@given(first=LABELS, second=LABELS, none=st.sampled_from([-1, None, 3]))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_few_labels_and_many_are_counted_alike(first, second, none):
    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    tables = []
    for cells in (10**6, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(overlap, "_MANY_CELLS", cells)
            tables.append(overlap.contingency(first, second, first_none=none, second_none=-1))
    for field in dataclasses.fields(overlap.Contingency):
        few, many = (getattr(table, field.name) for table in tables)
        np.testing.assert_array_equal(few, many, err_msg=field.name)
        assert few.dtype == many.dtype == np.int64


def test_ten_thousand_labels_need_no_dense_table():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10_000), 5)) * 1_000_003
    table = overlap.contingency(labels, labels)
    assert len(table.count) == 10_000
    np.testing.assert_array_equal(table.iou(), 1.0)


@pytest.mark.parametrize("spread", [1, 10**12])
def test_number_is_unique_with_inverse(spread):
    keys = np.random.default_rng(1).integers(-50, 50, 777) * spread
    distinct, index = overlap.number(keys)
    expected, inverse = np.unique(keys, return_inverse=True)
    np.testing.assert_array_equal(distinct, expected)
    np.testing.assert_array_equal(index, inverse)


def test_majority_gives_ties_to_the_smallest_value():
    group = np.array([0, 0, 0, 0, 2, 2, 2, -1])
    value = np.array([7, 4, 4, 7, 9, 1, 9, 5])
    values, counts = overlap.majority(group, value, 4)
    np.testing.assert_array_equal(values, [4, -1, 9, -1])
    np.testing.assert_array_equal(counts, [2, 0, 2, 0])


@given(group=LABELS, value=LABELS)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_majority_is_the_mode_of_every_group(group, value):
    length = min(len(group), len(value))
    group, value = group[:length], value[:length]
    values, counts = overlap.majority(group, value, 6)
    for index in range(6):
        inside = value[(group == index) & (value >= 0)]
        histogram = np.bincount(inside, minlength=1)
        assert counts[index] == histogram.max()
        assert values[index] == (histogram.argmax() if len(inside) else -1)


def test_none_is_the_none_of_clouds():
    assert overlap.NONE == cloud.NONE


def test_arrays_of_different_points_are_refused():
    with pytest.raises(ValueError, match=r"same points.*first.shape=\(2,\), second.shape=\(3,\)"):
        overlap.contingency(np.zeros(2, int), np.zeros(3, int))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0.0, 1.0], TypeError, "dtype=float64"),
        ([[0, 1]], ValueError, r"shape=\(1, 2\)"),
        ([0, 5], ValueError, r"below 5. Received: x\[1\]=5"),
        ([0, -1], ValueError, r"at least 0.*x\[1\]=-1"),
    ],
)
def test_what_is_no_label_is_refused(labels, error, message):
    with pytest.raises(error, match=message):
        overlap.check_labels("x", np.array(labels), 5, none=False)
