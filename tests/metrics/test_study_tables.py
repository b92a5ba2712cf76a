import numpy as np

from ban_tf.config import Labels
from ban_tf.metrics import benchmarks, published, study_tables
from ban_tf.metrics.evaluators import Evaluator

LABELS = Labels(class_names=("leg", "seat"))
TRUE = np.array([0, 0, 1, 1])


def evaluation(predicted, benchmark=None):
    evaluator = Evaluator("toys", LABELS, (), "covering", "BAN", benchmark)
    evaluator.add("one", TRUE, TRUE, np.array(predicted), TRUE, np.ones(2))
    return evaluator.evaluation()


def tables(done, num_wanted=2, paper=None, notes=()):
    return study_tables.tables(done, ("BAN", "PointNet++"), num_wanted, paper or {}, notes)


def test_the_mean_is_over_the_members_and_each_has_a_row():
    done = {"a": evaluation([0, 0, 1, 1]), "b": evaluation([0, 0, 0, 1])}
    _, semantic, each = tables(done)
    assert semantic.title == "Semantic segmentation: mean of 2 data sets"
    # b: accuracies 1 and 1/2, IoU 2/3 and 1/2, overall 3/4.
    assert semantic.rows[-1] == ("BAN (ours)", "PointNet++", "87.5", "79.2", "87.5")
    assert [row[0] for row in each.rows] == ["a", "b"]
    assert each.rows[1][-3:] == ("75.0", "58.3", "75.0")


def test_members_without_an_evaluation_are_told_of():
    assert tables({"a": evaluation(TRUE)}, 3)[0].title.endswith("mean of 1 of 3 data sets")


def test_the_papers_rows_stand_above_with_what_does_not_compare():
    paper = published.tables_of("s3dis")
    shown = tables({"a": evaluation(TRUE)}, paper=paper, notes=("They do not compare.",))
    for table, kind in zip(shown, ("instance", "semantic"), strict=False):
        assert table.num_published == len(paper[kind].rows)
        assert table.notes == ("They do not compare.",)
    assert not tables({"a": evaluation(TRUE)}, notes=("Unsaid.",))[0].notes


def test_official_means_stand_beside_the_paper_s_scores_where_there_are_some():
    done = {
        "a": evaluation(TRUE, benchmarks.of("partnet", LABELS)),
        "b": evaluation(TRUE),
    }
    each = tables(done)[2]
    assert each.header[-4:] == ("part mIoU", "shape mIoU", "part mAP50", "shape mAP50")
    assert each.rows[0][-4:] == ("100.0",) * 4
    assert each.rows[1][-4:] == ("-",) * 4
