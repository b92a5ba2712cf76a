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
from ban_tf.metrics import ablation_tables as tables
from ban_tf.metrics.evaluators import METRICS
from ban_tf.training import callbacks, runs

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # One step does not pull an embedding apart.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]
EXPERIMENT = tiny_runs.experiment(num_epochs=1, blocks_per_epoch=4)
VARIANTS = ("none", "STOI then ITOS")


def scores(value=0.5, **changes):
    base = {"dataset": "demo", "areas": [3], "protocol": "covering", "rooms": ["a"]}
    return {**base, **dict.fromkeys(METRICS, value), **changes}


# --- tables ---


def test_means_and_spreads_of_three_seeds_stand_below_the_paper_s_rows():
    made = tables.tables({"none": [scores(0.2), scores(0.3), scores(0.4)]})[0]
    assert made.num_published == 6
    assert made.rows[0][:4] == ("none", "no", "no", "46.0")
    assert made.rows[6][:4] == ("none (ours)", "no", "no", "30.0 ± 10.0")
    assert "standard deviation over 3 seeds" in made.notes[-1]


def test_the_difference_to_the_paper_is_marked_when_it_is_smaller_than_its_spread():
    near = [scores(value) for value in (0.40, 0.45, 0.50)]  # the paper's mCov is 46.0
    far = [scores(value) for value in (0.80, 0.80, 0.80)]
    rows = tables.tables({"none": near, "Self-attention": far})[1].rows
    assert rows[0][3] == "-1.0 ± 5.0 ~"
    assert rows[1][3] == "+34.6 ± 0.0"


def test_gains_over_the_baseline_are_taken_seed_by_seed():
    base = [scores(value) for value in (0.2, 0.4, 0.6)]
    better = [scores(value) for value in (0.3, 0.5, 0.7)]
    made = tables.tables({"none": base, "STOI only": better})[2]
    by_name = {row[0]: row[1:] for row in made.rows}
    assert by_name["STOI only (ours)"][0] == "+10.0 ± 0.0"
    assert by_name["STOI only (paper)"][0] == "+1.1"
    assert "ITOS only (ours)" not in by_name
    assert "none (ours)" not in by_name


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_have_no_spread_and_say_so(count):
    made = tables.tables({"none": [scores()] * count, "STOI only": [scores(0.6)] * count})
    assert not any("±" in cell for table in made for row in table.rows for cell in row)
    assert "no spread, for which at least 3 are needed" in made[0].notes[-1]


def test_a_score_undefined_for_one_seed_is_a_dash():
    made = tables.tables({"none": [scores(), scores(mPrec=None), scores()]})
    assert made[0].rows[6][5] == made[1].rows[0][5] == "-"


def test_scores_of_area_5_in_the_originals_protocol_need_no_note():
    own = {"dataset": "s3dis", "areas": [5], "protocol": "legacy"}
    assert len(tables.tables({"none": [scores(**own)]})[0].notes) == 1
    assert "do not compare" in tables.tables({"none": [scores()]})[0].notes[0]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({}, "Received: none"),
        ({"both": [scores()]}, r"Received: \['both'\]"),
        ({"none": []}, "the same number of seeds, at least 1"),
        ({"none": [scores()], "STOI only": [scores()] * 2}, "the same number of seeds"),
        ({"none": [scores(), scores(dataset="s3dis")]}, "compared on the same `dataset`"),
    ],
)
def test_samples_that_make_no_table_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        tables.tables(samples)


# --- trials ---


def test_the_variants_are_the_rows_of_the_paper_s_table():
    assert list(config.ABLATIONS) == [row.label[0] for row in tables.published.load(7).rows]


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
    assert math.isfinite(first.scores["mIoU"])

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
