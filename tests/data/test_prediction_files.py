"""The originals' text files: read, refused with file and line, and written."""

import dataclasses
import os

import numpy as np
import pytest

from ban_tf.data import prediction_files
from places import SHARED

RECORDED = SHARED / "fixtures" / "legacy_eval"
PREDICTED = "1.5 2 0.25 10 20 30 0.5 12 -1\n0 0 0 0 0 0 1.0 3 4\n"
TRUTH = "12 0\n3 300\n"


def write_pair(folder, predicted=PREDICTED, truth=TRUTH, room="Area_5_text_1"):
    (folder / f"{room}_pred.txt").write_text(predicted, encoding="utf-8")
    (folder / f"{room}_gt.txt").write_text(truth, encoding="utf-8")


def random_room(num_points, name="Area_1_office_2"):
    rng = np.random.default_rng(num_points)
    return prediction_files.RoomPrediction(
        name=name,
        xyz=np.round(rng.normal(size=(num_points, 3)), 6),
        rgb=rng.integers(0, 256, (num_points, 3)).astype(np.float64),
        probability=np.round(rng.random(num_points), 6).astype(np.float32),
        semantic=rng.integers(0, 13, num_points).astype(np.int32),
        instance=rng.integers(-1, 400, num_points).astype(np.int32),
        truth_semantic=rng.integers(-1, 13, num_points).astype(np.int32),
        truth_instance=rng.integers(-1, 400, num_points).astype(np.int32),
    )


def test_a_pair_by_hand(tmp_path):
    write_pair(tmp_path)
    (room,) = prediction_files.read_rooms(tmp_path, 13)
    assert room.name == "Area_5_text_1"  # the suffix's letters stay at the end of the name
    np.testing.assert_array_equal(room.xyz, [[1.5, 2, 0.25], [0, 0, 0]])
    np.testing.assert_array_equal(room.rgb, [[10, 20, 30], [0, 0, 0]])
    np.testing.assert_array_equal(room.probability, np.float32([0.5, 1.0]))
    np.testing.assert_array_equal(room.semantic, [12, 3])
    np.testing.assert_array_equal(room.instance, [-1, 4])
    np.testing.assert_array_equal(room.truth_semantic, [12, 3])
    np.testing.assert_array_equal(room.truth_instance, [0, 300])
    assert room.instance.dtype == np.int32


@pytest.mark.parametrize("name", ["trip", "_pred", "a_pred.txt", "x_gt"])
def test_any_room_name_survives_the_suffix(tmp_path, name):
    write_pair(tmp_path, room=name)
    assert prediction_files.list_rooms(tmp_path) == [name]


@pytest.mark.parametrize("num_points", [1, 257, 20_000])
def test_what_is_written_is_read_again(tmp_path, num_points):
    room = random_room(num_points)
    paths = prediction_files.write_room(tmp_path / "new", room)
    assert sorted(os.listdir(tmp_path / "new")) == sorted(path.name for path in paths)
    again = prediction_files.read_room(tmp_path / "new", room.name, 13)
    for field in dataclasses.fields(room):
        expected, got = getattr(room, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(got, expected, err_msg=field.name)


def test_rooms_come_sorted_and_other_files_do_not_matter(tmp_path):
    for name in ("b", "a", "c"):
        write_pair(tmp_path, room=name)
    (tmp_path / "output_filelist.txt").write_text("b_pred.txt\n")
    assert [room.name for room in prediction_files.read_rooms(tmp_path, 13)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"predicted": "1 2 3 4 5 6 0.5 1 2\n1 2 3 4 5\n"}, r"_pred.txt, line 2: .*9 columns.* 5 "),
        ({"predicted": "1 2 3 4 5\n"}, r"_pred.txt, line 1: .*9 columns"),
        ({"predicted": "1 2 3 4 5 6 0.5 1 two\n"}, r"_pred.txt, line 1: .*no number.*'two'"),
        ({"truth": "12 0\n\n3\n"}, r"_gt.txt, line 3: .*2 columns"),
        ({"truth": "12 0\n"}, r"same number of rows.*with 2.*with 1.*_gt.txt ends at line 1"),
        ({"truth": ""}, r"_gt.txt: no rows.*--verbose"),
        ({"predicted": "\n \n"}, r"_pred.txt: no rows"),
        ({"truth": "12 0\n\n13 1\n"}, r"_gt.txt, line 3: `semantic`.*below 13.*semantic=13"),
        ({"truth": "12 0\n1 -2\n"}, r"_gt.txt, line 2: `instance`.*instance=-2"),
        ({"truth": "12 0\n1.5 2\n"}, r"_gt.txt, line 2: `semantic`.*whole.*semantic=1.5"),
        ({"truth": "12 0\nnan 2\n"}, r"_gt.txt, line 2: `semantic`.*semantic=nan"),
        ({"predicted": PREDICTED.replace("12 -1", "-1 -1")}, r"line 1: `semantic`.*at least 0"),
        ({"predicted": PREDICTED.replace("0.25", "nan")}, r"_pred.txt, line 1: .*finite"),
        ({"predicted": PREDICTED.replace("0.25", "1e39")}, r"line 1: .*finite in float32.*1e\+39"),
        ({"predicted": PREDICTED.replace("0.25", "2_5")}, r"line 1: .*no number.*'2_5'"),
        ({"predicted": PREDICTED.replace("0.25", "\u0661")}, r"line 1: .*no number.*'\u0661'"),
        ({"truth": "12 0\n1 3000000000\n"}, r"_gt.txt, line 2: `instance`.*below 2147483648"),
        ({"truth": "12 0\n\ufffd 2\n"}, r"_gt.txt, line 2: .*no number"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_line(tmp_path, files, message):
    write_pair(tmp_path, **files)
    with pytest.raises(ValueError, match=message):
        list(prediction_files.read_rooms(tmp_path, 13))


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path):
    write_pair(tmp_path)
    (tmp_path / "Area_5_text_1_gt.txt").write_bytes(b"12 0\n\xff\xfe 1\n")
    with pytest.raises(ValueError, match=r"_gt.txt, line 2: .*no number"):
        list(prediction_files.read_rooms(tmp_path, 13))


@pytest.mark.parametrize("missing", ["_pred.txt", "_gt.txt"])
def test_a_missing_partner_is_named(tmp_path, missing):
    write_pair(tmp_path)
    (tmp_path / f"Area_5_text_1{missing}").unlink()
    with pytest.raises(FileNotFoundError, match=f"Missing: .*Area_5_text_1{missing}"):
        prediction_files.list_rooms(tmp_path)


def test_a_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        prediction_files.list_rooms(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="with neither"):
        prediction_files.list_rooms(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    room = random_room(5)
    prediction_files.write_room(tmp_path, room)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        prediction_files.write_room(tmp_path, dataclasses.replace(room, xyz=room.xyz + 1))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_fields_of_different_lengths_are_not_written(tmp_path):
    room = dataclasses.replace(random_room(5), instance=np.zeros(4, np.int32))
    with pytest.raises(ValueError, match=r"one row per point.*'instance': 4"):
        prediction_files.write_room(tmp_path, room)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not RECORDED.is_dir(), reason="needs the recorded files in ../shared")
def test_recorded_files_are_read():
    rooms = list(prediction_files.read_rooms(RECORDED / "test_results", 13))
    assert [room.name for room in rooms] == [
        "Area_5_conferenceRoom_3",
        "Area_5_hallway_2",
        "Area_5_office_1",
    ]
    assert [len(room.semantic) for room in rooms] == [20_000] * 3
    assert np.sum(rooms[2].instance == -1) == 7412
