"""The known faults of ScanNetV2's files, and damaged ones: each is told by file and field."""

import json
import logging

import numpy as np
import pytest

import scannet_trees
from ban_tf.config import NONE
from ban_tf.data import preparation, reading, scannet
from ban_tf.data.scannet import reader
from scannet_trees import write_groups, write_label_map, write_scan, write_segments, write_tree

NAME = "scene0217_00"
MESH, LABELS = f"{NAME}_vh_clean_2.ply", f"{NAME}_vh_clean_2.labels.ply"
SEGMENTS, GROUPS = f"{NAME}_vh_clean_2.0.010000.segs.json", f"{NAME}.aggregation.json"


@pytest.fixture
def scan(tmp_path):
    write_label_map(tmp_path)
    return write_scan(tmp_path / "scans" / NAME)


def read(folder, choice="20"):
    [found] = scannet.scans(folder.parent.parent, choice=choice)
    return found.read()


# --- known faults ---


def test_a_list_with_every_object_twice_is_read_once(scan):
    before = read(scan)[0]
    groups = [("chair", [4]), ("wall", [10]), ("chair", [7, 8]), ("ceiling", [2])]
    write_groups(scan, groups * 2)
    cloud, [told] = read(scan)
    np.testing.assert_array_equal(cloud.instance, before.instance)
    assert told.path.name == GROUPS
    assert told.text == "lists every object twice, 4 and 4; the first half is read"


def test_two_different_objects_of_one_name_are_no_repetition(scan):
    write_groups(scan, [("chair", [4]), ("chair", [7])])
    cloud, problems = read(scan)
    assert (cloud.instance[2], cloud.instance[4]) == (0, 1)
    assert problems == []


@pytest.mark.parametrize("wrong", [50, 149])
def test_an_id_that_is_none_of_nyu40_is_no_class_and_told(wrong, tmp_path):
    write_label_map(tmp_path)
    folder = write_scan(tmp_path / "scans" / NAME, ids=[1, 1, wrong, wrong, 5, 5, 22, 0])
    cloud, [told] = read(folder)
    assert cloud.semantic[2:4].tolist() == cloud.instance[2:4].tolist() == [NONE, NONE]
    assert str(told).endswith(
        f"{LABELS}: label: {wrong} at 2 vertices is no NYU40 id; read as no class"
    )


def test_a_row_without_an_id_gives_no_class_and_is_told(tmp_path):
    write_label_map(tmp_path)
    folder = write_scan(tmp_path / "scans" / NAME, groups=[("fan", [4]), ("wall", [10])])
    (folder / LABELS).unlink()
    cloud, _ = read(folder)
    assert cloud.semantic.tolist() == [0, 0, *[NONE] * 6]
    [told] = [problem for problem in reader.left_out(tmp_path) if problem.line]
    assert (told.path.name, told.line) == ("scannetv2-labels.combined.tsv", 7)
    assert told.text == "'fan' has no nyu40id; objects of this name have no class"


def test_a_name_that_is_not_in_the_label_map_gives_no_class_and_is_told(tmp_path):
    write_label_map(tmp_path)
    folder = write_scan(tmp_path / "scans" / NAME, groups=[("wigwam", [4])])
    _, problems = read(folder, choice="200")
    assert [problem.text for problem in problems] == [
        "label 'wigwam' is not in the label map; its objects have no class"
    ]


def test_an_annotation_of_the_high_resolution_mesh_is_told_and_not_read(scan):
    before = read(scan)[0]
    write_groups(scan, [("table", [123456])], suffix="_vh_clean")
    np.testing.assert_array_equal(read(scan)[0].instance, before.instance)
    [told] = [one for one in reader.left_out(scan.parent.parent) if not one.line]
    assert told.path.name == f"{NAME}_vh_clean.aggregation.json"
    assert told.text == "belongs to the high-resolution mesh; left out"


def test_another_version_of_an_annotation_is_told_and_not_read(scan):
    before = read(scan)[0]
    write_groups(scan, [("table", [4])], suffix=".v1")
    np.testing.assert_array_equal(read(scan)[0].instance, before.instance)
    [told] = [one for one in reader.left_out(scan.parent.parent) if not one.line]
    assert told.path.name == f"{NAME}.v1.aggregation.json"
    assert told.text == f"is another version of the annotation; {GROUPS} is read"


def test_a_scan_in_two_folders_is_read_from_scans(scan):
    root = scan.parent.parent
    write_scan(root / "old" / NAME, ids=[2] * 8)
    cloud, _ = read(scan)
    assert cloud.semantic[0] == 0
    [told] = [one for one in reader.left_out(root) if not one.line]
    assert told.path == root / "old" / NAME
    assert told.text == f"repeats the scan in {scan}; left out"


def test_labels_of_another_version_than_the_objects_are_told(tmp_path):
    write_label_map(tmp_path)
    folder = write_scan(tmp_path / "scans" / NAME, ids=[1, 1, 7, 7, 5, 5, 22, 0])
    cloud, [told] = read(folder)
    assert cloud.semantic[2] == 6  # table, of labels.ply
    assert told.path.name == LABELS
    assert f"label: differs from {GROUPS} at 2 of 8 vertices" in told.text


def test_a_segment_of_two_objects_belongs_to_the_last_and_is_told(scan):
    write_groups(scan, [("chair", [4, 7]), ("chair", [7, 8])])
    cloud, [told] = read(scan)
    assert cloud.instance[2:6].tolist() == [0, 0, 1, 1]
    assert told.text == "1 segments belong to several objects; each is read as of the last"


def test_an_annotation_that_refers_to_other_segments_is_told(scan):
    path = scan / GROUPS
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "segmentsFile": f"scannet.{NAME}_vh_clean.segs.json"}))
    _, [told] = read(scan)
    assert told.text.startswith(f"segmentsFile: refers to scannet.{NAME}_vh_clean.segs.json")


# --- missing files ---


@pytest.mark.parametrize("name", [MESH, SEGMENTS, GROUPS])
def test_a_scan_without_a_file_is_left_out_by_name_and_the_rest_is_read(name, tmp_path):
    root = write_tree(tmp_path)
    folder = write_scan(root / "scans" / NAME)
    (folder / name).unlink()
    assert len(scannet.scans(root)) == 4
    [told] = [one for one in reader.left_out(root) if not one.line]
    assert (told.path, told.text) == (folder, f"lacks {name}; left out")


# --- damaged files ---


def spoil(folder, what):
    """Damages one file of a scan; returns the file and what is to be told of it."""
    mesh, labels = folder / MESH, folder / LABELS
    segments, groups = folder / SEGMENTS, folder / GROUPS
    if what == "mesh cut":
        mesh.write_bytes(mesh.read_bytes()[:-40])
        return mesh, "element vertex: .*early end-of-file"
    if what == "mesh without colours":
        mesh.write_bytes(mesh.read_bytes().replace(b"uchar green", b"uchar grey"))
        return mesh, "green: is missing; vertices have x, y, z, red, grey, blue, alpha"
    if what == "labels of another mesh":
        labels.write_bytes(scannet_trees.ply(*scannet_trees.vertices(5), np.arange(5)))
        return labels, "label: has 5 values for 8 vertices"
    if what == "segments of another mesh":
        write_segments(folder, [1, 2, 3])
        return segments, "segIndices: has 3 values for 8 vertices of the mesh"
    if what == "segments cut":
        segments.write_text(segments.read_text()[:-9])
        return segments, "is no whole JSON file"
    if what == "segments that are no numbers":
        write_segments(folder, ["a"] * 8)
        return segments, "segIndices: must hold whole numbers"
    if what == "no segments":
        segments.write_text("{}")
        return segments, "segIndices: is missing"
    if what == "a list":
        groups.write_text("[]")
        return groups, "must hold a dict, not list"
    if what == "a segment out of range":
        write_groups(folder, [("wall", [10]), ("chair", [4, 1000])])
        return groups, r"segGroups\[1\]\.segments: segment 1000 is none of the mesh, which has 6 "
    if what == "a group without a label":
        groups.write_text(json.dumps({"segGroups": [{"segments": [4]}]}))
        return groups, r"segGroups\[0\]\.label: is missing"
    (folder / f"{NAME}.txt").write_text("axisAlignment = 1 0 0\n")
    return folder / f"{NAME}.txt", "axisAlignment: must be 16 numbers"


FAULTS = (
    "mesh cut", "mesh without colours", "labels of another mesh", "segments of another mesh",
    "segments cut", "segments that are no numbers", "no segments", "a list",
    "a segment out of range", "a group without a label", "no matrix",
)  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_damaged_file_is_told_by_file_and_field(what, scan):
    file, told = spoil(scan, what)
    with pytest.raises(reading.UnreadableError, match=rf"{file.name}: {told}") as caught:
        read(scan)
    assert caught.value.problem.path == file


def test_the_other_scans_are_prepared_and_one_sentence_tells_what_was_not(tmp_path, caplog):
    root, blocks = write_tree(tmp_path / "raw"), tmp_path / "blocks"
    spoil(write_scan(root / "scans" / NAME), "mesh cut")
    dataset, experiment = tiny(root)
    with caplog.at_level(logging.ERROR), pytest.raises(reading.UnreadableScansError) as caught:
        preparation.prepare(dataset, root, blocks, experiment, progress=False)
    told = str(caught.value)
    assert told.startswith(f"1 of 5 scans could not be read: {root / 'scans' / NAME / MESH}: ")
    assert told.count("\n") == 0
    assert "The others are read and kept" in told
    cached = sorted(path.stem for path in (blocks / "clouds").glob("*.npz"))
    assert cached == ["scene0011_00", "scene0191_00", "scene0191_01", "scene0707_00"]
    assert (blocks / "scene0011_00.h5").is_file()
    report = (blocks / "clouds" / reading.REPORT).read_text()
    assert f"{MESH}: element vertex" in report
    # Mended, or moved away: the same command goes on, and reads nothing twice.
    before = (blocks / "clouds" / "scene0011_00.npz").stat().st_mtime_ns
    write_scan(root / "scans" / NAME)
    assert len(preparation.prepare(dataset, root, blocks, experiment, progress=False).clouds) == 5
    assert (blocks / "clouds" / "scene0011_00.npz").stat().st_mtime_ns == before


def test_nothing_that_can_be_read_leaves_nothing_prepared(tmp_path):
    root = tmp_path / "raw"
    write_label_map(write_scan(root / "scans" / "scene0011_00").parent.parent)
    spoil(write_scan(root / "scans" / NAME), "mesh cut")
    folder = root / "scans" / "scene0011_00"
    (folder / "scene0011_00.aggregation.json").write_text("{")
    dataset, experiment = tiny(root)
    with pytest.raises(reading.UnreadableScansError, match=r"2 of 2 scans .*No other is there"):
        preparation.prepare(dataset, root, tmp_path / "blocks", experiment, progress=False)
    assert not list((tmp_path / "blocks").glob("*.h5"))


def test_many_unreadable_scans_are_counted(tmp_path):
    problems = [reading.Problem(tmp_path / f"{n}.ply", 0, "x: is lost") for n in range(5)]
    told = str(reading.UnreadableScansError(problems, 7))
    assert told.count("x: is lost") == 3
    assert "; and 2 more. The others are read and kept" in told


def tiny(root):
    """A data set and an experiment whose blocks hold the few vertices of tiny scans."""
    import dataclasses

    from ban_tf import Blocks

    samples = Blocks(size_m=4.0, stride_m=4.0, num_points=8, min_points=1)
    dataset = dataclasses.replace(scannet.describe(root, None), samples=samples)
    return dataset, dataset.experiment()
