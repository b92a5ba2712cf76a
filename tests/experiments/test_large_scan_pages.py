"""The page of a scan in tiles is that of the whole scan, or shows some of its points."""

import dataclasses

import numpy as np
import pytest

import page_reader
import stand_in_scans
import tiny_runs
import viewer_scenes
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.experiments import memory, page_similarities, training_ranges
from ban_tf.experiments.commands import segment_scan
from ban_tf.experiments.requests import Scans
from ban_tf.model.similarity import QueriesAndKeys
from ban_tf.training import trainer
from ban_tf.view.viewer import page, scene


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.setattr(training_ranges, "of_model", lambda _: None)


@pytest.fixture
def office(tmp_path):
    xyz = stand_in_scans.room(seed=0)
    colors = np.random.default_rng(1).integers(0, 256, xyz.shape).astype(np.uint8)
    xyz[7] = np.nan
    path = tmp_path / "office.ply"
    scan.write(RawScan(path, xyz, colors), path, {})
    return path


def page_of(path, is_whole, monkeypatch, model=None, **options):
    """The document and columns of the page of a scan, as a whole or in tiles of 1000 points."""
    html = path.with_name(f"{is_whole}.html")
    request = Scans(
        scans=(str(path),), out=path.with_name(f"{is_whole}.ply"), model="stand-in", html=html,
        **options,
    )  # fmt: skip
    model = model or stand_in_scans.model()
    with monkeypatch.context() as patch:
        patch.setattr(memory.Budget, "fits", lambda self, count: is_whole)
        patch.setattr(memory.Budget, "points_of_tile", lambda self, classes: 1000)
        segment_scan.segment(request, load=lambda _: model)
    assert not path.with_name(f".{request.out.name}.tiles").exists()
    return page_reader.read(html.read_text())


def test_all_points_of_a_scan_in_tiles_are_shown_as_of_a_whole_one(office, monkeypatch):
    document, columns = page_of(office, True, monkeypatch)
    other, others = page_of(office, False, monkeypatch)
    assert columns.keys() == others.keys()
    for name, values in columns.items():
        np.testing.assert_array_equal(others[name], values)
    found = other.pop("predicted")
    for one, same in zip(document["predicted"]["instances"], found["instances"], strict=True):
        for name in ("center", "size", "yaw"):
            np.testing.assert_allclose(same.pop(name), one.pop(name), atol=1e-9)
    assert found == document.pop("predicted")
    assert other == document


def test_some_points_are_shown_with_the_numbers_of_all(office, monkeypatch, capsys):
    document, _ = page_of(office, True, monkeypatch)
    total = document["total"]
    monkeypatch.setattr(page, "MAX_POINTS", 100)
    thinned, columns = page_of(office, False, monkeypatch)
    assert thinned["total"] == total
    assert 50 < thinned["shown"] <= 100
    assert f"{thinned['shown']} of {total:,} points" in capsys.readouterr().out
    assert thinned["predicted"]["counts"] == document["predicted"]["counts"]
    sizes = [one["points"] for one in document["predicted"]["instances"]]
    assert [one["points"] for one in thinned["predicted"]["instances"]] == sizes
    assert columns["predicted_instance"].max() <= len(sizes)


def test_an_instance_of_which_no_point_is_shown_is_still_told(office, monkeypatch):
    monkeypatch.setattr(page, "MAX_POINTS", 1)
    document, _ = page_of(office, False, monkeypatch)
    assert document["shown"] == 1
    assert len(document["predicted"]["instances"]) > 1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_page_of_tiles_keeps_similarities(office, monkeypatch):
    model = stand_in_scans.model()
    tiny = tiny_runs.experiment()
    network = dataclasses.replace(tiny.network, num_features=None)
    experiment = dataclasses.replace(tiny, features=model.experiment.features, network=network)
    keys = QueriesAndKeys(trainer.build_network(experiment))
    monkeypatch.setattr(page_similarities, "queries_and_keys", lambda _: keys)
    document, columns = page_of(office, False, monkeypatch, model, similarity=True)
    assert [one["name"] for one in document["attentions"]] == ["stoi", "itos"]
    assert columns["samples"].max() < document["shown"]


def test_a_page_whose_instances_are_not_those_of_its_points_is_refused():
    cloud = viewer_scenes.boxes()
    found = viewer_scenes.predicted(cloud)
    whole = scene.Whole(len(cloud), np.zeros(9, np.int64), [])
    with pytest.raises(ValueError, match="`whole` must have the instances of `found`"):
        page.page(cloud, viewer_scenes.LABELS, found, whole=whole)
