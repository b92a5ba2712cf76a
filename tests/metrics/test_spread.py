"""Mean and spread over runs, and the rows and files that show them."""

import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest

from ban_tf.config import Labels
from ban_tf.metrics import benchmarks, comparison, comparison_files, spread, table
from ban_tf.metrics.evaluators import METRICS, QUALITY_METRICS, Evaluator
from made_evaluations import evaluation
from scored_clouds import scored_cloud

RUNS = tuple(evaluation(value) for value in (0.5, 0.6, 0.7))
SEVERAL = comparison.SystemScores("BAN", "PointNet++", RUNS[0], further=RUNS[1:])
ALONE = comparison.SystemScores("ASIS", "PointNet++", RUNS[1])


def measured(seed, benchmark="scannet"):
    """An evaluation with everything in it."""
    labels = Labels(class_names=("wall", "chair", "table", "lamp"))
    official = benchmarks.of(benchmark, labels)
    evaluator = Evaluator("demo", labels, ("x",), "covering", benchmark=official)
    for index in range(2):
        *cloud, scores = scored_cloud(seed + index, 1600)
        evaluator.add(f"cloud{index}", *cloud, scores)
    return evaluator.evaluation()


def test_the_deviation_is_that_of_a_sample():
    values = np.random.default_rng(0).random(5)
    found = spread.of(values.tolist())
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))


@pytest.mark.parametrize(("values", "cell"), [([50.0], "50.0"), ([50.0, 54.0], "52.0 ± 2.8")])
def test_one_run_has_no_spread(values, cell):
    assert spread.of(values).cell() == cell


def test_fewer_runs_than_asked_for_have_no_spread():
    assert math.isnan(spread.of([1.0, 2.0], at_least=3).deviation)


def test_a_score_undefined_in_one_run_is_a_dash():
    assert spread.of([50.0, math.nan]).cell() == "-"


def test_runs_of_one_setting_share_a_row():
    made = comparison.tables([SEVERAL, ALONE])
    assert made[0].rows[0] == ("BAN (ours, 3 runs)", "PointNet++", *["60.0 ± 10.0"] * 4)
    assert made[1].rows[1] == ("ASIS (ours)", "PointNet++", "60.0", "60.0", "60.0")
    for shown in made:
        assert "± is the sample standard deviation over the runs of one setting." in shown.notes
    assert "±" not in comparison.tables([ALONE])[0].text()


def test_runs_on_other_data_do_not_share_a_row():
    other = dataclasses.replace(SEVERAL, further=(evaluation(dataset="office"),))
    with pytest.raises(ValueError, match="compared on the same `dataset`"):
        comparison.tables([other])


def test_the_third_table_has_average_precision_and_panoptic_quality():
    one = comparison.SystemScores("BAN", "PointNet++", measured(0))
    shown = comparison.tables([one])[2]
    assert shown.header[2:] == QUALITY_METRICS
    quality = measured(0).quality()
    assert shown.rows[0][2:] == tuple(f"{100 * quality[name]:.1f}" for name in QUALITY_METRICS)
    assert "No AP" in comparison.tables([ALONE])[2].notes[0]


def test_the_csv_of_a_comparison_has_means_and_spreads():
    rows = list(csv.DictReader(io.StringIO(comparison_files.render_csv([SEVERAL, ALONE]))))
    assert [row["runs"] for row in rows] == ["3", "1"]
    for name in METRICS:
        assert (rows[0][name], rows[0][f"{name} spread"]) == ("60.0000", "10.0000")
        assert (rows[1][name], rows[1][f"{name} spread"]) == ("60.0000", "")
    assert rows[0]["AP"] == rows[0]["AP spread"] == ""


def test_the_json_of_a_comparison_has_every_run_and_single_runs_as_before():
    several, alone = json.loads(comparison_files.to_json([SEVERAL, ALONE]))
    assert alone == {"system": "ASIS", "backbone": "PointNet++", **table.to_document(RUNS[1])}
    assert several["num_runs"] == 3
    assert several["mean"]["mIoU"] == pytest.approx(0.6)
    assert several["spread"]["mIoU"] == pytest.approx(0.1)
    assert several["per_class"]["mean"]["IoU"] == pytest.approx([0.6])
    assert several["runs"] == [table.to_document(run) for run in RUNS]
    assert several["mean"]["AP"] is None


def test_classes_and_official_scores_are_spread_too():
    runs = [measured(seed) for seed in (0, 10)]
    system = comparison.SystemScores("BAN", "PointNet++", runs[0], further=(runs[1],))
    *_, official, classes = comparison_files.tables([system])
    assert official.header[2:] == ("mIoU", "AP", "AP50", "AP25")
    values = [100 * run.benchmark.document["mIoU"] for run in runs]
    assert official.rows[0][2] == spread.of(values).cell()
    iou = [100 * run.semantic.iou[1] for run in runs]
    place = classes.header.index("IoU")
    assert classes.rows[1][place] == spread.of(iou).cell()
    assert comparison_files.render_markdown([system]).count("### ") == 5


def test_official_scores_are_left_out_if_one_run_has_none():
    systems = [
        comparison.SystemScores("BAN", "PointNet++", measured(0, name)) for name in ("scannet", "")
    ]
    assert len(comparison_files.tables(systems)) == 3
