"""The tables of an ablation: means, spreads, differences and gains."""

import math

import pytest

from ban_tf.metrics import ablation_tables
from ban_tf.metrics.evaluators import METRICS
from made_evaluations import evaluation


def test_means_and_spreads_of_three_seeds_stand_below_the_paper_s_rows():
    made = ablation_tables.tables({"none": [evaluation(0.2), evaluation(0.3), evaluation(0.4)]})[0]
    assert made.num_published == 6
    assert made.rows[0][:4] == ("none", "no", "no", "46.0")
    assert made.rows[6][:4] == ("none (ours)", "no", "no", "30.0 ± 10.0")
    assert "standard deviation over 3 seeds" in made.notes[-1]


def test_the_difference_to_the_paper_is_marked_when_it_is_smaller_than_its_spread():
    near = [evaluation(value) for value in (0.40, 0.45, 0.50)]  # the paper's mCov is 46.0
    far = [evaluation(value) for value in (0.80, 0.80, 0.80)]
    rows = ablation_tables.tables({"none": near, "Self-attention": far})[1].rows
    assert rows[0][3] == "-1.0 ± 5.0 ~"
    assert rows[1][3] == "+34.6 ± 0.0"


def test_gains_over_the_baseline_are_taken_seed_by_seed():
    base = [evaluation(value) for value in (0.2, 0.4, 0.6)]
    better = [evaluation(value) for value in (0.3, 0.5, 0.7)]
    made = ablation_tables.tables({"none": base, "STOI only": better})[2]
    by_name = {row[0]: row[1:] for row in made.rows}
    assert by_name["STOI only (ours)"][0] == "+10.0 ± 0.0"
    assert by_name["STOI only (paper)"][0] == "+1.1"
    assert "ITOS only (ours)" not in by_name
    assert "none (ours)" not in by_name


def test_a_variant_of_ours_with_fewer_seeds_stands_below_the_paper_s_and_says_so():
    base = [evaluation(value) for value in (0.2, 0.4, 0.6)]
    score, difference, gain = ablation_tables.tables(
        {"none": base, "STOI then ITOS, improved": [evaluation(0.5)]}
    )
    assert score.title.endswith("1 to 3 seeds")
    assert score.rows[-1][:4] == ("STOI then ITOS, improved (ours, 1 seed)", "yes", "yes", "50.0")
    assert [row[0] for row in difference.rows] == ["none"]  # the paper has no such row
    assert gain.rows[-1][:2] == ("STOI then ITOS, improved (ours, 1 seed)", "+30.0")


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_have_no_spread_and_say_so(count):
    made = ablation_tables.tables(
        {"none": [evaluation()] * count, "STOI only": [evaluation(0.6)] * count}
    )
    assert not any("±" in cell for table in made for row in table.rows for cell in row)
    assert "no spread, for which at least 3 are needed" in made[0].notes[-1]


def test_a_score_undefined_for_one_seed_is_a_dash():
    made = ablation_tables.tables(
        {
            "none": [
                evaluation(),
                evaluation({**dict.fromkeys(METRICS, 0.5), "mPrec": math.nan}),
                evaluation(),
            ]
        }
    )
    assert made[0].rows[6][5] == made[1].rows[0][5] == "-"


def test_scores_of_area_5_in_the_originals_protocol_need_no_note():
    own = {
        "dataset": "s3dis",
        "test": ("Area_5",),
        "protocol": "legacy",
        "clouds": tuple(f"cloud_{number}" for number in range(68)),
    }
    assert len(ablation_tables.tables({"none": [evaluation(**own)]})[0].notes) == 1
    assert "do not compare" in ablation_tables.tables({"none": [evaluation()]})[0].notes[0]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({}, "Received: none"),
        ({"both": [evaluation()]}, r"Received: \['both'\]"),
        ({"none": []}, "at least one seed"),
        ({"none": [evaluation(), evaluation(dataset="s3dis")]}, "compared on the same `dataset`"),
    ],
)
def test_samples_that_make_no_table_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        ablation_tables.tables(samples)
