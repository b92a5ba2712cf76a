"""Own scans: nothing of a user is written over, and tables have every scan, also after a stop."""

import csv
import json

import numpy as np
import pytest

import ban_tf
import stand_in_scans
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.config.served import Server
from ban_tf.experiments import memory, remote, training_ranges
from ban_tf.experiments.commands import segment_scan
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.scan_model import ScanModel
from ban_tf.metrics import documents


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.setattr(training_ranges, "of_model", lambda _: None)


@pytest.fixture
def scans(tmp_path):
    """Three scans with true labels."""
    return [write(tmp_path / f"room{k}.ply", seed=k) for k in range(3)]


def write(path, seed=0, **fields):
    xyz = stand_in_scans.room(seed=seed)
    truth = ((xyz[:, 2] > 0.2) & (xyz[:, 2] < 3)).astype(np.int32)
    scan.write(RawScan(path, xyz), path, fields or {"class": truth, "object": truth + 4})
    return path


def run(paths, model=None, **options):
    request = Scans(scans=tuple(map(str, paths)), model="stand-in", **options)
    return segment_scan.segment(request, load=lambda _: model or stand_in_scans.model())


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["csv", "json"])
def test_a_table_that_is_there_is_kept(scans, tmp_path, name):
    table = tmp_path / "notes.txt"
    table.write_text("mine")
    stand_in = stand_in_scans.model()
    for dry_run in (True, False):
        with pytest.raises(FileExistsError, match=r"notes\.txt is there already"):
            run(scans[:1], stand_in, dry_run=dry_run, **{name: table})
    assert (table.read_text(), stand_in.predictor.num_samples) == ("mine", 0)
    run(scans[:1], overwrite=True, **{name: table})
    assert table.read_text() != "mine"


@pytest.mark.parametrize(
    ("first", "second"), [("csv", "out"), ("json", "html"), ("html", "out"), ("csv", "json")]
)
def test_two_outputs_in_one_file_are_refused(scans, tmp_path, first, second):
    place, stand_in = tmp_path / "new.ply", stand_in_scans.model()
    with pytest.raises(ValueError, match="must be different files"):
        run(scans[:1], stand_in, **{first: place, second: place})
    assert stand_in.predictor.num_samples == 0


@pytest.mark.parametrize("name", ["csv", "json", "html", "out"])
def test_a_scan_is_never_written_over(scans, name):
    before = scans[0].read_bytes()
    with pytest.raises(ValueError, match=f"`{name}` must be another file than the scan"):
        run(scans[:1], overwrite=True, **{name: scans[0]})
    assert scans[0].read_bytes() == before


@pytest.mark.parametrize("in_tiles", [False, True])
def test_tables_after_a_stop_are_those_of_one_call(scans, tmp_path, monkeypatch, in_tiles):
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: not in_tiles)
    monkeypatch.setattr(memory.Budget, "points_of_tile", lambda self, classes: 1000)
    wanted = tables(scans, tmp_path / "whole")
    out, stand_in = tmp_path / "stopped", stand_in_scans.model(stops_after=60)
    with pytest.raises(KeyboardInterrupt):
        tables(scans, out, stand_in)
    made = [path.name for path in out.iterdir() if not path.name.startswith(".")]
    assert 0 < len(made) < 3
    assert tables(scans, out) == wanted
    assert hidden(out) == []


def tables(scans, out, model=None):
    out.mkdir(exist_ok=True)
    files = {"csv": out / "a.csv", "json": out / "a.json"}
    run(scans, model, out=out, evaluate=True, **files)
    document = json.loads(files["json"].read_text())
    places = [one.pop("out") for one in document["scans"]]
    assert len(places) == len(set(places)) == 3
    rows = list(csv.reader(files["csv"].read_text().splitlines()))
    assert {row[0] for row in rows[1:]} == set(map(str, scans))
    return rows, document


@pytest.mark.parametrize("options", [{"csv": "a.csv"}, {"json": "a.json"}, {"evaluate": True}])
def test_tables_that_would_lack_a_scan_are_refused(scans, tmp_path, options, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(scans[:1], out=tmp_path / "room0_labelled.ply")
    stand_in = stand_in_scans.model()
    with pytest.raises(ValueError, match=r"the tables would lack .*room0\.ply: its copy"):
        run(scans, stand_in, **options)
    assert stand_in.predictor.num_samples == 0


@pytest.mark.parametrize("change", ["unit", "model", "scan"])
def test_records_of_another_call_are_not_taken(scans, tmp_path, change):
    out = tmp_path / "out"
    out.mkdir()
    options = {"out": out, "csv": out / "a.csv"}
    with pytest.raises(KeyboardInterrupt):
        run(scans, stand_in_scans.model(stops_after=60), **options)
    stand_in = stand_in_scans.model()
    if change == "unit":
        options["unit"] = "m"
    elif change == "model":
        stand_in.predictor.fingerprint = "heights, version 2"
    else:
        scans[0].unlink()
        write(scans[0], seed=9)
    with pytest.raises(ValueError, match=r"the tables would lack .*room0\.ply: its copy"):
        run(scans, stand_in, **options)


def test_a_copy_is_never_written_over_another_scan(scans, tmp_path):
    other = write(tmp_path / "room0_labelled.ply", seed=5)
    before = other.read_bytes()
    with pytest.raises(ValueError, match=r"`out` must be another file than the scan .*labelled"):
        run([scans[0], other], overwrite=True)
    assert other.read_bytes() == before


def test_a_stop_between_copy_and_page_is_told(scans, tmp_path, monkeypatch, capsys):
    pages_ = tmp_path / "pages"
    run(scans, html=pages_)
    (pages_ / "room1.html").unlink()
    (tmp_path / "room2_labelled.ply").unlink()
    (pages_ / "room2.html").unlink()
    run(scans, html=pages_)
    assert "room1.ply was done before, without its page" in capsys.readouterr().out
    assert (pages_ / "room2.html").exists()


def test_calls_without_tables_leave_no_records(scans, tmp_path):
    run(scans, out=tmp_path)
    assert hidden(tmp_path) == []


def test_a_bad_scan_is_refused_before_the_first_is_labelled(scans, tmp_path):
    bare = tmp_path / "zbare.ply"
    scan.write(RawScan(bare, stand_in_scans.room()), bare, {})
    broken = tmp_path / "zbroken.ply"
    broken.write_bytes(scans[0].read_bytes()[:-40])
    for bad, words in ((bare, "no field with classes"), (broken, "zbroken")):
        stand_in = stand_in_scans.model()
        with pytest.raises(ValueError, match=words):
            run([*scans, bad], stand_in, evaluate=True)
        assert stand_in.predictor.num_samples == 0


@pytest.mark.parametrize("in_tiles", [False, True])
def test_without_true_instances_only_classes_are_scored(tmp_path, monkeypatch, capsys, in_tiles):
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: not in_tiles)
    xyz = stand_in_scans.room()
    path = write(tmp_path / "room.ply", label=(xyz[:, 2] > 0.2).astype(np.int32))
    file = tmp_path / "a.json"
    run([path], evaluate=True, json=file)
    assert "brings no instances" in capsys.readouterr().out
    scores = documents.from_dict(json.loads(file.read_text())["scores"])
    means = scores.means()
    assert means["mIoU"] == 1.0
    assert np.isnan([means[name] for name in ("mCov", "mWCov", "mPrec", "mRec")]).all()
    assert np.isnan(list(scores.quality().values())).all()


def test_a_dry_run_tells_all_that_would_be_written(scans, tmp_path, capsys):
    places = {"csv": tmp_path / "a.csv", "json": tmp_path / "a.json", "html": tmp_path / "a.html"}
    run(scans[:1], dry_run=True, out=tmp_path / "a.ply", **places)
    told = capsys.readouterr().out
    for name in ("a.csv", "a.json", "a.html", "a.ply"):
        assert str(tmp_path / name) in told
    assert len(list(tmp_path.iterdir())) == 3


def test_a_name_with_a_line_break_is_refused(tmp_path):
    path = write(tmp_path / "two\nlines.ply")
    with pytest.raises(ValueError, match="must be printable; rename the file"):
        run([path], dry_run=True)


@pytest.mark.parametrize("wrong", [None, 3, ["a.ply"]])
def test_what_is_no_path_is_named(wrong):
    with pytest.raises(TypeError, match=r"`path` must be a path. Received: path="):
        ban_tf.read_scan(wrong)
    with pytest.raises(TypeError, match="`path` must be a path"):
        ban_tf.segment_scan(wrong, stand_in_scans.model())
    with pytest.raises(TypeError, match="`model` must be a path"):
        ban_tf.segment_scan("a.ply", wrong)


@pytest.mark.parametrize("num_bytes", [0, -1, 1 << 30])
def test_less_memory_than_the_program_takes_is_refused(scans, num_bytes):
    with pytest.raises(ValueError, match=r"`max_memory` must be at least 1\.5 GiB"):
        run(scans[:1], max_memory=num_bytes)


def test_a_server_does_not_tell_where_attentions_look(scans, tmp_path, monkeypatch):
    stand_in = stand_in_scans.model()
    monkeypatch.setattr(remote, "connect", lambda server, model: stand_in)
    request = Scans(
        scans=(str(scans[0]),), server=Server(address="localhost:8500"), similarity=True,
        html=tmp_path / "a.html",
    )  # fmt: skip
    with pytest.raises(ValueError, match="`similarity` needs the network here"):
        ScanModel(request, lambda _: stand_in).loaded()
    with pytest.raises(ValueError, match="`similarity` needs the network here"):
        segment_scan.segment(request)
