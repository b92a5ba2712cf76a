"""Where an export is written, and what is refused before or instead of it."""

import keras
import pytest

import served_networks
from ban_tf.experiments import requests
from ban_tf.experiments.commands import export as command
from ban_tf.serving import export, inspection
from ban_tf.training import checkpoints, runs

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("place", ["ban/latest", "ban/1.0", "ban/-1", "ban/\u0661"])
def test_a_place_that_is_no_version_is_refused(tmp_path, place):
    with pytest.raises(ValueError, match=r"`out` must be <name>/<version>"):
        export.check_place(tmp_path / place)


@pytest.mark.parametrize("version", [str(2**63), "99999999999999999999", "9" * 200])
def test_a_version_above_those_of_the_stock_server_is_refused(tmp_path, version):
    with pytest.raises(ValueError, match=r"at most 9223372036854775807.*such as .*/ban/1\. Rec"):
        export.check_place(tmp_path / "ban" / version)


@pytest.mark.parametrize("version", [str(2**63 - 1), "0" * 30 + "1", "02"])
def test_a_version_that_the_stock_server_takes_may_be_written(tmp_path, version):
    (tmp_path / "ban" / "3").mkdir(parents=True)
    export.check_place(tmp_path / "ban" / version)


@pytest.mark.parametrize(("there", "asked"), [("2", "02"), ("02", "2"), ("007", "07")])
def test_a_version_that_is_there_under_another_name_is_refused(tmp_path, there, asked):
    (tmp_path / "ban" / there).mkdir(parents=True)
    (tmp_path / "ban" / "8").mkdir()
    pattern = rf"Name the next, such as .*/ban/9\..*which is version {int(there)} as .*/{there} is"
    with pytest.raises(ValueError, match=pattern):
        export.check_place(tmp_path / "ban" / asked)


@pytest.mark.parametrize("content", [[], ["saved_model.pb"]])
def test_a_version_is_never_overwritten(tmp_path, content):
    folder = tmp_path / "ban" / "1"
    folder.mkdir(parents=True)
    for name in content:
        (folder / name).write_text("in use")
    with pytest.raises(ValueError, match=r"never overwritten\. Name the next, such as .*/ban/2"):
        export.export(keras.Sequential(), served_networks.experiment(), folder)
    assert [path.read_text() for path in folder.iterdir()] == ["in use"] * len(content)


@pytest.mark.parametrize("name", ["sgpn", "bonet"])
def test_networks_that_embed_nothing_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f"embed points are exported.*network={name}"):
        export.export(keras.Sequential(), served_networks.experiment(name), tmp_path / "m" / "1")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_fails_its_trial_leaves_nothing(tmp_path, monkeypatch):
    network = served_networks.network("pointnet")
    monkeypatch.setattr(export, "MAX_EMBEDDING_ERROR", -1.0)
    with pytest.raises(RuntimeError, match="must agree with the network"):
        export.export(network, served_networks.experiment("pointnet"), tmp_path / "m" / "1")
    assert list((tmp_path / "m").iterdir()) == []


def trained(tmp_path, name="pointnet"):
    """A `.keras` file as a training writes it."""
    run = runs.Run(tmp_path / "run", served_networks.experiment(name))
    checkpoints.save_model(served_networks.network(name), run.model_file, run)
    return run.model_file


def test_the_command_takes_the_next_version(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "pointnet" / "7").mkdir(parents=True)
    made = command.export(requests.Export(run=trained(tmp_path)))
    assert made.folder == tmp_path / "models" / "pointnet" / "8"
    assert "MatMul" in inspection.ops_of(inspection.read(made.folder))
    assert "wrote " in capsys.readouterr().out


def test_the_command_refuses_a_place_before_it_loads_anything(tmp_path):
    request = requests.Export(run=tmp_path / "none", out=tmp_path / "models" / "ban" / "newest")
    with pytest.raises(ValueError, match="`out` must be <name>/<version>"):
        command.export(request)


def test_the_default_is_the_next_of_the_highest(tmp_path):
    for name in ("2", "010", "models.config", ".5.part.11", "\u0662\u0660", str(2**63)):
        (tmp_path / name).mkdir()
    assert command.next_version(tmp_path).name == "11"
    (tmp_path / str(2**63 - 1)).mkdir()
    with pytest.raises(ValueError, match="Name another model with `out`"):
        command.next_version(tmp_path)
