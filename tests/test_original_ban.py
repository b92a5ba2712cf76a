"""The authors' network and ours, side by side: a checkpoint of theirs with recorded outputs."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from ban_tf import tf1_checkpoint
from tf_ops import library

RECORDS = Path(__file__).parents[2] / "shared" / "fixtures" / "tf1"
# Deep batch-normalised networks amplify rounding: two float32 implementations of this one differ
# by about 1e-3 at logits of size 10 to 30; a wrong epsilon or weight moves them by more than 1.
LARGEST_DIFFERENCE = 5e-3
MEAN_DIFFERENCE = 5e-4


@pytest.fixture(scope="module")
def unpack(tmp_path_factory):
    if not RECORDS.exists():
        pytest.skip(f"no recorded networks at {RECORDS}")

    def unpack_checkpoint(network):
        folder = tmp_path_factory.mktemp(network)
        with zipfile.ZipFile(RECORDS / network / "checkpoint.zip") as archive:
            archive.extractall(folder)
        return folder

    return unpack_checkpoint


def check_recorded_outputs(folder):
    model = tf1_checkpoint.load_network(folder, "ban")
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 1_650_734
    with np.load(RECORDS / "ban" / "io.npz") as record:
        outputs = model(record["input"], training=False)
        for name in ("logits", "embedding"):
            difference = np.abs(outputs[name] - record[name])
            assert difference.max() < LARGEST_DIFFERENCE, name
            assert difference.mean() < MEAN_DIFFERENCE, name


def test_an_original_checkpoint_gives_the_recorded_outputs(unpack):
    check_recorded_outputs(unpack("ban"))


@pytest.mark.slow
def test_the_stock_kernels_give_the_recorded_outputs_too(unpack):
    with library.stock_kernels():
        check_recorded_outputs(unpack("ban"))


@pytest.mark.parametrize("other", ["asis", "jsnet"])
def test_another_networks_checkpoint_is_refused_by_name(unpack, other):
    with pytest.raises(ValueError, match=r"does not fit the network 'ban'.*is missing"):
        tf1_checkpoint.load_network(unpack(other), "ban")
