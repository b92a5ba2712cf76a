"""Which run an evaluation takes, and where its results go; nothing is evaluated here."""

import dataclasses

import pytest

import tiny_runs
from ban_tf.config import Labels
from ban_tf.data import dataset
from ban_tf.experiments import chosen_runs, requests
from ban_tf.experiments.commands import evaluate
from ban_tf.training import runs

EXPERIMENT = tiny_runs.experiment()


def begin(folder, epochs_done):
    run = runs.start(folder, EXPERIMENT)
    (folder / "checkpoints").mkdir()
    run.checkpoint_file(epochs_done).write_bytes(b"a network")
    return run


def source(labels=EXPERIMENT.labels):
    """What describes any folder as a data set of these classes."""
    split = dataclasses.replace(EXPERIMENT.split)
    return dataset.always(
        dataset.Dataset(name="others", labels=labels, splits=(split,), scans=lambda *_: [])
    )


def test_results_of_unfinished_training_do_not_take_the_place_of_the_last(tmp_path):
    run = begin(tmp_path / "run", epochs_done=3)
    request = requests.Evaluation(run=run.folder)
    assert chosen_runs.choose_runs(request, source())[1].name == "covering_epoch_0003"
    run.model_file.write_bytes(b"a network")
    assert chosen_runs.choose_runs(request, source())[1].name == "covering"


def test_data_of_other_classes_are_refused_before_any_work(tmp_path):
    run = begin(tmp_path / "run", epochs_done=1)
    request = requests.Evaluation(run=run.folder, data=tmp_path)
    other = Labels(class_names=("desk", "lamp"))
    with pytest.raises(ValueError, match=r"trained on the classes .*but those of .*are desk, lamp"):
        chosen_runs.choose_runs(request, source(other))
    assert not (run.folder / "evaluation").exists()
    found, _ = chosen_runs.choose_runs(request, source())
    assert found[0].experiment.dataset == "others"


@pytest.mark.parametrize("name", ["asis", "no_such_run"])
def test_a_comparison_with_what_is_not_there_evaluates_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    run = begin(tmp_path / "runs" / "one", epochs_done=1)
    run.model_file.write_bytes(b"a network")
    monkeypatch.setattr(evaluate, "evaluate_trained", lambda *_: pytest.fail("work was done"))
    with pytest.raises(FileNotFoundError, match=f"no run of {name}|{name} is not a run folder"):
        evaluate.evaluate(requests.Evaluation(compare=[str(run.folder), name]), source())
