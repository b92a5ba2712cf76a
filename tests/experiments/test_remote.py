"""A user's scan through a server: which model is asked, who tells its classes, and the flags."""

import json

import numpy as np
import pytest

import served_stand_ins
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import LABELS, RawScan
from ban_tf.config.served import Server
from ban_tf.experiments import remote, running
from ban_tf.experiments.commands import segment_scan
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.trained import TrainedModel
from ban_tf.programs import segment_scan as program
from ban_tf.serving.client import errors
from ban_tf.training import description
from ban_tf.training.instance_sizes import InstanceSizes
from served_stand_ins import EXPERIMENT, Local

SIZES = np.array([np.nan, 40.0])


@pytest.fixture
def served():
    return served_stand_ins.model()


@pytest.fixture
def server(served):
    with served_stand_ins.serving("rest", served) as address:
        yield served_stand_ins.server("rest", address)


@pytest.fixture
def version(tmp_path):
    """The folder of an exported version, as far as a client reads it."""
    folder = tmp_path / "models" / "ban" / "1"
    (folder / "assets").mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    (folder / "assets" / "model_card.json").write_text(served_stand_ins.card(mean_sizes=SIZES))
    return folder


def connected(server, model=None):
    made = remote.connect(server, model)
    made.predictor.close()
    return made


@pytest.mark.filterwarnings("ignore::ban_tf.inference.cautions.NotUprightWarning")
def test_the_script_labels_as_the_network_here(served, tmp_path, capsys):
    cloud = served_stand_ins.cloud()
    path = tmp_path / "office.ply"
    scan.write(RawScan(path, cloud.xyz, cloud.rgb), path, {})
    here, there = tmp_path / "here.ply", tmp_path / "there.ply"
    local = TrainedModel(Local(), EXPERIMENT, mean_sizes=None)
    segment_scan.segment(Scans(scans=(str(path),), model="here", out=here), load=lambda _: local)
    with served_stand_ins.serving("rest", served) as address:
        flags = ["--server", address, "--rest", "--model-name", "ban", "--timeout-s", "240"]
        segment_scan.segment(program.parse_args([str(path), "-o", str(there), *flags]))
    expected, found = scan.read(here).fields, scan.read(there).fields
    for name in LABELS:
        np.testing.assert_array_equal(found[name], expected[name])
    assert served.sizes
    assert f"model {address}: ban of desks, 2 classes" in capsys.readouterr().out


def test_the_served_model_tells_classes_and_sizes(served, server):
    served.functions["about"] = served_stand_ins.telling(served_stand_ins.card(mean_sizes=SIZES))
    made = connected(server)
    assert made.experiment == EXPERIMENT
    np.testing.assert_array_equal(made.mean_sizes, SIZES)


def test_an_exported_version_tells_them_of_a_server_that_does_not(version):
    silent = served_stand_ins.model(about=False)
    with served_stand_ins.serving("rest", silent) as address:
        made = connected(served_stand_ins.server("rest", address), version)
    assert made.experiment == EXPERIMENT
    np.testing.assert_array_equal(made.mean_sizes, SIZES)


def test_a_keras_file_tells_them_too(server, tmp_path):
    file = tmp_path / "network.keras"
    sizes = InstanceSizes(SIZES, SIZES + 1)
    description.write(file, description.Description(EXPERIMENT, sizes))
    made = connected(server, file)
    assert made.experiment == EXPERIMENT
    np.testing.assert_array_equal(made.mean_sizes, SIZES + 1)


def test_a_version_of_other_weights_is_refused(served, server, version):
    other = served_stand_ins.card(fingerprint="e" * 64)
    (version / "assets" / "model_card.json").write_text(other)
    with pytest.raises(errors.OtherModelError, match=r"`model_name` and `model`.*fingerprint=ffff"):
        remote.connect(server, version)
    assert served.sizes == []


def test_nobody_tells_the_classes():
    silent = served_stand_ins.model(about=False)
    with served_stand_ins.serving("rest", silent) as address:
        with pytest.raises(ValueError, match=r"name its run, its `\.keras` file or its exported"):
            remote.connect(served_stand_ins.server("rest", address))


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda card: card.pop("experiment"), "Export the run anew, or name the run itself"),
        (lambda card: card.pop("fingerprint"), "is damaged or of another version"),
        (lambda card: card.update(mean_instance_sizes=[1.0]), "one size for each of the 2"),
        (lambda card: card["experiment"].update(format=1), "must be of format"),
    ],
)
def test_a_card_that_does_not_serve_is_refused(version, change, pattern):
    path = version / "assets" / "model_card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))
    with pytest.raises(ValueError, match=pattern):
        remote.connect(Server(address="localhost:1", rest=True), version)


def test_a_version_without_a_card_is_refused(version):
    (version / "assets" / "model_card.json").unlink()
    with pytest.raises(FileNotFoundError, match="another program exported this model"):
        remote.connect(Server(address="localhost:1", rest=True), version)


# --- flags ---


def test_flags_become_a_server(tmp_path):
    secret = tmp_path / "token"
    secret.write_text("abc\n")
    flags = ["--server", "gpu:8500", "--model-version", "3", "--tls", "--token-file", str(secret)]
    request = program.parse_args(["a.ply", *flags])
    assert request.server == Server(address="gpu:8500", model_version=3, tls=True, token="abc")
    assert "abc" not in repr(request)
    assert program.parse_args(["a.ply"]).server is None


@pytest.mark.parametrize("flag", ["--rest", "--tls", "--model-name=ban", "--timeout-s=3"])
def test_flags_on_a_server_need_one(flag, capsys):
    with pytest.raises(SystemExit):
        program.parse_args(["a.ply", flag])
    assert f"{flag.partition('=')[0]} goes with --server" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--server", "http://gpu"], "--server must be host:port"),
        (["--server", "gpu:8500", "--model-version", "-1"], "--model-version must be at least 0"),
        (["--server", "gpu:8500", "--ca-file", "ca.pem"], "--ca-file goes with --tls"),
        (["--server", "127.0.0.1:1", "--rest"], "check --server"),
    ],
)
def test_a_failure_names_flags(flags, sentence, tmp_path, monkeypatch, capsys):
    path = tmp_path / "office.ply"
    cloud = served_stand_ins.cloud(50)
    scan.write(RawScan(path, cloud.xyz, cloud.rgb), path, {})
    monkeypatch.setattr("ban_tf.serving.client.client.Waits", lambda: served_stand_ins.NO_WAITS)

    def main(_):
        segment_scan.segment(program.parse_args([str(path), *flags]))

    with pytest.raises(SystemExit) as stopped:
        running.run(main)
    assert stopped.value.code == 1
    assert sentence in capsys.readouterr().err
