"""Where a network's attentions look, from a run folder to table, file and picture."""

import dataclasses
import json

import numpy as np
import pytest

import tiny_runs
from ban_tf.config import with_network
from ban_tf.experiments.commands import similarity
from ban_tf.experiments.requests import Similarity
from ban_tf.model.similarity import InnerProducts, attentions
from ban_tf.training import checkpoints, runs, trainer

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
EXPERIMENT = tiny_runs.experiment()


def untrained(folder, experiment=EXPERIMENT):
    """A run whose network was saved without a step, beside its samples."""
    store = tiny_runs.prepare(tiny_runs.rooms(), folder / "blocks", experiment)
    run = runs.start(folder, experiment)
    run.save_sources(runs.Sources(store.path, None))
    model = trainer.build_network(experiment)
    checkpoints.save_model(model, run.model_file, run)
    return model, store.select(experiment.split.test)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, *untrained(folder)


def test_the_products_are_those_that_make_the_rows_of_the_layer(saved):
    _, model, store = saved
    features = store.read(np.array([0])).features
    products = InnerProducts(model)(features)
    assert list(products) == ["stoi", "itos"]
    for layer in attentions(model):
        guide = np.random.default_rng(0).normal(size=(1, 64, layer.theta.kernel.shape[0]))
        weight = np.exp(layer.inner_products(guide.astype(np.float32))[0, 3])
        row = layer.similarity_row(guide.astype(np.float32), 3)[0]
        np.testing.assert_allclose(weight / weight.sum(), row, rtol=1e-4, atol=1e-7)


def test_table_file_and_picture_tell_of_both_attentions(saved, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    folder, _, store = saved
    request = Similarity(
        run=folder, num_samples=3, json=tmp_path / "rows.json", out=tmp_path / "rows.png"
    )
    found = similarity.report(request)
    written = json.loads(request.json.read_text())
    assert {name: dataclasses.asdict(scores) for name, scores in found.items()} == written
    assert 0 < found["stoi"].own_class < 1
    assert 1 <= found["itos"].hubs <= store.num_points
    assert request.out.read_bytes()[1:4] == b"PNG"
    printed = capsys.readouterr().out
    assert "STOI" in printed
    assert "3 test samples" in printed


def test_the_same_samples_are_looked_at_each_time(saved):
    folder = saved[0]
    request = Similarity(run=folder, num_samples=2)
    assert similarity.report(request) == similarity.report(request)


@pytest.mark.parametrize(("available", "wanted"), [(0, 4), (5, 0), (5, -1)])
def test_no_sample_is_refused(available, wanted):
    with pytest.raises(ValueError, match="at least one sample"):
        similarity.draw_samples(available, wanted, seed=0)


def test_a_point_that_is_not_there_is_refused(saved, tmp_path):
    request = Similarity(run=saved[0], num_samples=1, out=tmp_path / "rows.png", point=(64,))
    with pytest.raises(ValueError, match=r"`point` must be in \[0, 64\)"):
        similarity.report(request)


def test_points_without_a_picture_are_refused_before_the_work(saved, monkeypatch):
    monkeypatch.setattr(similarity, "InnerProducts", lambda _: pytest.fail("it began"))
    with pytest.raises(ValueError, match="`point` is a line of the picture"):
        similarity.report(Similarity(run=saved[0], point=(3,)))


def test_a_network_without_attention_is_refused(tmp_path):
    untrained(tmp_path, with_network(EXPERIMENT, "pointnet2"))
    with pytest.raises(ValueError, match="without attention"):
        similarity.report(Similarity(run=tmp_path))
