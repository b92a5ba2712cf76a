"""Where pages of clouds go, and what they know of the attentions of a network."""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pytest

import tiny_runs
from ban_tf.config import with_network
from ban_tf.experiments import page_flags, page_similarities, pages
from ban_tf.model.similarity import InnerProducts, QueriesAndKeys
from ban_tf.training import trainer

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
EXPERIMENT = tiny_runs.experiment()


@pytest.fixture(scope="module")
def network():
    return trainer.build_network(EXPERIMENT)


def test_one_scan_has_the_page_and_several_have_a_folder(tmp_path):
    one, two = Path("a/x.ply"), Path("b/y.las")
    assert pages.names([one], None) == {}
    assert pages.names([one], tmp_path / "p.html") == {one: tmp_path / "p.html"}
    assert pages.names([one], tmp_path) == {one: tmp_path / "x.html"}
    found = pages.names([one, two], tmp_path / "new")
    assert pages.places(found, False, [two]) == {two: tmp_path / "new" / "y.html"}


def test_a_page_that_is_there_is_refused_before_work(tmp_path):
    (tmp_path / "x.html").write_text("mine")
    found = pages.names([Path("x.ply")], tmp_path / "x.html")
    with pytest.raises(FileExistsError, match=r"x\.html is there already"):
        pages.places(found, False, [Path("x.ply")])
    assert pages.places(found, True, [Path("x.ply")])


def test_scans_that_would_share_a_page_are_refused(tmp_path):
    scans = [Path("a/x.ply"), Path("b/x.las")]
    with pytest.raises(ValueError, match=r"a/x\.ply and b/x\.las would have one page"):
        pages.names(scans, tmp_path / "pages")


def test_similarities_without_a_page_are_refused(capsys):
    flags = argparse.ArgumentParser()
    page_flags.add(flags, "the page")
    page_flags.check(flags, flags.parse_args(["--html", "a.html", "--similarity"]))
    with pytest.raises(SystemExit):
        page_flags.check(flags, flags.parse_args(["--similarity"]))
    assert "goes with --html" in capsys.readouterr().err


def test_queries_and_keys_make_the_inner_products(network):
    features = np.random.default_rng(0).normal(size=(2, 64, 9)).astype(np.float32)
    products = InnerProducts(network)(features)
    for name, (query, key) in QueriesAndKeys(network)(features).items():
        made = query @ key.transpose(0, 2, 1)
        np.testing.assert_allclose(made, products[name], rtol=1e-4, atol=1e-4)  # float32 sums


def test_samples_of_a_page_lie_beside_each_other(network):
    cloud = tiny_runs.room("office")
    samples, found = page_similarities.of_cloud(cloud, cloud, EXPERIMENT, QueriesAndKeys(network))
    assert [one.name for one in found] == ["stoi", "itos"]
    assert all(one.query.shape[:2] == samples.shape for one in found)
    members = [np.unique(sample) for sample in samples]
    together = np.concatenate(members)
    assert len(together) == len(np.unique(together))


def test_of_many_samples_some_are_kept(network, monkeypatch):
    monkeypatch.setattr(page_similarities, "MOST_ROWS", 130)
    cloud = tiny_runs.room("office")
    samples, _ = page_similarities.of_cloud(cloud, cloud, EXPERIMENT, QueriesAndKeys(network))
    assert samples.shape == (2, 64)


def test_a_network_without_attention_is_refused(monkeypatch):
    other = trainer.build_network(with_network(EXPERIMENT, "pointnet2"))
    monkeypatch.setattr(page_similarities.trained, "load_network", lambda path: other)
    with pytest.raises(ValueError, match=r"runs/plain has no similarities to show"):
        page_similarities.queries_and_keys(Path("runs/plain"))


def test_a_page_with_similarities_is_written_and_told_of(network, tmp_path, capsys):
    cloud = tiny_runs.room("office")
    found = dataclasses.make_dataclass(
        "Found", ["semantic", "instance", "confidence", "instance_scores"]
    )(cloud.semantic, cloud.instance, np.ones(len(cloud)), np.ones(4))
    path = tmp_path / "office.html"
    attended = page_similarities.of_cloud(cloud, cloud, EXPERIMENT, QueriesAndKeys(network))
    pages.Page.of(cloud, found, EXPERIMENT, attended).write(path)
    assert '"name":"itos"' in path.read_text(encoding="utf-8")
    assert f"wrote {path} (0." in capsys.readouterr().out
