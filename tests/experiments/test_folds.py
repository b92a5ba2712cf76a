import os
import pathlib

import pytest

import tiny_runs
from ban_tf import config
from ban_tf.experiments import folds
from ban_tf.training import runs

EXPERIMENT = tiny_runs.experiment()


def age(folder: pathlib.Path, seconds: int) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (1_700_000_000 - seconds, 1_700_000_000 - seconds))


def begin(folder: pathlib.Path, experiment: config.Experiment = EXPERIMENT) -> runs.Run:
    """A run with its first checkpoint."""
    run = runs.start(folder, experiment)
    (folder / "checkpoints").mkdir()
    run.checkpoint_file(1).write_bytes(b"a network")
    return run


def finish(run: runs.Run) -> runs.Run:
    run.model_file.write_bytes(b"a network")
    return run


def test_the_newest_run_is_the_one_last_begun_or_finished(tmp_path):
    for name, seconds in (("a", 30), ("b", 10), ("c", 20)):
        age(begin(tmp_path / name).folder, seconds)
    assert folds.newest(tmp_path) == tmp_path / "b"
    finish(runs.load(tmp_path / "c"))
    assert folds.newest(tmp_path) == tmp_path / "c"


def test_a_run_in_training_does_not_go_before_a_trained_one(tmp_path):
    age(finish(begin(tmp_path / "trained")).folder, 20)
    begin(tmp_path / "begun")
    assert folds.newest(tmp_path) == folds.newest_of(tmp_path, "ban") == tmp_path / "trained"
    finish(runs.load(tmp_path / "begun"))
    assert folds.newest(tmp_path) == tmp_path / "begun"


def test_a_start_without_a_network_is_not_the_newest_run(tmp_path):
    age(begin(tmp_path / "good").folder, 20)
    runs.start(tmp_path / "failed", EXPERIMENT)
    folds.save(tmp_path / "six", [EXPERIMENT.split])
    runs.start(tmp_path / "six" / EXPERIMENT.split.name, EXPERIMENT)
    assert folds.newest(tmp_path) == tmp_path / "good"
    assert folds.newest_of(tmp_path, "ban") == tmp_path / "good"


def test_several_folds_count_as_one_run(tmp_path):
    age(begin(tmp_path / "single").folder, 20)
    folds.save(tmp_path / "six", [EXPERIMENT.split])
    begin(tmp_path / "six" / EXPERIMENT.split.name)
    assert folds.newest(tmp_path) == tmp_path / "six"


def test_the_mark_of_several_folds_goes_if_none_has_begun(tmp_path):
    folds.save(tmp_path, [EXPERIMENT.split])
    runs.start(tmp_path / EXPERIMENT.split.name, EXPERIMENT)
    folds.forget(tmp_path)
    assert folds.splits_of(tmp_path) == [EXPERIMENT.split]
    (tmp_path / EXPERIMENT.split.name / "config.json").unlink()
    folds.forget(tmp_path)
    assert not (tmp_path / "folds.json").exists()


def test_no_run_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no run below .*Train one first"):
        folds.newest(tmp_path / "runs")


def test_splits_come_back_in_their_order(tmp_path):
    groups = tuple(f"g{number}" for number in (10, 2, 1))
    splits = [config.leave_one_out(groups, group, name=group) for group in groups]
    folds.save(tmp_path, splits)
    assert folds.splits_of(tmp_path) == splits


def test_no_fold_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no training of several folds"):
        folds.finished(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"splits": [{"name": "a"}]}'])
def test_a_damaged_list_of_folds_is_named(tmp_path, content):
    (tmp_path / "folds.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"folds.json is damaged"):
        folds.splits_of(tmp_path)


def test_the_newest_run_of_a_network_is_found_among_others(tmp_path):
    split = EXPERIMENT.split
    networks = {"a": "ban", "b": "asis", f"c/{split.name}": "asis", "d": "ban"}
    folds.save(tmp_path / "c", [split])
    for seconds, (name, network) in enumerate(networks.items()):
        begin(tmp_path / name, config.with_network(EXPERIMENT, network))
        age(tmp_path / name, 10 - seconds)
    os.utime(tmp_path / "c" / "folds.json", (1_000, 1_000))
    assert folds.newest_of(tmp_path, "ban") == tmp_path / "d"
    assert folds.newest_of(tmp_path, "asis") == tmp_path / "c"
    with pytest.raises(FileNotFoundError, match=r"no run of jsnet below .*Train that"):
        folds.newest_of(tmp_path, "jsnet")
