import csv
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import tiny_runs
from ban_tf import config
from ban_tf.losses.semantic import semantic_loss
from ban_tf.training import callbacks, checkpoints, runs, stages, trainer

# As in test_training.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
]

HEADS = ("similarity_head", "confidence_head", "confidence")
MOMENTS = ("moving_mean", "moving_variance", "seen")


@pytest.fixture(autouse=True, scope="module")
def _eager():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def experiment(pretraining=2, **changes):
    """SGPN of few channels: two epochs for the classes, then two for all, of two steps each."""
    plain = tiny_runs.experiment(
        pretraining=config.PretrainingConfig(num_epochs=pretraining, batch_size=2),
        blocks_per_epoch=4,
        **{"batch_size": 1, "num_epochs": 2} | changes,
    )
    network = dataclasses.replace(
        plain.network,
        name="sgpn",
        pointnet=config.PointNetConfig(point_widths=(8, 8), global_widths=(4,)),
        sgpn=config.SgpnConfig(shared_widths=(8,), head_width=8),
    )
    return dataclasses.replace(plain, network=network)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    path = tmp_path_factory.mktemp("blocks")
    return tiny_runs.prepare(tiny_runs.rooms(), path, experiment()).select(["Area_1"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, blocks):
    run = runs.start(tmp_path_factory.mktemp("finished"), experiment())
    trainer.train(run, blocks)
    return run


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def train_and_stop(run, blocks, monkeypatch, epochs):
    """Trains until the checkpoint after so many epochs; returns its path."""
    write = callbacks.Checkpoint.on_epoch_end

    def write_and_stop(self, epoch, logs=None):
        write(self, epoch, logs)
        if epoch + 1 == epochs:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Checkpoint, "on_epoch_end", write_and_stop)
        with pytest.raises(StoppedError):
            trainer.train(run, blocks)
    return run.checkpoint_file(epochs)


def weights(model):
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.variables}


def rows(run):
    with run.log_file.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_training_without_pretraining_is_one_stage():
    settings = tiny_runs.experiment()
    assert stages.stages(settings) == [stages.Stage(0, 2, settings)]


def test_pretraining_comes_first_with_its_own_batch_size_and_rate():
    settings = experiment(pretraining=3)
    first, second = stages.stages(settings)
    assert (first.first_epoch, first.end_epoch) == (0, 3)
    assert (second.first_epoch, second.end_epoch) == (3, 5)
    assert settings.training.total_epochs == 5
    assert (first.classes_only, first.fixed_statistics) == (True, False)
    assert (second.classes_only, second.fixed_statistics) == (False, True)
    assert first.experiment.training.batch_size == 2
    assert first.experiment.training.learning_rate == settings.training.pretraining.learning_rate
    assert second.experiment == settings


@pytest.mark.parametrize(("epochs_done", "index"), [(0, 0), (1, 0), (3, 0), (4, 1), (5, 1)])
def test_a_checkpoint_is_of_the_stage_that_wrote_it(epochs_done, index):
    plan = stages.stages(experiment(pretraining=3))
    assert stages.stage_after(plan, epochs_done) is plan[index]


def test_pretraining_trains_what_the_classes_depend_on_and_nothing_else(
    blocks, tmp_path, monkeypatch
):
    run = runs.start(tmp_path / "run", experiment())
    before = weights(trainer.build_network(run.experiment))
    after = weights(checkpoints.load_model(train_and_stop(run, blocks, monkeypatch, 2)))
    changed = {path for path in after if np.any(after[path] != before[path])}
    fresh = {path for path in after if path.split("/")[0] in (*HEADS, "thresholds")}
    assert changed.isdisjoint(fresh)
    assert {path.split("/")[0] for path in changed} == {
        "point",
        "global",
        "shared",
        "semantic_head",
        "logits",
    }


def test_afterwards_everything_is_trained_and_only_the_moments_stay(
    finished, blocks, tmp_path, monkeypatch
):
    run = runs.start(tmp_path / "run", experiment())
    before = weights(checkpoints.load_model(train_and_stop(run, blocks, monkeypatch, 2)))
    after = weights(checkpoints.load_model(finished.model_file))
    same = {path for path in after if np.array_equal(after[path], before[path])}
    kept = {path for path in after if path.split("/")[-1] in MOMENTS}
    assert kept
    assert same - {"thresholds/values"} == kept


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_run_stopped_in_any_stage_ends_like_an_uninterrupted_one(
    finished, blocks, tmp_path, monkeypatch, epochs
):
    run = runs.start(tmp_path / "run", experiment())
    train_and_stop(run, blocks, monkeypatch, epochs)
    trainer.train(run, blocks)
    expected = weights(checkpoints.load_model(finished.model_file))
    for path, value in weights(checkpoints.load_model(run.model_file)).items():
        np.testing.assert_array_equal(value, expected[path], path)
    assert rows(run) == rows(finished)


def test_the_log_goes_on_through_the_stages(finished):
    logged = rows(finished)
    assert [row["epoch"] for row in logged] == ["1", "2", "3", "4"]
    assert [row["step"] for row in logged] == ["2", "4", "4", "8"]  # a new optimiser in epoch 3
    assert [row["batch_norm_momentum"] for row in logged] == ["0.5", "0.5", "1", "1"]
    for early, late in zip(logged[:2], logged[2:], strict=True):
        assert float(early["similarity_loss"]) == float(early["confidence_loss"]) == 0
        assert float(early["loss"]) == float(early["semantic_loss"])
        assert float(late["similarity_loss"]) > 0


def test_the_optimiser_starts_anew_after_pretraining(finished, blocks, tmp_path, monkeypatch):
    """Even when the run was stopped in between: nothing of the first one is taken over."""
    run = runs.start(tmp_path / "run", experiment())
    train_and_stop(run, blocks, monkeypatch, 2)
    steps = []

    def note(self, epoch, logs=None):
        steps.append((epoch, int(self.model.optimizer.iterations), float(self.model.epoch)))

    monkeypatch.setattr(callbacks.StopAtNan, "on_epoch_begin", note)
    trainer.train(run, blocks)
    assert steps == [(2, 0, 0.0), (3, 4, 1.0)]


def test_the_semantic_objective_is_the_semantic_loss_alone():
    labels = {"semantic": np.array([[0, 1, -1]], np.int32)}
    logits = np.array([[[2.0, 0.0], [1.0, 0.0], [0.0, 5.0]]], np.float32)
    terms = stages.SemanticObjective(("instance", "semantic"))(labels, {"logits": logits}, 0.0)
    assert set(terms) == {"instance", "semantic"}
    assert float(terms["instance"]) == 0
    expected = float(semantic_loss(labels["semantic"], logits))
    assert float(terms["semantic"]) == pytest.approx(expected)
