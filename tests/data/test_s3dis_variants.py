"""Rooms in S3DIS's layout as other tools write them: understood with certainty, or refused."""

import dataclasses
import os
import shutil

import numpy as np
import pytest

import raw_trees
import tiny_runs
from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.data import preparation, reading, s3dis
from ban_tf.data.s3dis import annotation, layout

FILES = ("floor_1", "wall_1", "chair_1")


def write(root, line, files=FILES, num_points=30, area=1, room="office_1"):
    """A room whose rows are made by `line`, from the six numbers of each; the folder."""
    folder = root / f"Area_{area}" / room / "Annotations"
    folder.mkdir(parents=True)
    for number, name in enumerate(files):
        rows = raw_trees.rows(num_points, seed=number)
        rows[0, 3:] = 255
        text = "".join(line(*row) + "\n" for row in rows)
        (folder / f"{name}.txt").write_bytes(text.encode())
    return folder


def read(root):
    return s3dis.read_room(s3dis.list_rooms(root, [1])[0])


def all_rows(files=FILES, num_points=30):
    rows = np.concatenate([raw_trees.rows(num_points, seed) for seed in range(len(files))])
    rows[::num_points, 3:] = 255
    return rows


# Signs


def test_a_minus_of_another_alphabet_never_loses_its_sign(tmp_path):
    path = tmp_path / "chair_1.txt"
    path.write_text("\u22121.5 2.5 0.5 10 20 30\n-1.5 2.5 0.5 10 20 30\n", encoding="utf-8")
    rows, problems = annotation.read_annotation(path)
    np.testing.assert_array_equal(rows, [[-1.5, 2.5, 0.5, 10, 20, 30]])
    assert [problem.line for problem in problems] == [1]
    assert "dropped" in problems[0].text


def test_a_byte_order_mark_before_a_file_is_read_past_and_reported(tmp_path):
    path = tmp_path / "chair_1.txt"
    path.write_text("-1.5 2.5 0.5 10 20 30\n", encoding="utf-8-sig")
    rows, problems = annotation.read_annotation(path)
    np.testing.assert_array_equal(rows, [[-1.5, 2.5, 0.5, 10, 20, 30]])
    assert str(problems[0]) == f"{path}:1: byte order mark; read past it"


# Colours


def test_colours_of_0_to_1_are_read_as_shares(tmp_path):
    write(
        tmp_path,
        lambda x, y, z, *rgb: " ".join(f"{v:.6f}" for v in (x, y, z, *(c / 255 for c in rgb))),
    )
    cloud, problems = read(tmp_path)
    np.testing.assert_array_equal(cloud.rgb, all_rows_in_order()[:, 3:])
    assert [problem.text for problem in problems] == [
        "colours lie in 0 to 1; read as shares of 255"
    ]


def all_rows_in_order():
    """Rows in the order of `Room.annotation_files`: chair, floor, wall."""
    floor, wall, chair = np.split(all_rows(), 3)
    return np.concatenate([chair, floor, wall])


def test_a_dark_file_among_others_keeps_its_colours(tmp_path):
    folder = write(tmp_path, lambda x, y, z, r, g, b: f"{x} {y} {z} {r:.0f} {g:.0f} {b:.0f}")
    (folder / "board_1.txt").write_text("1 2 3 0 1 1\n1 2 4 1 0 0\n")
    cloud, problems = read(tmp_path)
    np.testing.assert_array_equal(cloud.rgb[:2], [[0, 1, 1], [1, 0, 0]])
    assert problems == []


def test_a_black_room_is_black(tmp_path):
    write(tmp_path, lambda x, y, z, *_: f"{x} {y} {z} 0 0 0")
    assert (read(tmp_path)[0].rgb == 0).all()


def test_colours_of_two_ranges_are_refused_by_file(tmp_path):
    folder = write(tmp_path, lambda x, y, z, r, g, b: f"{x} {y} {z} {r:.0f} {g:.0f} {b:.0f}")
    (folder / "board_1.txt").write_text("1 2 3 0.5 0.25 1\n")
    with pytest.raises(ValueError, match=r"must be of one range.*board_1\.txt lie between 0 and 1"):
        read(tmp_path)


def test_colours_of_0_and_1_alone_are_refused(tmp_path):
    write(tmp_path, lambda x, y, z, r, g, b: f"{x} {y} {z} {r // 128:.0f} {g // 128:.0f} 1")
    with pytest.raises(ValueError, match=r"all colours in .*office_1 are 0 or 1.*not certain"):
        read(tmp_path)


# Text


@pytest.mark.parametrize(
    ("line", "reason", "first"),
    [
        (lambda *row: ",".join(map(str, row)), "commas", r"-?\d"),
        (lambda *row: ";".join(map(str, row)), "semicolons", r"-?\d"),
        (lambda *row: " ".join(map(str, [*row, 5])), "7 columns", r".* 5'"),
        (lambda *row: " ".join(map(str, row[:4])), "4 columns", r"-?\d"),
        (lambda *row: f"v {row[0]} {row[1]} {row[2]} 0 0", "words that are no numbers", "v "),
        (lambda x, y, z, *_: f"{x} {y} {z} 65535 0 20000", "colours up to 65535", r".* 65535 "),
        (lambda x, y, z, *_: f"{x} {y} {z} -1 0 0.5", "colours down to -1", r".* -1 "),
        (lambda x, y, z, *rgb: f"{x} {y} nan 1 2 3", "values that are not finite", ".*nan"),
        (lambda *row: f"\u2212{row[0]} 2 3 4 5 6", "bytes above 127", ""),
    ],
)
def test_a_room_in_another_form_is_refused_with_the_reason_and_the_first_row(
    tmp_path, line, reason, first
):
    write(tmp_path, line)
    message = rf"would lose 30 of 30 rows, 30 of them for {reason}, as in .*txt:1: '{first}"
    with pytest.raises(ValueError, match=message) as raised:
        read(tmp_path)
    assert "A row must be `x y z red green blue`" in str(raised.value)
    assert "Unpack" not in str(raised.value)


def test_a_room_that_would_lose_most_rows_is_refused(tmp_path):
    good, bad = "1 2 {} 4 5 6", "1,2,{},4,5,6"
    folder = write(tmp_path, lambda *row: good.format(row[2]), files=("wall_1",), num_points=40)
    lines = [good.format(k) for k in range(10)] + [bad.format(k) for k in range(51)]
    (folder / "floor_1.txt").write_text("\n".join(lines))
    message = r"office_1 would lose 51 of 101 rows, 51 of them for commas, as in .*floor_1\.txt:11:"
    with pytest.raises(ValueError, match=message):
        read(tmp_path)
    (folder / "floor_1.txt").write_text("\n".join(lines[:-1]))
    assert len(read(tmp_path)[0]) == 50


def test_a_file_that_would_lose_all_is_refused_in_a_room_that_is_whole(tmp_path):
    folder = write(tmp_path, lambda *row: " ".join(map(str, row)))
    (folder / "board_1.txt").write_text("1 2 3 4 5 6 7\n")
    with pytest.raises(ValueError, match=r"board_1\.txt would lose 1 of 1 rows.* 7 columns"):
        read(tmp_path)


# Without colours


def test_a_room_of_coordinates_alone_has_no_colours(tmp_path):
    write(tmp_path, lambda x, y, z, *_: f"{x} {y} {z}")
    cloud, problems = read(tmp_path)
    assert cloud.rgb is None
    np.testing.assert_array_equal(cloud.xyz, all_rows_in_order()[:, :3])
    assert [problem.text for problem in problems] == [
        "has no colours, which only a network without the feature rgb is trained on"
    ]


def test_a_broken_row_without_colours_is_dropped_and_reported(tmp_path):
    folder = write(tmp_path, lambda x, y, z, *_: f"{x} {y} {z}")
    with (folder / "chair_1.txt").open("a") as file:
        file.write("1 2 3 4\n5 6.\x105 7\n")
    cloud, problems = read(tmp_path)
    assert len(cloud) == 91
    assert ["dropped" in problem.text for problem in problems] == [True, False, False]
    np.testing.assert_array_equal(cloud.xyz[30], [5, 6.5, 7])


def test_colours_in_some_files_only_are_refused(tmp_path):
    folder = write(tmp_path, lambda *row: " ".join(map(str, row)))
    (folder / "board_1.txt").write_text("1 2 3\n4 5 6\n")
    with pytest.raises(ValueError, match=r"board_1\.txt has 3 columns and 3 of 4 in .* have 6"):
        read(tmp_path)


# What is left out


def annotations(root):
    return root / "Area_1" / "office_2" / "Annotations"


def report_of(root, tmp_path):
    experiment = tiny_runs.experiment(name="raw")
    made = s3dis.describe(root, None)
    preparation.prepare(made, root, tmp_path / "blocks", experiment, progress=False)
    return (tmp_path / "blocks" / "clouds" / reading.REPORT).read_text()


def test_links_to_nothing_and_other_files_are_reported(tmp_path):
    root = raw_trees.write_tree(tmp_path / "raw")
    (annotations(root) / "chair_1.txt").symlink_to("/nowhere/chair_1.txt")
    (annotations(root) / "chair_2.ply").write_text("ply")
    (annotations(root) / "chair_3.txt").mkdir()
    _, problems = s3dis.read_room(s3dis.list_rooms(root, [1])[0])
    assert [(problem.path.name, problem.text) for problem in problems] == [
        ("chair_1.txt", "links to nothing; left out"),
        ("chair_2.ply", "is no .txt file; left out"),
        ("chair_3.txt", "is no file; left out"),
    ]


def test_a_file_that_stands_behind_a_mended_link_is_read(tmp_path):
    root = raw_trees.write_tree(tmp_path / "raw")
    (annotations(root) / "chair_1.txt").symlink_to(tmp_path / "elsewhere.txt")
    scans = s3dis.scans(root, ["Area_1"])
    before = reading.read_scans(scans, tmp_path / "cache", progress=False)
    (tmp_path / "elsewhere.txt").write_text(raw_trees.text(raw_trees.rows(5, seed=9)))
    reading.read_scans(s3dis.scans(root, ["Area_1"]), tmp_path / "cache", progress=False)
    assert len(cloud_cache.load_cloud(before[0])) == 65


def test_areas_and_rooms_that_are_left_out_stand_in_the_report(tmp_path):
    root = tiny_runs.write_raw(tmp_path / "raw", tiny_runs.rooms())
    (root / "Area_5a").mkdir()
    (root / "area_6").mkdir()
    (root / "Area_7").symlink_to("/nowhere")
    (root / "Area_1" / "office_9").symlink_to("/nowhere")
    lines = report_of(root, tmp_path).splitlines()
    assert lines == [
        "4 scans, 4 problems",
        f"{root / 'Area_5a'}: is not named Area_<N>; left out",
        f"{root / 'area_6'}: is not named Area_<N>; left out",
        f"{root / 'Area_7'}: links to nothing; left out",
        f"{root / 'Area_1' / 'office_9'}: links to nothing; left out",
    ]


def test_what_does_not_look_like_an_area_is_nothing_to_report(tmp_path):
    root = raw_trees.write_tree(tmp_path / "raw")
    (root / "blocks").mkdir()
    (root / "README.md").write_text("about")
    assert layout.left_out(root) == []


def test_two_folders_of_one_area_are_refused(tmp_path):
    root = raw_trees.write_tree(tmp_path / "raw")
    (root / "Area_01").mkdir()
    with pytest.raises(ValueError, match=r"must be one folder.*Area_01 and .*Area_1"):
        s3dis.list_areas(root)


def test_names_that_are_no_text_are_refused_or_reported(tmp_path):
    root = raw_trees.write_tree(tmp_path / "raw")
    room = os.fsencode(root / "Area_1" / "office_2" / "Annotations")
    with open(room + b"/t\xe4fel_1.txt", "wb") as file:
        file.write(raw_trees.text(raw_trees.rows(4, seed=5)).encode())
    paths = reading.read_scans(s3dis.scans(root), tmp_path / "cache", progress=False)
    assert [problem.text for problem in reading.read_problems(paths)] == [
        "class 't\\udce4fel' is unknown; read as clutter"
    ]
    assert "t\\udce4fel_1.txt" in (tmp_path / "cache" / reading.REPORT).read_text()
    os.rename(root / "Area_1" / "office_10", os.fsencode(root) + b"/Area_1/b\xfcro_10")
    with pytest.raises(ValueError, match=r"name of a room must be readable text.*b\\udcfcro"):
        s3dis.list_rooms(root, [1])


def test_a_disk_that_is_too_full_is_refused_before_a_room_is_read(tmp_path, monkeypatch):
    root = tiny_runs.write_raw(tmp_path / "raw", tiny_runs.rooms())
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**9, 10**9, 0))
    with pytest.raises(
        OSError, match=r"cache of 4 scans \(`blocks`\) takes at least.*0\.0 MB left"
    ):
        report_of(root, tmp_path)
    assert not (tmp_path / "blocks").exists()


# Own classes


PLANTS = ("leaf_1", "stem_1", "stem_2", "floor_1")


@pytest.mark.parametrize(
    ("files", "received"),
    [(PLANTS, r"leaf, stem, such as '.*leaf_1\.txt'"), ((*FILES, "tabel_2"), r"tabel, such as ")],
)
def test_data_of_unknown_classes_are_refused_with_a_way_out(tmp_path, files, received):
    write(tmp_path, lambda *row: " ".join(map(str, row)), files=files)
    message = rf"classes of S3DIS \(ceiling, .*`classes_from_data`.*Received: {received}"
    with pytest.raises(ValueError, match=message):
        s3dis.describe(tmp_path, None)


def test_a_class_whose_name_is_no_text_is_refused_in_words_that_can_be_printed(tmp_path):
    folder = write(tmp_path, lambda *row: " ".join(map(str, row)))
    with open(os.fsencode(folder) + b"/t\xe4fel_1.txt", "wb") as file:
        file.write(b"1 2 3 4 5 6\n")
    with pytest.raises(ValueError, match=r"Received: t\\udce4fel, such as") as told:
        s3dis.describe(tmp_path, None)
    assert str(told.value).encode()


@pytest.mark.parametrize("name", ["stairs_1", "staris_1"])
def test_the_unknown_classes_of_s3dis_itself_are_read_as_clutter(tmp_path, name):
    write(tmp_path, lambda *row: " ".join(map(str, row)), files=(name, "floor_1"))
    assert s3dis.describe(tmp_path, None).labels == s3dis.LABELS
    cloud, problems = read(tmp_path)
    assert set(cloud.semantic) == {
        s3dis.LABELS.class_names.index(name) for name in ("floor", "clutter")
    }
    assert "read as clutter" in problems[0].text


def test_classes_can_be_those_of_the_data(tmp_path):
    root = tmp_path / "plants"
    for area in (1, 2):
        write(root, lambda *row: " ".join(map(str, row)), files=PLANTS, area=area, num_points=90)
    found = s3dis.describe(root, None, classes_from_data=True)
    assert found.labels.class_names == ("floor", "leaf", "stem")
    assert (found.name, found.split().test) == ("plants", ("Area_2",))
    blocks = config.Blocks(num_points=64, stride_m=1.0, min_points=1)
    experiment = dataclasses.replace(found.experiment(network="pointnet"), samples=blocks)
    assert experiment.network.num_classes == 3
    opened = preparation.prepare(found, root, tmp_path / "b", experiment, progress=False)
    cloud = opened.load_cloud("Area_1_office_1")
    np.testing.assert_array_equal(cloud.semantic, np.repeat([0, 1, 2, 2], 90))
    assert config.NONE not in cloud.semantic
    again = s3dis.describe(None, tmp_path / "b")
    assert again.labels.class_names == found.labels.class_names


# Units


@pytest.mark.parametrize("factor", [1000, 100], ids=["millimetres", "centimetres"])
def test_a_room_in_other_units_is_refused_with_its_size(tmp_path, factor):
    folder = write(tmp_path, lambda *_: "0 0 0 4 5 255", files=("floor_1",))
    corner = 3 * factor
    (folder / "wall_1.txt").write_text(f"{corner} {corner} {corner} 4 5 6\n")
    message = rf"office_1 must be in metres.*Received: a room of {corner} x {corner} x {corner}$"
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_a_hall_is_large_enough(tmp_path):
    write(tmp_path, lambda *_: "0 0 0 4 5 255\n1999 1999 199 4 5 255", num_points=3)
    assert len(read(tmp_path)[0]) == 6


@pytest.mark.parametrize("place", ["1e39", "-1e39", "1.1e8"])
def test_a_coordinate_on_no_map_is_dropped_and_reported(tmp_path, place):
    path = tmp_path / "chair_1.txt"
    path.write_text(f"1 2 3 4 5 6\n1 2 {place} 4 5 6\n9e7 2 3 4 5 6\n")
    rows, problems = annotation.read_annotation(path)
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4, 5, 6], [9e7, 2, 3, 4, 5, 6]])
    assert [(problem.line, problem.text[:31]) for problem in problems] == [
        (2, "a coordinate that is on no map ")
    ]


# Names of areas and rooms


def test_digits_of_other_alphabets_and_files_are_no_areas_and_are_reported(tmp_path):
    root = raw_trees.write_tree(tmp_path / "raw")
    (root / "Area_\u0664").mkdir()
    (root / "Area_5").write_text("not unpacked")
    assert s3dis.list_areas(root) == (1, 2)
    assert [(problem.path.name, problem.text) for problem in layout.left_out(root)] == [
        ("Area_\u0664", "is not named Area_<N>; left out"),
        ("Area_5", "is no folder; left out"),
    ]


def test_a_room_whose_name_breaks_lines_is_refused(tmp_path):
    root = raw_trees.write_tree(tmp_path / "raw")
    (root / "Area_1" / "office_2").rename(root / "Area_1" / "off\nice_2")
    with pytest.raises(ValueError, match="name of a room must be readable text"):
        s3dis.list_rooms(root, [1])
