"""Tables and documents of scores: what stands beside the paper's rows, and what must not."""

import csv
import io
import json
import pathlib

import numpy as np
import pytest

from ban_tf import config
from ban_tf.metrics import evaluators, published, table
from ban_tf.metrics.layout import Table
from places import SHARED

FIVE = ("Area_5",)
SIX = ("Area_1", "Area_2", "Area_3", "Area_4", "Area_5", "Area_6")
LABELS = config.Labels(
    class_names=(
        "ceiling",
        "floor",
        "wall",
        "beam",
        "column",
        "window",
        "door",
        "table",
        "chair",
        "sofa",
        "bookcase",
        "board",
        "clutter",
    )
)


def evaluate(test=FIVE, protocol="legacy", method="BAN", dataset="s3dis", classes=range(13)):
    """One room with an instance of 10 points per class, 8 of them found, 2 called the next."""
    truth = np.repeat(np.asarray(classes), 10)
    predicted = np.where(np.arange(len(truth)) % 10 < 8, truth, np.roll(truth, -2))
    instance = np.repeat(np.arange(len(classes)), 10)
    guess = np.where(truth == predicted, instance, -1)
    evaluator = evaluators.Evaluator(dataset, LABELS, test, protocol, method)
    evaluator.add("Area_5_office_1", truth, instance, predicted, guess)
    return evaluator.evaluation()


def lines_of(text, start):
    return [line.split() for line in text.splitlines() if line.startswith(start)]


def test_a_text_table_by_hand():
    made = Table("Title", ("Who", "x"), 1, (("paper", "9.5"), ("us", "10.0")), 1, ("A note.",))
    expected = [
        "Title",
        "-----------",
        "Who       x",
        "-----------",
        "paper   9.5",
        "-----------",
        "us     10.0",
        "-----------",
        "A note.",
    ]
    assert made.text().splitlines() == expected


def test_a_markdown_table_by_hand():
    made = Table("Title", ("Who", "x"), 1, (("a|b", "9.5"), ("us", "")), 1, ("A note.",))
    expected = [
        "### Title",
        "",
        "| Who | x |",
        "| --- | ---: |",
        "| a\\|b | 9.5 |",
        "| **us** |  |",
        "",
        "A note.",
    ]
    assert made.markdown().splitlines() == expected


def test_area_5_stands_beside_table_7():
    text = table.render_text(evaluate())
    assert text.count("first rows: the paper's Table 7, Area 5") == 2
    assert lines_of(text, "STOI then ITOS")[0][-4:] == ["49.0", "52.1", "56.7", "45.9"]
    assert lines_of(text, "BAN (this run)")[0][-4:] == ["80.0", "80.0", "100.0", "100.0"]
    delta = lines_of(text, "Δ to paper's STOI then ITOS")
    assert delta[0][-4:] == ["+31.0", "+27.9", "+43.3", "+54.1"]
    assert "The paper's test has 68 clouds, this run 1: it is not the same test." in text
    assert "6-fold" not in text


def test_six_areas_stand_beside_tables_1_and_2():
    text = table.render_text(evaluate(SIX))
    where = "Area 1, Area 2, Area 3, Area 4, Area 5, Area 6, legacy protocol; first rows"
    assert f"Instance segmentation, {where}: the paper's Table 1" in text
    assert f"Semantic segmentation, {where}: the paper's Table 2" in text
    assert lines_of(text, "Ours (paper)")[0][-4:] == ["52.1", "56.2", "63.4", "51.0"]
    assert lines_of(text, "Ours (paper)")[1][-3:] == ["71.7", "60.8", "87.0"]
    assert lines_of(text, "Δ to paper's Ours")[0][-4:] == ["+27.9", "+23.8", "+36.6", "+49.0"]
    assert lines_of(text, "Δ to paper's Ours")[1][-3:] == ["+8.3", "+5.9", "-7.0"]


@pytest.mark.parametrize(
    ("test", "method", "row"),
    [
        (FIVE, "PointNet++", "none"),
        (SIX, "PointNet++", "PointNet++"),
        (SIX, "ASIS", "ASIS"),
        (SIX, "something else", "Ours"),
    ],
)
def test_a_method_is_compared_with_its_own_row(test, method, row):
    assert f"Δ to paper's {row} " in table.render_text(evaluate(test, method=method))


@pytest.mark.parametrize(
    "options",
    [
        {"protocol": "covering"},
        {"protocol": "covering", "test": SIX},
        {"test": ("Area_3",)},
        {"test": ("Area_1", "Area_5")},
        {"dataset": "demo"},
    ],
)
def test_nothing_else_stands_beside_the_paper(options):
    made = evaluate(**options)
    for text in (table.render_text(made), table.render_markdown(made), table.render_csv(made)):
        assert "Ours" not in text
        assert "STOI" not in text
        assert "Δ" not in text
    words = "not comparable" if options.get("protocol") == "covering" else "as in the paper"
    assert table.render_text(made).count(words) >= 2


def test_every_table_names_its_protocol():
    for protocol in ("covering", "legacy"):
        first, second = table.tables(evaluate(protocol=protocol))[:2]
        assert f"{protocol} protocol" in first.title
        assert f"{protocol} protocol" in second.title


def test_absent_and_unpredicted_classes_are_named_below_the_means():
    labels = np.array([0, 0, 1, 1])
    evaluator = evaluators.Evaluator("demo", LABELS, ("Area_1",), "covering")
    evaluator.add("room", labels, labels, np.zeros(4, int), np.zeros(4, int))
    instances, semantics = table.tables(evaluator.evaluation())[:2]
    assert instances.notes[0].startswith("Absent, hence left out of means: wall, beam,")
    assert instances.notes[1] == "No predicted instance, hence left out of mPrec: floor."
    assert semantics.notes == instances.notes[:1]


def test_the_class_table_holds_every_class_and_the_means():
    made = table.tables(evaluate(classes=range(1, 13)))[3]
    assert [row[0] for row in made.rows] == [*LABELS.class_names, "mean"]
    assert made.rows[0][1:] == ("-", "-", "-", "-", "-", "-", "0", "0")
    assert made.rows[1][1:] == ("80.0", "80.0", "100.0", "100.0", "80.0", "66.7", "1", "1")
    assert made.rows[-1][-2:] == ("12", "12")


def test_the_json_holds_the_seven_scores_as_fractions_and_null_for_the_undefined():
    document = json.loads(table.to_json(evaluate(classes=range(1, 13))))
    assert {name: document[name] for name in evaluators.METRICS} == pytest.approx(
        {"mCov": 0.8, "mWCov": 0.8, "mPrec": 1, "mRec": 1, "mAcc": 0.8, "mIoU": 2 / 3, "oAcc": 0.8}
    )
    assert document["per_class"]["classes"] == list(LABELS.class_names)
    assert document["per_class"]["Cov"][0] is None
    assert document["per_class"]["IoU"][1:] == pytest.approx([2 / 3] * 12)
    assert document["absent_classes"] == ["ceiling"]
    assert document["plain_means"]["mIoU"] is None
    assert document["strict"]["mPrec"] == 1.0
    assert (document["protocol"], document["test"]) == ("legacy", ["Area_5"])
    assert document["clouds"] == ["Area_5_office_1"]


@pytest.mark.parametrize("test", [FIVE, SIX, ("Area_2",)])
def test_the_csv_is_rectangular_and_in_percent(test):
    rows = list(csv.reader(io.StringIO(table.render_csv(evaluate(test)))))
    assert rows[0] == ["source", "row", *evaluators.METRICS, *evaluators.QUALITY_METRICS]
    assert {len(row) for row in rows} == {15}
    (run,) = (row for row in rows if row[0] == "run")
    assert run[1:9] == ["BAN", "80", "80", "100", "100", "80", "66.6667", "80"]
    assert run[9:] == ["", "", "", "80", "80", "100"]  # instances without scores
    assert sum(row[0] == "class" for row in rows) == 13
    paper = {row[1]: row[2:9] for row in rows if row[0] == "paper"}
    if test == SIX:
        assert paper["Ours"] == ["52.1", "56.2", "63.4", "51", "71.7", "60.8", "87"]
        assert paper["SGPN"][4:] == ["", "", ""]
    assert len(paper) == {FIVE: 6, SIX: 7}.get(test, 0)


def test_no_clouds_at_all_still_give_tables():
    made = evaluators.Evaluator("s3dis", LABELS, FIVE, "legacy").evaluation()
    assert lines_of(table.render_text(made), "BAN (this run)")[0][-4:] == ["-"] * 4
    assert json.loads(table.to_json(made))["mCov"] is None
    assert "run,BAN,,,,,,," in table.render_csv(made)


def test_one_name_is_not_taken_for_the_names_of_its_letters():
    with pytest.raises(TypeError, match=r"`test` must be a sequence of names.*'Area_5'"):
        evaluators.Evaluator("s3dis", LABELS, "Area_5", "legacy")


def test_a_bad_cloud_is_named_and_leaves_the_scores_alone():
    evaluator = evaluators.Evaluator("s3dis", LABELS, FIVE, "legacy")
    labels = np.zeros(2, int)
    with pytest.raises(ValueError, match=r"cloud hall: `predicted_semantic`.*\[0\]=13"):
        evaluator.add("hall", labels, labels, labels + 13, labels)
    assert evaluator.evaluation().clouds == ()
    assert evaluator.evaluation().semantic.num_points == 0


@pytest.mark.skipif(not (SHARED / "tables").is_dir(), reason="needs the tables in ../shared")
def test_the_published_numbers_are_the_paper_s():
    folder = pathlib.Path(published.__file__).parent / "published"
    files = sorted(folder.glob("*.csv"))
    assert len(files) == 8
    for path in files:
        original = SHARED / "tables" / path.name
        assert path.read_text(encoding="utf-8") == original.read_text(encoding="utf-8")
