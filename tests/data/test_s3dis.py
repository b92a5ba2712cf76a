import logging
import os
import subprocess
import sys

import numpy as np
import pytest

import raw_trees
from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.data import reading, s3dis
from ban_tf.data.s3dis import annotation, repeats
from places import SHARED

CLASSES = s3dis.LABELS.class_names
TABLE_TOPS = SHARED / "data" / "osd_s3dis"
GOOD = "1.5 -2.25 0.125 10 20 255"


@pytest.fixture
def tree(tmp_path):
    return raw_trees.write_tree(tmp_path / "raw")


def read_lines(tmp_path, *lines, end="\n"):
    path = tmp_path / "ceiling_1.txt"
    path.write_bytes(end.join(lines).encode("latin-1"))
    return annotation.read_annotation(path)


def only_room(root, files, area=1):
    raw_trees.write_room(root / f"Area_{area}" / "office_1", files)
    return s3dis.list_rooms(root, [area])[0]


# Layout


def test_rooms_are_listed_by_area_then_name_with_numbers_by_value(tree):
    rooms = s3dis.list_rooms(tree, [2, 1])
    assert [room.cloud_name for room in rooms] == [
        "Area_1_office_2",
        "Area_1_office_10",
        "Area_2_hallway_1",
    ]
    assert rooms[0].folder == tree / "Area_1" / "office_2"


@pytest.mark.parametrize("name", ["Stanford3dDataset_v1.2_Aligned_Version", "unpacked"])
def test_parent_of_the_download_is_accepted(tmp_path, name):
    tree = raw_trees.write_tree(tmp_path / name)
    assert s3dis.list_rooms(tmp_path, [1]) == s3dis.list_rooms(tree, [1])


def test_aligned_version_is_preferred_beside_the_other(tmp_path):
    raw_trees.write_tree(tmp_path / "Stanford3dDataset_v1.2")
    tree = raw_trees.write_tree(tmp_path / "Stanford3dDataset_v1.2_Aligned_Version")
    assert s3dis.list_rooms(tmp_path, [2]) == s3dis.list_rooms(tree, [2])


def test_several_data_sets_in_one_folder_are_refused(tmp_path):
    raw_trees.write_tree(tmp_path / "one")
    raw_trees.write_tree(tmp_path / "two")
    with pytest.raises(FileNotFoundError, match="several data sets: one, two"):
        s3dis.list_rooms(tmp_path, [1])


def test_missing_root_names_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere is not a folder.*Annotations"):
        s3dis.list_rooms(tmp_path / "nowhere", [1])


def test_folder_without_areas_lists_what_it_has(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(FileNotFoundError, match="it has holiday"):
        s3dis.list_rooms(tmp_path, [1])


def test_missing_area_lists_those_found(tree):
    with pytest.raises(FileNotFoundError, match=r"no area 5, 7; it has 1, 2\."):
        s3dis.list_rooms(tree, [7, 1, 5])


def test_area_without_rooms_is_an_error(tree):
    (tree / "Area_3").mkdir()
    with pytest.raises(FileNotFoundError, match="Area_3 has no rooms"):
        s3dis.list_rooms(tree, [3])


def test_room_without_annotations_is_an_error_that_names_it(tree):
    (tree / "Area_2" / "office_9").mkdir()
    with pytest.raises(FileNotFoundError, match=r"office_9 has no `Annotations`.*Unpack"):
        s3dis.list_rooms(tree, [2])


# Rows


def test_clean_file_is_read_as_written(tmp_path):
    expected = raw_trees.rows(500, seed=3)
    path = tmp_path / "floor_1.txt"
    path.write_text(raw_trees.text(expected))
    rows, problems = annotation.read_annotation(path)
    np.testing.assert_array_equal(rows, expected)
    assert problems == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", " \n"])
@pytest.mark.parametrize("last", ["", "last newline"])
def test_line_ends_do_not_matter(tmp_path, end, last):
    rows, problems = read_lines(tmp_path, GOOD, GOOD, *([""] if last else []), end=end)
    np.testing.assert_array_equal(rows, [[1.5, -2.25, 0.125, 10, 20, 255]] * 2)
    assert problems == []


@pytest.mark.parametrize("row", ["1.5\t-2.25  .125 10.000 2e1 +255.000", f"  {GOOD}\t"])
def test_other_ways_to_write_the_same_numbers(tmp_path, row):
    rows, problems = read_lines(tmp_path, row, "")
    np.testing.assert_array_equal(rows, [[1.5, -2.25, 0.125, 10, 20, 255]])
    assert problems == []


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        ("22.1 6.6 3.0 185\x10187 193", [22.1, 6.6, 3.0, 185, 187, 193]),  # Area_5/hallway_6
        ("22.1 6.6 3.0 185\x00187 193", [22.1, 6.6, 3.0, 185, 187, 193]),
        ("22.1 6.6 3.0 103.0\x100000 9 8", [22.1, 6.6, 3.0, 103, 9, 8]),  # Area_5/office_19
        ("-9.1\x160 6.6 3.0 1 2 3", [-9.1, 6.6, 3.0, 1, 2, 3]),  # Area_3/hallway_2
        ("22.1 6.6 3.0\x1c1 2 3", [22.1, 6.6, 3.0, 1, 2, 3]),  # a space to NumPy
    ],
)
def test_stray_character_is_repaired_and_reported_with_its_line(tmp_path, broken, repaired):
    rows, problems = read_lines(tmp_path, GOOD, GOOD, broken, GOOD, "")
    good = [1.5, -2.25, 0.125, 10, 20, 255]
    np.testing.assert_array_equal(rows, [good, good, repaired, good])
    assert [(problem.path.name, problem.line) for problem in problems] == [("ceiling_1.txt", 3)]
    assert "repaired to" in problems[0].text


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("1.5 2.5 3.5 10 20", "not six numbers"),
        ("1.5 2.5", "not six numbers"),
        ("1 2 3 4 5 6 7", "not six numbers"),
        ("1 2 3 4 5 x", "not six numbers"),
        ("1 2 3 4 5 1_0", "not six numbers"),
        ("1 2 3 4 5-6", "not six numbers"),
        ("1 2 3.4.5 6 7", "not six numbers"),
        ("1 2 3 4 5 6e", "not six numbers"),
        ("1 2 3 4 5 --6", "not six numbers"),
        ("\xe2\x88\x921.5 2 3 4 5 6", "not six numbers"),  # U+2212: not 1.5, but -1.5
        ("1.5 2 3\xa04 5 6", "not six numbers"),  # a space, or a digit?
        ("\xef\xbb\xbf1 2 3 4 5 6", "not six numbers"),  # byte order mark amid a file
        ("\x00\x00\x00", "not six numbers"),
        ("1 2 3 185\x10187 300", "not six numbers"),
        ("nan 2 3 4 5 6", "not finite"),
        ("1 2 -Inf 4 5 6", "not finite"),
        ("1 2 3 4 5 NaN", "not finite"),
        ("1 2 1e999 4 5 6", "not finite"),
        ("1 2 3 4 256 6", "colour outside"),
        ("1 2 3 4 5 -1", "colour outside"),
    ],
)
def test_row_that_cannot_be_understood_is_dropped_and_reported(tmp_path, broken, why):
    rows, problems = read_lines(tmp_path, GOOD, broken, GOOD, "")
    np.testing.assert_array_equal(rows, [[1.5, -2.25, 0.125, 10, 20, 255]] * 2)
    assert [problem.line for problem in problems] == [2]
    assert why in problems[0].text
    assert "dropped" in problems[0].text


def test_short_and_long_row_do_not_make_up_for_each_other(tmp_path):
    rows, problems = read_lines(tmp_path, "1 2 3 4 5", "6 7 8 9 10 11 12", GOOD, "")
    np.testing.assert_array_equal(rows, [[1.5, -2.25, 0.125, 10, 20, 255]])
    assert [problem.line for problem in problems] == [1, 2]


@pytest.mark.parametrize("content", ["", "\n\n", " "])
def test_empty_file_has_no_rows(tmp_path, content):
    rows, problems = read_lines(tmp_path, content)
    assert rows.shape == (0, 6)
    assert problems == []


def test_file_cut_anywhere_loses_only_its_last_row(tmp_path):
    whole = raw_trees.text(raw_trees.rows(5, seed=0))
    first_four = len("".join(whole.splitlines(keepends=True)[:4]))
    for length in range(first_four, len(whole)):
        rows, _ = read_lines(tmp_path, whole[:length])
        np.testing.assert_array_equal(rows[:4], raw_trees.rows(5, seed=0)[:4])
        assert len(rows) <= 5


# Rooms


def test_room_keeps_coordinates_and_numbers_instances_by_value(tree):
    cloud, problems = s3dis.read_room(s3dis.list_rooms(tree, [1])[0], CLASSES)
    floor, wall_10, wall_2 = (raw_trees.rows(n, seed) for seed, n in enumerate((40, 9, 11)))
    expected = np.concatenate([floor, wall_2, wall_10])
    assert cloud.name == "Area_1_office_2"
    np.testing.assert_array_equal(cloud.xyz, expected[:, :3])
    np.testing.assert_array_equal(cloud.rgb, expected[:, 3:])
    np.testing.assert_array_equal(cloud.semantic, [1] * 40 + [2] * 20)
    np.testing.assert_array_equal(cloud.instance, [0] * 40 + [1] * 11 + [2] * 9)
    assert problems == []


@pytest.mark.parametrize(("name", "semantic"), [(name, i) for i, name in enumerate(CLASSES)])
def test_class_is_the_name_before_the_first_underscore(tmp_path, name, semantic):
    room = only_room(tmp_path, {f"{name}_3": 4})
    cloud, problems = s3dis.read_room(room, CLASSES)
    np.testing.assert_array_equal(cloud.semantic, [semantic] * 4)
    assert problems == []


def test_unknown_class_becomes_clutter_and_is_reported_once(tmp_path):
    room = only_room(tmp_path, {"stairs_1": 4, "stairs_2": 5, "staris_1": 6})
    cloud, problems = s3dis.read_room(room, CLASSES)
    assert set(cloud.semantic) == {CLASSES.index("clutter")}
    assert len(set(cloud.instance)) == 3
    assert [problem.path.name for problem in problems] == ["stairs_1.txt", "staris_1.txt"]
    assert "'stairs' is unknown; read as clutter" in problems[0].text


@pytest.mark.parametrize("name", ["wall_3 (1)", "wall_3(1)", "wall_4", "Copy of wall_3"])
def test_copied_file_is_left_out_and_reported(tmp_path, name):
    room = only_room(tmp_path, {"wall_3": 8, "floor_1": 8})
    annotations = room.folder / "Annotations"
    lines = (annotations / "wall_3.txt").read_text().splitlines()
    (annotations / f"{name}.txt").write_text("\n".join(lines[::-1]))
    cloud, problems = s3dis.read_room(room, CLASSES)
    assert len(cloud) == 16
    assert [problem.path.stem for problem in problems] == [name]
    assert "repeats wall_3.txt" in problems[0].text


def test_file_named_like_a_copy_but_with_its_own_points_is_kept(tmp_path):
    room = only_room(tmp_path, {"wall_3": 8, "wall_3 (1)": 8})
    cloud, problems = s3dis.read_room(room, CLASSES)
    np.testing.assert_array_equal(cloud.instance, [0] * 8 + [1] * 8)
    assert problems == []


def test_part_of_a_file_under_a_copys_name_is_left_out(tmp_path):
    room = only_room(tmp_path, {"wall_3": 8})
    lines = (room.folder / "Annotations" / "wall_3.txt").read_text().splitlines(keepends=True)
    (room.folder / "Annotations" / "wall_3 (1).txt").write_text("".join(lines[:5]))
    assert len(s3dis.read_room(room, CLASSES)[0]) == 8


def test_points_that_repeat_within_a_file_do_not_hide_that_it_repeats_another(tmp_path):
    room = only_room(tmp_path, {"wall_3": 8})
    lines = (room.folder / "Annotations" / "wall_3.txt").read_text().splitlines(keepends=True)
    (room.folder / "Annotations" / "wall_4.txt").write_text("".join(lines[:4] * 2))
    cloud, problems = s3dis.read_room(room, CLASSES)
    assert len(cloud) == 8
    assert "wall_4.txt: repeats wall_3.txt" in str(problems[0])


def test_files_of_equal_length_that_share_points_are_all_kept(tmp_path):
    room = only_room(tmp_path, {})
    for number in range(1, 6):
        rows = raw_trees.rows(30, seed=0)
        rows[number:] = raw_trees.rows(30 - number, seed=number)
        (room.folder / "Annotations" / f"chair_{number}.txt").write_text(raw_trees.text(rows))
    cloud, problems = s3dis.read_room(room, CLASSES)
    np.testing.assert_array_equal(np.bincount(cloud.instance), [30] * 5)
    assert problems == []


def test_files_of_equal_length_are_each_looked_at_once(tmp_path, monkeypatch):
    looked_at = []
    codes = repeats._row_codes
    monkeypatch.setattr(repeats, "_row_codes", lambda rows: looked_at.append(1) or codes(rows))
    monkeypatch.setattr(repeats, "_row_set", lambda rows: pytest.fail("compared row by row"))
    s3dis.read_room(only_room(tmp_path, {f"chair_{k}": 5 for k in range(50)}), CLASSES)
    assert len(looked_at) == 50


def test_empty_file_is_reported_and_takes_no_instance_number(tmp_path):
    room = only_room(tmp_path, {"beam_1": 0, "wall_1": 3})
    cloud, problems = s3dis.read_room(room, CLASSES)
    np.testing.assert_array_equal(cloud.instance, [0, 0, 0])
    assert [str(problem) for problem in problems] == [
        f"{room.folder / 'Annotations' / 'beam_1.txt'}: holds no valid point; left out"
    ]


@pytest.mark.parametrize("files", [{}, {"wall_1": 0}])
def test_room_without_points_is_an_error_that_names_it(tmp_path, files):
    room = only_room(tmp_path, files)
    with pytest.raises(ValueError, match=rf"office_1 has no valid point in {len(files)} .*Unpack"):
        s3dis.read_room(room, CLASSES)


def test_more_than_256_instances_keep_their_numbers(tmp_path):
    room = only_room(tmp_path, {f"chair_{k}": 1 + k % 3 for k in range(300)})
    cloud, _ = s3dis.read_room(room, CLASSES)
    assert cloud.instance.max() == 299
    np.testing.assert_array_equal(np.bincount(cloud.instance), 1 + np.arange(300) % 3)


def test_without_clutter_unknown_names_have_no_class(tree):
    cloud, problems = s3dis.read_room(s3dis.list_rooms(tree, [1])[0], ("wall", "door"))
    np.testing.assert_array_equal(cloud.semantic, [config.NONE] * 40 + [0] * 20)
    assert [str(problem).partition(": ")[2] for problem in problems] == [
        "class 'floor' is unknown; its points have no class"
    ]


# Areas


def read_areas(tree, cache, areas=("Area_1", "Area_2"), labels=s3dis.LABELS, **options):
    return reading.read_scans(s3dis.scans(tree, areas, labels), cache, progress=False, **options)


@pytest.mark.parametrize("num_workers", [None, 1, 2])
def test_cached_clouds_are_those_of_the_rooms(tree, tmp_path, num_workers):
    paths = read_areas(tree, tmp_path / "cache", num_workers=num_workers)
    rooms = s3dis.list_rooms(tree, [1, 2])
    assert [path.name for path in paths] == [f"{room.cloud_name}.npz" for room in rooms]
    for path, room in zip(paths, rooms, strict=True):
        cloud, expected = cloud_cache.load_cloud(path), s3dis.read_room(room, CLASSES)[0]
        np.testing.assert_array_equal(cloud.xyz, expected.xyz)
        np.testing.assert_array_equal(cloud.rgb, expected.rgb)
        np.testing.assert_array_equal(cloud.semantic, expected.semantic)
        np.testing.assert_array_equal(cloud.instance, expected.instance)
        assert cloud.group == f"Area_{room.area}"


def test_all_areas_are_read_where_none_is_named(tree, tmp_path):
    assert read_areas(tree, tmp_path, areas=None) == read_areas(tree, tmp_path)


def test_only_changed_rooms_are_read_again(tree, tmp_path):
    paths = read_areas(tree, tmp_path / "cache")
    before = [path.stat().st_mtime_ns for path in paths]
    (tree / "Area_1" / "office_10" / "Annotations" / "chair_2.txt").write_text(f"{GOOD}\n")
    read_areas(tree, tmp_path / "cache")
    changed = [path.stat().st_mtime_ns != time for path, time in zip(paths, before, strict=True)]
    assert changed == [False, True, False]
    assert len(cloud_cache.load_cloud(paths[1])) == 38


def test_same_size_with_a_new_time_is_read_again(tree, tmp_path):
    file = tree / "Area_2" / "hallway_1" / "Annotations" / "table_1.txt"
    paths = read_areas(tree, tmp_path / "cache", areas=["Area_2"])
    os.utime(file, ns=(0, 0))
    before = paths[0].stat().st_mtime_ns
    read_areas(tree, tmp_path / "cache", areas=["Area_2"])
    assert paths[0].stat().st_mtime_ns != before


def test_other_classes_are_read_again(tree, tmp_path):
    paths = read_areas(tree, tmp_path / "cache", areas=["Area_2"])
    read_areas(
        tree,
        tmp_path / "cache",
        areas=["Area_2"],
        labels=config.Labels(class_names=("clutter", "table")),
    )
    assert set(cloud_cache.load_cloud(paths[0]).semantic) == {0, 1}


def test_truncated_cache_file_is_named_and_read_again(tree, tmp_path, caplog):
    paths = read_areas(tree, tmp_path / "cache")
    content = paths[0].read_bytes()
    paths[0].write_bytes(content[: len(content) // 2])
    with caplog.at_level(logging.WARNING):
        read_areas(tree, tmp_path / "cache")
    assert paths[0].read_bytes() == content
    assert "Area_1_office_2.npz is damaged" in caplog.text


def test_problems_are_reported_also_from_the_cache(tree, tmp_path, caplog):
    file = tree / "Area_1" / "office_2" / "Annotations" / "wall_2.txt"
    with file.open("a") as handle:
        handle.write("1 2 3\n")
    for _ in range(2):
        caplog.clear()
        paths = read_areas(tree, tmp_path / "cache")
        problems = reading.read_problems(paths)
        assert [(problem.path, problem.line) for problem in problems] == [(file, 12)]
        report = (tmp_path / "cache" / reading.REPORT).read_text()
        assert report.splitlines()[0] == "3 scans, 1 problems"
        assert f"{file}:12: not six numbers: '1 2 3'; dropped" in report
        assert "1 problems in the raw files" in caplog.text


@pytest.mark.parametrize("num_workers", [1, 2])
def test_room_that_cannot_be_read_stops_with_its_name(tree, tmp_path, num_workers):
    raw_trees.write_room(tree / "Area_2" / "office_5", {"wall_1": 0})
    with pytest.raises(ValueError, match="office_5 has no valid point"):
        read_areas(tree, tmp_path / "cache", num_workers=num_workers)


def test_script_without_a_main_guard_is_told_so(tree, tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import pathlib\nfrom ban_tf.data import reading, s3dis\n"
        f"cache = pathlib.Path({str(tmp_path / 'cache')!r})\n"
        f"reading.read_scans(s3dis.scans(pathlib.Path({str(tree)!r})), cache, num_workers=2)\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "Use num_workers=1 to work in this process" in run.stderr


def test_reader_needs_neither_tensorflow_nor_hdf5():
    code = (
        "import sys, ban_tf.data.s3dis; print({'tensorflow', 'keras', 'h5py'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_no_workers_are_refused(tree, tmp_path):
    with pytest.raises(ValueError, match="Received: num_workers=0"):
        read_areas(tree, tmp_path / "cache", num_workers=0)


@pytest.mark.skipif(not TABLE_TOPS.is_dir(), reason="the real scans are not here")
def test_real_scans_are_read_without_a_problem():
    rooms = s3dis.list_rooms(TABLE_TOPS, range(1, 7))
    assert len(rooms) == 36
    for room in rooms[::12]:
        cloud, problems = s3dis.read_room(room, CLASSES)
        assert problems == []
        assert 40_000 < len(cloud) < 70_000
        assert set(cloud.semantic) == {CLASSES.index("table"), CLASSES.index("clutter")}
        num_files = len(list((room.folder / "Annotations").iterdir()))
        assert len(np.unique(cloud.instance)) == num_files
        assert (cloud.semantic == CLASSES.index("table")).any()
