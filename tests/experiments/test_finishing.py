"""A run is finished when it is trained and evaluated; its command does whatever is missing."""

import dataclasses
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as framework_config

import tiny_runs
from ban_tf import config, disk
from ban_tf.config import reduced
from ban_tf.data import s3dis
from ban_tf.data.dataset import always
from ban_tf.experiments import evaluation, folds, outcomes, pooling, requests, results, workflow
from ban_tf.experiments.commands import evaluate, train
from ban_tf.training import callbacks, checkpoints, runs, trainer

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
    # What was hardly trained has rarely left the collapse of untrained networks.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]
SOURCE = always(s3dis.dataset(areas=(1, 2), name="tiny"))


def tiny(experiment: config.Experiment) -> config.Experiment:
    least = tiny_runs.experiment(blocks_per_epoch=4)
    network = dataclasses.replace(experiment.network, backbone=tiny_runs.BACKBONE)
    return dataclasses.replace(
        experiment,
        samples=dataclasses.replace(least.samples, size_m=2.0, stride_m=2.0),
        network=network,
        training=least.training,
    )


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, "quick", tiny)
        # The scores of the untrained network play no part here, and take half of the time.
        patch.setattr(workflow, "_evaluate_start", lambda *_: None)
        tf.config.run_functions_eagerly(True)
        yield
    tf.config.run_functions_eagerly(False)
    framework_config.disable_op_determinism()


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("raw") / "scans"
    return tiny_runs.write_raw(root, tiny_runs.rooms(kind="tabletop", num_points=300))


@pytest.fixture(scope="module")
def blocks(raw, tmp_path_factory) -> pathlib.Path:
    """The store that all runs share, made by the first of them."""
    return tmp_path_factory.mktemp("store") / "blocks"


@pytest.fixture
def asked(raw, blocks, tmp_path):
    """A request of a short training, with changes."""

    def ask(**changes) -> requests.Training:
        options = {"data": raw, "blocks": blocks, "run": tmp_path / "run", "quick": True}
        return requests.Training(**options | changes)

    return ask


@pytest.fixture(scope="module")
def finished(raw, blocks, tmp_path_factory) -> runs.Run:
    folder = tmp_path_factory.mktemp("finished") / "run"
    request = requests.Training(data=raw, blocks=blocks, run=folder, quick=True)
    return train.train(request, SOURCE)[0].run


def stop_before_the_result(monkeypatch, times: int = 1) -> None:
    """Ctrl-C at the end of the evaluation after a training, when `times` have gone before."""
    record, seen = workflow.record, []

    def stop(*arguments):
        seen.append(arguments)
        if len(seen) == times:
            raise KeyboardInterrupt
        record(*arguments)

    monkeypatch.setattr(workflow, "record", stop)


def weights(path: pathlib.Path) -> list[np.ndarray]:
    return checkpoints.load_model(path).get_weights()


# --- trained, but not evaluated ---


def test_a_stop_in_the_last_evaluation_leaves_it_to_the_same_command(asked, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_before_the_result(patch)
        with pytest.raises(KeyboardInterrupt):
            train.train(asked(), SOURCE)
    run = runs.load(asked().run)
    assert run.is_trained
    assert outcomes.finished(run) is None
    before = run.model_file.read_bytes()
    capsys.readouterr()
    [outcome] = train.train(asked(), SOURCE)
    assert "trained before; its evaluation is what is left" in capsys.readouterr().out
    assert run.model_file.read_bytes() == before
    assert results.read(run.evaluation_folder("covering")).scores == outcome.after
    with pytest.raises(ValueError, match=r"holds a finished run of 2 epochs. Evaluate it, ask for"):
        train.train(asked(), SOURCE)


@pytest.mark.parametrize("content", [None, "{", "another"])
def test_a_result_that_is_missing_damaged_or_of_another_network_is_made_again(
    finished, tmp_path, content
):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    run = runs.load(folder)
    assert outcomes.finished(run).after == outcomes.finished(finished).after
    path = run.evaluation_folder("covering") / results.NAME
    if content is None:
        path.unlink()
    elif content == "{":
        path.write_text(content, encoding="utf-8")
    else:
        run.model_file.write_bytes(run.model_file.read_bytes() + b"\0")
    assert outcomes.finished(run) is None


# --- several folds ---


def test_a_training_of_all_splits_ends_with_the_pooled_table(asked, monkeypatch, capsys):
    request = asked(all_splits=True)
    with monkeypatch.context() as patch:
        stop_before_the_result(patch, times=2)  # in the evaluation of the second fold
        with pytest.raises(KeyboardInterrupt):
            train.train(request, SOURCE)
    first = (request.run / "area1" / "model.keras").read_bytes()
    capsys.readouterr()
    done = train.train(request, SOURCE)
    printed = capsys.readouterr().out
    assert [outcome.after.test for outcome in done] == [("Area_1",), ("Area_2",)]
    assert (request.run / "area1" / "model.keras").read_bytes() == first
    assert "Area 1, Area 2, 4 clouds" in printed
    out = request.run / "evaluation" / "covering"
    pooled = (out / "scores.json").read_bytes()
    result = results.read(out)
    with pytest.raises(ValueError, match="holds a finished training of all splits, of 2 epochs"):
        train.train(request, SOURCE)

    shutil.rmtree(out)
    asked_again = requests.Evaluation(run=request.run, all_splits=True)
    evaluate.evaluate(asked_again, SOURCE)
    assert (out / "scores.json").read_bytes() == pooled
    assert results.read(out).models == result.models

    shutil.rmtree(out)  # as if stopped before the pooled table
    assert len(train.train(request, SOURCE)) == 2
    assert (out / "scores.json").read_bytes() == pooled

    runs_of_all = folds.finished(request.run)
    predictions = runs_of_all[0].evaluation_folder("covering") / "predictions"
    (predictions / "Area_1_tabletop_1.npz").unlink()
    store = evaluate._store_of(asked_again, SOURCE, runs_of_all[0])
    with pytest.raises(FileNotFoundError, match=r"tabletop_1.npz is missing. .*`all_splits`"):
        pooling.pool(runs_of_all, store, out)


# --- more epochs ---


def test_more_epochs_go_on_as_if_they_had_been_asked_for_at_first(asked, tmp_path, capsys):
    train.train(asked(), SOURCE)
    shorter = (asked().run / "model.keras").read_bytes()
    capsys.readouterr()
    train.train(asked(epochs=4), SOURCE)
    printed = capsys.readouterr().out
    assert "goes on after epoch 2, to 4 epochs instead of 2. The learning rate falls on" in printed
    train.train(asked(epochs=4, run=tmp_path / "at_once"), SOURCE)
    expected = weights(tmp_path / "at_once")
    for got, value in zip(weights(asked().run), expected, strict=True):
        np.testing.assert_array_equal(got, value)
    logs = [(folder / "log.csv").read_text() for folder in (asked().run, tmp_path / "at_once")]
    assert logs[0] == logs[1]
    assert (asked().run / "model_epoch_0002.keras").read_bytes() == shorter
    with pytest.raises(ValueError, match="finished run of 4 epochs, which cannot be shortened"):
        train.train(asked(epochs=3), SOURCE)


# --- two writers ---


def test_a_training_in_a_folder_that_is_being_written_is_refused(asked, tmp_path, monkeypatch):
    monkeypatch.setitem(disk._held, tmp_path / "run", -1)  # by another thread
    with pytest.raises(disk.FolderInUseError, match="run is being written by process"):
        train.train(asked(), SOURCE)
    assert not (tmp_path / "run").exists()


# --- a start that fails ---


def test_a_start_that_fails_leaves_no_run(asked, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("the first sample is damaged")

    monkeypatch.setattr(trainer, "train", fail)
    with pytest.raises(RuntimeError, match="damaged"):
        train.train(asked(), SOURCE)
    assert not (tmp_path / "run" / "config.json").exists()
    with pytest.raises(FileNotFoundError, match="There is no run below"):
        folds.newest(tmp_path)
    with pytest.raises(RuntimeError, match="damaged"):
        train.train(asked(all_splits=True), SOURCE)
    assert not (tmp_path / "run" / "folds.json").exists()


def test_training_that_is_stopped_in_its_first_epoch_goes_on(asked, monkeypatch, tmp_path):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.StopAtNan, "on_train_batch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train.train(asked(), SOURCE)
    with pytest.raises(ValueError, match="seed: 0 there, 1 asked for"):
        train.train(asked(seed=1), SOURCE)
    assert len(train.train(asked(), SOURCE)) == 1


# --- another network's scores ---


@pytest.mark.parametrize("network", ["pointnet2", "a variant"])
def test_a_network_of_another_kind_is_not_evaluated_under_the_run_s_name(
    finished, tmp_path, network
):
    run = runs.load(shutil.copytree(finished.folder, tmp_path / "run"))
    if network == "a variant":  # of which the weights have the same names and shapes
        variant = config.BanConfig(attention_scale="rsqrt")
        other = dataclasses.replace(run.experiment.network, ban=variant)
    else:
        other = dataclasses.replace(run.experiment.network, name=network)
    experiment = dataclasses.replace(run.experiment, network=other)
    foreign = runs.Run(tmp_path / "run", experiment)
    checkpoints.save_model(trainer.build_network(experiment), run.model_file, foreign)
    before = (run.evaluation_folder("covering") / "scores.json").read_bytes()
    with pytest.raises(ValueError, match=r"model.keras is of another network than .*config.json"):
        evaluate.evaluate(requests.Evaluation(run=run.folder), SOURCE)
    with pytest.raises(ValueError, match="is of another network"):
        checkpoints.load_model(run.folder)
    assert (run.evaluation_folder("covering") / "scores.json").read_bytes() == before
    assert len(keras.models.load_model(run.model_file, compile=False).weights)


# --- runs of others ---


def test_a_run_that_may_not_be_written_is_evaluated_into_a_folder(
    finished, tmp_path, monkeypatch, capsys
):
    is_writable = disk.is_writable

    def only_elsewhere(folder: pathlib.Path) -> bool:
        return is_writable(folder) and not folder.is_relative_to(finished.folder)

    monkeypatch.setattr(disk, "is_writable", only_elsewhere)
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")}
    with pytest.raises(ValueError, match=r"covering cannot be written: name a folder .* \(`out`\)"):
        evaluate.evaluate(requests.Evaluation(run=finished.folder), SOURCE)
    out = tmp_path / "results"
    evaluate.evaluate(requests.Evaluation(run=finished.folder, out=out), SOURCE)
    assert f"wrote {out}\n" in capsys.readouterr().out
    assert results.read(out).scores == outcomes.finished(finished).after
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")} == before


def test_other_data_leave_nothing_in_a_run_that_is_only_read(finished, tmp_path):
    other = tiny_runs.write_raw(tmp_path / "other", tiny_runs.rooms(kind="shelf"))
    out = tmp_path / "results"
    before = sorted(finished.folder.rglob("*"))
    request = requests.Evaluation(run=finished.folder, data=other, out=out)
    assert evaluate.evaluate_trained(request, SOURCE).clouds == ("Area_2_shelf_1", "Area_2_shelf_2")
    assert sorted(finished.folder.rglob("*")) == before


def test_a_checkpoint_that_is_chosen_is_the_one_that_is_recorded(finished, tmp_path, monkeypatch):
    """A training that goes on meanwhile puts another in its place."""
    run = runs.load(shutil.copytree(finished.folder, tmp_path / "run"))
    run.model_file.unlink()
    chosen = results.digest(run.checkpoint_file(2))
    evaluated = evaluation.evaluate

    def go_on(*arguments):
        shutil.copyfile(run.checkpoint_file(1), run.checkpoint_file(3))
        return evaluated(*arguments)

    monkeypatch.setattr(evaluation, "evaluate", go_on)
    evaluate.evaluate(requests.Evaluation(run=run.folder), SOURCE)
    out = run.folder / "evaluation" / "covering_epoch_0002"
    assert results.read(out).models == (chosen,)


# --- side by side ---


def test_runs_of_unequal_length_carry_a_footnote(finished, asked, capsys, tmp_path):
    train.train(asked(epochs=1), SOURCE)
    unfinished = shutil.copytree(finished.folder, tmp_path / "unfinished")
    (unfinished / "model.keras").unlink()
    (unfinished / "checkpoints" / "epoch_0002.keras").unlink()

    def compared(*folders: pathlib.Path) -> str:
        capsys.readouterr()
        evaluate.evaluate(requests.Evaluation(compare=[*map(str, folders)]), SOURCE)
        return capsys.readouterr().out

    assert "Trained for" not in compared(finished.folder, finished.folder)
    printed = compared(finished.folder, asked().run)
    assert "Trained for 2 epochs of 4 samples at batch 4." in printed
    assert "Trained for 1 epochs of 4 samples at batch 4." in printed
    assert "Trained for 1 of 2 epochs of 4 samples" in compared(unfinished)
    assert json.loads((asked().run / "config.json").read_text())["training"]["num_epochs"] == 1
