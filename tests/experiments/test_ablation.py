import dataclasses
import math
import shutil

import pytest
from tensorflow.python.framework import config as framework_config

import tiny_runs
from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.data import store
from ban_tf.experiments import ablation, results
from ban_tf.metrics import published
from ban_tf.training import callbacks, runs

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
    sources = runs.Sources(prepared.path, None)
    trial, other = ablation.plan(tmp_path, EXPERIMENT, VARIANTS, 1)
    assert not ablation.is_done(trial, "covering")
    first = ablation.carry_out(trial, prepared, sources, "covering")
    assert ablation.is_done(trial, "covering")
    assert first.experiment == trial.experiment
    assert first.training_seconds > 0
    assert math.isfinite(first.scores.means()["mIoU"])

    trained = []
    monkeypatch.setattr(
        callbacks.SetEpoch, "on_train_begin", lambda self, logs=None: trained.append(self)
    )
    assert ablation.carry_out(trial, prepared, sources, "covering") == first
    shutil.rmtree(trial.folder / "evaluation")  # stopped between training and evaluation
    again = ablation.carry_out(trial, prepared, sources, "covering")
    assert again.scores == first.scores
    assert not trained
    ablation.carry_out(other, prepared, sources, "covering")
    assert len(trained) == 1
    assert results.read(other.folder / "evaluation" / "covering").models != first.models
