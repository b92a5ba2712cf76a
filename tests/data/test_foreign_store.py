"""Blocks that others prepared: used as they are, or refused with file and field."""

import h5py
import numpy as np
import pytest

import tiny_runs
from ban_tf.config import NONE, Features
from ban_tf.data import s3dis, samples, store
from ban_tf.data.store import foreign
from ban_tf.experiments import choosing, requests
from small_clouds import BLOCKS, EXPERIMENT, NAMES, assert_same_blocks, make_cloud, with_samples


@pytest.fixture
def clouds():
    return [make_cloud(name) for name in NAMES]


def write(path, clouds, label_name="seglabel"):
    """Rooms as ASIS's own tools write them: automatic chunks, nothing beside the three arrays."""
    path.mkdir()
    written = {}
    for cloud in clouds:
        plan = samples.plan_training(cloud, BLOCKS, np.random.default_rng(0))
        written[cloud.name] = samples.gather(cloud, plan, BLOCKS, Features())
        with h5py.File(path / f"{cloud.name}.h5", "w") as file:
            for name, values, level in (
                ("data", written[cloud.name].features, 4),
                (label_name, written[cloud.name].semantic, 1),
                ("pid", written[cloud.name].instance, 1),
            ):
                file.create_dataset(name, data=values, compression="gzip", compression_opts=level)
    return written


@pytest.mark.parametrize("label_name", ["seglabel", "seglabels"])
def test_data_prepared_by_asis_can_be_used(tmp_path, clouds, label_name):
    written = write(tmp_path / "asis", clouds, label_name)
    opened = store.Store.open(tmp_path / "asis", EXPERIMENT)
    last = written[NAMES[2]]
    west = opened.select(["west_1"])
    assert_same_blocks(west.read(range(len(west))), last)
    drawn = np.bincount(last.instance.ravel(), minlength=801)[::100]
    expected = [(k % 4, int(count)) for k, count in enumerate(drawn) if count]
    assert sorted(west.instance_sizes("drawn")) == sorted(expected)
    with pytest.raises(ValueError, match="raw sizes of instances are not known"):
        opened.instance_sizes("raw")
    with pytest.raises(ValueError, match=r"must have 32 points of 9 channels.*Received: 64"):
        store.Store.open(tmp_path / "asis", with_samples(num_points=32))


def test_a_truncated_file_is_refused_by_name(tmp_path, clouds):
    write(tmp_path / "asis", clouds)
    path = tmp_path / "asis" / "east_1.h5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"east_1\.h5 is damaged or holds no samples"):
        store.Store.open(tmp_path / "asis")


def test_blocks_of_another_program_are_never_overwritten(tmp_path, clouds):
    write(tmp_path / "asis", clouds)
    before = (tmp_path / "asis" / "east_1.h5").read_bytes()
    with pytest.raises(ValueError, match="prepared by another program"):
        tiny_runs.prepare(clouds, tmp_path / "asis", EXPERIMENT)
    assert (tmp_path / "asis" / "east_1.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((2, 64, 2), np.float32)}, r"`data` of .*\.h5 must be floats of shape"),
        ({"data": np.zeros((2, 64, 9), int)}, r"`data` of .*\.h5 must be floats.*dtype=int64"),
        ({"pid": np.zeros((2, 63), np.int32)}, r"`pid` of .* must be whole numbers of shape"),
        ({"seglabel": np.zeros((2, 64))}, "`seglabel` of .*Received: .*dtype=float64"),
        ({"pid": None}, r"room\.h5 must hold .* `pid`\. Received: data, seglabel"),
    ],
)
def test_foreign_file_of_another_layout_is_refused_by_name(tmp_path, change, message):
    arrays = {
        "data": np.zeros((2, 64, 9), np.float32),
        "seglabel": np.zeros((2, 64), np.int32),
        "pid": np.zeros((2, 64), np.int32),
    }
    with h5py.File(tmp_path / "room.h5", "w") as file:
        for name, values in (arrays | change).items():
            if values is not None:
                file[name] = values
    with pytest.raises(ValueError, match=message):
        store.Store.open(tmp_path)


def test_groups_of_data_that_others_prepared_come_from_the_data_set(tmp_path, clouds):
    write(tmp_path / "asis", clouds)
    assert store.Store.open(tmp_path / "asis").groups == NAMES
    opened = store.Store.open(tmp_path / "asis", group_of=lambda name: name.split("_")[0])
    assert opened.groups == ("east", "west")
    assert [cloud.name for cloud in opened.select(["east"]).clouds] == ["east_1", "east_2"]
    assert [cloud.frame for cloud in opened.clouds] == [None] * 3
    assert (opened.dataset, opened.settings) == ("asis", None)


def write_arrays(path, **changes):
    """Two blocks of 64 points: one class, and instances 0 to 3."""
    rng = np.random.default_rng(0)
    arrays = {
        "data": rng.uniform(0, 0.5, (2, 64, 9)).astype(np.float32),
        "seglabel": np.zeros((2, 64), np.uint8),
        "pid": np.tile(np.arange(64) % 4, (2, 1)).astype(np.uint8),
    } | changes
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return arrays


@pytest.mark.parametrize("dtype", ["u4", "u8", "i8"])
def test_ids_wider_than_int32_are_numbered_anew(tmp_path, dtype):
    ids = np.tile(np.arange(64) % 4, (2, 1)).astype(np.int64)
    ids[1] = 3 - ids[1]
    write_arrays(tmp_path / "room.h5", pid=(ids + 3_000_000_000).astype(dtype))
    opened = store.Store.open(tmp_path)
    np.testing.assert_array_equal(opened.read([1, 0]).instance, ids[::-1])
    assert opened.instance_sizes() == [(0, 32)] * 4


def test_ids_below_none_and_wrapped_ones_are_none(tmp_path):
    ids = np.arange(64) % 4
    signed, wrapped = (ids - 2 * 2**40 * (ids == 0)), ids.astype("u4")
    wrapped[ids == 0] = 2**32 - 1
    for name, values in (("a", signed), ("b", wrapped)):
        write_arrays(tmp_path / f"{name}.h5", pid=np.stack([values, values]))
    got = store.Store.open(tmp_path).read(range(4)).instance
    np.testing.assert_array_equal(got, np.tile(np.where(ids == 0, NONE, ids), (4, 1)))


def test_a_point_may_have_no_class(tmp_path):
    labels = np.zeros((2, 64), np.int32)
    labels[0, 5] = NONE
    write_arrays(tmp_path / "room.h5", seglabel=labels)
    assert store.Store.open(tmp_path).read([0]).semantic[0, 5] == NONE


@pytest.mark.parametrize(("label", "message"), [(13, "0 to 13"), (255, "255"), (-2, "-2 to 0")])
def test_a_class_out_of_range_is_refused_by_file(tmp_path, label, message):
    labels = np.zeros((2, 64), np.int32)
    labels[1, 7] = label
    write_arrays(tmp_path / "room.h5", seglabel=labels)
    with pytest.raises(ValueError, match=rf"classes in .*room\.h5 must be at least 0.*{message}"):
        store.Store.open(tmp_path, with_samples(num_points=64))


@pytest.mark.parametrize(
    ("channels", "factor", "message"),
    [
        (slice(3, 6), 255, r"colours in `data` of .*room\.h5 must be in \[0, 1\].*divide"),
        (slice(3, 6), -1, r"colours in `data` of .*room\.h5 must be in \[0, 1\]"),
        (slice(0, 3), 1000, r"x and y in `data` of .*room\.h5 must be metres.*by 1000"),
    ],
)
def test_colours_and_lengths_in_other_units_are_refused(tmp_path, channels, factor, message):
    data = np.random.default_rng(0).uniform(0, 0.5, (2, 64, 9)).astype(np.float32)
    data[..., channels] *= factor
    write_arrays(tmp_path / "room.h5", data=data)
    with pytest.raises(ValueError, match=message):
        store.Store.open(tmp_path)


def test_a_number_that_is_not_finite_is_found_where_it_is_read(tmp_path):
    data = np.zeros((9, 64, 9), np.float32)
    data[1, 30, 7] = np.nan
    labels = np.zeros((9, 64), np.int32)
    write_arrays(tmp_path / "room.h5", data=data, seglabel=labels, pid=labels)
    opened = store.Store.open(tmp_path)
    opened.read([0, 2])
    message = r"room\.h5 must be finite. Received: nan in sample 1, point 30, channel 7"
    with pytest.raises(ValueError, match=message):
        opened.read([2, 1])


def test_files_are_found_by_either_suffix_and_hidden_ones_are_left_alone(tmp_path):
    for name in ("a.hdf5", "b.H5", "c.h5"):
        write_arrays(tmp_path / name)
    (tmp_path / "._a.hdf5").write_bytes(b"\0\5\x16\7")
    (tmp_path / "notes.txt").write_text("not a room")
    opened = store.Store.open(tmp_path)
    assert [cloud.name for cloud in opened.clouds] == ["a", "b", "c"]
    assert [path.name for path in foreign.list_files(tmp_path)] == ["a.hdf5", "b.H5", "c.h5"]
    assert len(opened.read(range(len(opened)))) == 6


def test_two_files_of_one_room_are_refused(tmp_path):
    for name in ("a.hdf5", "a.h5"):
        write_arrays(tmp_path / name)
    with pytest.raises(ValueError, match=r"every cloud of .*Received twice: a$"):
        store.Store.open(tmp_path)


def test_files_of_different_shapes_are_refused_by_name(tmp_path):
    write_arrays(tmp_path / "a.h5")
    labels = np.zeros((2, 32), np.int32)
    write_arrays(
        tmp_path / "b.h5", data=np.zeros((2, 32, 9), np.float32), seglabel=labels, pid=labels
    )
    with pytest.raises(ValueError, match=r"sample of .*b\.h5 must have 64 points.*Received: 32"):
        store.Store.open(tmp_path)


def test_hidden_files_beside_our_own_store_are_left_alone(tmp_path, clouds):
    tiny_runs.prepare(clouds, tmp_path, EXPERIMENT)
    (tmp_path / "._east_1.h5").write_bytes(b"\0\5\x16\7")
    assert len(tiny_runs.prepare(clouds, tmp_path, EXPERIMENT).clouds) == 3
    assert (tmp_path / "._east_1.h5").is_file()


def test_places_in_the_room_that_are_no_shares_are_refused(tmp_path):
    data = np.zeros((2, 64, 9), np.float32)
    data[..., 6:] = 7
    write_arrays(tmp_path / "room.h5", data=data)
    message = r"places in the room in `data` of .*room\.h5 must be shares.*channels 6 to 8.*7 to 7"
    with pytest.raises(ValueError, match=message):
        store.Store.open(tmp_path)


def test_colours_that_no_first_look_finds_are_refused_where_they_are_read(tmp_path):
    data = np.zeros((9, 64, 9), np.float32)
    data[1, 30, 4] = 200
    labels = np.zeros((9, 64), np.int32)
    write_arrays(tmp_path / "room.h5", data=data, seglabel=labels, pid=labels)
    opened = store.Store.open(tmp_path)
    opened.read([0, 2])
    with pytest.raises(ValueError, match=r"colours in `data` of .*room\.h5 must be in \[0, 1\]"):
        opened.read([1])


def test_a_number_that_float32_cannot_hold_is_refused_without_a_warning(tmp_path):
    write_arrays(tmp_path / "room.h5", data=np.full((2, 64, 9), 1e39))
    with pytest.raises(ValueError, match=r"room\.h5 must be finite. Received: inf"):
        store.Store.open(tmp_path)


@pytest.mark.parametrize("field", ["pid", "seglabel"])
def test_a_number_that_int64_cannot_hold_is_refused_by_field(tmp_path, field):
    write_arrays(tmp_path / "room.h5", **{field: np.full((2, 64), 2**63 + 5, np.uint64)})
    message = rf"`{field}` of .*room\.h5 must be below 2\^63. Received: 9223372036854775813"
    with pytest.raises(ValueError, match=message):
        store.Store.open(tmp_path)


def test_a_group_in_place_of_an_array_is_refused(tmp_path):
    write_arrays(tmp_path / "room.h5")
    with h5py.File(tmp_path / "room.h5", "a") as file:
        del file["pid"]
        file.create_group("pid")
    with pytest.raises(ValueError, match=r"room\.h5 must hold .*`pid`"):
        store.Store.open(tmp_path)


def test_a_link_to_nothing_is_refused_by_name(tmp_path):
    write_arrays(tmp_path / "a.h5")
    (tmp_path / "b.h5").symlink_to("/nowhere/b.h5")
    with pytest.raises(FileNotFoundError, match=r"b\.h5 is missing, or links to nothing"):
        store.Store.open(tmp_path)


def test_a_folder_in_place_of_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "b.h5").mkdir()
    with pytest.raises(ValueError, match=r"b\.h5 is damaged or holds no samples") as told:
        store.Store.open(tmp_path)
    assert "\n" not in str(told.value)


def test_blocks_of_others_keep_their_number_of_points(tmp_path):
    for area in (1, 2):
        write_arrays(tmp_path / f"Area_{area}_room_1.h5")
    found = s3dis.describe(None, tmp_path)
    assert (found.samples.num_points, found.has_fixed_samples) == (64, True)
    for quick in (False, True):
        request = requests.Training(blocks=tmp_path, quick=quick)
        assert choosing.for_training(request, found).samples == found.samples
