import doctest
import os
import subprocess
import sys

import pytest

from ban_tf.model import networks
from ban_tf.training import checkpoints
from places import ROOT
from tf_ops import choice, library
from tiny_networks import TINY

RULE = 'BAN_TF_OPS must be "native" or "stock", in lower case, or not set'
WRONG = ["Stock", "STOCK", "nativ", " stock", "1"]


@pytest.mark.parametrize("value", ["", "native", "stock"])
def test_what_is_allowed_is_returned(monkeypatch, value):
    monkeypatch.setenv("BAN_TF_OPS", value)
    assert choice.requested() == value


@pytest.mark.parametrize("value", WRONG)
def test_anything_else_is_refused_with_what_is_allowed(monkeypatch, value):
    monkeypatch.setenv("BAN_TF_OPS", value)
    with pytest.raises(ValueError, match=rf"{RULE}.*Received: BAN_TF_OPS={value}$"):
        library.use_stock()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_sound_file_of_a_network_is_not_called_damaged_for_it(monkeypatch, tmp_path):
    path = tmp_path / "tiny.keras"
    networks.build(TINY).save(path)
    checkpoints.load_model(path)
    monkeypatch.setenv("BAN_TF_OPS", "Stock")
    with pytest.raises(ValueError, match=f"^The environment variable {RULE}"):
        checkpoints.load_model(path)


@pytest.mark.parametrize(
    "script", ["train/train_s3dis.py", "eval/eval_s3dis.py", "eval/eval_efficiency.py"]
)
def test_a_script_refuses_it_before_any_work(script, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / script)],
        env={**os.environ, "BAN_TF_OPS": "Stock", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"error: The environment variable {RULE}" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", [choice, library], ids=lambda module: module.__name__)
def test_examples_show_what_they_say(module):
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
