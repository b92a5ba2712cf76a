"""A building of several storeys is labelled as its storeys are one by one."""

import dataclasses

import numpy as np
import pytest

import stand_in_scans
from ban_tf import config
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.experiments import memory, scan_work, training_ranges
from ban_tf.experiments.commands import segment_scan
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.trained import TrainedModel
from ban_tf.programs import segment_scan as program

STOREY_M = 3.0
UP = np.array([0, 0, STOREY_M])


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.setattr(training_ranges, "of_model", lambda _: None)


@pytest.fixture
def building(tmp_path):
    """Two rooms above each other, each with a table, and no ceiling that would tell."""
    xyz = stand_in_scans.room(seed=0)
    return write(tmp_path / "building.ply", np.concatenate([xyz, xyz + UP]))


def write(path, xyz):
    scan.write(RawScan(path, xyz), path, {})
    return path


def run(path, out, model=None, **options):
    model = model or stand_in_scans.model()
    request = Scans(scans=(str(path),), out=path.with_name(out), model="stand-in", **options)
    [done] = segment_scan.segment(request, load=lambda _: model)
    return done, scan.read(request.out).fields


def test_each_storey_has_the_labels_that_it_has_alone(building, capsys):
    done, fields = run(building, "out.ply", storeys=(2.0,))
    assert "2 storeys, cut apart 2.0 m above the lowest point: as given" in capsys.readouterr().out
    assert "2 storeys" in done.assumptions[-1]
    alone = write(building.with_name("alone.ply"), stand_in_scans.room(seed=0))
    _, wanted = run(alone, "alone_out.ply")
    for half in np.split(fields["semantic"], 2):
        np.testing.assert_array_equal(half, wanted["semantic"])
    lower, upper = (set(half[half >= 0]) for half in np.split(fields["instance"], 2))
    assert lower
    assert upper
    assert not lower & upper
    heights = sorted({round(row.center[2], 1) for row in done.rows})
    assert heights[-1] > STOREY_M  # boxes are where they stand in the file


class Places(stand_in_scans.Heights):
    """A network that reads where in the room a point is."""

    fingerprint = "places, version 1"

    def predict(self, features):
        found = super().predict(features)
        is_far = (features[..., 3:6] > (0.5, 0.3, 0.1)).all(axis=-1)
        found["logits"] = np.where(is_far[..., None], (-3.0, 3.0), (3.0, -3.0)).astype(np.float32)
        return found


@pytest.mark.parametrize("in_tiles", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_places_in_the_room_are_those_of_a_storey_alone(building, monkeypatch, in_tiles, wide):
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: not in_tiles)
    monkeypatch.setattr(memory.Budget, "points_of_tile", lambda self, classes: 1000)
    turn = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]) if wide else np.eye(3)
    room = stand_in_scans.room(seed=0) @ turn
    model = TrainedModel(Places(), stand_in_scans.EXPERIMENT, mean_sizes=None)
    both = write(building.with_name("both.ply"), np.concatenate([room, room + UP]))
    _, found = run(both, "out.ply", model, storeys=(2.0,))
    _, wanted = run(write(building.with_name("alone.ply"), room), "alone_out.ply", model)
    assert 0 < wanted["semantic"].mean() < 1
    for half in np.split(found["semantic"], 2):
        np.testing.assert_array_equal(half, wanted["semantic"])


def test_shapes_have_no_storeys(building):
    stand_in = stand_in_scans.model()
    experiment = dataclasses.replace(
        stand_in.experiment,
        samples=config.Shapes(num_points=64),
        features=config.Features(names=("xyz",)),
        network=config.NetworkConfig(),
    )
    model = dataclasses.replace(stand_in, experiment=experiment)
    with pytest.raises(ValueError, match="whole shapes have none"):
        run(building, "out.ply", model, storeys=(2.0,))


def test_as_one_cloud_upper_storeys_get_other_labels(building):
    _, fields = run(building, "out.ply", storeys=())
    upper = np.split(fields["semantic"], 2)[1]
    assert (upper == 1).all()  # the stand-in takes heights for things


def test_tiles_give_the_same_labels(building, monkeypatch):
    _, whole = run(building, "out.ply", storeys=(2.0,))
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: False)
    monkeypatch.setattr(memory.Budget, "points_of_tile", lambda self, classes: 1000)
    done, tiled = run(building, "tiles.ply", storeys=(2.0,))
    for name, values in whole.items():
        np.testing.assert_array_equal(tiled[name], values)
    assert "2 storeys" in done.assumptions[-1]


def test_a_run_in_tiles_with_other_storeys_is_another(building, monkeypatch):
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: False)
    with monkeypatch.context() as patch:
        patch.setattr(scan_work.segmenting.TiledScan, "segment", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(building, "out.ply", storeys=(2.0,))
    with pytest.raises(ValueError, match="another scan or assumptions"):
        run(building, "out.ply", storeys=())


def stopped(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("in_tiles", [False, True])
def test_storeys_are_found_by_their_ceilings(tmp_path, monkeypatch, capsys, in_tiles):
    monkeypatch.setattr(memory.Budget, "fits", lambda self, count: not in_tiles)
    rng = np.random.default_rng(0)
    room = stand_in_scans.room(seed=0)
    ceiling = rng.uniform((0, 0, 2.6), (6, 4, 2.61), (2000, 3))
    storey = np.concatenate([room, ceiling])
    path = write(tmp_path / "b.ply", np.concatenate([storey, storey + UP]))
    run(path, "out.ply")
    told = capsys.readouterr().out
    assert "2 storeys, cut apart 2.8 m above the lowest point" in told
    assert "(--storeys says otherwise)" in told


def test_heights_are_read_as_people_write_them(capsys):
    def storeys(text):
        return program.parse_args(["a.las", "--storeys", text]).storeys

    assert storeys("3.2,6.4") == (3.2, 6.4)
    assert storeys("none") == ()
    assert program.parse_args(["a.las"]).storeys is None
    for wrong in ("3,2", "", "0,1", "-1", "nan", "inf", "two", "3;4"):
        with pytest.raises(SystemExit):
            storeys(wrong)
        assert "metres above the lowest point, ascending" in capsys.readouterr().err
