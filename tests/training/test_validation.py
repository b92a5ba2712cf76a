"""Scores in the course of a training, on training clouds that are held out."""

import csv
import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

import tiny_runs
from ban_tf import config
from ban_tf.data import store
from ban_tf.training import checkpoints, reporting, runs, trainer, validation

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
]


def experiment(seed: int = 0, **asked) -> config.Experiment:
    made = tiny_runs.experiment(
        num_epochs=3, blocks_per_epoch=4, validation=config.ValidationConfig(**asked)
    )
    return dataclasses.replace(made, seed=seed)


@pytest.fixture(autouse=True, scope="module")
def _eager():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory) -> store.Store:
    """Samples of two training clouds, and of none of the test."""
    path = tmp_path_factory.mktemp("blocks")
    return tiny_runs.prepare(tiny_runs.rooms(), path, experiment()).select(["Area_1"])


def train(folder, blocks, asked: config.Experiment) -> runs.Run:
    run = runs.start(folder, asked)
    trainer.train(run, blocks)
    return run


def rows(run: runs.Run) -> list[dict[str, str]]:
    with run.log_file.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def weights(path) -> list[np.ndarray]:
    return checkpoints.load_model(path).get_weights()


def fake_scores(monkeypatch, by_epoch: list[float]) -> None:
    """Scores as told, of epoch after epoch."""
    found = iter(by_epoch)
    monkeypatch.setattr(
        validation.Validation, "scores", lambda *_: {"mIoU": next(found), "mCov": math.nan}
    )


def test_by_default_nothing_is_held_out(blocks):
    parts = validation.part(blocks, experiment())
    assert parts.training is blocks
    assert parts.held_out is None


def test_clouds_are_held_out_whole_and_by_the_seed(blocks):
    seen = set()
    for seed in range(8):
        parts = validation.part(blocks, experiment(seed, every=1))
        assert parts.held_out is not None
        training = {cloud.name for cloud in parts.training.clouds}
        held_out = {cloud.name for cloud in parts.held_out.clouds}
        assert (len(held_out), training | held_out) == (1, {c.name for c in blocks.clouds})
        assert not training & held_out
        assert validation.part(blocks, experiment(seed, every=1)) == parts
        seen |= held_out
    assert len(seen) == 2


def test_one_cloud_must_be_left_to_train_on(blocks, tmp_path):
    asked = experiment(every=1, num_clouds=2)
    with pytest.raises(ValueError, match=r"at least one cloud.*num_clouds=2, 2 training clouds"):
        trainer.train(runs.start(tmp_path / "run", asked), blocks)


def test_a_network_that_knows_the_truth_scores_1_and_one_that_does_not_less(blocks):
    parts = validation.part(blocks, experiment(every=1))
    [name] = [cloud.name for cloud in parts.held_out.clouds]
    [cloud] = [room for room in tiny_runs.rooms() if room.name == name]
    scorer = validation.Validation(parts.held_out, experiment(every=1))
    assert scorer.scores(tiny_runs.Oracle(cloud)) == {"mIoU": 1.0, "mCov": 1.0}
    other = dataclasses.replace(cloud, semantic=np.full_like(cloud.semantic, 3))
    assert scorer.scores(tiny_runs.Oracle(other))["mIoU"] == 0.0


def test_the_log_has_the_scores_of_the_epochs_that_were_scored(blocks, tmp_path):
    run = train(tmp_path / "run", blocks, experiment(every=2))
    logged = rows(run)
    assert [bool(row["val_mIoU"]) for row in logged] == [False, True, True]  # the last one too
    assert [bool(row["val_mCov"]) for row in logged] == [False, True, True]
    assert all(0 <= float(row["val_mIoU"]) <= 1 for row in logged[1:])
    assert list((run.tensorboard_folder / "validation").glob("events.*"))
    assert not run.best_file.exists()


def test_scoring_leaves_the_training_alone(blocks, tmp_path):
    often = train(tmp_path / "often", blocks, experiment(every=1))
    rarely = train(tmp_path / "rarely", blocks, experiment(every=3))
    for one, other in zip(weights(often.model_file), weights(rarely.model_file), strict=True):
        np.testing.assert_array_equal(one, other)


def test_held_out_clouds_are_not_trained_on(blocks, tmp_path):
    asked = experiment(every=3)
    held_out = train(tmp_path / "held_out", blocks, asked)
    alone = validation.part(blocks, asked).training
    without = train(tmp_path / "without", alone, experiment())
    for one, other in zip(weights(held_out.model_file), weights(without.model_file), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("keep", "epoch"), [("last", 3), ("best", 2)])
def test_the_network_of_the_best_epoch_can_be_kept(keep, epoch, blocks, tmp_path, monkeypatch):
    fake_scores(monkeypatch, [0.25, 0.5, 0.5])  # of equal ones the first
    monkeypatch.setattr(runs, "KEPT_CHECKPOINTS", 3)
    run = train(tmp_path / "run", blocks, experiment(every=1, keep=keep))
    expected = weights(run.checkpoint_file(epoch))
    for one, other in zip(weights(run.model_file), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_that_was_stopped_still_knows_its_best_epoch(blocks, tmp_path, monkeypatch):
    fake_scores(monkeypatch, [0.5, 0.25, 0.25])
    monkeypatch.setattr(runs, "KEPT_CHECKPOINTS", 3)
    asked = experiment(every=1, keep="best")
    with monkeypatch.context() as patch:

        def stop(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

        patch.setattr(reporting.Progress, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run", blocks, asked)
    run = train(tmp_path / "run", blocks, asked)
    assert [row["val_mIoU"] for row in rows(run)] == ["0.5", "0.25", "0.25"]
    assert [row["val_mCov"] for row in rows(run)] == ["nan"] * 3
    for one, other in zip(weights(run.model_file), weights(run.checkpoint_file(1)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_validation_is_another_experiment(blocks, tmp_path):
    run = runs.start(tmp_path / "run", experiment(every=1))
    assert runs.load(run.folder).experiment == experiment(every=1)
    with pytest.raises(ValueError, match=r"training.validation.every: 1 there, 2 asked for"):
        runs.start(tmp_path / "run", experiment(every=2))


def test_the_best_of_what_is_not_scored_is_refused():
    with pytest.raises(ValueError, match=r"`keep=\"best\"` needs scores"):
        config.ValidationConfig(keep="best")
