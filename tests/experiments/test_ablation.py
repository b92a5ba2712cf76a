import dataclasses
import math
import shutil

import pytest
from tensorflow.python.framework import config as framework_config

import tiny_runs
from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.data import s3dis, store
from ban_tf.experiments import ablation, requests, results
from ban_tf.experiments.commands import ablate
from ban_tf.metrics import published
from ban_tf.training import callbacks, runs
from made_evaluations import evaluation

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # One step does not pull an embedding apart.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]
EXPERIMENT = tiny_runs.experiment(num_epochs=1, blocks_per_epoch=4)
VARIANTS = ("none", "STOI then ITOS")


def test_the_variants_are_the_rows_of_the_paper_s_table():
    assert list(config.ABLATIONS) == [row.label[0] for row in published.ablation().rows]
    assert list(config.VARIANTS)[: len(config.ABLATIONS)] == list(config.ABLATIONS)


def test_a_plan_goes_seed_by_seed_and_changes_nothing_but_variant_and_seed(tmp_path):
    trials = ablation.plan(tmp_path, EXPERIMENT, VARIANTS, 2)
    names = ["none_seed0", "stoi_then_itos_seed0", "none_seed1", "stoi_then_itos_seed1"]
    assert [trial.folder.name for trial in trials] == names
    for trial in trials:
        back = dataclasses.replace(trial.experiment, seed=0, network=EXPERIMENT.network)
        assert back == EXPERIMENT
    assert not trials[0].experiment.network.ban.stoi
    assert trials[1].experiment.network.ban == config.BanConfig()


@pytest.mark.parametrize(("variants", "num_seeds"), [(("both",), 1), (VARIANTS, 0)])
def test_a_plan_without_sense_is_refused(tmp_path, variants, num_seeds):
    with pytest.raises(ValueError, match=r"`variants` must be of .* `num_seeds` at least 1"):
        ablation.plan(tmp_path, EXPERIMENT, variants, num_seeds)


def test_a_folder_of_another_experiment_is_refused_before_any_work(tmp_path):
    runs.start(tmp_path / "none_seed0", EXPERIMENT)
    with pytest.raises(ValueError, match="holds a run of another experiment"):
        ablation.plan(tmp_path, EXPERIMENT, VARIANTS, 1)


@pytest.fixture(autouse=True, scope="module")
def _as_it_was():
    """Trials ask for deterministic kernels, which other tests do not expect."""
    yield
    framework_config.disable_op_determinism()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> store.Store:
    path = tmp_path_factory.mktemp("ablation_blocks")
    clouds = tiny_runs.rooms()
    made = tiny_runs.prepare(clouds, path, EXPERIMENT)
    for cloud in clouds:
        cloud_cache.save_cloud(cloud, made.cloud_file(cloud.name))
    return made


def test_trials_are_carried_out_once_and_resumed_where_they_stopped(
    prepared, tmp_path, monkeypatch
):
    def carry_out(trial) -> results.Result:
        ablation.carry_out(trial, prepared, runs.Sources(prepared.path, None), "covering")
        return ablation.result(trial, "covering")

    trial, other = ablation.plan(tmp_path, EXPERIMENT, VARIANTS, 1)
    assert not ablation.is_done(trial, "covering")
    first = carry_out(trial)
    assert ablation.is_done(trial, "covering")
    assert first.experiment == trial.experiment
    assert first.training_seconds > 0
    assert math.isfinite(first.scores.means()["mIoU"])

    trained = []
    monkeypatch.setattr(
        callbacks.SetEpoch, "on_train_begin", lambda self, logs=None: trained.append(self)
    )
    assert carry_out(trial) == first
    shutil.rmtree(trial.folder / "evaluation")  # stopped between training and evaluation
    assert carry_out(trial).scores == first.scores
    assert not trained
    assert carry_out(other).models != first.models
    assert len(trained) == 1


@pytest.fixture
def elsewhere(tmp_path):
    """The result of one variant, as another machine would have left it."""
    trial, _ = ablation.plan(tmp_path / "there", EXPERIMENT, VARIANTS, 1)
    made = results.Result(trial.experiment, evaluation(), ("f00d",), (), 1.0, 1.0, {})
    folder = tmp_path / "done" / trial.folder.name
    folder.mkdir(parents=True)
    results.write(folder, made)
    return folder.parent


def test_a_result_of_another_machine_counts_as_done(elsewhere, tmp_path):
    trial, other = ablation.plan(tmp_path / "here", EXPERIMENT, VARIANTS, 1, done=elsewhere)
    assert ablation.is_done(trial, "covering")
    assert not ablation.is_done(other, "covering")
    assert ablation.result(trial, "covering").models == ("f00d",)
    assert not (tmp_path / "here").exists()


def test_a_result_of_another_experiment_or_protocol_does_not(elsewhere, tmp_path):
    here = tmp_path / "here"
    longer = dataclasses.replace(
        EXPERIMENT, training=dataclasses.replace(EXPERIMENT.training, num_epochs=9)
    )
    with pytest.raises(ValueError, match=r"another experiment \(training.num_epochs: 1 there, 9"):
        ablation.plan(here, longer, VARIANTS, 1, done=elsewhere)
    with pytest.raises(ValueError, match="covering protocol there, legacy asked for"):
        ablation.plan(here, EXPERIMENT, VARIANTS, 1, done=elsewhere, protocol="legacy")
    with pytest.raises(FileNotFoundError, match="`done`"):
        ablation.plan(here, EXPERIMENT, VARIANTS, 1, done=tmp_path / "nowhere")


def test_the_table_of_results_of_other_machines_needs_neither_data_nor_training(
    elsewhere, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(ablate.choosing, "for_ablation", lambda *_: EXPERIMENT)
    request = requests.Ablation(
        run=tmp_path / "here", seeds=1, variants=("none",), done=elsewhere, protocol="covering"
    )
    ablate.ablate(request, s3dis.SOURCE)
    printed = capsys.readouterr().out
    assert "[1/1] none, seed 0: done before" in printed
    assert "none (ours)" in (tmp_path / "here" / "ablation.md").read_text()
