"""One table of many tasks, some missing; and the paper's rows above data sets like these."""

import math

import pytest

from ban_tf.metrics import published, table, task_tables
from ban_tf.metrics.benchmarks import Report
from made_evaluations import evaluation

CHAIR = evaluation(0.5, dataset="partnet-Chair-1")
DEEP = evaluation(0.7, dataset="partnet-Chair-3")
BED = evaluation(0.3, dataset="partnet-Bed-1")
TASKS = {("Chair", 1): CHAIR, ("Chair", 3): DEEP, ("Bed", 1): BED, ("Bed", 3): None}


def test_the_mean_over_the_tasks_stands_below_the_paper_s_rows():
    instance, semantic = task_tables.tables(TASKS)[:2]
    assert instance.title.endswith("(layout of the paper's Table 3, PartNet), mean of 3 of 4 tasks")
    assert instance.rows[2] == ("Ours (paper)", "PointNet++", "42.7", "44.2", "52.8", "45.3")
    assert instance.rows[3] == ("BAN (ours)", "PointNet++", *["50.0"] * 4)
    assert semantic.rows[2] == ("Ours (paper)", "PointNet++", "56.1", "44.9", "80.3")
    assert instance.num_published == semantic.num_published == 3
    assert "does not say which categories" in instance.notes[0]


def test_every_category_has_a_row_and_a_missing_task_a_dash():
    semantic = task_tables.tables(TASKS)[3]
    assert semantic.header == (
        "Category",
        *(f"{m} {n}" for m in ("mAcc", "mIoU", "oAcc") for n in (1, 3)),
    )
    assert semantic.rows[0] == ("Bed", *["30.0", "-"] * 3)
    assert semantic.rows[1] == ("Chair", *["50.0", "70.0"] * 3)
    assert semantic.rows[2] == ("mean", *["40.0", "70.0"] * 3)
    assert semantic.rows[3] == ("all levels", *["50.0", ""] * 3)


def test_a_study_of_which_nothing_is_done_is_all_dashes():
    made = task_tables.tables({("Chair", 1): None})
    assert made[0].rows == (("BAN (ours)", "PointNet++", *["-"] * 4),)
    assert {cell for shown in made[2:] for row in shown.rows for cell in row[1:]} == {"-"}
    with pytest.raises(ValueError, match="at least one task"):
        task_tables.tables({})


def test_official_scores_have_a_table_of_their_own():
    report = Report((), {"name": "partnet", "part mIoU": 0.25, "shape mIoU": None})
    made = task_tables.tables({("Chair", 1): evaluation(benchmark=report), ("Bed", 1): BED})
    assert len(made) == len(task_tables.tables(TASKS)) + 1
    assert made[-1].rows[:2] == (("Bed", "-", "-"), ("Chair", "25.0", "-"))


def test_undefined_scores_are_left_out_of_the_means():
    assert task_tables.mean_of_tasks([]) == {}
    found = task_tables.mean_of_tasks([CHAIR, evaluation({**CHAIR.means(), "mPrec": math.nan})])
    assert (found["mPrec"], found["mRec"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("dataset", "titles"),
    [
        ("scannet", ("the paper's Table 5, ScanNetV2", "the paper's Table 6, ScanNetV2")),
        ("partnet", ("the paper's Table 3, PartNet", "the paper's Table 4, PartNet")),
        (
            "partnet-StorageFurniture-3",
            ("the paper's Table 3, PartNet", "the paper's Table 4, PartNet"),
        ),
    ],
)
@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_rows_of_unstated_points_stand_above_and_claim_no_comparison(dataset, titles, protocol):
    scores = evaluation(0.5, dataset=dataset, protocol=protocol)
    for shown, title in zip(table.tables(scores)[:2], titles, strict=True):
        assert shown.title.endswith(f"first rows: {title}")
        assert shown.num_published == 3
        assert len(shown.rows) == 4  # ours alone, without a difference
        assert "they do not compare" in shown.notes[0]
    paper = published.tables_of(dataset)["instance"]
    assert not paper.compares_with(scores)


@pytest.mark.parametrize(
    "dataset", ["partnet-", "partnet-Chair", "my-partnet-Chair-3", "scannet200"]
)
def test_other_names_have_no_rows_of_the_paper(dataset):
    assert published.tables_of(dataset) == {}
