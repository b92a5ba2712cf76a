"""ScanNetV2's raw scans: where they lie, and what a cloud holds of them."""

import json

import numpy as np
import pytest

import scannet_trees
from ban_tf.clouds import cloud_cache
from ban_tf.config import NONE
from ban_tf.data import reading, scannet
from ban_tf.data.scannet import classes, layout, reader
from scannet_trees import write_groups, write_label_map, write_scan, write_segments, write_tree

WALL, CHAIR = 0, 4  # class indices


def read_all(root, names=None, choice="20"):
    return {scan.name: scan.read() for scan in scannet.scans(root, names, choice)}


@pytest.fixture
def scan(tmp_path):
    write_label_map(tmp_path)
    return write_scan(tmp_path / "scans" / "scene0191_00")


def read(folder, choice="20"):
    [(cloud, problems)] = read_all(folder.parent.parent, choice=choice).values()
    return cloud, problems


# --- the lists and classes that come with the package ---


def test_the_official_lists_share_no_scan_and_have_their_lengths():
    lists = {part: layout.official(part) for part in layout.PARTS}
    assert {part: len(found) for part, found in lists.items()} == {
        "train": 1201,
        "val": 312,
        "test": 100,
    }
    assert len(frozenset.union(*lists.values())) == 1613
    spaces = {part: {name[:9] for name in found} for part, found in lists.items()}
    assert not spaces["train"] & spaces["val"]
    assert "scene0217_00" in lists["val"]


def test_the_classes_have_the_official_ids():
    found = classes.of_choice("20")
    official = "1 2 3 4 5 6 7 8 9 10 11 12 14 16 24 28 33 34 36 39"
    assert " ".join(map(str, found.ids)) == official
    assert found.labels.class_names[-1] == "otherfurniture"
    assert found.labels.stuff == ()  # wall and floor are instances in the paper's tables
    of_200 = classes.of_choice("200")
    assert len(of_200.ids) == len(set(of_200.ids)) == 200
    assert dict(zip(of_200.labels.class_names, of_200.ids, strict=True))["chair"] == 2
    ids = np.arange(-1, 60)
    np.testing.assert_array_equal(
        found.class_of(ids), [found.ids.index(i) if i in found.ids else NONE for i in ids]
    )
    np.testing.assert_array_equal(found.class_of(found.id_of(np.arange(-1, 20))), range(-1, 20))


# --- one scan ---


@pytest.mark.parametrize("is_text", [False, True], ids=["binary", "ascii"])
@pytest.mark.parametrize("with_alpha", [False, True], ids=["rgb", "rgba"])
def test_a_scan_is_read_from_both_kinds_with_and_without_alpha(is_text, with_alpha, tmp_path):
    write_label_map(tmp_path)
    folder = write_scan(tmp_path / "scans/scene0191_00", is_text=is_text, with_alpha=with_alpha)
    cloud, problems = read(folder)
    xyz, rgb = scannet_trees.vertices(8)
    np.testing.assert_array_equal(cloud.xyz, xyz.astype(np.float64))
    np.testing.assert_array_equal(cloud.rgb, rgb)
    assert cloud.semantic.tolist() == [WALL, WALL, CHAIR, CHAIR, CHAIR, CHAIR, NONE, NONE]
    assert cloud.instance.tolist() == [1, 1, 0, 0, 2, 2, NONE, NONE]
    assert problems == []


def test_the_first_object_of_a_name_does_not_swallow_its_namesakes(scan):
    cloud, _ = read(scan)
    first, second = cloud.instance[2], cloud.instance[4]
    assert first != second
    assert np.count_nonzero(cloud.instance == first) == 2


def test_a_scan_is_turned_by_its_alignment(scan):
    meta = scan / f"{scan.name}.txt"
    meta.write_text("colorHeight = 968\naxisAlignment = 0 1 0 5 -1 0 0 6 0 0 1 7 0 0 0 1 \n")
    xyz = scannet_trees.vertices(8)[0].astype(np.float64)
    expected = np.stack([xyz[:, 1] + 5, 6 - xyz[:, 0], xyz[:, 2] + 7], axis=1)
    np.testing.assert_allclose(read(scan)[0].xyz, expected, atol=1e-12)
    meta.write_text("colorHeight = 968\nsceneType = Lobby\n")
    np.testing.assert_array_equal(read(scan)[0].xyz, xyz)


def test_classes_come_from_the_objects_where_there_is_no_labels_ply(scan):
    (scan / f"{scan.name}_vh_clean_2.labels.ply").unlink()
    cloud, [told] = read(scan)
    assert cloud.semantic.tolist() == [WALL, WALL, CHAIR, CHAIR, CHAIR, CHAIR, NONE, NONE]
    assert told.path.name == "scene0191_00_vh_clean_2.labels.ply"
    assert "is missing; classes are those of the objects" in told.text


def test_200_classes_are_those_of_the_column_id(scan):
    cloud, problems = read(scan, choice="200")
    names = classes.of_choice("200").labels.class_names
    found = [None if index == NONE else names[index] for index in cloud.semantic]
    assert found == ["wall", "wall", "chair", "chair", "chair", "chair", "ceiling", None]
    assert cloud.instance.tolist() == [1, 1, 0, 0, 2, 2, 3, NONE]
    assert problems == []


def test_a_label_map_of_v1_serves_the_20_classes_and_is_refused_for_200(scan):
    (scan / f"{scan.name}_vh_clean_2.labels.ply").unlink()
    root = scan.parent.parent
    (root / "scannetv2-labels.combined.tsv").unlink()
    rows = "wall\t8277\t21\t1\t\t\nchair\t4646\t5\t5\t\t\nceiling\t806\t4\t22\t\t\n"
    head = "category\tcount\tnyuId\tnyu40id\tnyuClass\tModelNet40\n"
    (root / "scannet-labels.combined.tsv").write_text(head + rows)
    assert read(scan)[0].semantic.tolist()[:3] == [WALL, WALL, CHAIR]
    with pytest.raises(ValueError, match=r"scannet-labels.* must have the columns .* and id"):
        scannet.scans(root, choice="200")


def test_ids_are_found_by_the_name_of_their_column(scan):
    (scan / f"{scan.name}_vh_clean_2.labels.ply").unlink()
    head = "nyu40id\traw_category\tid"
    write_label_map(scan.parent.parent, head, ("5\twall\t1", "1\tchair\t2", "22\tceiling\t22"))
    assert read(scan)[0].semantic.tolist()[:3] == [CHAIR, CHAIR, WALL]


def test_a_label_map_is_not_needed_where_every_scan_has_its_classes(scan):
    (scan.parent.parent / "scannetv2-labels.combined.tsv").unlink()
    cloud, problems = read(scan)
    assert cloud.semantic.tolist()[:3] == [WALL, WALL, CHAIR]
    assert problems == []
    (scan / f"{scan.name}_vh_clean_2.labels.ply").unlink()
    with pytest.raises(FileNotFoundError, match=r"no scannetv2-labels.combined.tsv, which tells"):
        read(scan)


# --- the tree ---


def test_a_tree_is_listed_by_its_lists_and_the_hidden_test_has_no_labels(tmp_path):
    found = scannet.scans(write_tree(tmp_path))
    assert [(scan.name, scan.group) for scan in found] == [
        ("scene0011_00", "val"),
        ("scene0191_00", "train"),
        ("scene0191_01", "train"),
        ("scene0707_00", "test"),
    ]
    cloud, problems = found[-1].read()
    assert set(cloud.semantic) == set(cloud.instance) == {NONE}
    assert (len(cloud), problems) == (5, [])
    assert reader.left_out(tmp_path)[1:] == []


def test_some_lists_or_scans_can_be_asked_for(tmp_path):
    write_tree(tmp_path)
    assert [scan.name for scan in scannet.scans(tmp_path, ["val"])] == ["scene0011_00"]
    assert [scan.name for scan in scannet.scans(tmp_path, ["scene0191_01"])] == ["scene0191_01"]
    with pytest.raises(FileNotFoundError, match=r"no scan of attic; it has scans of test, train"):
        scannet.scans(tmp_path, ["attic"])


def test_the_folder_of_the_scans_alone_will_do(tmp_path):
    write_tree(tmp_path)
    assert len(scannet.scans(tmp_path / "scans")) == 3
    assert len(scannet.scans(tmp_path / "scans_test")) == 1


def test_lists_beside_the_scans_win_over_the_official_ones(tmp_path):
    write_tree(tmp_path)
    (tmp_path / "scannetv2_train.txt").write_text("scene0011_00\n")
    (tmp_path / "scannetv2_val.txt").write_text("scene0191_00\n")
    found = {scan.name: scan.group for scan in scannet.scans(tmp_path)}
    assert found == {"scene0011_00": "train", "scene0191_00": "val"}
    unlisted = [str(problem) for problem in reader.left_out(tmp_path)]
    assert any("scene0191_01: is in no list of scans" in line for line in unlisted)


def test_the_data_set_is_called_so_only_with_the_whole_validation(tmp_path):
    write_tree(tmp_path / "mine")
    found = scannet.describe(tmp_path / "mine", None)
    assert (found.name, found.split().train, found.split().test) == ("mine", ("train",), ("val",))
    assert found.split("test").train == ("train", "val")
    assert scannet.describe(tmp_path / "mine", None, "200").labels.num_classes == 200
    (tmp_path / "mine").rename(tmp_path / "scannet")
    assert scannet.describe(tmp_path / "scannet", None).name == "scannet_part"
    everything = sorted(layout.official("val"))
    assert scannet.group_of(everything[0]) == "val"
    assert scannet.source().of_clouds(tmp_path, everything).name == "scannet"
    assert scannet.source("200").of_clouds(tmp_path, everything).name == "scannet200"


def test_training_scans_alone_leave_nothing_to_test(tmp_path):
    write_scan(tmp_path / "scene0191_00")
    with pytest.raises(ValueError, match="must be scans to test on: of the list `val`"):
        scannet.describe(tmp_path, None)


@pytest.mark.parametrize("made", ["nothing", "a file", "a scan of a number without a mesh"])
def test_a_folder_without_a_scan_is_refused(made, tmp_path):
    root = tmp_path / "data"
    if made == "a file":
        root.write_text("")
    elif made != "nothing":
        (root / "scans" / "scene0011_00").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"is not a folder|lacks scene0011_00_vh_clean_2"):
        scannet.scans(root)


# --- through the cache ---


def test_scans_are_read_once_and_anew_when_a_file_or_the_label_map_changes(tmp_path):
    root, cache = write_tree(tmp_path / "raw"), tmp_path / "clouds"

    def times():
        paths = reading.read_scans(scannet.scans(root), cache, progress=False)
        return [path.stat().st_mtime_ns for path in paths]

    first = times()
    assert times() == first
    write_groups(root / "scans/scene0011_00", [("chair", [4, 7])])
    second = times()
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, True, True, True]
    write_label_map(root, rows=scannet_trees.ROWS[:2])
    assert all(a != b for a, b in zip(second, times(), strict=True))
    assert cloud_cache.load_cloud(cache / "scene0011_00.npz").group == "val"


def test_a_scan_of_80_000_vertices_has_all_of_them(tmp_path):
    number, segments = 80_000, np.arange(80_000) // 40
    folder = tmp_path / "scene0191_00"
    folder.mkdir()
    xyz, rgb = scannet_trees.vertices(number)
    head = scannet_trees.ply(xyz[:0], rgb[:0], faces=np.zeros((0, 3), int))
    rows = np.empty(number, [("xyz", "<f4", 3), ("rgba", "u1", 4)])
    rows["xyz"], rows["rgba"][:, :3] = xyz, rgb
    mesh = head.replace(b"element vertex 0", f"element vertex {number}".encode()) + rows.tobytes()
    (folder / f"{folder.name}_vh_clean_2.ply").write_bytes(mesh)
    write_segments(folder, segments.tolist())
    write_groups(folder, [("chair", list(range(0, 2000, 2))), ("wall", list(range(1, 2000, 2)))])
    write_label_map(tmp_path)
    [(cloud, _)] = read_all(tmp_path).values()
    np.testing.assert_array_equal(cloud.instance, segments % 2)
    np.testing.assert_array_equal(cloud.rgb, rgb)


def test_what_reading_depends_on_is_in_the_fingerprint(scan):
    [found] = scannet.scans(scan.parent.parent)
    assert {file.name.removeprefix("scene0191_00") for file in found.files} == {
        "_vh_clean_2.ply",
        "_vh_clean_2.labels.ply",
        "_vh_clean_2.0.010000.segs.json",
        ".aggregation.json",
    }
    assert json.loads((scan / "scene0191_00.aggregation.json").read_text())["segGroups"]
