"""What `ban_tf.load` is given: a sentence for all that is no network, and for what is missing."""

import pathlib
import shutil
import warnings

import numpy as np
import pytest

import ban_tf
import tiny_runs
from ban_tf.experiments import trained
from ban_tf.model import networks
from ban_tf.training import checkpoints, instance_sizes, network_file, runs

# Keras 3 hands NumPy 2 an array in its old way whenever it saves.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZES = instance_sizes.InstanceSizes(np.full(13, 30.0), np.full(13, 40.0))


@pytest.mark.parametrize(
    "named", [None, "", " ", 3, 1.5, b"run", [], object, "a\0b", ("run",)], ids=repr
)
def test_what_is_no_path_is_refused_in_one_sentence(named):
    for load in (ban_tf.load, lambda it: ban_tf.segment(_cloud(), it)):
        with pytest.raises(TypeError, match=r"^`run_or_file` must name a .*Received: ") as told:
            load(named)
        assert "\n" not in str(told.value)


def _cloud():
    return ban_tf.unlabelled("scan", np.zeros((3, 3)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run folder with an untrained network, and its sizes beside it and in it."""
    run = runs.start(tmp_path_factory.mktemp("run"), tiny_runs.experiment())
    instance_sizes.save(run.folder, SIZES)
    checkpoints.save_model(networks.build(run.experiment.network), run.model_file, run)
    return run.folder


@pytest.fixture
def folder(finished, tmp_path):
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_run_tells_its_sizes_in_its_folder_or_in_its_network(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error", trained.MissingSizesWarning)
        for _ in range(2):
            np.testing.assert_array_equal(ban_tf.load(folder).mean_sizes, SIZES.raw)
            (folder / instance_sizes.FILE_NAME).unlink(missing_ok=True)


def test_sizes_that_are_gone_are_told_of_by_name(folder):
    (folder / instance_sizes.FILE_NAME).unlink()
    run = runs.load(folder)
    checkpoints.save_model(networks.build(run.experiment.network), run.model_file, run)
    for named, told in (
        (folder, r"run/mean_instance_sizes\.json does not tell how large"),
        (folder / "model.keras", r"run/model\.keras does not tell how large"),
    ):
        with pytest.warns(trained.MissingSizesWarning, match=told) as caught:
            assert ban_tf.load(named).mean_sizes is None
        assert caught[0].filename == __file__


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_weights_that_are_not_finite_are_refused_with_their_layer(folder, value):
    run = runs.load(folder)
    model = networks.build(run.experiment.network)
    weight = next(weight for weight in model.weights if "kernel" in weight.path)
    values = weight.numpy().copy()
    values.flat[-1] = value
    weight.assign(values)
    checkpoints.save_model(model, run.model_file, run)
    for named in (folder, folder / "model.keras"):
        with pytest.raises(ValueError, match=rf"the weights {weight.path} are not finite"):
            ban_tf.load(named)
    with pytest.raises(ValueError, match="are not finite"):
        checkpoints.require_fitting(run.model_file, model)


def test_statistics_of_a_batch_norm_count_as_weights(folder):
    model = networks.build(runs.load(folder).experiment.network)
    moving = next(weight for weight in model.non_trainable_weights if "variance" in weight.path)
    moving.assign(np.full(moving.shape, np.inf))
    assert network_file.first_not_finite(model) == moving.path
