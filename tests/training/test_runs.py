import dataclasses
import json
import pathlib
import platform
import subprocess

import pytest

import tiny_runs
from ban_tf import config
from ban_tf.experiments import folds
from ban_tf.training import provenance, runs

EXPERIMENT = tiny_runs.experiment()


def finish(run: runs.Run) -> runs.Run:
    run.model_file.write_bytes(b"a network")
    return run


def test_a_new_run_keeps_its_experiment_and_where_it_comes_from(tmp_path):
    run = runs.start(tmp_path / "run", EXPERIMENT)
    assert runs.load(run.folder).experiment == EXPERIMENT
    assert not run.is_trained
    kept = json.loads((run.folder / "provenance.json").read_text(encoding="utf-8"))
    assert kept["versions"]["keras"]
    assert kept["versions"]["python"].count(".") == 2
    assert kept["started"].endswith("+00:00")
    assert kept["revision"]
    assert run.provenance() == kept


def test_the_revision_is_known_to_be_unknown_without_git(monkeypatch):
    def no_git(*args, **kwargs):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    assert provenance.collect()["revision"] == "unknown (not a git checkout)"


def test_the_machine_names_its_processor(tmp_path, monkeypatch):
    names = "processor\t: 0\nmodel name\t: Made by hand @ 1 Hz\nmodel name\t: another\n"
    (tmp_path / "cpuinfo").write_text(names, encoding="utf-8")
    monkeypatch.setattr(provenance, "CPU_INFO", tmp_path / "cpuinfo")
    assert provenance.collect()["machine"].endswith(", Made by hand @ 1 Hz")


def test_a_processor_without_a_name_is_said_to_be_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "CPU_INFO", tmp_path / "missing")
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert provenance.collect()["machine"].endswith(", unknown processor")


def test_an_unfinished_run_of_the_same_experiment_is_taken_up(tmp_path):
    runs.start(tmp_path, EXPERIMENT)
    before = (tmp_path / "provenance.json").read_text(encoding="utf-8")
    assert runs.start(tmp_path, EXPERIMENT) == runs.Run(tmp_path, EXPERIMENT)
    assert (tmp_path / "provenance.json").read_text(encoding="utf-8") == before


def test_another_experiment_is_refused_by_every_difference(tmp_path):
    runs.start(tmp_path, EXPERIMENT)
    other = dataclasses.replace(
        EXPERIMENT,
        seed=3,
        samples=dataclasses.replace(EXPERIMENT.samples, num_points=32),
    )
    message = r"samples.num_points: 64 there, 32 asked for; seed: 0 there, 3 asked for\)"
    with pytest.raises(ValueError, match=message):
        runs.start(tmp_path, other)
    assert runs.load(tmp_path).experiment == EXPERIMENT


def longer(epochs: int) -> config.Experiment:
    return tiny_runs.experiment(num_epochs=epochs)


def test_a_trained_run_of_the_same_experiment_is_taken_up_for_its_evaluation(tmp_path):
    finish(runs.start(tmp_path, EXPERIMENT))
    run = runs.start(tmp_path, EXPERIMENT)
    assert run.is_trained
    assert run.epochs_done == 2


@pytest.mark.parametrize("is_trained", [False, True])
def test_more_epochs_continue_a_run_and_keep_its_network(tmp_path, is_trained):
    run = runs.start(tmp_path, EXPERIMENT)
    (tmp_path / "checkpoints").mkdir()
    run.checkpoint_file(2).touch()
    if is_trained:
        finish(run)
    runs.check(tmp_path, longer(5))
    assert runs.load(tmp_path).experiment == EXPERIMENT  # checking writes nothing
    run = runs.start(tmp_path, longer(5))
    assert runs.load(tmp_path) == run == runs.Run(tmp_path, longer(5))
    assert (run.is_trained, run.epochs_done) == (False, 2)
    assert [path.name for path in tmp_path.glob("model*")] == (
        ["model_epoch_0002.keras"] if is_trained else []
    )


def test_a_finished_run_cannot_be_shortened(tmp_path):
    finish(runs.start(tmp_path, EXPERIMENT))
    message = r"finished run of 2 epochs, which cannot be shortened.*Received: epochs=1"
    with pytest.raises(ValueError, match=message):
        runs.start(tmp_path, longer(1))


def test_an_unfinished_run_of_fewer_epochs_is_another_experiment(tmp_path):
    runs.start(tmp_path, EXPERIMENT)
    with pytest.raises(ValueError, match=r"training.num_epochs: 2 there, 1 asked for\)"):
        runs.start(tmp_path, longer(1))


def test_more_epochs_and_another_setting_are_another_experiment(tmp_path):
    runs.start(tmp_path, EXPERIMENT)
    other = dataclasses.replace(longer(5), seed=3)
    message = r"\(seed: 0 there, 3 asked for; training.num_epochs: 2 there, 5 asked for\)"
    with pytest.raises(ValueError, match=message):
        runs.start(tmp_path, other)


def test_a_trained_run_without_checkpoints_cannot_go_on(tmp_path):
    run = finish(runs.start(tmp_path, EXPERIMENT))
    message = r"has no checkpoint .* to 5 epochs. Train in another folder .* \(`weights`\)"
    with pytest.raises(ValueError, match=message):
        runs.start(tmp_path, longer(5))
    assert run.is_trained


def test_a_cut_log_is_told_of_before_any_work(tmp_path):
    run = runs.start(tmp_path, EXPERIMENT)
    run.log_file.write_text("epoch,loss\n1,0.5\n2", encoding="utf-8")
    with pytest.raises(ValueError, match=r"log\.csv:3 is cut or garbled: '2'"):
        runs.check(tmp_path, EXPERIMENT)
    finish(run)
    runs.check(tmp_path, EXPERIMENT)  # its evaluation needs no log


def test_a_start_that_came_to_nothing_is_forgotten(tmp_path):
    (tmp_path / "blocks").mkdir()
    run = runs.start(tmp_path, EXPERIMENT)
    run.save_sources(runs.Sources(tmp_path / "blocks", None))
    run.initial_file.touch()
    run.evaluation_folder("untrained").mkdir(parents=True)
    run.forget_start()
    assert [path.name for path in tmp_path.iterdir()] == ["blocks"]


def test_a_start_that_came_to_a_checkpoint_is_not_forgotten(tmp_path):
    run = runs.start(tmp_path, EXPERIMENT)
    (tmp_path / "checkpoints").mkdir()
    run.checkpoint_file(1).touch()
    run.forget_start()
    assert runs.load(tmp_path) == run


def test_a_model_of_unknown_origin_is_not_overwritten(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"precious")
    with pytest.raises(ValueError, match=r"holds a model without config.json"):
        runs.start(tmp_path, EXPERIMENT)
    assert not (tmp_path / "config.json").exists()


def test_a_single_run_does_not_go_into_a_folder_of_several_folds(tmp_path):
    folds.save(tmp_path, [EXPERIMENT.split])
    with pytest.raises(ValueError, match="holds the runs of several folds"):
        runs.start(tmp_path, EXPERIMENT)


def test_checking_writes_nothing(tmp_path):
    runs.check(tmp_path / "run", EXPERIMENT)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not a run folder: it has no config.json"):
        runs.load(tmp_path / "nothing")


def test_the_folder_of_several_folds_is_not_one_run(tmp_path):
    folds.save(tmp_path, [EXPERIMENT.split])
    with pytest.raises(ValueError, match=r"runs of several folds: name one of them"):
        runs.load(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"dataset": []}', '{"epochs": 3}'])
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"config.json is damaged or of another version: .\w+"):
        runs.load(tmp_path)


# --- sources ---


def test_sources_come_back_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = runs.start(pathlib.Path("run"), EXPERIMENT)
    run.save_sources(runs.Sources(pathlib.Path("blocks"), pathlib.Path("raw")))
    assert run.sources() == runs.Sources(tmp_path / "blocks", tmp_path / "raw")
    run.save_sources(runs.Sources(pathlib.Path("blocks"), None))
    assert run.sources() == runs.Sources(tmp_path / "blocks", None)


def test_sources_inside_a_run_move_with_it(tmp_path):
    run = runs.start(tmp_path / "run", EXPERIMENT)
    run.save_sources(runs.Sources(run.folder / "blocks", tmp_path / "raw"))
    moved = runs.load((tmp_path / "run").rename(tmp_path / "moved"))
    assert moved.sources() == runs.Sources(tmp_path / "moved" / "blocks", tmp_path / "raw")


def test_sources_beside_a_run_move_with_it(tmp_path):
    run = runs.start(tmp_path / "here" / "run", EXPERIMENT)
    for place in ("blocks", "raw"):
        (tmp_path / "here" / place).mkdir()
    run.save_sources(runs.Sources(tmp_path / "here" / "blocks", tmp_path / "here" / "raw"))
    (tmp_path / "here").rename(tmp_path / "there")
    moved = runs.load(tmp_path / "there" / "run")
    assert moved.sources() == runs.Sources(
        tmp_path / "there" / "blocks", tmp_path / "there" / "raw"
    )


def test_a_run_that_moves_alone_finds_what_lay_beside_it(tmp_path):
    run = runs.start(tmp_path / "here" / "run", EXPERIMENT)
    (tmp_path / "here" / "blocks").mkdir()
    run.save_sources(runs.Sources(tmp_path / "here" / "blocks", None))
    (tmp_path / "there").mkdir()
    moved = runs.load(run.folder.rename(tmp_path / "there" / "run"))
    assert moved.sources() == runs.Sources(tmp_path / "here" / "blocks", None)
    (tmp_path / "there" / "blocks").mkdir()  # what moved along comes first
    assert moved.sources() == runs.Sources(tmp_path / "there" / "blocks", None)


def test_what_lies_beside_a_folder_of_several_folds_moves_with_it(tmp_path):
    folds.save(tmp_path / "here" / "six", [EXPERIMENT.split])
    run = runs.start(tmp_path / "here" / "six" / "area2", EXPERIMENT)
    run.save_sources(runs.Sources(tmp_path / "here" / "six" / "blocks", tmp_path / "here" / "raw"))
    (tmp_path / "here").rename(tmp_path / "there")
    moved = runs.load(tmp_path / "there" / "six" / "area2")
    assert moved.sources() == runs.Sources(
        tmp_path / "there" / "six" / "blocks", tmp_path / "there" / "raw"
    )


def test_sources_of_an_earlier_version_are_read(tmp_path):
    run = runs.start(tmp_path / "run", EXPERIMENT)
    run.sources_file.write_text('{"blocks": "blocks", "data": "/raw"}', encoding="utf-8")
    assert run.sources() == runs.Sources(tmp_path / "run" / "blocks", pathlib.Path("/raw"))


def test_missing_sources_say_how_to_name_the_data(tmp_path):
    run = runs.start(tmp_path, EXPERIMENT)
    with pytest.raises(FileNotFoundError, match=r"sources.json is missing: name the data"):
        run.sources()


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '{"data": null, "blocks": 3}'])
def test_damaged_sources_are_named(tmp_path, content):
    run = runs.start(tmp_path, EXPERIMENT)
    run.sources_file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"sources.json is damaged"):
        run.sources()


# --- checkpoints ---


def test_checkpoints_come_in_the_order_of_their_numbers(tmp_path):
    run = runs.start(tmp_path, EXPERIMENT)
    (tmp_path / "checkpoints").mkdir()
    for epochs in (9999, 10_000, 12):
        run.checkpoint_file(epochs).touch()
    for other in (".tmp_epoch_0013.keras", "epoch_best.keras", "epoch_0014.keras.part"):
        (tmp_path / "checkpoints" / other).touch()
    assert [epochs for epochs, _ in run.checkpoints()] == [12, 9999, 10_000]
    run.drop_old_checkpoints()
    assert run.checkpoints() == [(n, run.checkpoint_file(n)) for n in (9999, 10_000)]
