import dataclasses
import importlib.util
import zipfile

import keras
import numpy as np
import pytest

from ban_tf.experiments import running
from ban_tf.model import networks
from ban_tf.training import checkpoints, tf1_checkpoint
from original_checkpoints import value, variables_of_ban, write_checkpoint
from places import ROOT
from tiny_networks import PAPER, compiled

# Keras saves variables in a way that NumPy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RECORDS = ROOT.parent / "shared" / "fixtures" / "tf1"
SCRIPT = ROOT / "train" / "convert_tf1_checkpoint.py"


@pytest.fixture(scope="module")
def convert():
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *argv: module.main([str(arg) for arg in argv])


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("log5") / "epoch_99.ckpt"
    return write_checkpoint(prefix, variables_of_ban())


@pytest.fixture(scope="module")
def weights(original):
    return tf1_checkpoint.load_network(original, "ban").get_weights()


def assert_same(model, weights):
    for got, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_converted_network_has_the_weights_of_the_checkpoint(
    convert, original, weights, tmp_path, capsys
):
    out = tmp_path / "networks" / "ban.keras"
    convert(original, "--network", "ban", "--out", out)
    printed = capsys.readouterr().out
    assert printed == (
        f"{out}: ban, 1,650,734 trainable numbers, 13 classes, embedding of 5 channels\n"
    )
    assert_same(checkpoints.load_model(out), weights)
    assert [path.name for path in out.parent.iterdir()] == ["ban.keras"]


def test_converted_weights_fit_a_network_of_ours(convert, original, weights, tmp_path):
    out = tmp_path / "ban.weights.h5"
    convert(original.parent, "--network", "ban", "--out", out)
    model = networks.build(dataclasses.replace(PAPER, name="ban"))
    model.load_weights(out)
    assert_same(model, weights)
    assert [path.name for path in tmp_path.iterdir()] == ["ban.weights.h5"]


def test_an_existing_file_is_replaced_only_when_told(convert, original, weights, tmp_path):
    out = tmp_path / "ban.keras"
    out.write_text("mine")
    flags = (original, "--network", "ban", "--out", out)
    with pytest.raises(FileExistsError, match=r"ban\.keras exists"):
        convert(*flags)
    assert out.read_text() == "mine"
    convert(*flags, "--overwrite")
    assert_same(checkpoints.load_model(out), weights)


@pytest.mark.parametrize(
    ("name", "out", "message"),
    [
        ("epoch_99.ckpt", "ban.h5", r"written as `\.keras`.*ban\.h5"),
        ("epoch_99.ckpt", "jsnet.keras", r"does not fit the network 'jsnet'"),
        ("gone.ckpt", "ban.keras", "no TensorFlow 1 checkpoint"),
    ],
)
def test_what_cannot_be_converted_leaves_nothing(convert, original, tmp_path, name, out, message):
    network = out.split(".", maxsplit=1)[0]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert(original.with_name(name), "--network", network, "--out", tmp_path / out)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named_with_the_way_out(convert, original, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"x\.keras cannot be written .*same command again"):
        convert(original, "--network", "ban", "--out", tmp_path / "file" / "x.keras")


def test_an_unknown_network_is_refused_with_the_names_there_are(convert, tmp_path, capsys):
    with pytest.raises(SystemExit):
        convert(tmp_path, "--network", "segnet", "--out", "x.keras")
    assert "invalid choice: 'segnet' (choose from" in capsys.readouterr().err


def assert_learns(model):
    """A few steps on one block, as training takes them."""
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(1, 1024, 9)).astype(np.float32)
    corner = (points[..., 0] > 0.5) + 2 * (points[..., 1] > 0.5)
    labels = {name: corner.astype(np.int32) for name in ("logits", "embedding")}
    compiled(model, run_eagerly=True)
    losses = [model.train_on_batch(points, labels) for _ in range(3)]
    losses = [float(np.ravel(loss)[0]) for loss in losses]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0], losses


def test_training_goes_on_from_a_converted_network(convert, tmp_path):
    def kernels_around_zero(name, shape):
        return value(name, shape) - name.endswith("/weights")

    keras.utils.set_random_seed(0)
    original = tmp_path / "epoch_99.ckpt"
    write_checkpoint(original, variables_of_ban(), value=kernels_around_zero)
    out = tmp_path / "ban.keras"
    convert(original, "--network", "ban", "--out", out)
    assert_learns(checkpoints.load_model(out))


@pytest.mark.slow
@pytest.mark.parametrize("network", tf1_checkpoint.NETWORKS)
def test_training_goes_on_from_an_original(network, convert, tmp_path):
    recorded = RECORDS / network / "checkpoint.zip"
    if not recorded.exists():
        pytest.skip(f"no recorded network at {recorded}")
    keras.utils.set_random_seed(0)
    with zipfile.ZipFile(recorded) as archive:
        archive.extractall(tmp_path)
    convert(tmp_path, "--network", network, "--out", tmp_path / "network.keras")
    assert_learns(checkpoints.load_model(tmp_path / "network.keras"))


def test_the_script_shows_its_failure_in_one_line(convert, monkeypatch, capsys, tmp_path):
    flags = ["--network", "ban", "--out", str(tmp_path / "x.keras")]
    with pytest.raises(SystemExit):
        running.run(lambda _: convert(tmp_path / "gone.ckpt", *flags))
    assert "error: There is no TensorFlow 1 checkpoint" in capsys.readouterr().err
