import csv
import dataclasses
import errno
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import tiny_runs
from ban_tf import config, systems
from ban_tf.data import s3dis, store
from ban_tf.systems import collapse
from ban_tf.training import (
    callbacks,
    checkpoints,
    joint,
    reporting,
    runs,
    schedule,
    stages,
    trainer,
)

# Keras converts with an `__array__` that NumPy 2 finds old-fashioned; TensorFlow says that data
# pipelines are graphs even in eager mode.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
]

EXPERIMENT = tiny_runs.experiment()
STAGE = stages.stages(EXPERIMENT)[-1]


@pytest.fixture(autouse=True, scope="module")
def _eager():
    """Few steps of a tiny network: tracing a graph would take longer than the steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def prepare(path: pathlib.Path, clouds=None) -> store.Store:
    return tiny_runs.prepare(clouds or tiny_runs.rooms(), path, EXPERIMENT)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory) -> store.Store:
    return prepare(tmp_path_factory.mktemp("blocks")).select(["Area_1"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, blocks) -> runs.Run:
    """A run of three epochs of one step, which nothing interrupted."""
    experiment = tiny_runs.experiment(num_epochs=3, blocks_per_epoch=4)
    run = runs.start(tmp_path_factory.mktemp("finished"), experiment)
    trainer.train(run, blocks)
    return run


def copy_unfinished(finished: runs.Run, folder: pathlib.Path) -> runs.Run:
    """The same run as it was after its last checkpoint."""
    shutil.copytree(finished.folder, folder)
    (folder / "model.keras").unlink()
    return runs.load(folder)


def spoilt(blocks: store.Store, folder: pathlib.Path, name: str, value: float) -> store.Store:
    """A copy of a store whose files changed after it was opened."""
    shutil.copytree(blocks.path, folder)
    copy = store.Store.open(folder).select(blocks.groups)
    for room in copy.clouds:
        with h5py.File(room.path, "r+") as file:
            file[name][:, 0] = value
    return copy


def weights(path: pathlib.Path) -> dict[str, np.ndarray]:
    model = checkpoints.load_model(path)
    return {
        weight.path: keras.ops.convert_to_numpy(weight)
        for weight in model.variables
        if "seed_generator" not in weight.path
    }


def rows(run: runs.Run) -> list[dict[str, str]]:
    with run.log_file.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def stop_after(monkeypatch, epochs: int) -> None:
    """Makes training stop when the checkpoint after `epochs` epochs has been written."""
    write = callbacks.Checkpoint.on_epoch_end

    def write_and_stop(self, epoch, logs=None):
        write(self, epoch, logs)
        assert self.run.training_seconds() > 0  # what kills the process now keeps it
        if epoch + 1 == epochs:
            raise StoppedError

    monkeypatch.setattr(callbacks.Checkpoint, "on_epoch_end", write_and_stop)


# --- the schedule ---


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (0, 1e-3),
        (299_988, 1e-3),
        (300_000, 5e-4),
        (599_988, 5e-4),
        (600_000, 2.5e-4),
        (1_670_000, 3.125e-5),  # the end of 100 epochs without Area 5
        (1_999_992, 1.5625e-5),
        (2_100_000, 1e-5),  # the floor: 1e-3 / 128 would be lower
        (9_000_000, 1e-5),
    ],
)
def test_the_rate_halves_every_300_000_samples_down_to_its_floor(samples, rate):
    decay = schedule.StepDecay(1e-3, 0.5, 300_000, 1e-5, per_step=12)
    np.testing.assert_allclose(float(decay(samples // 12)), rate, rtol=1e-6)


def test_at_batch_12_the_first_stair_is_step_25_000():
    decay = schedule.StepDecay(1e-3, 0.5, 300_000, 1e-5, per_step=12)
    assert float(decay(24_999)) == pytest.approx(1e-3)
    assert float(decay(25_000)) == pytest.approx(5e-4)


def test_stairs_stay_exact_beyond_what_float32_counts():
    decay = schedule.StepDecay(1.0, 0.5, 300_000_000, 1e-9, per_step=3)
    assert float(decay(99_999_999)) == 1.0
    assert float(decay(100_000_000)) == 0.5


def test_the_paper_s_words_count_iterations():
    words = dataclasses.replace(EXPERIMENT.training, decay_unit="iterations")
    experiment = dataclasses.replace(EXPERIMENT, training=words)
    model = trainer.build_network(experiment)
    joint.compile_for_training(model, stages.Stage(0, 1, experiment), steps_per_epoch=9)
    decay = model.optimizer.get_config()["learning_rate"]["config"]
    assert decay == {"initial": 1e-3, "factor": 0.5, "every": 300_000, "limit": 1e-5, "per_step": 1}


def test_a_rate_by_epoch_halves_every_20_epochs_whatever_their_length():
    recipe = s3dis.experiment(network="bonet").training
    short, long = (schedule.learning_rate(recipe, steps) for steps in (5, 4000))
    for epoch, rate in ((0, 5e-4), (19, 5e-4), (20, 2.5e-4), (40, 1.25e-4), (400, 1e-5)):
        assert float(short(5 * epoch + 4)) == pytest.approx(rate)
        assert float(long(4000 * epoch)) == pytest.approx(rate)


def test_the_schedule_survives_serialisation():
    decay = schedule.StepDecay(1e-3, 0.5, 100, 1e-5, per_step=7)
    schedules = keras.optimizers.schedules
    restored = schedules.deserialize(schedules.serialize(decay))
    assert type(restored) is schedule.StepDecay
    assert restored.get_config() == decay.get_config()
    assert float(restored(40)) == float(decay(40))


# --- training ---


def test_the_loss_falls(finished):
    losses = [float(row["loss"]) for row in rows(finished)]
    assert losses[-1] < losses[0]


def test_another_seed_gives_another_network(finished):
    other = dataclasses.replace(finished.experiment, seed=1)
    kernel = trainer.build_network(finished.experiment).trainable_variables[0]
    assert np.ptp(kernel - trainer.build_network(other).trainable_variables[0]) > 0


@pytest.mark.parametrize("epochs", [1, 3])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    finished, blocks, tmp_path, monkeypatch, epochs
):
    run = runs.start(tmp_path / "run", finished.experiment)
    with monkeypatch.context() as patch:
        stop_after(patch, epochs)
        with pytest.raises(StoppedError):
            trainer.train(run, blocks)
    assert not run.is_trained
    trainer.train(run, blocks)
    expected = weights(finished.model_file)
    got = weights(run.model_file)
    assert set(got) == set(expected)
    for name, value in got.items():
        np.testing.assert_array_equal(value, expected[name], name)
    assert rows(run) == rows(finished)


def test_batch_norm_goes_on_counting_after_a_stop(finished):
    seen = {int(value) for name, value in weights(finished.model_file).items() if "seen" in name}
    assert seen == {3 * 1 * 4}  # epochs, steps, batch: in every layer


def test_rows_without_a_checkpoint_are_done_again(finished, tmp_path):
    run = copy_unfinished(finished, tmp_path / "run")
    log = reporting.Log(run, STAGE, first_epoch=2, terms=("semantic", "instance"))
    assert [line.split(",")[0] for line in log.lines] == ["epoch", "1", "2"]


def test_a_damaged_log_is_named(finished, tmp_path):
    run = copy_unfinished(finished, tmp_path / "run")
    run.log_file.write_text("epoch,loss\nx,1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"log.csv:1 is cut or garbled: 'epoch,loss'"):
        reporting.Log(run, STAGE, first_epoch=2, terms=("semantic", "instance"))


def test_the_log_has_losses_rate_and_momentum_of_every_epoch(finished):
    logged = rows(finished)
    assert [(row["epoch"], row["step"]) for row in logged] == [("1", "1"), ("2", "2"), ("3", "3")]
    assert {row["learning_rate"] for row in logged} == {"0.001"}
    assert {row["batch_norm_momentum"] for row in logged} == {"0.5"}
    for row in logged:
        total = float(row["semantic_loss"]) + float(row["instance_loss"])
        assert float(row["loss"]) == pytest.approx(total, rel=1e-5)


def test_tensorboard_gets_the_same_numbers(finished):
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(str(finished.tensorboard_folder / "train"))
    events.Reload()
    found = {}
    for tag in events.Tags()["tensors"]:
        found[tag] = [float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
    np.testing.assert_allclose(
        found["epoch_loss"], [float(row["loss"]) for row in rows(finished)], rtol=1e-5
    )
    assert len(found["epoch_learning_rate"]) == len(found["epoch_batch_norm_momentum"]) == 3
    for attention in ("stoi", "itos"):
        weights = found[f"epoch_{attention}_own_class"]
        assert len(weights) == len(set(weights)) == 3  # of the network after each epoch
        assert all(0 < weight < 1 for weight in weights)
    assert len(set(found["epoch_own_class_chance"])) == 1  # always the same samples


def test_the_newest_two_checkpoints_are_kept(finished):
    assert [epochs for epochs, _ in finished.checkpoints()] == [2, 3]
    assert sorted(path.name for path in (finished.folder / "checkpoints").iterdir()) == [
        "epoch_0002.keras",
        "epoch_0003.keras",
    ]


def test_a_network_is_read_where_nothing_else_was_imported(finished):
    program = (
        "import pathlib, sys; from ban_tf.training import checkpoints; "
        "print(checkpoints.load_model(pathlib.Path(sys.argv[1])).count_params())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, finished.folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    expected = checkpoints.load_model(finished.folder).count_params()
    assert int(done.stdout) == expected


# --- a collapsed embedding ---


def forget_the_embedding(monkeypatch):
    """Networks start with the same embedding for all points, where the losses have no slope."""
    build = trainer.build_network

    def build_collapsed(experiment):
        network = build(experiment)
        layer = next(layer for layer in network.layers if layer.name == "embedding")
        for weight in layer.trainable_variables:
            weight.assign(0.0 * weight)
        return network

    monkeypatch.setattr(trainer, "build_network", build_collapsed)


@pytest.mark.parametrize(("every", "said"), [(1, [1]), (2, [2]), (4, [])])
def test_a_collapsed_embedding_is_said_once(blocks, tmp_path, monkeypatch, capsys, every, said):
    monkeypatch.setattr(collapse, "PROBE_EVERY", every)
    forget_the_embedding(monkeypatch)
    still = config.ScheduleConfig(initial=0.0, factor=1.0, every=1, limit=0.0)
    experiment = tiny_runs.experiment(num_epochs=3, blocks_per_epoch=4, learning_rate=still)
    trainer.train(runs.start(tmp_path / "run", experiment), blocks)
    lines = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert [line.split(":")[1] for line in lines] == [f" after epoch {epoch}" for epoch in said]
    for line in lines:
        assert "The embedding has collapsed: the push term is 9, near the 9 of" in line
        assert line.count(". ") == 0


def test_looking_at_the_embedding_changes_no_weight(finished, blocks, tmp_path, monkeypatch):
    looked, probe = [], collapse.probe_training
    monkeypatch.setattr(collapse, "PROBE_EVERY", 1)
    monkeypatch.setattr(collapse, "probe_training", lambda *a: looked.append(probe(*a)))
    run = runs.start(tmp_path / "run", finished.experiment)
    trainer.train(run, blocks)
    assert len(looked) == 3
    expected = weights(finished.folder)
    for name, value in weights(run.folder).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_network_without_embedding_is_not_looked_at(blocks, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("there is no embedding to look at")

    monkeypatch.setattr(collapse, "PROBE_EVERY", 1)
    monkeypatch.setattr(collapse, "probe_training", refuse)
    system = systems.of("ban")
    monkeypatch.setattr(system, "outputs", frozenset({"logits"}))
    run = runs.start(tmp_path / "run", tiny_runs.experiment(num_epochs=1, blocks_per_epoch=4))
    trainer.train(run, blocks)
    assert run.is_trained


# --- what goes wrong ---


def test_a_rate_far_too_high_stops_with_step_and_checkpoint(blocks, tmp_path):
    schedule = config.ScheduleConfig(initial=1e30, factor=1.0, every=1, limit=0.0)
    run = runs.start(tmp_path / "run", tiny_runs.experiment(learning_rate=schedule))
    message = r"not finite.* at step \d+; there is no checkpoint yet.*lower `learning_rate`"
    with pytest.raises(callbacks.TrainingDivergedError, match=message):
        trainer.train(run, blocks)
    assert not run.checkpoints()
    assert not run.is_trained


def test_nan_in_the_data_is_named_and_leaves_the_checkpoints(blocks, tmp_path, monkeypatch):
    run = runs.start(tmp_path / "run", EXPERIMENT)
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(StoppedError):
            trainer.train(run, blocks)
    broken = spoilt(blocks, tmp_path / "blocks", "data", np.nan)
    with pytest.raises(RuntimeError, match=r"Area_1_office_1.h5 must be finite. Received: nan"):
        trainer.train(run, broken)
    assert np.isfinite(np.concatenate([w.ravel() for w in weights(run.folder).values()])).all()


def test_weights_that_are_not_numbers_are_never_saved(blocks, tmp_path, monkeypatch):
    def spoil(self, epoch, logs=None):
        self.model.trainable_variables[0].assign(self.model.trainable_variables[0] * np.nan)

    run = runs.start(tmp_path / "run", tiny_runs.experiment(num_epochs=1))
    monkeypatch.setattr(reporting.Progress, "on_epoch_begin", lambda *_: None)
    monkeypatch.setattr(callbacks.StopAtNan, "on_epoch_end", spoil)
    with pytest.raises(callbacks.TrainingDivergedError, match=r"The weight .*kernel is not finite"):
        trainer.train(run, blocks)
    assert not run.checkpoints()
    assert not run.is_trained


def test_a_class_out_of_range_is_one_clear_message(blocks, tmp_path):
    broken = spoilt(blocks, tmp_path / "blocks", "seglabel", 13)
    run = runs.start(tmp_path / "run", EXPERIMENT)
    message = r"stopped at step 0: classes in .*\.h5 must be in \[0, 13\).*Received: 13$"
    with pytest.raises(RuntimeError, match=message):
        trainer.train(run, broken)


def test_fewer_blocks_than_a_batch_are_refused(blocks, tmp_path):
    run = runs.start(tmp_path / "run", tiny_runs.experiment(batch_size=10_000))
    with pytest.raises(ValueError, match=r"at least one batch.*batch_size=10000"):
        trainer.train(run, blocks)


def test_another_experiment_in_the_same_folder_is_refused_by_its_difference(finished):
    message = r"training.batch_size: 4 there, 2 asked for"
    other = tiny_runs.experiment(num_epochs=3, blocks_per_epoch=4, batch_size=2)
    with pytest.raises(ValueError, match=message):
        runs.start(finished.folder, other)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "changed", "config"])
def test_a_damaged_checkpoint_is_refused_by_name(finished, blocks, tmp_path, damage):
    run = copy_unfinished(finished, tmp_path / "run")
    path = run.checkpoints()[-1][1]
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "cut": content[:middle],
            "empty": b"",
            "text": b"not a network",
            "changed": content[:middle] + b"\xff" * 64 + content[middle + 64 :],
            "config": content[:2000] + b"\xff" * 64 + content[2064:],
        }[damage]
    )
    message = r"epoch_0003.keras is damaged, or not a network.*Move this file away to resume"
    with pytest.raises(ValueError, match=message):
        trainer.train(run, blocks)


def test_a_checkpoint_of_another_network_is_refused(finished, blocks, tmp_path):
    run = copy_unfinished(finished, tmp_path / "run")
    network = dataclasses.replace(EXPERIMENT.network, name="pointnet2")
    other = trainer.build_network(dataclasses.replace(EXPERIMENT, network=network))
    checkpoints.save_model(other, run.checkpoint_file(3), run)
    with pytest.raises(ValueError, match=r"epoch_0003.keras is of another network than .*config"):
        trainer.train(run, blocks)


def test_a_model_of_something_else_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"must have the outputs of one of"):
        checkpoints.load_model(tmp_path / "other.keras")


def test_a_model_of_a_newer_keras_says_so(tmp_path):
    path = tmp_path / "newer.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "99.1.0"}')
        archive.writestr("config.json", '{"class_name": "Hyperfunctional"}')
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(ValueError, match=r"written by Keras 99\.1\.0 and cannot be read by Keras"):
        checkpoints.load_model(path)


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no model at .*nowhere\.keras"):
        checkpoints.load_model(tmp_path / "nowhere.keras")


def test_a_run_that_has_saved_nothing_has_no_model(tmp_path):
    runs.start(tmp_path / "run", EXPERIMENT)
    with pytest.raises(FileNotFoundError, match="has no model yet"):
        checkpoints.load_model(tmp_path / "run")


def test_an_unfinished_run_stands_for_its_newest_checkpoint(finished, tmp_path):
    run = copy_unfinished(finished, tmp_path / "run")
    assert checkpoints.newest_model(run) == run.checkpoint_file(3)
    assert checkpoints.newest_model(finished) == finished.model_file


@pytest.mark.parametrize("where", ["save", "replace"])
def test_a_full_disk_leaves_the_earlier_checkpoint_intact(finished, tmp_path, monkeypatch, where):
    run = copy_unfinished(finished, tmp_path / "run")
    before = run.checkpoint_file(3).read_bytes()
    model = checkpoints.load_model(run.folder)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "save":
        monkeypatch.setattr(model, "save", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    message = r"epoch_0003.keras cannot be written \(No space left.*Earlier checkpoints are intact"
    with pytest.raises(OSError, match=message):
        checkpoints.save_model(model, run.checkpoint_file(3), run)
    assert run.checkpoint_file(3).read_bytes() == before
    assert len(list((run.folder / "checkpoints").iterdir())) == 2


def test_a_file_that_cannot_grow_leaves_the_earlier_checkpoint_intact(finished, tmp_path):
    """As above, with the operating system refusing in the middle of the file."""
    run = copy_unfinished(finished, tmp_path / "run")
    before = run.checkpoint_file(3).read_bytes()
    model = checkpoints.load_model(run.folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=r"cannot be written.*intact"):
            checkpoints.save_model(model, run.checkpoint_file(3), run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert run.checkpoint_file(3).read_bytes() == before
    assert len(list((run.folder / "checkpoints").iterdir())) == 2


# --- from another network's weights ---


def test_training_starts_from_the_weights_it_is_given(finished, blocks, tmp_path):
    run = runs.start(tmp_path / "run", finished.experiment)
    run.keep_initial(finished.model_file)
    start = trainer.starting_network(run)
    for name, values in weights(finished.model_file).items():
        own = next(weight for weight in start.variables if weight.path == name)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(own), values)
    trainer.train(run, blocks)
    first = float(rows(run)[0]["loss"])
    assert first < float(rows(finished)[0]["loss"])


def test_the_start_of_a_run_is_kept_and_cannot_change(finished, tmp_path):
    run = runs.start(tmp_path / "run", finished.experiment)
    run.keep_initial(finished.model_file)
    run.keep_initial(finished.model_file)
    other = tmp_path / "other.keras"
    other.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"was begun without .*other\.keras"):
        run.keep_initial(other)
    with pytest.raises(ValueError, match=r"was begun without"):
        finished.keep_initial(other)
    with pytest.raises(FileNotFoundError):
        run.keep_initial(tmp_path / "nowhere.keras")


def test_weights_of_another_network_are_refused(finished, tmp_path):
    experiment = config.with_network(finished.experiment, "pointnet2")
    run = runs.start(tmp_path / "run", experiment)
    run.keep_initial(finished.model_file)
    with pytest.raises(ValueError, match=r"initial\.keras is of another network .* `weights`"):
        trainer.starting_network(run)
