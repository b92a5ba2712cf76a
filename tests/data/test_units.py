"""Lengths that can hardly be metres are refused or told of; the tiniest ones count as none."""

import dataclasses
import logging

import h5py
import numpy as np
import pytest

import small_clouds
import tiny_runs
from ban_tf.clouds.cloud import unlabelled
from ban_tf.config import Blocks, Features, Shapes
from ban_tf.data import preparation, s3dis, samples, store
from ban_tf.inference import segmentation

ROOM = np.array([4.0, 3.0, 2.5])
METRES = 1.0


@pytest.mark.parametrize(
    ("per_m", "word"),
    [(1e6, "large"), (1000, "large"), (METRES, ""), (3.28, ""), (1e-3, "small"), (1e-6, "small")],
)
def test_a_room_shows_the_unit_that_it_is_in(per_m, word):
    doubt = samples.doubt_of_metres(ROOM * per_m)
    assert word in doubt
    assert bool(doubt) == bool(word)


@pytest.mark.parametrize("extent", [(0, 0, 0), (0.06, 0, 0), (1999, 1999, 199)])
def test_a_point_an_object_and_a_hall_are_in_no_doubt(extent):
    assert samples.doubt_of_metres(np.array(extent, float)) == ""


def _read(tmp_path, per_m, num_points=1500):
    cloud = tiny_runs.room("Area_1_room_1", num_points)
    scaled = dataclasses.replace(cloud, xyz=cloud.xyz * per_m)
    tiny_runs.write_raw(tmp_path, [scaled])
    return s3dis.read_room(s3dis.list_rooms(tmp_path, [1])[0])


def test_a_raw_room_in_kilometres_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"metres; no room is so small: multiply kilometres by"):
        _read(tmp_path, 1e-3)


def test_a_low_raw_room_in_centimetres_is_told_of(tmp_path):
    problem = str(_read(tmp_path, 100)[1][-1])  # 130 high, which might be a hall
    assert "room_1: a room of 199.603 x 198.301 x 129.72 has 0.038 points on a square" in problem
    assert "centimetres" in problem


def test_a_wide_room_of_many_points_and_a_room_in_metres_are_not(tmp_path):
    assert not _read(tmp_path / "metres", METRES)[1]
    assert not _read(tmp_path / "wide", 51, num_points=105_000)[1]  # 102 m, 10.3 points a m2


def test_the_size_of_the_median_cloud_is_stated(tmp_path):
    clouds = [
        unlabelled(name, np.array([[0, 0, 0], [x, 3, 2.504]]))
        for name, x in (("a", 1), ("b", 4), ("c", 100))
    ]
    settings = dataclasses.replace(
        store.Settings.of(small_clouds.with_samples(min_points=1)),
        features=Features(names=("block_xyz",)),
    )
    store.prepare(clouds, settings=settings, path=tmp_path, progress=False)
    line = preparation.summary(store.Store.open(tmp_path))
    assert "3 clouds of 4 x 3 x 2.5 m in the median, " in line


def test_any_store_tells_of_clouds_in_other_units(tmp_path, caplog):
    cloud = small_clouds.make_cloud("east_1")
    tiny = dataclasses.replace(cloud, name="east_2", xyz=cloud.xyz / 1000)
    with caplog.at_level(logging.WARNING):
        small_clouds.prepare(tmp_path, [cloud, tiny])
    (told,) = caplog.messages
    assert told.startswith(
        "east_2: no room is so small: multiply kilometres by 1000. Received: 0.0"
    )


def test_blocks_of_others_in_kilometres_are_refused(tmp_path):
    data = np.random.default_rng(0).uniform(0, 1, (2, 64, 9)).astype(np.float32)
    data[..., :3] = (data[..., :3] - 0.5) / 1000
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = data
        file["seglabel"] = file["pid"] = np.zeros((2, 64), np.int32)
    with pytest.raises(ValueError, match=r"multiply kilometres by 1000. Received: 0.000"):
        store.Store.open(tmp_path)


class _Flat:
    fingerprint = "flat"

    def predict(self, features):
        assert np.isfinite(features).all()
        logits = np.zeros((*features.shape[:2], 13), np.float32)
        return {"logits": logits, "embedding": logits}


@pytest.mark.parametrize(("per_m", "way_out"), [(1000, "divide"), (1e-3, "multiply")])
def test_a_cloud_in_other_units_is_segmented_with_a_warning(per_m, way_out):
    xyz = np.random.default_rng(0).uniform(0, 1, (50, 3)) * per_m
    cloud = unlabelled("scan", xyz, np.zeros((50, 3), np.uint8))
    with pytest.warns(segmentation.ScaleWarning, match=f"scan must be in metres; .*{way_out}"):
        segmentation.segment(cloud, _Flat(), tiny_runs.experiment())


LENGTHS = {"1e-310": 1e-310, "least": 5e-324, "1e-200": 1e-200, "float32 denormal": 1e-40}


@pytest.mark.parametrize("axes", [(0, 1, 2), (2,), (0, 1)])
@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize(
    ("config", "features"),
    [
        (Blocks(num_points=64, min_points=1), Features()),
        (Shapes(num_points=64), Features(names=("xyz",))),
    ],
    ids=["blocks", "shapes"],
)
def test_lengths_that_float32_cannot_hold_are_none(config, features, length, axes):
    """Warnings are errors here: nothing may overflow."""
    flat = np.random.default_rng(0).integers(0, 9, (200, 3)) / 4.0
    tiny = flat.copy()
    flat[:, axes] = 0
    tiny[:, axes] *= length
    made = []
    for xyz in (flat, tiny):
        cloud = unlabelled("scan", xyz, np.zeros((200, 3), np.uint8))
        plan = samples.plan_covering(cloud, config)
        made.append(samples.gather(cloud, plan, config, features).features)
    np.testing.assert_allclose(made[1], made[0], atol=1e-30)
