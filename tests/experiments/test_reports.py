"""The page beside the scores: from the result that is kept, with links to pages that are there."""

import numpy as np
import pytest

import tiny_runs
from ban_tf.data import s3dis
from ban_tf.experiments import reports, requests, results
from ban_tf.experiments.commands import evaluate
from ban_tf.metrics.evaluators import Evaluator
from ban_tf.programs import evaluate as program
from ban_tf.training import runs

EXPERIMENT = tiny_runs.experiment()


def result() -> results.Result:
    evaluator = Evaluator(EXPERIMENT.dataset, EXPERIMENT.labels, ("Area_2",), "covering")
    for cloud in tiny_runs.rooms():
        evaluator.add(cloud.name, *(cloud.semantic, cloud.instance) * 2)
    return results.Result(
        experiment=EXPERIMENT,
        scores=evaluator.evaluation(),
        models=("abc123",),
        training=({"revision": "first"},),
        training_seconds=None,
        evaluation_seconds=0.5,
        evaluated_with={"revision": "second"},
    )


def test_settings_and_provenance_stand_in_the_page(tmp_path):
    path = reports.write(tmp_path, result())
    assert path == tmp_path / "report.html"
    text = path.read_text(encoding="utf-8")
    for words in ("abc123", "first", "second", "bandwidth", "num_epochs"):
        assert words in text
    assert "<a " not in text


@pytest.mark.parametrize("place", [".", "viewer"])
def test_clouds_link_to_their_pages_once_they_are_there(place, tmp_path):
    results.write(tmp_path, result())
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "Area_2_office_1.html").write_text("")
    text = reports.rewrite(tmp_path).read_text(encoding="utf-8")
    prefix = "" if place == "." else "viewer/"
    assert text.count("<a ") == 1
    assert f'<a href="{prefix}Area_2_office_1.html">Area_2_office_1</a>' in text


def test_a_page_is_written_anew_without_an_evaluation(tmp_path, capsys):
    run = runs.start(tmp_path / "run", EXPERIMENT)
    run.save_sources(runs.Sources(tmp_path / "blocks", None))
    out = run.evaluation_folder("covering")
    request = requests.Evaluation(run=run.folder, report=True)
    with pytest.raises(FileNotFoundError, match="evaluate the run first"):
        evaluate.evaluate(request, s3dis.SOURCE)
    results.write(out, result())
    evaluate.evaluate(request, s3dis.SOURCE)
    assert capsys.readouterr().out == f"wrote {out / 'report.html'}\n"
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "result.json"]
    assert np.isclose(results.read(out).scores.means()["oAcc"], 1.0)


@pytest.mark.parametrize("others", [["--estimate"], ["--compare", "ban"]])
def test_a_page_is_of_one_run(others, capsys):
    with pytest.raises(SystemExit):
        program.parse_args(["--report", *others])
    assert "--report is of a run" in capsys.readouterr().err
