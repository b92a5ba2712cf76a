"""PartNet's official evaluation: each of its rules by hand, and against plain loops over masks.

The released `eval_utils.py` (daerduoCarey/partnet_seg_exps at 2df953ca, Python 3.8, NumPy 1.19)
was run beside this on 12 made sets of 40 shapes in its HDF5 form, with padded and shuffled rows,
`other` points, parts that are never in the truth, and in half of the sets overlapping predictions:
AP50 of each part, its mean and the shape mAP differed by 4.4e-8 at most, which is the float32 of
its results. IoU was compared with the loop of its semantic test: 2.9e-8 per part, 2.2e-16 per
shape.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scores_by_masks
from ban_tf.config import NONE, Labels
from ban_tf.metrics.benchmarks.partnet import PartNet
from scored_clouds import scored_cloud

LABELS = Labels(class_names=("leg", "seat", "back", "arm"))
LEG, SEAT = 0, 1


def scores_of(*shapes, labels=LABELS):
    benchmark = PartNet(labels)
    for number, shape in enumerate(shapes):
        benchmark.add(str(number), *map(np.array, shape[:4]), shape[4])
    return benchmark.scores()


def predictions_of(guess, found, scores):
    """Masks, classes and scores of predicted instances."""
    known = [label for label in np.unique(found) if label != NONE]
    masks = [found == label for label in known]
    return masks, [np.bincount(guess[mask]).argmax() for mask in masks], scores[known]


@pytest.mark.parametrize("seed", range(6))
def test_instances_are_what_plain_loops_over_masks_give(seed):
    shapes = [scored_cloud(9 * seed + index, 300) for index in range(5)]
    benchmark, of_masks = PartNet(LABELS), PartNet(LABELS)
    expected = []
    for number, (*labels, scores) in enumerate(shapes):
        benchmark.add(str(number), *labels, scores)
        predicted = predictions_of(*labels[2:], scores)
        of_masks.add_masks(str(number), *labels[:2], *predicted, labels[2])
        expected.append((*labels[:2], *predicted))
    at_50, of_shapes = scores_by_masks.partnet(expected, 4)
    found = benchmark.scores()
    np.testing.assert_allclose(found.at_50, at_50, rtol=1e-7)  # of float32 precisions
    assert found.shape_ap == pytest.approx(of_shapes, rel=1e-7)
    assert of_masks.scores().means() == found.means()


def test_overlapping_masks_are_scored_too():
    rng = np.random.default_rng(0)
    shapes = []
    for seed in range(8):
        semantic, instance, guess, found, scores = scored_cloud(seed, 200)
        masks, classes, sure = predictions_of(guess, found, scores)
        masks += [mask | (rng.random(200) < 0.05) for mask in masks]
        classes, sure = [*classes, *classes], np.append(sure, rng.random(len(sure)))
        shapes.append((semantic, instance, masks, classes, sure))
    benchmark = PartNet(LABELS)
    for number, shape in enumerate(shapes):
        benchmark.add_masks(str(number), *shape)
    at_50, of_shapes = scores_by_masks.partnet(shapes, 4)
    np.testing.assert_allclose(benchmark.scores().at_50, at_50, rtol=1e-7)
    assert benchmark.scores().shape_ap == pytest.approx(of_shapes, rel=1e-7)
    assert np.isnan(benchmark.scores().shape_iou)  # no labels of points were given


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_perfect_answer_scores_1_and_an_empty_one_0(seed):
    rng = np.random.default_rng(seed)
    instance = np.arange(40) // 5
    semantic = np.where(rng.random(40) < 0.2, NONE, instance % 4)
    perfect = (semantic, instance, instance % 4, instance, rng.random(8))
    assert set(scores_of(perfect, perfect).means().values()) == {1.0}
    nothing = np.full(40, NONE)
    assert set(scores_of((semantic, instance, nothing, nothing, [])).means().values()) == {0.0}


def test_no_shape_and_no_part_have_no_value():
    assert all(np.isnan(value) for value in PartNet(LABELS).scores().means().values())
    nothing = np.full(3, NONE)
    empty = scores_of((nothing, nothing, nothing, nothing, []))
    assert all(np.isnan(value) for value in empty.means().values())


def test_what_is_predicted_on_other_is_left_out():
    semantic, instance = [LEG] * 4 + [NONE] * 6, [0] * 4 + [NONE] * 6
    found = scores_of((semantic, instance, [LEG] * 10, [0] * 10, [0.5]))
    assert found.at_50[LEG] == found.shape_ap == found.shape_iou == 1.0


def test_an_instance_wholly_on_other_is_wrong():
    semantic, instance = [LEG] * 4 + [NONE] * 4, [0] * 4 + [NONE] * 4
    found = scores_of((semantic, instance, [LEG] * 8, [0] * 4 + [1] * 4, [0.5, 0.9]))
    assert found.at_50[LEG] == pytest.approx((1 + 100 * 0.5) / 101)  # precision 1 at recall 0


def test_a_class_called_other_is_no_part():
    labels = Labels(class_names=("other", "leg"))
    semantic, instance = [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]
    found = scores_of((semantic, instance, [1, 1, 0, 0, 1], [0, 0, 0, 1, 1], [1, 1]), labels=labels)
    assert found.iou[1] == pytest.approx(2 / 3)  # a leg called other is missed, the rest left out
    assert found.part_iou == found.shape_iou == pytest.approx(2 / 3)
    assert np.isnan(found.at_50[0])


@pytest.mark.parametrize(("points", "right"), [(2, False), (3, True)])
def test_a_match_has_an_iou_above_a_half(points, right):
    found = [0] * points + [NONE] * (4 - points)
    scores = scores_of(([LEG] * 4, [0] * 4, [LEG] * 4, found, [1.0]))
    assert scores.at_50[LEG] == pytest.approx(1.0 if right else 1 / 101)


def test_the_surer_prediction_takes_the_instance():
    whole, most = np.ones(4, bool), np.array([True, True, True, False])
    for sure, expected in (([0.9, 0.8], 1.0), ([0.8, 0.9], 1.0)):
        benchmark = PartNet(LABELS)
        labels = np.zeros(4, int)
        benchmark.add_masks("a", labels, labels, [whole, most], [LEG, LEG], sure)
        assert benchmark.scores().at_50[LEG] == expected


def test_recalls_are_compared_as_float32():
    # 29 of 100 found: 0.29 as float64 is below 29 * 0.01, as float32 it is not.
    semantic = np.zeros(100, int)
    found = np.where(np.arange(100) < 29, np.arange(100), NONE)
    scores = scores_of((semantic, np.arange(100), semantic, found, np.ones(100)))
    assert scores.at_50[LEG] == pytest.approx(30 / 101)


def test_a_part_that_a_shape_lacks_costs_the_shape_but_not_the_part():
    wrong = ([LEG] * 4, [0] * 4, [SEAT] * 4, [0] * 4, [0.9])
    found = scores_of(wrong, ([LEG] * 4, [0] * 4, [LEG] * 4, [0] * 4, [0.8]))
    assert found.at_50[LEG] == pytest.approx(51 / 101)
    assert np.isnan(found.at_50[SEAT])
    assert found.mean_at_50 == found.at_50[LEG]
    assert found.shape_ap == pytest.approx((0.0 + 1.0) / 2)
    assert found.shape_iou == pytest.approx((0.0 + 1.0) / 2)
    assert found.iou[LEG] == pytest.approx(4 / 8)
    assert np.isnan(found.part_iou)  # back and arm are nowhere


def test_scores_may_be_missing():
    benchmark = PartNet(LABELS)
    labels = np.zeros(4, int)
    benchmark.add("a", labels, labels, labels, labels)
    assert np.isnan(benchmark.scores().shape_ap)
    assert benchmark.scores().shape_iou == 1.0


def test_the_tables_and_the_document_name_parts():
    benchmark = PartNet(Labels(class_names=("other", "leg", "seat")))
    labels = np.array([1, 1, 0])
    benchmark.add("a", labels, labels, labels, np.array([0, 0, NONE]), [1.0])
    means, parts = benchmark.tables()
    assert means.rows == (("this run", "-", "100.0", "100.0", "100.0"),)
    assert [row[0] for row in parts.rows] == ["leg", "seat", "mean"]
    assert parts.notes == ("Nowhere, so that there is no part mIoU by the official rule: seat.",)
    document = benchmark.document()
    assert document["shape mAP50"] == 1.0
    assert document["per_class"]["num_instances"] == [0, 1, 0]
    with pytest.raises(ValueError, match="every cloud counts once"):
        benchmark.add("a", labels, labels, labels, labels)
