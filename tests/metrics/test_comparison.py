import dataclasses
import math

import pytest

from ban_tf.metrics import comparison, published
from ban_tf.metrics.evaluators import METRICS
from made_evaluations import evaluation

MEANS = {name: 0.1 * number for number, name in enumerate(METRICS)}
SIX = ("Area_1", "Area_2", "Area_3", "Area_4", "Area_5", "Area_6")
PAPERS = {
    "dataset": "s3dis",
    "test": SIX,
    "protocol": "legacy",
    "clouds": tuple(f"cloud_{number}" for number in range(272)),
}
SCORES = evaluation(MEANS, **PAPERS)
BAN = comparison.SystemScores("BAN", "PointNet++", SCORES)
SGPN = comparison.SystemScores(
    "SGPN",
    "PointNet",
    evaluation({**MEANS, "mPrec": math.nan}, **PAPERS),
    ("Batch of 8.", "One stage."),
)
BONET = comparison.SystemScores("BoNet", "PointNet++", SCORES, ("One stage.", "24 boxes."))


def changed(**fields):
    """BAN, evaluated on something else."""
    return dataclasses.replace(BAN, scores=dataclasses.replace(SCORES, **fields))


def test_all_rows_of_the_paper_and_ours_stand_in_the_layout_of_tables_1_and_2():
    instance, semantic, _ = comparison.tables([BAN, SGPN])
    assert [len(table.rows) for table in (instance, semantic)] == [7 + 2, 5 + 2]
    assert instance.header == ("Method", "Backbone", "mCov", "mWCov", "mPrec", "mRec")
    assert semantic.header == ("Method", "Backbone", "mAcc", "mIoU", "oAcc")
    assert instance.rows[6] == ("Ours (paper)", "PointNet++", "52.1", "56.2", "63.4", "51.0")
    assert instance.rows[7] == ("BAN (ours)", "PointNet++", "0.0", "10.0", "20.0", "30.0")
    assert semantic.rows[-1] == ("SGPN (ours) [1,2]", "PointNet", "40.0", "50.0", "60.0")
    assert instance.num_published == 7


def test_an_undefined_score_is_a_dash():
    assert comparison.tables([SGPN])[0].rows[-1][4] == "-"


def test_every_footnote_stands_once_under_its_number():
    table = comparison.tables([SGPN, BAN, BONET])[0]
    assert [row[0] for row in table.rows[7:]] == [
        "SGPN (ours) [1,2]",
        "BAN (ours)",
        "BoNet (ours) [2,3]",
    ]
    assert table.notes == ("[1] Batch of 8.", "[2] One stage.", "[3] 24 boxes.")


@pytest.mark.parametrize("change", [{"test": ("Area_5",)}, {"protocol": "covering"}])
def test_a_note_says_when_the_paper_s_rows_are_of_other_points(change):
    assert comparison.tables([BAN])[0].notes == ()
    assert "do not compare with them" in comparison.tables([changed(**change)])[0].notes[0]


def test_a_note_says_when_clouds_of_the_paper_s_test_are_missing():
    for table in comparison.tables([changed(clouds=("one",))])[:2]:
        assert table.notes[0].startswith("The paper's test has 272 clouds, this run 1:")


@pytest.mark.parametrize(
    ("name", "value"),
    [("dataset", "demo"), ("test", ("a",)), ("protocol", "covering"), ("clouds", ("b",))],
)
def test_systems_on_other_points_are_not_compared(name, value):
    with pytest.raises(ValueError, match=f"only be compared on the same `{name}`"):
        comparison.tables([BAN, changed(**{name: value})])


def test_a_data_set_of_which_the_paper_says_nothing_has_our_rows_under_the_same_headings():
    demo = comparison.tables([changed(dataset="demo")])
    for alone, beside in zip(demo[:2], comparison.tables([BAN])[:2], strict=True):
        assert alone.header == beside.header
        assert alone.rows == beside.rows[-1:]
        assert (alone.num_published, alone.notes) == (0, ())


def test_there_must_be_a_system():
    with pytest.raises(ValueError, match="at least one system"):
        comparison.tables([])


def test_a_whole_table_of_the_paper_can_be_had():
    table = published.tables_of("s3dis")["ablation"]
    assert (table.dataset, table.test, len(table.rows)) == ("s3dis", ("Area_5",), 6)
    assert table.rows[3].percent["mCov"] == 49.0
