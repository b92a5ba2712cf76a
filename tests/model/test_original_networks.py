"""The originals' networks and ours, side by side: checkpoints of theirs with recorded outputs."""

import itertools
import zipfile

import numpy as np
import pytest

from ban_tf.config import AsisConfig
from ban_tf.model.association import nearest_in_embedding
from ban_tf.training import tf1_checkpoint
from places import SHARED
from tf_ops import library

RECORDS = SHARED / "fixtures" / "tf1"
NUM_TRAINABLE = {"ban": 1_650_734, "asis": 1_599_090, "jsnet": 8_085_805}
# Deep batch-normalised networks amplify rounding: two float32 implementations of one differ by
# about 1e-3 at logits of size 10 to 30; a wrong epsilon or weight moves them by more than 1.
LARGEST_DIFFERENCE = 5e-3
MEAN_DIFFERENCE = 5e-4
# ASIS's logits jump where rounding exchanges one neighbour for another: points whose choice of
# neighbours is as close to another as this are left out.
SAFE_MARGIN = 1e-3


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


def check_recorded_outputs(folder, network):
    model = tf1_checkpoint.load_network(folder, network)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == NUM_TRAINABLE[network]
    with np.load(RECORDS / network / "io.npz") as record:
        outputs = model(record["input"], training=False)
        sure = np.ones(record["input"].shape[:2], bool)
        if network == "asis":
            sure = record["feature_margin"] > SAFE_MARGIN
            assert sure.mean() > 0.7
        for name, rows in (("logits", sure), ("embedding", np.ones_like(sure))):
            difference = np.abs(outputs[name] - record[name])[rows]
            assert difference.max() < LARGEST_DIFFERENCE, name
            assert difference.mean() < MEAN_DIFFERENCE, name


@pytest.mark.parametrize("network", NUM_TRAINABLE)
def test_an_original_checkpoint_gives_the_recorded_outputs(unpack, network):
    check_recorded_outputs(unpack(network), network)


@pytest.mark.slow
@pytest.mark.parametrize("network", NUM_TRAINABLE)
def test_the_stock_kernels_give_the_recorded_outputs_too(unpack, network):
    with library.stock_kernels():
        check_recorded_outputs(unpack(network), network)


@pytest.mark.parametrize(("network", "other"), [*itertools.permutations(NUM_TRAINABLE, 2)])
def test_another_networks_checkpoint_is_refused_by_name(unpack, network, other):
    with pytest.raises(ValueError, match=f"does not fit the network '{network}': "):
        tf1_checkpoint.load_network(unpack(other), network)


def test_the_recorded_embedding_has_the_recorded_neighbours():
    if not RECORDS.exists():
        pytest.skip(f"no recorded networks at {RECORDS}")
    sizes = AsisConfig()
    with np.load(RECORDS / "asis" / "io.npz") as record:
        got = nearest_in_embedding(
            record["embedding"], sizes.num_neighbours, sizes.max_distance, sizes.chunk_rows
        )
        np.testing.assert_array_equal(got, record["feature_neighbours"])
