import dataclasses
import json
import os
import resource

import h5py
import numpy as np
import pytest

from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.config import NONE, Features
from ban_tf.data import samples, store
from ban_tf.data.store import manifest, room_file
from small_clouds import (
    EXPERIMENT,
    NAMES,
    assert_same_blocks,
    expected_blocks,
    make_cloud,
    prepare,
    with_samples,
)


@pytest.fixture
def clouds():
    return [make_cloud(name) for name in NAMES]


@pytest.fixture
def folder(tmp_path, clouds):
    prepare(tmp_path / "blocks", clouds)
    return tmp_path / "blocks"


@pytest.fixture
def cached(tmp_path, clouds):
    paths = [tmp_path / "clouds" / f"{cloud.name}.npz" for cloud in clouds]
    for cloud, path in zip(clouds, paths, strict=True):
        cloud_cache.save_cloud(cloud, path)
    return paths


def test_blocks_come_back_as_they_were_cut(folder, clouds):
    opened = store.Store.open(folder, EXPERIMENT)
    assert [room.name for room in opened.clouds] == list(NAMES)
    assert [room.group for room in opened.clouds] == ["east", "east", "west"]
    assert opened.num_points == 64
    first = 0
    for cloud, room in zip(clouds, opened.clouds, strict=True):
        expected = expected_blocks(cloud)
        assert room.num_samples == len(expected)
        assert_same_blocks(opened.read(range(first, first + len(expected))), expected)
        assert opened.cloud_of(first) == room
        first += len(expected)
    assert len(opened) == first


def test_a_cloud_without_colours_is_refused_where_a_network_sees_them(tmp_path):
    grey = dataclasses.replace(make_cloud(NAMES[0]), rgb=None)
    with pytest.raises(ValueError, match=f"{NAMES[0]} has no colours.*leave the feature out"):
        prepare(tmp_path, [grey])
    plain = Features(names=("block_xyz", "room_xyz"))
    settings = dataclasses.replace(store.Settings.of(EXPERIMENT), features=plain)
    store.prepare([grey], settings=settings, path=tmp_path / "plain", progress=False)
    assert store.Store.open(tmp_path / "plain").features.num_channels == 6


def test_blocks_are_read_in_the_order_asked_for(folder):
    opened = store.Store.open(folder)
    whole = opened.read(range(len(opened)))
    order = [*np.random.default_rng(0).permutation(len(opened)).tolist(), 0, 0]
    got = opened.read(order)
    np.testing.assert_array_equal(got.features, whole.features[order])
    np.testing.assert_array_equal(got.instance, whole.instance[order])
    assert opened.read([]).features.shape == (0, 64, 9)


@pytest.mark.parametrize("index", [-1, 10_000])
def test_block_out_of_range_is_an_index_error(folder, index):
    with pytest.raises(IndexError, match="blocks are numbered from 0"):
        store.Store.open(folder).read([index])


def test_room_files_are_laid_out_as_asis_writes_them(folder, clouds):
    with h5py.File(folder / "east_1.h5", "r") as file:
        count = len(expected_blocks(clouds[0]))
        assert file["data"].shape == (count, 64, 9)
        assert file["data"].chunks == (1, 64, 9)
        assert (file["data"].compression, file["data"].compression_opts) == ("gzip", 4)
        assert [file[name].dtype for name in ("data", "seglabel", "pid")] == ["f4", "i4", "i4"]
        assert file["seglabel"].shape == file["pid"].shape == (count, 64)
    opened = store.Store.open(folder)
    lines = (folder / "room_filelist.txt").read_text().splitlines()
    assert lines == [opened.cloud_of(k).name for k in range(len(opened))]


def test_clouds_are_selected_by_group_or_by_name_and_missing_ones_named(folder):
    opened = store.Store.open(folder)
    assert opened.groups == ("east", "west")
    part = opened.select(["east"])
    assert [cloud.name for cloud in part.clouds] == ["east_1", "east_2"]
    assert len(part) + len(opened.select(["west"])) == len(opened)
    assert [cloud.name for cloud in opened.select(["east_2"]).clouds] == ["east_2"]
    assert opened.select(["west", "east_1", "east"]) == opened
    assert opened.holds(["east", "west_1"])
    assert not opened.holds(["east", "north"])
    with pytest.raises(ValueError, match=r"no samples of north.*prepared=\['east', 'west'\]"):
        opened.select(["east", "north"])


def test_clouds_without_a_group_are_selected_by_name(tmp_path):
    clouds = [dataclasses.replace(make_cloud(name), group="") for name in NAMES]
    opened = prepare(tmp_path, clouds)
    assert opened.groups == NAMES
    assert [cloud.name for cloud in opened.select(["west_1"]).clouds] == ["west_1"]
    assert not opened.holds(["west"])


def test_instance_sizes_count_raw_and_drawn_points(folder, clouds):
    opened = store.Store.open(folder).select(["west"])
    cloud, cut = clouds[2], expected_blocks(clouds[2])
    ids = np.unique(cloud.instance)
    raw = [(int(i) // 100 % 4, int((cloud.instance == i).sum())) for i in ids]
    drawn = [(int(i) // 100 % 4, int((cut.instance == i).sum())) for i in ids]
    assert opened.instance_sizes("raw") == raw
    assert opened.instance_sizes("drawn") == [pair for pair in drawn if pair[1]]


def test_points_without_instance_count_for_none(tmp_path):
    cloud = make_cloud(NAMES[0])
    cloud.instance[::2] = NONE
    prepare(tmp_path, [cloud])
    total = sum(size for _, size in store.Store.open(tmp_path).instance_sizes("raw"))
    assert total == len(cloud) // 2


def test_draw_depends_on_seed_and_name_but_not_on_order_or_processes(tmp_path, clouds, cached):
    prepare(tmp_path / "a", clouds)
    prepare(tmp_path / "b", reversed(cached), load=cloud_cache.load_cloud, num_workers=2)
    prepare(tmp_path / "c", clouds, dataclasses.replace(EXPERIMENT, seed=4))
    a, b, c = (store.Store.open(tmp_path / name) for name in "abc")
    everything = range(len(a))
    assert_same_blocks(a.read(everything), b.read(everything))
    assert (a.read(everything).features != c.read(everything).features).any()


def test_prepared_rooms_are_reused_and_changed_ones_renewed(tmp_path, cached):
    target = tmp_path / "blocks"
    prepare(target, cached, load=cloud_cache.load_cloud)
    times = {path.name: path.stat().st_mtime_ns for path in target.glob("*.h5")}
    changed = make_cloud(NAMES[1], seed=9)
    cloud_cache.save_cloud(changed, cached[1])
    os.utime(cached[2], ns=(1, 1))  # a newer file of the same content

    prepare(target, cached, load=cloud_cache.load_cloud)

    renewed = {p.name for p in target.glob("*.h5") if p.stat().st_mtime_ns != times[p.name]}
    assert renewed == {"east_2.h5"}
    room = store.Store.open(target).clouds[1]
    assert_same_blocks(room_file.read(room.path, range(room.num_samples)), expected_blocks(changed))


def test_current_rooms_are_not_even_loaded(tmp_path, cached):
    prepare(tmp_path / "blocks", cached, load=cloud_cache.load_cloud)
    prepare(tmp_path / "blocks", cached, load=refuse_to_load)
    assert len(store.Store.open(tmp_path / "blocks").clouds) == 3


def refuse_to_load(path):
    raise AssertionError(f"{path} was loaded")


def test_interrupted_preparation_is_refused_then_resumed(tmp_path, folder, clouds):
    (folder / "manifest.json").unlink()
    (folder / "west_1.h5").unlink()
    with pytest.raises(
        ValueError, match=r"no manifest\.json of this version: its preparation was interrupted"
    ):
        store.Store.open(folder)
    times = [(folder / f"{name}.h5").stat().st_mtime_ns for name in NAMES[:2]]
    prepare(folder, clouds)
    assert [(folder / f"{name}.h5").stat().st_mtime_ns for name in NAMES[:2]] == times
    assert len(store.Store.open(folder, EXPERIMENT).clouds) == 3
    assert not list(folder.glob(".*.part"))


def test_clouds_of_groups_that_were_not_prepared_stay(folder):
    opened = prepare(folder, [make_cloud("north_1")], groups=["north"])
    assert [cloud.name for cloud in opened.clouds] == ["east_1", "east_2", "north_1", "west_1"]


@pytest.mark.parametrize("groups", [None, ["east", "west"], ["east_1", "east_2", "west"]])
def test_a_cloud_gone_from_the_data_leaves_the_store_and_is_named(folder, clouds, groups, caplog):
    opened = prepare(folder, [clouds[0], clouds[2]], groups=groups)
    assert [cloud.name for cloud in opened.clouds] == ["east_1", "west_1"]
    assert not (folder / "east_2.h5").exists()
    assert "east_2" not in (folder / "room_filelist.txt").read_text()
    assert "east_2 is no longer among the data" in caplog.text


def test_files_that_an_interrupted_or_earlier_preparation_left_go(folder, clouds):
    (folder / "manifest.json").unlink()
    opened = prepare(folder, clouds[:1], groups=["east"])
    assert [cloud.name for cloud in opened.clouds] == ["east_1"]
    assert [path.name for path in folder.glob("*.h5")] == ["east_1.h5"]


def test_a_cloud_that_moved_to_another_group_is_recorded_there(folder, clouds, tmp_path):
    before = (folder / "east_2.h5").read_bytes()
    moved = dataclasses.replace(clouds[1], group="west")
    opened = prepare(folder, [clouds[0], moved, clouds[2]])
    assert [cloud.group for cloud in opened.clouds] == ["east", "west", "west"]
    assert (folder / "east_2.h5").read_bytes() == before


def test_other_settings_are_refused_and_named(folder, clouds):
    other = with_samples(stride_m=1.0, num_points=32)
    message = (
        r"num_points is 64, asked for is 32; stride_m is 0\.5, asked for is 1\.0\. "
        r"Ask for the same settings \(the reduced ones are `quick`\), or name another folder "
        r"\(`blocks`\)"
    )
    with pytest.raises(ValueError, match=message):
        store.Store.open(folder, other)
    with pytest.raises(ValueError, match=message):
        prepare(folder, clouds, other)
    with pytest.raises(ValueError, match="seed is 3, asked for is 5"):
        prepare(folder, clouds, dataclasses.replace(EXPERIMENT, seed=5))
    (folder / "manifest.json").unlink()
    with pytest.raises(ValueError, match=message):
        prepare(folder, clouds, other)
    prepare(folder, clouds)
    assert len(store.Store.open(folder, EXPERIMENT)) > 0


def test_truncated_room_is_refused_by_name_and_renewed(folder, clouds):
    path = folder / "east_2.h5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"east_2\.h5 must have .* bytes: it was cut"):
        store.Store.open(folder)
    prepare(folder, clouds)
    room = store.Store.open(folder).clouds[1]
    renewed = room_file.read(room.path, range(room.num_samples))
    assert_same_blocks(renewed, expected_blocks(clouds[1]))


def test_changed_byte_is_found_on_reading_and_by_verify(folder):
    path = folder / "east_1.h5"
    with h5py.File(path, "r") as file:
        offset = file["data"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset + 200] ^= 1
    opened = store.Store.open(folder)
    opened.verify()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"east_1\.h5 is damaged"):
        store.Store.open(folder).read([0])
    with pytest.raises(ValueError, match=r"east_1\.h5 changed since"):
        opened.verify()


def test_missing_and_unlisted_rooms_are_refused_by_name(folder):
    moved = folder / "west_7.h5"
    (folder / "west_1.h5").rename(moved)
    with pytest.raises(ValueError, match=r"does not list west_7\.h5"):
        store.Store.open(folder)
    moved.unlink()
    with pytest.raises(ValueError, match=r"west_1\.h5 is missing"):
        store.Store.open(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "clouds": {}}'])
def test_damaged_manifest_is_refused(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        store.Store.open(folder)


def test_manifest_of_another_version_is_refused(folder):
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(content | {"format": 99}))
    with pytest.raises(ValueError, match=r"a later version of this program.*format=99"):
        store.Store.open(folder)


def test_folder_without_blocks_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There are no prepared blocks in"):
        store.Store.open(tmp_path / "nowhere")


def test_full_disk_gives_one_message_and_leaves_finished_rooms(folder, clouds):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match=r"north_big\.h5 cannot be written"):
            prepare(folder, [*clouds, make_cloud("north_big", 5000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(store.Store.open(folder).clouds) == 3


def test_cloud_without_a_full_block_is_reported_and_kept(tmp_path, clouds, caplog):
    prepare(tmp_path, [clouds[0], make_cloud("closet_1", 5)])
    assert "closet_1 has no block of at least 20 points" in caplog.text
    opened = store.Store.open(tmp_path)
    assert [room.num_samples > 0 for room in opened.clouds] == [False, True]
    assert len(opened.read(range(len(opened)))) == len(opened)


def test_store_without_any_block_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no cloud has a block with enough points"):
        prepare(tmp_path, [make_cloud("closet_1", 5)])
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("label", [-2, 13])
def test_class_out_of_range_is_refused_by_cloud(tmp_path, label):
    cloud = make_cloud(NAMES[0])
    cloud.semantic[7] = label
    with pytest.raises(ValueError, match=r"class of cloud east_1 must be in \[0, 13\), or -1"):
        prepare(tmp_path, [cloud])


def test_points_without_a_class_are_kept_and_lose_their_instance(tmp_path):
    cloud = make_cloud(NAMES[0])
    cloud.semantic[cloud.instance == 300] = NONE
    opened = prepare(tmp_path, [cloud])
    expected = expected_blocks(cloud)
    got = opened.read(range(len(opened)))
    np.testing.assert_array_equal(got.features, expected.features)
    np.testing.assert_array_equal(got.semantic, expected.semantic)
    np.testing.assert_array_equal(
        got.instance, np.where(expected.instance == 300, NONE, expected.instance)
    )
    classes = [label for label, _ in opened.instance_sizes("raw")]
    assert classes == [0, 1, 2, 0, 1, 2, 3, 0]  # without instance 300, of class 3


def test_stuff_keeps_its_class_and_loses_its_instances(tmp_path):
    labels = dataclasses.replace(EXPERIMENT.labels, stuff=("floor",))  # class 1
    cloud = make_cloud(NAMES[0])
    opened = prepare(tmp_path, [cloud], dataclasses.replace(EXPERIMENT, labels=labels))
    expected, got = expected_blocks(cloud), opened.read(range(len(opened)))
    np.testing.assert_array_equal(got.semantic, expected.semantic)
    np.testing.assert_array_equal(
        got.instance, np.where(expected.semantic == 1, NONE, expected.instance)
    )
    assert 1 not in {label for label, _ in opened.instance_sizes("raw")}
    assert opened.settings.labels.stuff == ("floor",)


def test_frame_of_every_cloud_is_recorded(folder, clouds):
    for cloud, stored in zip(clouds, store.Store.open(folder).clouds, strict=True):
        expected = samples.frame_of(cloud)
        np.testing.assert_array_equal(stored.frame.origin, expected.origin)
        np.testing.assert_array_equal(stored.frame.extent, expected.extent)


def test_a_store_holds_the_channels_of_its_features(tmp_path, clouds):
    three = dataclasses.replace(
        EXPERIMENT, features=Features(names=("block_xyz",)), network=config.NetworkConfig()
    )
    opened = prepare(tmp_path, clouds, three)
    got = opened.read(range(len(opened)))
    assert opened.features.num_channels == got.features.shape[-1] == 3
    expected = np.concatenate([expected_blocks(cloud).features for cloud in clouds])
    np.testing.assert_array_equal(got.features, expected[..., :3])
    with pytest.raises(ValueError, match=r"features is \['block_xyz'\], asked for is"):
        store.Store.open(tmp_path, EXPERIMENT)


def test_a_store_of_shapes_holds_one_sample_per_cloud(tmp_path, clouds):
    shapes = dataclasses.replace(
        EXPERIMENT,
        samples=config.Shapes(num_points=100),
        features=Features(names=("xyz", "rgb")),
        network=config.NetworkConfig(),
    )
    opened = prepare(tmp_path, [*clouds, make_cloud("west_2", num_points=1)], shapes)
    assert [cloud.num_samples for cloud in opened.clouds] == [1, 1, 1, 1]
    assert opened.num_points == 100
    got = opened.read(range(4))
    assert np.linalg.norm(got.features[..., :3], axis=-1).max() <= 1 + 1e-6
    assert len(np.unique(got.features[3], axis=0)) == 1
    with pytest.raises(ValueError, match="kind is 'shapes', asked for is 'blocks'"):
        store.Store.open(tmp_path, EXPERIMENT)


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_store_of_an_earlier_format_is_built_anew(folder, clouds, with_manifest):
    expected = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.glob("*.h5"):
        with h5py.File(path, "r+") as file:
            file["data"][:] = 0
            file.attrs["made_from"] = json.dumps({"settings": {"blocks": {}, "seed": 3}})
    (folder / "manifest.json").unlink()
    if with_manifest:
        (folder / "manifest.json").write_text('{"format": 1, "made_with": {}, "rooms": {}}')
    with pytest.raises(ValueError, match=r"no manifest\.json of this version.* Prepare again"):
        store.Store.open(folder)
    assert_same_blocks(prepare(folder, clouds).read([0]), store.Store.open(folder).read([0]))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected


def test_sources_are_checked_before_work_starts(tmp_path, clouds, cached):
    with pytest.raises(ValueError, match="at least one cloud"):
        prepare(tmp_path / "b", [])
    with pytest.raises(ValueError, match=r"Received twice: east_1$"):
        prepare(tmp_path / "b", [clouds[0], clouds[0]])
    with pytest.raises(ValueError, match="`load` is needed"):
        prepare(tmp_path / "b", cached)
    with pytest.raises(FileNotFoundError, match=r"There is no cloud at .*none\.npz"):
        prepare(tmp_path / "b", [tmp_path / "none.npz"], load=cloud_cache.load_cloud)
    assert not (tmp_path / "b").exists()


def test_file_named_after_another_cloud_is_refused(tmp_path, cached):
    wrong = cached[0].rename(cached[0].with_name("other_1.npz"))
    with pytest.raises(ValueError, match="other_1 holds 'east_1'"):
        prepare(tmp_path / "b", [wrong], load=cloud_cache.load_cloud)


def test_manifest_survives_a_round_trip(folder):
    found = manifest.load(folder)
    before = (folder / "manifest.json").read_bytes()
    manifest.save(folder, found)
    assert (folder / "manifest.json").read_bytes() == before
    assert found.clouds[2].cloud_points == 900


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("made_with", "samples"), None),
        (("made_with", "samples"), []),
        (("made_with", "seed"), {}),
        (("clouds",), None),
        (("clouds",), []),
        (("clouds", NAMES[0]), "text"),
        (("clouds", NAMES[0], "num_bytes"), None),
        (("clouds", NAMES[0], "num_bytes"), 1.5),
        (("clouds", NAMES[0], "num_samples"), True),
        (("clouds", NAMES[0], "instances"), [[1, 2]]),
        (("clouds", NAMES[0], "extent"), ["a", "b", "c"]),
        (("clouds", NAMES[0], "extent"), [1.0]),
        (("clouds", NAMES[0], "group"), 7),
    ],
    ids=str,
)
def test_a_manifest_with_values_of_another_kind_is_refused_by_name(folder, place, wrong):
    path = folder / "manifest.json"
    values = json.loads(path.read_text())
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = wrong
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"manifest\.json is damaged .*Restore it"):
        store.Store.open(folder)
