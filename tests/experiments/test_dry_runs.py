"""A dry run tells what would be done, refuses what would be refused, and writes nothing."""

import pytest

import tiny_runs
from ban_tf.data import dataset, s3dis
from ban_tf.experiments import requests
from ban_tf.experiments.commands import ablate, evaluate, prepare, train
from ban_tf.programs import evaluate as program
from ban_tf.training import runs

EXPERIMENT = tiny_runs.experiment()


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """An empty folder as the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_a_training_tells_data_samples_and_run(empty, capsys):
    assert train.train(requests.Training(dry_run=True, quick=True), s3dis.SOURCE) == []
    printed = capsys.readouterr().out
    assert "demo: network ban, test on Area 3" in printed
    assert "would train on data generated in runs/demo" in printed
    assert "runs/demo: new" in printed
    assert list(empty.iterdir()) == []


def test_a_training_that_goes_on_says_so(empty, capsys):
    experiment = s3dis.demo()
    run = runs.start(empty / "run", experiment)
    (run.folder / "checkpoints").mkdir()
    run.checkpoint_file(2).write_bytes(b"a network")
    train.train(requests.Training(dry_run=True, quick=True, run=run.folder), s3dis.SOURCE)
    assert "goes on after epoch 2 of 14" in capsys.readouterr().out
    with pytest.raises(ValueError, match="another experiment"):
        train.train(requests.Training(dry_run=True, run=run.folder, seed=7), s3dis.SOURCE)


def test_an_evaluation_tells_network_and_results(empty, capsys):
    run = runs.start(empty / "run", EXPERIMENT)
    run.model_file.write_bytes(b"a network")
    evaluate.evaluate(requests.Evaluation(dry_run=True, run=run.folder), s3dis.SOURCE)
    printed = capsys.readouterr().out
    assert f"would evaluate {run.model_file}" in printed
    assert f"would write {run.folder / 'evaluation' / 'covering'}" in printed
    assert not (run.folder / "evaluation").exists()


@pytest.mark.parametrize("other", [["--compare", "ban"], ["--estimate"], ["--report"]])
def test_a_dry_run_is_of_a_run(other, capsys):
    with pytest.raises(SystemExit):
        program.main([*other, "--dry-run"])
    assert "--dry-run tells of the evaluation of a run" in capsys.readouterr().err


def test_an_ablation_tells_which_trainings_are_left(empty, capsys):
    request = requests.Ablation(dry_run=True, variants=("none", "STOI then ITOS"), seeds=1)
    ablate.ablate(request, s3dis.SOURCE)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["[1/2] none", "[2/2] STOI then ITOS"]
    assert all(line.endswith("would be trained") for line in lines)
    assert list(empty.iterdir()) == []


def test_a_preparation_tells_how_many_clouds(empty, capsys):
    split = EXPERIMENT.split
    found = dataset.Dataset(
        name="others", labels=EXPERIMENT.labels, splits=(split,), scans=lambda *_: []
    )
    request = requests.Preparation(data=empty, blocks=empty / "blocks", dry_run=True)
    assert prepare.prepare(request, dataset.always(found)) is None
    assert "would read 0 clouds" in capsys.readouterr().out
    assert list(empty.iterdir()) == []
