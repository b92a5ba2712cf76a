import re

import numpy as np
import pytest

from ban_tf.training import tf1_checkpoint
from original_checkpoints import (
    value,
    variables_of_asis,
    variables_of_ban,
    variables_of_jsnet,
    write_checkpoint,
)

MOMENTS = "bn/moments/Squeeze{}/ExponentialMovingAverage"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    (folder / "checkpoint").write_text('model_checkpoint_path: "/gone/epoch_9.ckpt"\n')
    return write_checkpoint(folder / "epoch_99.ckpt", variables_of_ban())


def check_places(model, names):
    """Every weight comes from the file, and those of `names` from where they say."""
    weights = {weight.path: weight.numpy() for weight in model.weights}
    for path, weight in weights.items():
        assert np.all(weight == 0 if path.endswith("/seen") else weight >= 0.5), path
    for ours, theirs in names.items():
        expected = value(theirs, weights[ours].shape)
        np.testing.assert_array_equal(weights[ours], expected, err_msg=ours)


@pytest.mark.parametrize("form", ["prefix", "index", "folder"])
def test_every_variable_arrives_in_its_place(prefix, form):
    index = prefix.with_name("epoch_99.ckpt.index")
    path = {"prefix": str(prefix), "index": index, "folder": prefix.parent}[form]
    check_places(
        tf1_checkpoint.load_network(path, "ban"),
        {
            "encoder_1/mlp/dense_1/kernel": "layer1/conv0/weights",
            "encoder_4/mlp/batch_norm_3/gamma": "layer4/conv2/bn/gamma",
            "semantic_decoder_4/mlp/dense_3/bias": "sem_fa_layer4/conv_2/biases",
            "instance_decoder_2/mlp/batch_norm_1/moving_mean": (
                "ins_fa_layer2/conv_0/bn/ins_fa_layer2/conv_0/" + MOMENTS.format("")
            ),
            "semantic_fc1/batch_norm_1/moving_variance": (
                "sem_fc1/bn/sem_fc1/" + MOMENTS.format("_1")
            ),
            "stoi/theta/kernel": "theta_itos/weights",
            "stoi/g/kernel": "g_itos/weights",
            "itos/phi/bias": "phi_stoi/biases",
            "itos/g/bias": "g_stoi/biases",
            "logits/kernel": "sem_fc4/weights",
            "embedding/bias": "ins_fc4/biases",
        },
    )


def test_every_variable_of_asis_arrives_in_its_place(tmp_path):
    path = write_checkpoint(tmp_path / "epoch_99.ckpt", variables_of_asis(), slots=False)
    check_places(
        tf1_checkpoint.load_network(path, "asis"),
        {
            "encoder_2/mlp/dense_2/kernel": "layer2/conv1/weights",
            "instance_decoder_4/mlp/dense_3/bias": "ins_fa_layer4/conv_2/biases",
            "semantic_adaptation/dense_1/kernel": "sem_cache/weights",
            "semantic_adaptation/batch_norm_1/moving_mean": (
                "sem_cache/bn/sem_cache/" + MOMENTS.format("")
            ),
            "logits/kernel": "sem_fc4/weights",
            "embedding/kernel": "ins_fc4/weights",
        },
    )


def test_every_variable_of_jsnet_arrives_in_its_place(tmp_path):
    path = write_checkpoint(tmp_path / "epoch_99.ckpt", variables_of_jsnet(), slots=False)
    sum_pool = "ins_fa_layer2/fp_sumpool"
    check_places(
        tf1_checkpoint.load_network(path, "jsnet"),
        {
            "encoder_1/mlp/dense_3/kernel": "layer1/conv2/weights",
            "encoder_3/mlp/dense_2/bias": "layer3/conv1/biases",
            "encoder_2/weight_net/batch_norm_1/beta": "layer2/weight_net/wconv0/bn/beta",
            "encoder_4/density_net/dense_1/kernel": "layer4/density_net/nonlinear0/weights",
            "encoder_4/density_gate/kernel": "layer4/density_net/nonlinear1/weights",
            "encoder_2/convolution/dense_1/kernel": "layer2/after_conv/weights",
            "semantic_decoder_1/weight_net/dense_1/kernel": (
                "sem_fa_layer1/decode_weight_net/wconv0/weights"
            ),
            "instance_decoder_3/channel_weights/bias": (
                "ins_fa_layer3/decode_weight_net/wconv1/biases"
            ),
            "instance_decoder_2/sum_pool/bias": f"{sum_pool}/biases",
            "instance_decoder_2/sum_pool/batch_norm/gamma": f"{sum_pool}/bn/gamma",
            "instance_decoder_2/sum_pool/batch_norm/moving_variance": (
                f"{sum_pool}/bn/{sum_pool}/" + MOMENTS.format("_1")
            ),
            "semantic_decoder_3/mlp/dense_2/kernel": "sem_fa_layer3/conv_1/weights",
            "instance_decoder_4/mlp/dense_3/kernel": "ins_fa_layer4/conv_2/weights",
            "semantic_cache/dense_1/kernel": "sem_cache_1/weights",
            "instance_cache/dense_1/bias": "ins_cache_1/biases",
            "semantic_fc2/batch_norm_1/gamma": "sem_fc2/bn/gamma",
            "logits/bias": "sem_fc5/biases",
            "embedding/kernel": "ins_fc5/weights",
        },
    )


def test_a_patch_of_another_width_is_named(tmp_path):
    shapes = variables_of_jsnet()
    shapes["layer3/after_conv/weights"] = (1, 256, 16, 256)
    path = write_checkpoint(tmp_path / "a.ckpt", shapes, slots=False)
    with pytest.raises(ValueError, match=re.escape("[1, 256, 16, 256] in place of [128, 32, 256]")):
        tf1_checkpoint.load_network(path, "jsnet")


def refusal(path, match):
    with pytest.raises(ValueError, match=match):
        tf1_checkpoint.load_network(path, "ban")


def test_a_missing_variable_is_named(tmp_path):
    shapes = variables_of_ban()
    del shapes["layer3/conv1/bn/beta"]
    path = write_checkpoint(tmp_path / "a.ckpt", shapes)
    refusal(path, r"a\.ckpt does not fit.*: layer3/conv1/bn/beta is missing$")


def test_a_variable_of_another_shape_is_named(tmp_path):
    shapes = variables_of_ban()
    shapes["g_stoi/weights"] = (1, 128, 64)
    path = write_checkpoint(tmp_path / "a.ckpt", shapes)
    refusal(path, re.escape("g_stoi/weights has shape [1, 128, 64] in place of [128, 128]"))


def test_a_variable_of_another_network_is_named(tmp_path):
    shapes = variables_of_ban()
    shapes["ins_cache/biases"] = (128,)
    path = write_checkpoint(tmp_path / "a.ckpt", shapes)
    refusal(path, "ins_cache/biases belongs to no layer")


def test_a_file_of_something_else_is_refused(tmp_path):
    path = write_checkpoint(tmp_path / "a.ckpt", {"dense/kernel": (3, 3)})
    refusal(path, "layer1/conv0/weights is missing")


def test_a_folder_with_several_checkpoints_is_refused_with_their_names(tmp_path):
    for name in ("epoch_9.ckpt", "epoch_10.ckpt"):
        write_checkpoint(tmp_path / name, {"a": (1,)})
    refusal(tmp_path, "epoch_10.ckpt, epoch_9.ckpt")


@pytest.mark.parametrize("name", ["gone.ckpt", ""])
def test_a_place_without_checkpoint_is_refused(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="no TensorFlow 1 checkpoint"):
        tf1_checkpoint.load_network(tmp_path / name, "ban")


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_a_file_that_was_cut_is_refused(tmp_path, part):
    write_checkpoint(tmp_path / "a.ckpt", variables_of_ban())
    file = tmp_path / f"a.ckpt.{part}"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 8])  # the slots come last
    refusal(tmp_path / "a.ckpt", r"a\.ckpt is damaged or cut short")


def test_an_unknown_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match="network='segnet'"):
        tf1_checkpoint.load_network(tmp_path, "segnet")
