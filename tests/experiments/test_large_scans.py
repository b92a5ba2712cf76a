"""Scans that do not fit: the scan script in tiles gives what it gives of a whole scan."""

import json

import numpy as np
import pytest

import stand_in_scans
from ban_tf import config
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import LABELS, RawScan
from ban_tf.experiments import memory, scan_checks, training_ranges
from ban_tf.experiments.commands import segment_scan
from ban_tf.experiments.requests import Scans
from ban_tf.programs import segment_scan as program

POINTS = 1000  # of a tile


def run(path, out, stand_in=None, **options):
    stand_in = stand_in or stand_in_scans.model()
    request = Scans(scans=(str(path),), out=out, model="stand-in", **options)
    return segment_scan.segment(request, load=lambda _: stand_in)


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.setattr(training_ranges, "of_model", lambda _: None)


@pytest.fixture
def in_tiles(monkeypatch):
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: False)
    monkeypatch.setattr(memory.Budget, "points_of_tile", lambda self, classes: POINTS)


def office(floors=1):
    """Rooms with a table on top of each other, a point without a place, colours, labels."""
    lifts = [np.array([0, 0, 3 * floor]) for floor in range(floors)]
    xyz = np.concatenate([stand_in_scans.room(seed=k) + lift for k, lift in enumerate(lifts)])
    order = np.random.default_rng(5).permutation(len(xyz))
    xyz = xyz[order]
    truth = ((xyz[:, 2] > 0.2) & (xyz[:, 2] < 3)).astype(np.int32)
    colors = np.random.default_rng(1).integers(0, 256, xyz.shape).astype(np.uint8)
    return xyz, colors, truth


def write(path, floors=1, with_hole=True):
    xyz, colors, truth = office(floors)
    if with_hole:
        xyz[7] = np.nan
    scan.write(RawScan(path, xyz, colors), path, {"class": truth, "object": truth + 4})
    return path


def both(path, tmp_path, monkeypatch, **options):
    """The labelled copies as a whole and in tiles, and what the calls gave."""
    whole, tiles = tmp_path / f"whole{path.suffix}", tmp_path / f"tiles{path.suffix}"
    [one] = run(path, whole, **options)
    with monkeypatch.context() as patch:
        patch.setattr(memory.Budget, "fits", lambda self, count: False)
        patch.setattr(memory.Budget, "points_of_tile", lambda self, classes: POINTS)
        [other] = run(path, tiles, **options)
    return whole, tiles, one, other


@pytest.mark.parametrize("suffix", [".ply", ".npy", ".laz", ".csv"])
@pytest.mark.parametrize("floors", [1, 2])
def test_the_copy_and_the_table_are_those_of_the_whole_scan(suffix, floors, tmp_path, monkeypatch):
    if suffix == ".laz":
        pytest.importorskip("lazrs", reason="lazrs is not installed (extra scans)")
    path = write(tmp_path / f"office{suffix}", floors, with_hole=suffix not in (".laz", ".csv"))
    whole, tiles, one, other = both(path, tmp_path, monkeypatch)
    if suffix == ".laz":  # packed by other chunks
        before, after = scan.read(whole), scan.read(tiles)
        assert after.fields.keys() == before.fields.keys()
        for name, values in before.fields.items():
            np.testing.assert_array_equal(after.fields[name], values)
    else:
        assert tiles.read_bytes() == whole.read_bytes()
    assert len(one.rows) == len(other.rows) > 0
    for row, same in zip(one.rows, other.rows, strict=True):
        assert (same.instance, same.class_name, same.num_points) == (
            row.instance, row.class_name, row.num_points)  # fmt: skip
        assert same.confidence == row.confidence
        np.testing.assert_allclose(same.center, row.center, atol=1e-9)
        np.testing.assert_allclose(same.size_m, row.size_m, atol=1e-9)
    assert other.assumptions[1:] == one.assumptions[1:]
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(
        [path.name, whole.name, tiles.name]
    )


def test_scores_are_those_of_the_whole_scan(tmp_path, monkeypatch):
    path = write(tmp_path / "office.ply")
    scores = []
    for fits in (True, False):
        monkeypatch.setattr(memory.Budget, "fits", lambda self, count, fits=fits: fits)
        monkeypatch.setattr(memory.Budget, "points_of_tile", lambda self, classes: POINTS)
        file = tmp_path / f"{fits}.json"
        run(path, tmp_path / f"{fits}.ply", evaluate=True, json=file)
        scores.append(json.loads(file.read_text())["scores"])
    assert scores[0] == scores[1]
    assert scores[0] is not None


@pytest.mark.usefixtures("in_tiles")
def test_a_run_that_is_stopped_goes_on_and_one_of_another_scan_is_refused(tmp_path, capsys):
    path, out = write(tmp_path / "office.ply"), tmp_path / "out.ply"
    stopped = stand_in_scans.model(stops_after=16)
    with pytest.raises(KeyboardInterrupt):
        run(path, out, stopped)
    folder = tmp_path / ".out.ply.tiles"
    assert folder.is_dir()
    with pytest.raises(ValueError, match="left by a run with another scan or assumptions"):
        run(path, out, unit="cm")
    rest = stand_in_scans.model()
    run(path, out, rest)
    again = stand_in_scans.model()
    run(path, tmp_path / "again.ply", again)
    assert 0 < rest.predictor.num_samples < again.predictor.num_samples
    assert out.read_bytes() == (tmp_path / "again.ply").read_bytes()
    assert not folder.exists()
    assert "tiles of at most" in capsys.readouterr().out


@pytest.mark.usefixtures("in_tiles")
def test_a_dry_run_tells_tiles_blocks_and_memory_and_leaves_nothing(tmp_path, capsys):
    path = write(tmp_path / "office.ply")
    assert run(path, tmp_path / "out.ply", dry_run=True) == []
    printed = capsys.readouterr().out
    assert "would run" in printed
    assert "tiles of at most" in printed
    assert "GiB of memory" in printed
    assert [one.name for one in tmp_path.iterdir()] == ["office.ply"]


@pytest.mark.usefixtures("in_tiles")
def test_a_scan_of_one_point_is_labelled(tmp_path):
    path, out = tmp_path / "dot.ply", tmp_path / "out.ply"
    scan.write(RawScan(path, np.array([[1.0, 2, 3]])), path, {})
    [done] = run(path, out)
    assert (done.num_points, list(scan.read(out).fields)) == (1, list(LABELS))


@pytest.mark.usefixtures("in_tiles")
def test_a_format_that_is_written_as_a_whole_is_refused_before_the_network_runs(tmp_path):
    path = write(tmp_path / "office.ply")
    stand_in = stand_in_scans.model()
    with pytest.raises(ValueError, match=r"too large to be in memory .*, as a copy in \.csv"):
        run(path, tmp_path / "out.csv", stand_in)
    assert stand_in.predictor.num_samples == 0


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_a_copy_cannot_hold_is_refused_before_the_network_runs(
    is_whole, tmp_path, monkeypatch
):
    pytest.importorskip("laspy", reason="laspy is not installed (extra scans)")
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: is_whole)
    path, stand_in = write(tmp_path / "office.ply"), stand_in_scans.model()
    for name, words in (("out.las", "NaN or infinite"), ("out.e57", "An E57 file is written of")):
        with pytest.raises(ValueError, match=words):
            run(path, tmp_path / name, stand_in)
        assert [one.name for one in tmp_path.iterdir()] == ["office.ply"]
    monkeypatch.setattr(scan_checks.disk.shutil, "disk_usage", lambda _: _Full())
    with pytest.raises(OSError, match=r"(labelled copy of|in tiles).* takes at least about"):
        run(path, tmp_path / "out.ply", stand_in)
    assert stand_in.predictor.num_samples == 0


class _Full:
    free = 100


def test_sizes_are_read_as_people_write_them(capsys):
    assert program.parse_args(["a.las", "--max-memory", "8GiB"]).max_memory == 8 << 30
    with pytest.raises(SystemExit):
        program.parse_args(["a.las", "--max-memory", "much"])
    assert "must be a size, such as 8GiB" in capsys.readouterr().err


def test_more_memory_makes_larger_tiles_and_fewer_scans_in_tiles():
    small, large = memory.Budget(2 << 30), memory.Budget(8 << 30)
    assert small.points_of_tile(13) < large.points_of_tile(13)
    assert small.points_of_tile(20) < small.points_of_tile(2)
    count = large.points_of_tile(13)
    assert memory.of_tile(count, 13) <= 8 << 30
    assert large.fits(1_000_000)
    assert not large.fits(50_000_000)


def test_shapes_are_never_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: False)
    path = write(tmp_path / "office.ply", with_hole=False)
    stand_in = stand_in_scans.model()
    experiment = config.Experiment(
        dataset="desks",
        labels=stand_in.experiment.labels,
        split=stand_in.experiment.split,
        samples=config.Shapes(num_points=64),
        features=config.Features(names=("xyz",)),
    )
    stand_in = type(stand_in)(stand_in.predictor, experiment, None)
    [done] = run(path, tmp_path / "out.ply", stand_in)
    assert done.conditioned is not None
