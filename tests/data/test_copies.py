"""The very same room under two names must not be trained on and tested."""

import dataclasses
import logging
import shutil

import h5py
import numpy as np
import pytest

import small_clouds
import tiny_runs
from ban_tf.config import Split
from ban_tf.data import preparation, s3dis, store
from ban_tf.data.dataset import always
from ban_tf.experiments import requests
from ban_tf.experiments.commands import ablate, train

EAST = Split(name="east", train=("west",), test=("east",))
WEST = Split(name="west", train=("east",), test=("west",))


def _copy(cloud, name):
    return dataclasses.replace(cloud, name=name, group=name.split("_")[0])


def _prepare(path, *names):
    """East_1, and copies of it."""
    cloud = small_clouds.make_cloud("east_1")
    copies = [_copy(cloud, name) for name in names]
    return small_clouds.prepare(path, [cloud, small_clouds.make_cloud("west_9"), *copies])


def test_a_copy_on_the_other_side_is_refused_by_both_names(tmp_path):
    prepared = _prepare(tmp_path, "west_1")
    with pytest.raises(ValueError, match=r"west_1, which is tested, has the .* of east_1 \(1 such"):
        prepared.require_apart(WEST)
    with pytest.raises(ValueError, match=r"east_1, which is tested, has the .* of west_1"):
        prepared.require_apart(EAST)


def test_a_copy_on_the_same_side_is_told_of_and_stays(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        prepared = _prepare(tmp_path, "east_2")
    assert "east_2 has the very points and labels of east_1: a copy?" in caplog.messages
    prepared.require_apart(WEST)
    assert len(prepared.clouds) == 3


def test_another_label_or_point_makes_another_cloud(tmp_path):
    cloud = small_clouds.make_cloud("east_1")
    semantic = cloud.semantic.copy()
    semantic[0] = (semantic[0] + 1) % 4
    clouds = [cloud, dataclasses.replace(_copy(cloud, "west_1"), semantic=semantic)]
    small_clouds.prepare(tmp_path, clouds).require_apart(WEST)


def _write_foreign(path, seed, name="east_1", num=2):
    rng = np.random.default_rng(seed)
    labels = np.zeros((num, 64), np.int32)
    with h5py.File(path / f"{name}.h5", "w") as file:
        file["data"] = rng.uniform(0, 1, (num, 64, 9)).astype(np.float32)
        file["seglabel"], file["pid"] = labels, labels


def test_blocks_of_others_are_compared_as_well(tmp_path):
    for seed, name in enumerate(("east_1", "east_2", "west_2")):
        _write_foreign(tmp_path, seed, name)
    group_of = {name: name.split("_")[0] for name in ("east_1", "east_2", "west_1", "west_2")}.get
    store.Store.open(tmp_path, group_of=group_of).require_apart(WEST)
    shutil.copy(tmp_path / "east_2.h5", tmp_path / "west_1.h5")
    with pytest.raises(ValueError, match=r"west_1, which is tested, has .* of east_2"):
        store.Store.open(tmp_path, group_of=group_of).require_apart(WEST)


@pytest.fixture
def raw(tmp_path):
    """Raw rooms of two areas, of which the second has a copy of a room of the first."""
    root = tiny_runs.write_raw(tmp_path / "raw", tiny_runs.rooms(kind="room"))
    shutil.copytree(root / "Area_1" / "room_1", root / "Area_2" / "room_7")
    return root


@pytest.mark.parametrize("all_splits", [False, True])
def test_a_training_ends_before_it_begins(tmp_path, raw, all_splits):
    request = requests.Training(data=raw, run=tmp_path / "run", quick=True, all_splits=all_splits)
    with pytest.raises(ValueError, match=r"Area_2_room_7, which is tested|Area_1_room_1, which is"):
        train.train(request, s3dis.SOURCE)
    assert not list(tmp_path.rglob("config.json"))


def test_an_ablation_ends_before_it_begins(tmp_path, raw):
    request = requests.Ablation(data=raw, run=tmp_path / "run", quick=True, variants=("none",))
    with pytest.raises(ValueError, match=r"Area_2_room_7, which is tested"):
        ablate.ablate(request, s3dis.SOURCE)
    assert not list(tmp_path.rglob("config.json"))


def test_others_may_be_trained_on_once_one_is_moved_away(tmp_path, raw):
    shutil.rmtree(raw / "Area_2" / "room_7")
    experiment = tiny_runs.experiment()
    found = s3dis.describe(raw, None)
    prepared = preparation.prepare(always(found).find(raw, None), raw, tmp_path / "b", experiment)
    prepared.require_apart(experiment.split)
