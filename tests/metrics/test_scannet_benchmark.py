"""ScanNet's official evaluation: each of its rules by hand, and against plain loops over masks.

The released scripts (ScanNet/ScanNet at 3830fce7, Python 2.7.18, NumPy 1.16.6) were run beside
this on 24 made sets of 4 scans with shifted, merged, split and misnamed predictions, half of them
with equal scores, and small objects: AP, AP50 and AP25 of all 18 classes differed by 2.2e-16 at
most, the IoU of all 20 classes not at all in the three decimals that are printed. In the sets on
which the instance script stops with an IndexError (an object whose predictions are all ignored),
the class was given 0 in its place.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scannet_by_masks
from ban_tf.config import NONE, Labels
from ban_tf.metrics import benchmarks
from ban_tf.metrics.benchmarks.scannet import THRESHOLDS, ScanNet
from scored_clouds import scored_cloud

NAMES = ("wall", "floor", "chair", "table")
LABELS = Labels(class_names=NAMES)
WALL, FLOOR, CHAIR, TABLE = range(4)
THINGS = (CHAIR, TABLE)


def scan(*runs):
    """Labels of runs of vertices: (number, true class, true instance, class, instance) each."""
    columns = zip(*runs, strict=True)
    counts = next(columns)
    return tuple(np.repeat(column, counts) for column in columns)


def scores_of(*scans, scores=None):
    benchmark = ScanNet(LABELS)
    for number, labels in enumerate(scans):
        found = labels[3].max() + 1
        sure = np.linspace(0.9, 0.5, found) if scores is None else np.array(scores)
        benchmark.add(f"scan{number}", *labels, sure)
    return benchmark.scores()


def by_masks(scans):
    """AP, AP50 and AP25 of chair and table by plain loops."""
    made = []
    for semantic, instance, guess, found, scores in scans:
        codes = np.where(semantic == NONE, 0, 1000 * (semantic + 1) + instance + 1)
        predictions = []
        for label in np.unique(found[found != NONE]):
            mask = found == label
            named = guess[mask][guess[mask] != NONE]
            index = np.bincount(named).argmax() if len(named) else NONE
            predictions.append((mask, index, scores[label]))
        made.append(scannet_by_masks.compare(codes, predictions, THINGS))
    return scannet_by_masks.evaluate(made, THINGS)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_instances_are_what_plain_loops_over_masks_give(seed, ties):
    scans = [scored_cloud(7 * seed + index, 1700, ties=ties) for index in range(3)]
    benchmark, of_masks = ScanNet(LABELS), ScanNet(LABELS)
    for number, (*labels, scores) in enumerate(scans):
        benchmark.add(str(number), *labels, scores)
        known = [label for label in np.unique(labels[3]) if label != NONE]
        classes = [np.bincount(labels[2][labels[3] == label]).argmax() for label in known]
        masks = [labels[3] == label for label in known]
        of_masks.add_masks(str(number), *labels[:2], masks, classes, scores[known], labels[2])
    found = benchmark.scores()
    ours = (found.average_precision, found.at_50, found.at_25)
    for values, expected in zip(ours, by_masks(scans), strict=True):
        np.testing.assert_allclose(values[list(THINGS)], expected, rtol=1e-12)
        assert np.isnan(values[[WALL, FLOOR]]).all()
    for one, other in zip(
        found.per_class().values(), of_masks.scores().per_class().values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_there_are_nine_thresholds_and_025():
    np.testing.assert_allclose(THRESHOLDS, [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.25])


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_perfect_answer_scores_1_and_an_empty_one_0(seed):
    rng = np.random.default_rng(seed)
    objects = rng.integers(0, 4, 6)
    objects[0] = CHAIR
    sizes = rng.integers(100, 200, 6)
    semantic, instance = np.repeat(objects, sizes), np.repeat(np.arange(6), sizes)
    perfect = scores_of((semantic, instance, semantic, instance), scores=rng.random(6))
    # The official sum of steps rounds.
    assert list(perfect.means().values()) == pytest.approx([1.0] * 4, abs=1e-12)
    nothing = np.full(len(semantic), NONE)
    empty = scores_of((semantic, instance, nothing, nothing), scores=[])
    assert set(empty.means().values()) == {0.0}


def test_no_scan_at_all_has_no_value():
    assert all(np.isnan(value) for value in ScanNet(LABELS).scores().means().values())


@pytest.mark.parametrize(("size", "counts"), [(99, False), (100, True)])
def test_objects_and_predictions_below_100_vertices_are_left_out(size, counts):
    whole = (300, TABLE, 0, TABLE, 0)
    small_object = scores_of(scan(whole, (size, CHAIR, 1, CHAIR, NONE)))
    assert np.isnan(small_object.at_50[CHAIR]) == (not counts)
    # A wrong prediction that is the surer one: precision 1/2, 0, 1 at recall 1, 0, 0.
    small_guess = scores_of(
        scan((300, CHAIR, 0, CHAIR, 1), (size, TABLE, 1, CHAIR, 0), (200, TABLE, 1, TABLE, NONE))
    )
    assert small_guess.at_50[CHAIR] == (0.25 if counts else 1.0)


def test_a_prediction_on_a_small_object_of_its_class_is_not_wrong():
    beside = (300, CHAIR, 0, CHAIR, 1)
    on_small = scan(beside, (70, CHAIR, 1, CHAIR, 0), (50, TABLE, 2, CHAIR, 0))
    found = scores_of(on_small)  # 70 of 120 are on what is ignored: more than 0.5
    assert (found.at_50[CHAIR], found.at_25[CHAIR]) == (1.0, 1.0)
    on_table = scan(beside, (50, CHAIR, 1, CHAIR, 0), (90, TABLE, 2, CHAIR, 0))
    assert scores_of(on_table).at_50[CHAIR] == 0.25


@pytest.mark.parametrize("void", [WALL, FLOOR, NONE])
@pytest.mark.parametrize(("on_void", "precision"), [(100, 0.25), (101, 1.0)])
def test_a_prediction_mostly_on_void_is_not_wrong(void, on_void, precision):
    labels = scan(
        (300, CHAIR, 0, CHAIR, 1), (on_void, void, NONE, CHAIR, 0), (100, TABLE, 2, CHAIR, 0)
    )
    assert scores_of(labels).at_50[CHAIR] == precision


def test_the_share_of_void_is_compared_with_each_threshold():
    labels = scan((300, CHAIR, 0, CHAIR, 1), (140, WALL, 3, CHAIR, 0), (100, TABLE, 2, CHAIR, 0))
    found = scores_of(labels)  # 140 of 240 are void: 0.5833
    assert found.at_50[CHAIR] == 1.0
    assert found.average_precision[CHAIR] == pytest.approx((2 * 1.0 + 7 * 0.25) / 9)


def test_a_match_has_more_than_the_threshold():
    half = scan((100, CHAIR, 0, CHAIR, 0), (100, CHAIR, 0, CHAIR, NONE))
    assert (scores_of(half).at_50[CHAIR], scores_of(half).at_25[CHAIR]) == (0.0, 1.0)
    more = scan((101, CHAIR, 0, CHAIR, 0), (100, CHAIR, 0, CHAIR, NONE))
    assert scores_of(more).at_50[CHAIR] == 1.0


def test_of_two_predictions_on_an_object_the_less_sure_one_is_wrong():
    labels = scan((200, CHAIR, 0, CHAIR, 0), (200, CHAIR, 0, CHAIR, 1))
    assert scores_of(labels).at_25[CHAIR] == 1.0  # the wrong one comes after all are found
    twice = scan((200, CHAIR, 0, CHAIR, 0), (200, CHAIR, 0, CHAIR, 1), (300, CHAIR, 1, CHAIR, 2))
    # Right at 0.9, wrong at 0.7, right at 0.5: precision 2/3, 1/2, 1, 1 at recall 1, 1/2, 1/2, 0.
    expected = 2 / 3 * 0.25 + 1 / 2 * 0.25 + 1 * 0.25 + 1 * 0.25
    assert scores_of(twice).at_25[CHAIR] == pytest.approx(expected)


def test_a_prediction_over_two_objects_counts_for_both_at_025_if_it_came_second():
    # Object 0 takes prediction 0; prediction 1 is wrong there, and right at object 1.
    labels = scan(
        (100, CHAIR, 0, CHAIR, 0),
        (100, CHAIR, 0, CHAIR, 1),
        (100, CHAIR, 1, CHAIR, 1),
        (100, CHAIR, 1, CHAIR, NONE),
    )
    expected = by_masks([(*labels, np.array([0.9, 0.8]))])[2][0]
    found = scores_of(labels, scores=[0.9, 0.8]).at_25[CHAIR]
    assert found == pytest.approx(expected)
    assert 0 < found < 1


def test_a_class_whose_predictions_are_all_ignored_scores_0():
    labels = scan((200, CHAIR, 0, CHAIR, NONE), (300, WALL, 1, CHAIR, 0))
    assert scores_of(labels).at_50[CHAIR] == 0.0


def test_vertices_of_a_class_without_an_instance_are_one_object():
    labels = scan((100, CHAIR, NONE, CHAIR, 0), (100, CHAIR, NONE, CHAIR, 0))
    assert scores_of(labels).at_50[CHAIR] == 1.0


def test_predictions_of_walls_and_of_no_class_are_none():
    labels = scan((300, CHAIR, 0, CHAIR, 0), (200, TABLE, 1, WALL, 1), (200, TABLE, 1, NONE, 2))
    assert scores_of(labels).at_50[CHAIR] == 1.0
    assert scores_of(labels).at_50[TABLE] == 0.0


def test_semantic_scores_skip_unlabelled_vertices_and_miss_unnamed_ones():
    labels = scan((4, CHAIR, 0, CHAIR, 0), (4, CHAIR, 0, NONE, 0), (4, NONE, 0, CHAIR, 0))
    found = scores_of(labels)
    np.testing.assert_array_equal(found.iou, [np.nan, np.nan, 0.5, np.nan])
    assert found.means()["mIoU"] == 0.5


def test_without_scores_there_is_no_average_precision_but_iou():
    benchmark = ScanNet(LABELS)
    benchmark.add("scan", *scan((300, CHAIR, 0, CHAIR, 0)))
    means = benchmark.scores().means()
    assert means["mIoU"] == 1.0
    assert np.isnan(means["AP"])
    assert benchmark.document()["AP"] is None


def test_the_table_and_the_document_have_every_class():
    benchmark = benchmarks.of("scannet", LABELS)
    benchmark.add("scan", *scan((300, CHAIR, 0, CHAIR, 0), (100, TABLE, 1, WALL, NONE)), [1.0])
    (table,) = benchmark.tables()
    assert table.rows[CHAIR] == ("chair", "100.0", "100.0", "100.0", "100.0")
    assert table.rows[WALL] == ("wall", "0.0", "-", "-", "-")
    assert table.rows[-1] == ("mean", "33.3", "50.0", "50.0", "50.0")
    document = benchmark.document()
    assert document["per_class"]["AP"] == [None, None, 1.0, 0.0]
    assert document["thresholds"] == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]
    lines = benchmarks.render_csv(benchmarks.report(benchmark)).splitlines()
    assert lines[2] == "scannet,mean,AP,50.0000"
    assert "scannet,wall,AP," in lines


def test_wrong_input_is_refused_and_leaves_the_scores_alone():
    benchmark, labels = ScanNet(LABELS), scan((2, CHAIR, 0, CHAIR, 0))
    with pytest.raises(ValueError, match="a score for every predicted instance"):
        benchmark.add("a", *labels, [])
    with pytest.raises(ValueError, match="`truth_semantic` must be at least -1 and below 4"):
        benchmark.add("a", labels[0] + 2, *labels[1:], [1.0])
    with pytest.raises(ValueError, match="one mask, class and score each"):
        benchmark.add_masks("a", *labels[:2], [np.ones(2, bool)], [CHAIR], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"masks of shapes \[\(3,\)\]"):
        benchmark.add_masks("a", *labels[:2], [np.ones(3, bool)], [CHAIR], [0.5])
    benchmark.add("a", *labels, [1.0])
    with pytest.raises(ValueError, match="every cloud counts once"):
        benchmark.add("a", *labels, [1.0])
    with pytest.raises(ValueError, match="`name` must be one of scannet, partnet"):
        benchmarks.of("kitti", LABELS)
