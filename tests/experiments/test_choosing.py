"""What a command is to do: the recipe, then the settings file, then the flags."""

import dataclasses
import json

import pytest

from ban_tf import config
from ban_tf.config import reduced, settings
from ban_tf.data import s3dis
from ban_tf.experiments import choosing, requests
from ban_tf.training import runs

DATA = s3dis.dataset(areas=(1, 2), name="mine")


def chosen(path=None, **request) -> config.Experiment:
    return choosing.for_training(requests.Training(data="raw", settings=path, **request), DATA)


@pytest.fixture
def file(tmp_path):
    def write(values):
        path = tmp_path / "mine.json"
        path.write_text(json.dumps(values), encoding="utf-8")
        return path

    return write


def test_without_a_file_it_is_the_papers_recipe():
    assert chosen() == DATA.experiment()
    assert chosen().training.validation == config.ValidationConfig(every=None, keep="last")
    assert chosen(network="sgpn") == DATA.experiment(network="sgpn")


def test_flags_win_over_the_file(file):
    path = file({"seed": 5, "training": {"num_epochs": 7, "batch_size": 3}})
    assert (chosen(path).seed, chosen(path).training.num_epochs) == (5, 7)
    changed = chosen(path, seed=0, epochs=2)
    assert (changed.seed, changed.training.num_epochs, changed.training.batch_size) == (0, 2, 3)


def test_a_block_size_is_of_training_and_preparation(file):
    path = file({"samples": {"size_m": 2.0, "stride_m": 1.0}})
    small = chosen(path, block_size=0.5)
    assert (small.samples.size_m, small.samples.stride_m) == (0.5, 0.25)
    assert small.network.backbone.encoder[0].radius_m == 0.025  # of the file's blocks of 2 m
    prepared = choosing.for_preparation(
        requests.Preparation(data="raw", blocks="blocks", settings=path, block_size=0.5), DATA
    )
    assert prepared.samples == small.samples
    with pytest.raises(ValueError, match="`block_size` must be positive"):
        chosen(block_size=-1.0)


def test_the_files_network_brings_its_recipe_and_the_flag_another(file):
    path = file({"network": {"name": "bonet"}, "inference": {"bandwidth": 0.5}})
    bonet = DATA.experiment(network="bonet")
    assert chosen(path).training == bonet.training
    assert chosen(path).network == bonet.network
    asis = chosen(path, network="asis")
    assert asis.network.name == "asis"
    assert asis.training == DATA.experiment(network="asis").training
    assert asis.inference.bandwidth == 0.5


def test_preparation_and_ablation_take_the_same_file(file):
    path = file({"samples": {"size_m": 2.0}, "seed": 4})
    prepared = choosing.for_preparation(
        requests.Preparation(data="raw", blocks="blocks", settings=path), DATA
    )
    ablated = choosing.for_ablation(
        requests.Ablation(data="raw", settings=path, variants=("none",)), DATA
    )
    for experiment in (prepared, ablated):
        assert experiment.samples == dataclasses.replace(DATA.samples, size_m=2.0)
        assert experiment.seed == 4


def test_validation_is_asked_for_by_flags():
    validation = chosen(validate_every=5).training.validation
    assert validation == config.ValidationConfig(every=5, num_clouds=1, keep="last")
    validation = chosen(validate_every=5, validation_clouds=3, keep="best").training.validation
    assert validation == config.ValidationConfig(every=5, num_clouds=3, keep="best")


@pytest.mark.parametrize("flags", [{"validation_clouds": 2}, {"keep": "best"}])
def test_flags_of_a_validation_without_one_are_refused(flags):
    with pytest.raises(ValueError, match="need `validate_every`"):
        chosen(**flags)


@pytest.mark.parametrize(
    "flags", [{"validate_every": 0}, {"validate_every": 1, "validation_clouds": 0}]
)
def test_a_validation_of_nothing_is_refused(flags):
    with pytest.raises(ValueError, match="must be at least 1"):
        chosen(**flags)


def test_a_wrong_file_is_refused(file):
    with pytest.raises(settings.SettingsError, match=r"mine.json: there is no setting `epochs`"):
        chosen(file({"epochs": 3}))


def test_a_run_records_the_numbers_and_is_taken_up_with_the_same_file_alone(file, tmp_path):
    path = file({"samples": {"size_m": 2}, "training": {"augmentation": {"scale": 0.1}}})
    runs.start(tmp_path / "run", chosen(path))
    assert runs.load(tmp_path / "run").experiment == chosen(path)
    runs.start(tmp_path / "run", chosen(path))
    with pytest.raises(ValueError, match=r"samples.size_m: 2.0 there, 1.0 asked for"):
        runs.start(tmp_path / "run", chosen())


def test_long_trainings_and_recipes_take_the_file_too(file):
    path = file({"training": {"batch_size": 3}})
    plain = reduced.long(DATA.experiment(), 40)
    changed = chosen(path, long=True, epochs=40, recipe="improved")
    assert changed.training == dataclasses.replace(plain.training, batch_size=3)
    assert changed.network == config.with_recipe(plain, "improved").network
