"""Clouds in tiles on disk: the labels of `segmentation.segment`, wherever the borders fall."""

import warnings

import numpy as np
import pytest

from ban_tf import config
from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.data import samples
from ban_tf.data.samples import tiling
from ban_tf.inference import segmentation
from ban_tf.inference.key import Key
from ban_tf.inference.tiles import labels, running, sorting

CHUNK = 700
SIZES = np.array([5.0, 30.0])
KEY = Key("cloud", "network", "experiment")


def experiment(num_points=64, min_points=15, **options):
    return config.Experiment(
        dataset="desks",
        labels=config.Labels(class_names=("floor", "thing"), **options),
        split=config.Split(name="val", train=("scan1",), test=("scan2",)),
        samples=config.Blocks(num_points=num_points, min_points=min_points),
        features=config.Features(names=("block_xyz", "rgb", "room_xyz")),
    )


class Rough:
    """A network that finds patches of both classes, differently wherever a block begins."""

    fingerprint = "rough, version 1"

    def __init__(self, stops_after=None):
        self.num_samples = 0
        self._stops_after = stops_after

    def predict(self, features):
        if self._stops_after is not None and self.num_samples >= self._stops_after:
            raise KeyboardInterrupt
        self.num_samples += len(features)
        place = features[..., 6:9]
        is_thing = np.sin(12 * place[..., 0]) + np.cos(9 * place[..., 1]) > 0.3
        noise = np.sin(1000 * features.sum(axis=-1))
        logits = np.stack([noise - is_thing, is_thing - noise], axis=-1)
        embedding = 4 * np.round(5 * place[..., :1]) * np.ones(5) + is_thing[..., None]
        return {"logits": logits.astype(np.float32), "embedding": embedding.astype(np.float32)}


def cloud(num_points=1200, seed=0, floors=1):
    """A room or floors of them, a bridge to an island of few points, and points far from all."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.uniform((0, 0, 3 * floor), (4, 3, 3 * floor + 2.5), (num_points // floors, 3))
        for floor in range(floors)
    ]
    parts += [rng.uniform((4, 1, 0), (5.2, 1.2, 1), (12, 3)), rng.uniform(8, 8.3, (9, 3))]
    xyz = rng.permutation(np.concatenate(parts))
    return unlabelled("hall", xyz, rng.integers(0, 256, xyz.shape).astype(np.uint8))


def parts_of(whole):
    def points():
        for start in range(0, len(whole), CHUNK):
            part = slice(start, start + CHUNK)
            yield whole.xyz[part], None if whole.rgb is None else whole.rgb[part]

    return points


def tiled(whole, asked, most_points, folder, network=None, sizes=None):
    """Labels, and the cloud in tiles."""
    found = sorting.load(folder, asked.samples)
    if found is None:
        found = sorting.sort(parts_of(whole), whole.name, asked.samples, most_points, folder)
    linked = running.run(found, network or Rough(), asked, KEY, None)
    return labels.finish(found, linked, asked, sizes), found


def assert_same(found, whole):
    got = found.labels[:]
    for name in ("semantic", "instance", "confidence", "entropy"):
        np.testing.assert_array_equal(got[name], getattr(whole, name), err_msg=name)
    assert found.instances == whole.instances


def segmented(whole, asked, sizes=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no such cloud is a room
        return segmentation.segment(whole, Rough(), asked, sizes, with_entropy=True)


@pytest.mark.parametrize(("most_points", "num_tiles"), [(10**9, 1), (700, 3), (300, 8)])
@pytest.mark.parametrize("floors", [1, 3])
def test_labels_are_those_of_the_whole_cloud(most_points, num_tiles, floors, tmp_path):
    whole, asked = cloud(floors=floors), experiment()
    found, in_tiles = tiled(whole, asked, most_points, tmp_path, sizes=SIZES)
    assert_same(found, segmented(whole, asked, SIZES))
    assert len(in_tiles.layout.tiles) >= num_tiles
    assert len(found.instances) > 5


def test_points_on_the_borders_of_blocks_are_in_all_of_them(tmp_path):
    whole = cloud()
    xyz = np.round(whole.xyz * 2) / 2  # multiples of the stride
    whole, asked = unlabelled("grid", xyz, whole.rgb), experiment()
    found, _ = tiled(whole, asked, 500, tmp_path)
    assert_same(found, segmented(whole, asked))


def test_stuff_has_no_instances_and_no_colours_are_black(tmp_path):
    whole, asked = cloud(900), experiment(stuff=("floor",))
    whole = unlabelled("grey", whole.xyz)
    found, _ = tiled(whole, asked, 300, tmp_path)
    assert_same(found, segmented(whole, asked))


def test_one_point_is_one_tile(tmp_path):
    whole, asked = (
        unlabelled("dot", np.array([[3.0, 2, 1]]), np.zeros((1, 3), np.uint8)),
        experiment(),
    )
    found, in_tiles = tiled(whole, asked, 10, tmp_path)
    assert len(in_tiles.layout.tiles) == 1
    assert_same(found, segmented(whole, asked))


def test_a_cloud_without_points_is_refused(tmp_path):
    whole = unlabelled("void", np.zeros((0, 3)))
    with pytest.raises(ValueError, match="void must have at least one point"):
        sorting.sort(parts_of(whole), "void", experiment().samples, 10, tmp_path)


def test_tiles_may_be_without_points(tmp_path):
    rng = np.random.default_rng(0)
    xyz = np.concatenate([rng.uniform(0, 1.4, (300, 3)), rng.uniform(40, 41.4, (300, 3))])
    whole = unlabelled("two", xyz, np.zeros(xyz.shape, np.uint8))
    asked = experiment()
    in_tiles = sorting.sort(parts_of(whole), "two", asked.samples, 1, tmp_path)
    assert (in_tiles.num_samples == 0).sum() > 0
    found, _ = tiled(whole, asked, 1, tmp_path)
    assert_same(found, segmented(whole, asked))


def test_every_point_is_in_at_most_as_many_points_as_a_tile_may_have(tmp_path):
    whole, asked = cloud(), experiment()
    in_tiles = sorting.sort(parts_of(whole), "hall", asked.samples, 800, tmp_path)
    sizes = [len(in_tiles.tile(number)) for number in range(len(in_tiles.layout.tiles))]
    assert max(sizes) <= 800
    assert (np.array(sizes) <= in_tiles.layout.num_points + len(in_tiles.joined.points)).all()
    steps, tiles = in_tiles.layout.steps, in_tiles.layout.tiles
    owners = sum(tiling.is_in(steps, steps, tile).astype(int) for tile in tiles)
    np.testing.assert_array_equal(owners, 1)  # every block is in one tile
    whole_plan = samples.plan_covering(whole, asked.samples)
    assert in_tiles.num_samples.sum() == len(whole_plan)


@pytest.mark.parametrize("stops_after", [1, 12])
def test_what_is_stopped_goes_on_to_the_same_labels(stops_after, tmp_path):
    asked = experiment()
    whole = cloud()
    expected = segmented(whole, asked)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tiled(whole, asked, 300, tmp_path, Rough(stops_after=stops_after))
    network = Rough()
    found, in_tiles = tiled(whole, asked, 300, tmp_path, network)
    assert_same(found, expected)
    assert 0 < network.num_samples < in_tiles.num_samples.sum()


def test_what_a_killed_process_wrote_behind_the_last_tile_is_forgotten(tmp_path):
    whole, asked = cloud(), experiment()
    expected = segmented(whole, asked)
    with pytest.raises(KeyboardInterrupt):
        tiled(whole, asked, 300, tmp_path, Rough(stops_after=25))
    (tmp_path / "tile.state").unlink(missing_ok=True)  # it was killed before it wrote that
    for path in [*tmp_path.glob("open_*"), *tmp_path.glob("done_*")]:
        with path.open("ab") as file:
            file.write(b"half of a tile")
    (tmp_path / "done_7.points").write_bytes(b"x")
    found, _ = tiled(whole, asked, 300, tmp_path)
    assert_same(found, expected)


class Perfect:
    """The truth of a cloud, looked up by the shares of its extent."""

    fingerprint = "perfect"

    def __init__(self, whole):
        frame = samples.frame_of(whole)
        self._keys = samples.shares_of_extent(whole.xyz - frame.origin, frame).astype(np.float32)
        self._order = np.lexsort(self._keys.T)
        self._whole = whole

    def predict(self, features):
        place = features[..., 6:9].reshape(-1, 3)
        keys = self._keys[self._order].view([("", "f4")] * 3).ravel()
        asked = np.ascontiguousarray(place).view([("", "f4")] * 3).ravel()
        by_key = np.argsort(keys)
        rows = self._order[by_key[np.searchsorted(keys, asked, sorter=by_key)]]
        semantic, instance = self._whole.semantic[rows], self._whole.instance[rows]
        shape = features.shape[:2]
        logits = 20 * np.eye(2, dtype=np.float32)[semantic]
        embedding = 4 * np.eye(5, dtype=np.float32)[instance]
        return {"logits": logits.reshape(*shape, 2), "embedding": embedding.reshape(*shape, 5)}


@pytest.mark.parametrize("most_points", [150, 700])
def test_objects_across_borders_come_out_as_one(most_points, tmp_path):
    rng = np.random.default_rng(3)
    beams = [rng.uniform((0, y, 1), (5, y + 0.2, 1.2), (500, 3)) for y in (0.3, 1.2, 2.1)]
    floor = rng.uniform((0, 0, 0), (5, 3, 0.02), (900, 3))
    instance = np.repeat([0, 1, 2, 3], [500, 500, 500, 900]).astype(np.int32)
    xyz = np.concatenate([*beams, floor])
    order = rng.permutation(len(xyz))
    whole = Cloud(
        name="beams",
        xyz=xyz[order],
        rgb=np.zeros(xyz.shape, np.uint8),
        semantic=(instance[order] < 3).astype(np.int32),
        instance=instance[order],
    )
    found, in_tiles = tiled(whole, experiment(), most_points, tmp_path, Perfect(whole))
    assert len(in_tiles.layout.tiles) > 3
    table = overlap.contingency(whole.instance, found.labels[:]["instance"])
    assert len(table.second_labels) == 4
    np.testing.assert_array_equal(table.dense_iou().max(axis=1), 1.0)
