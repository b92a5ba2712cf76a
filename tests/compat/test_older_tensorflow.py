"""An exported model and the compiled ops under TensorFlow 2.15.1, beside tensorflow-addons.

tensorflow-addons 0.23.0, its last release, cannot be imported beside TensorFlow 2.16 or later. What
it needs is installed into an environment of its own, which takes minutes.
"""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

import served_networks
import tf_ops
from ban_tf.serving import export, graph
from places import ROOT

PINNED = ("tensorflow==2.15.1", "keras==2.15.0", "tensorflow-addons==0.23.0")
SCRIPT = pathlib.Path(__file__).with_name("older_tensorflow.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """A copy of the checkout, and the Python of an environment in which its ops are built."""
    python = shutil.which("python3.11")
    if python is None:
        pytest.skip("TensorFlow 2.15 needs Python 3.11 or older, and there is no python3.11")
    folder = tmp_path_factory.mktemp("older")
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    interpreter = folder / "venv" / "bin" / "python"
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *PINNED], check=True)
    unwanted = shutil.ignore_patterns("_ban_ops.*", "__pycache__")
    checkout = folder / "checkout"
    shutil.copytree(ROOT / "tf_ops", checkout / "tf_ops", ignore=unwanted)
    for name in ("build_ops.sh", "setup.cfg", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, checkout / name)
    run(checkout, interpreter, ["bash", "build_ops.sh", "--ops-only"], PYTHON=str(interpreter))
    return checkout, interpreter


def run(checkout, interpreter, command, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=checkout,
        env=clean | {"PYTHONPATH": str(checkout), "CUDA_VISIBLE_DEVICES": "-1"} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expectations(network, folder):
    """The exported model, and what this TensorFlow makes of a request and of the ops."""
    experiment, request = served_networks.experiment(), served_networks.request(np.nan)
    made = export.export(network, experiment, folder / "ban" / "1")
    served = graph.ServedNetwork(network, experiment, "stock").signatures()
    outputs = graph.run(served[graph.OUTPUTS], request)
    rng = np.random.default_rng(0)
    truth = np.where(
        rng.uniform(size=(3, 24)) < 0.7, outputs["semantic"], rng.integers(0, 4, (3, 24))
    )
    xyz = rng.uniform(0, 1, (2, 60, 3)).astype(np.float32)
    picks = tf_ops.farthest_point_sample(xyz, 16)
    centres = tf_ops.gather_points(xyz, picks)
    ops = {
        "picks": picks,
        "ball": tf_ops.ball_query(xyz, centres, 0.4, 8)[0],
        "nearest": tf_ops.three_nearest(xyz, centres)[1],
        "clusters": tf_ops.mean_shift(xyz, 0.3)[0],
    }
    np.savez(
        folder / "expected.npz",
        **request,
        truth=truth,
        xyz=xyz,
        **{f"out_{name}": values for name, values in outputs.items()},
        **{f"op_{name}": values.numpy() for name, values in ops.items()},
    )
    return made.folder


def test_model_ops_and_metrics_agree(older, tmp_path):
    checkout, interpreter = older
    model = expectations(served_networks.network(), tmp_path)
    command = [interpreter, SCRIPT, model, tmp_path / "expected.npz"]
    assert run(checkout, interpreter, command).splitlines()[-1] == "agreed"
