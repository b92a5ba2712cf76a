"""A user's scan the whole way: read, understood, labelled by a stand-in network, written."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import scannet_trees
import tiny_runs
from ban_tf import config
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import LABELS, RawScan
from ban_tf.experiments import running, scan_files, training_ranges
from ban_tf.experiments.commands import segment_scan
from ban_tf.experiments.requests import Scans
from ban_tf.programs import scan_folders
from ban_tf.programs import segment_scan as program
from stand_in_scans import EXPERIMENT, TABLE, model, room


@pytest.fixture
def file(tmp_path):
    """A scan with a point that has no place and with true labels."""
    xyz = np.insert(room(), 7, np.nan, axis=0)
    truth = (xyz[:, 2] > 0.2).astype(np.int32)
    path = tmp_path / "office.ply"
    scan.write(RawScan(path, xyz), path, {"class": truth, "object": truth + 4})
    return path


def run(scans, stand_in=None, **options):
    stand_in = stand_in or model()
    request = Scans(scans=tuple(map(str, scans)), model="stand-in", **options)
    return segment_scan.segment(request, load=lambda _: stand_in)


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.setattr(training_ranges, "of_model", lambda _: None)


def test_every_point_gets_labels_and_those_without_a_place_none(file, tmp_path, capsys):
    [done] = run([file])
    out = tmp_path / "office_labelled.ply"
    before, after = scan.read(file), scan.read(out)
    assert list(after.fields) == ["class", "object", *LABELS]
    np.testing.assert_array_equal(after.xyz, before.xyz)
    semantic, instance = after.fields["semantic"], after.fields["instance"]
    is_there = np.isfinite(before.xyz).all(axis=1)
    np.testing.assert_array_equal(semantic[is_there], before.fields["class"][is_there])
    assert (semantic[~is_there], instance[~is_there]) == (-1, -1)
    assert after.fields["confidence"][~is_there] == after.fields["entropy"][~is_there] == 0
    assert after.fields["confidence"][is_there].min() > 0.99
    certain = np.exp((6, 0)) / np.exp((6, 0)).sum()
    np.testing.assert_allclose(
        after.fields["entropy"][is_there], -(certain * np.log(certain)).sum(), rtol=1e-3
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["office.ply", out.name]
    printed = capsys.readouterr().out
    assert "1 of 3,001 points are NaN" in printed
    assert "z is up" in printed
    assert "--unit says otherwise" in printed
    assert done.labels["semantic"].dtype == np.int32


def test_the_table_tells_class_points_size_place_and_confidence(file, tmp_path, capsys):
    run([file], csv=tmp_path / "rows.csv", json=tmp_path / "all.json")
    with (tmp_path / "rows.csv").open() as lines:
        [thing] = [row for row in csv.DictReader(lines) if row["class"] == "thing"]
    assert int(thing["points"]) == 750
    size = [float(thing[name]) for name in ("length_m", "width_m", "height_m")]
    np.testing.assert_allclose(size, (1.0, 0.5, 0.5), atol=0.03)
    center = [float(thing[f"center_{axis}"]) for axis in "xyz"]
    np.testing.assert_allclose(center, (*TABLE, 0.55), atol=0.03)
    document = json.loads((tmp_path / "all.json").read_text())
    assert document["scans"][0]["points"] == 3001
    [found] = [one for one in document["scans"][0]["instances"] if one["class"] == "thing"]
    assert found["num_points"] == 750
    assert document["scores"] is None


def test_a_turned_scan_in_millimetres_is_understood_and_told_in_its_own_axes(tmp_path, capsys):
    xyz = room()[:, [0, 2, 1]] * (1000, 1000, -1000)  # y up
    path = tmp_path / "office.xyz"
    np.savetxt(path, xyz, fmt="%.2f")
    [done] = run([path], up="y")  # without a ceiling it might be a wall
    printed = capsys.readouterr().out
    assert "coordinates are taken to be in mm" in printed
    assert "y is up, as given" in printed
    [thing] = [row for row in done.rows if row.class_name == "thing"]
    np.testing.assert_allclose(thing.center, (3000, 550, -2000), atol=30)
    np.testing.assert_allclose(thing.size_m, (1.0, 0.5, 0.5), atol=0.03)
    np.testing.assert_allclose(np.abs(thing.axes[2]), (0, 1, 0), atol=1e-9)
    lines = (tmp_path / "office_labelled.xyz").read_text().splitlines()
    assert len(lines) == len(xyz)
    assert lines[0].startswith(path.read_text().splitlines()[0])


def test_labels_of_the_scan_are_scored(file, capsys, tmp_path):
    run([file], evaluate=True, json=tmp_path / "scores.json")
    assert "mIoU" in capsys.readouterr().out
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert scores is not None
    again = {"evaluate": True, "overwrite": True}
    with pytest.raises(ValueError, match=r"has no field wood \(`truth`\)"):
        run([file], truth=("wood",), **again)


def test_a_dry_run_tells_and_writes_nothing(file, tmp_path, capsys):
    stand_in = model()
    run([file], stand_in, dry_run=True)
    assert stand_in.predictor.num_samples == 0
    assert "would run" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["office.ply"]


def test_what_is_stopped_goes_on_to_the_same_labels(file, tmp_path):
    [whole] = run([file], out=tmp_path / "whole.ply")
    with pytest.raises(KeyboardInterrupt):
        run([file], model(stops_after=8))
    assert (tmp_path / ".office_labelled.ply.state").is_file()
    assert not (tmp_path / "office_labelled.ply").exists()
    stand_in = model()
    [rest] = run([file], stand_in)
    for name, values in whole.labels.items():
        np.testing.assert_array_equal(rest.labels[name], values)
    again = model()
    run([file], again, overwrite=True)
    assert 0 < stand_in.predictor.num_samples < again.predictor.num_samples
    assert not (tmp_path / ".office_labelled.ply.state").exists()


def test_nothing_is_overwritten_unless_it_may_be(file, tmp_path):
    run([file])
    before = (tmp_path / "office_labelled.ply").read_bytes()
    with pytest.raises(FileExistsError, match="without `overwrite`"):
        run([file])
    with pytest.raises(ValueError, match="has the fields semantic"):
        run([tmp_path / "office_labelled.ply"], out=tmp_path / "new.ply")
    assert (tmp_path / "office_labelled.ply").read_bytes() == before
    assert not (tmp_path / "new.ply").exists()


def test_of_several_scans_finished_ones_are_passed_over(file, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / f"{name}.ply").write_bytes(file.read_bytes())
    pattern, out = tmp_path / "?.ply", tmp_path / "out"
    assert [one.path.name for one in run([pattern], out=out)] == ["a.ply", "b.ply"]
    (out / "b_labelled.ply").unlink()
    assert [one.path.name for one in run([pattern], out=out)] == ["b.ply"]
    assert "passing over" in capsys.readouterr().out


def test_a_damaged_scan_is_refused_before_the_model_is_loaded(tmp_path):
    path = tmp_path / "office.ply"
    path.write_bytes(b"ply\n")

    def load(_):
        raise AssertionError("the model was loaded")

    with pytest.raises(ValueError, match=r"office\.ply: header: is cut off"):
        segment_scan.segment(Scans(scans=(str(path),), model="none"), load=load)


def test_two_scans_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "office.ply").write_bytes(b"")
    with pytest.raises(ValueError, match="would both be written to"):
        run([tmp_path / "a" / "office.ply", tmp_path / "b" / "office.ply"], out=tmp_path / "out")


# --- labels that scans bring ---


def test_labels_of_another_data_set_are_taken_by_their_names():
    semantic, instance = np.array([0, 1, 2, -1]), np.array([5, 5, 6, 7])
    fields = {"truth_semantic": semantic, "truth_instance": instance}
    found = RawScan(file, np.zeros((4, 3)), fields=fields)
    own = config.Labels(class_names=("thing", "lamp", "floor"))
    truth = scan_files.truth_of(found, EXPERIMENT.labels, own, None)
    assert truth.semantic.tolist() == [1, -1, 0, -1]
    assert truth.instance.tolist() == [0, -1, 1, -1]


def test_numbers_that_are_no_classes_of_the_model_are_refused(tmp_path):
    found = RawScan(tmp_path, np.zeros((2, 3)), fields={"label": np.array([0, 40])})
    with pytest.raises(ValueError, match="label must hold numbers of the model's classes, 0 to 1"):
        scan_files.truth_of(found, EXPERIMENT.labels, None, None)
    found = RawScan(tmp_path, np.zeros((2, 3)), fields={"label": np.array([0, 0.5])})
    with pytest.raises(ValueError, match="label must hold whole numbers"):
        scan_files.truth_of(found, EXPERIMENT.labels, None, None)


# --- folders of data sets, and the flags ---


def test_a_room_of_s3dis_and_a_scan_of_scannet_are_scans(tmp_path):
    kinds = scan_folders.kinds()
    room = tiny_runs.write_raw(tmp_path / "raw", tiny_runs.rooms(areas=(2,))) / "Area_2/office_1"
    found, labels = scan_files.read(room, None, kinds)
    assert (len(found), labels.class_names[:2]) == (1500, ("ceiling", "floor"))
    assert set(found.fields["truth_semantic"].tolist()) == {1, 2, 8}
    scannet_trees.write_scan(tmp_path / "scene0011_00")
    found, labels = scan_files.read(tmp_path / "scene0011_00", None, kinds)
    assert (len(found), labels.num_classes) == (8, 20)
    assert scan_files.outputs([room], None)[room] == room.parent / "office_1_labelled.ply"
    with pytest.raises(ValueError, match="the folder of one scan of S3DIS or ScanNet"):
        scan_files.read(tmp_path, None, kinds)


def test_the_flags_become_a_request(capsys):
    found = program.parse_args(
        ["a.las", "b.ply", "-o", "out", "--unit", "mm", "--up=-y", "--columns", "x", "y", "z"]
    )
    assert found == Scans(
        scans=("a.las", "b.ply"), out=Path("out"), unit="mm", up="-y", columns=("x", "y", "z")
    )
    with pytest.raises(SystemExit):
        program.parse_args(["a.las", "--truth", "label"])
    assert "goes with --evaluate" in capsys.readouterr().err


def test_a_damaged_scan_is_one_line_and_exit_code_1(tmp_path, capsys, monkeypatch):
    path = tmp_path / "office.ply"
    path.write_bytes(b"ply\n")
    flags = ["--model", str(tmp_path), "--out", str(tmp_path / "out.ply")]
    monkeypatch.setattr("sys.argv", ["segment", str(path), *flags])
    with pytest.raises(SystemExit) as stop:
        running.run(program.main)
    assert stop.value.code == 1
    printed = capsys.readouterr().err
    assert f"error: {path}: header: is cut off\n" in printed
    assert [one.name for one in tmp_path.iterdir()] == ["office.ply"]
