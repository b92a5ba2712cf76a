"""The draw of a store is repeated from the raw points, in the precision that the originals have."""

import dataclasses
import shutil

import numpy as np
import pytest

import tiny_runs
from ban_tf.clouds import cloud_cache
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Features, Shapes
from ban_tf.data.store import Store
from ban_tf.experiments import evaluation
from ban_tf.inference import segmentation
from ban_tf.instances import merging, voxels
from ban_tf.training.instance_sizes import InstanceSizes

EXPERIMENT = tiny_runs.experiment()
ROOM_XYZ = EXPERIMENT.features.places()["room_xyz"]
NO_SIZES = InstanceSizes(drawn=np.full(13, np.nan), raw=None)


def round_room(num_points: int = 3000) -> Cloud:
    """A room 2 m x 2 m x 1 m whose coordinates are whole centimetres, so many lie on borders."""
    rng = np.random.default_rng(0)
    xyz = rng.integers(0, [201, 201, 101], (num_points, 3)) / 100
    xyz[:2] = (0, 0, 0), (2, 2, 1)
    label = (xyz[:, 0] > 1).astype(np.int32)
    rgb = rng.integers(0, 256, (num_points, 3)).astype(np.uint8)
    return Cloud("Area_1_office_1", xyz, rgb, label, label, group="Area_1")


@pytest.fixture
def store(tmp_path):
    made = tiny_runs.prepare([round_room()], tmp_path / "blocks", EXPERIMENT)
    cloud_cache.save_cloud(round_room(), made.cloud_file("Area_1_office_1"))
    return made


def test_the_shares_are_the_stored_channels_before_they_were_rounded(store):
    [stored] = store.clouds
    shares = store.exact_shares(stored.name)
    features = store.read(range(len(store))).features
    assert shares.dtype == np.float64
    np.testing.assert_array_equal(shares.astype(np.float32), features[..., ROOM_XYZ])
    assert (shares != features[..., ROOM_XYZ]).any()


def test_the_voxels_are_those_of_pythons_own_numbers(store):
    shares = store.exact_shares("Area_1_office_1")
    voxel, _ = voxels.legacy_voxels(shares)
    literal = [tuple(int(value / 0.005) for value in row) for row in shares.reshape(-1, 3).tolist()]
    number = {cell: index for index, cell in enumerate(sorted(set(literal)))}
    assert voxel.ravel().tolist() == [number[cell] for cell in literal]


def test_rounded_shares_would_put_points_into_other_voxels(store):
    shares = store.exact_shares("Area_1_office_1")
    rounded = shares.astype(np.float32)
    other = np.trunc(shares / 0.005) != np.trunc(rounded / np.float32(0.005))
    assert other.any(axis=-1).mean() > 0.01


def test_an_evaluation_by_the_originals_protocol_merges_by_them(store, monkeypatch):
    seen = []
    merge = merging.merge_legacy

    def watched(normalised_xyz, *arguments):
        seen.append(normalised_xyz)
        return merge(normalised_xyz, *arguments)

    monkeypatch.setattr(merging, "merge_legacy", watched)
    oracle = tiny_runs.Oracle(round_room())
    fold = evaluation.Fold(EXPERIMENT, lambda: oracle, store, NO_SIZES)
    evaluation.evaluate([fold], "legacy")
    [used] = seen
    np.testing.assert_array_equal(used, store.exact_shares("Area_1_office_1"))


def test_samples_of_others_and_shapes_have_none(store, tmp_path):
    shutil.rmtree(store.path / "clouds")
    assert store.exact_shares("Area_1_office_1") is None
    shapes = dataclasses.replace(
        EXPERIMENT,
        samples=Shapes(num_points=64),
        features=Features(names=("xyz",)),
        network=dataclasses.replace(EXPERIMENT.network, num_features=3),
    )
    made = tiny_runs.prepare([round_room()], tmp_path / "shapes", shapes)
    cloud_cache.save_cloud(round_room(), made.cloud_file("Area_1_office_1"))
    assert made.exact_shares("Area_1_office_1") is None


def test_shares_of_other_points_are_refused(store):
    features = store.read(range(len(store))).features
    shares = store.exact_shares("Area_1_office_1")
    oracle = tiny_runs.Oracle(round_room())
    for wrong in (shares[:, ::-1], shares[:-1]):
        with pytest.raises(ValueError, match="`room_xyz` must hold"):
            segmentation.segment_sampled(features, oracle, EXPERIMENT, room_xyz=wrong)


def test_a_store_that_is_opened_again_gives_the_same(store):
    again = Store.open(store.path, EXPERIMENT)
    name = "Area_1_office_1"
    np.testing.assert_array_equal(again.exact_shares(name), store.exact_shares(name))
