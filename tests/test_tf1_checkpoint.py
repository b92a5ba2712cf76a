import itertools
import re
import zlib

import numpy as np
import pytest
import tensorflow as tf

from ban_tf import tf1_checkpoint

SIZES = {"sem": 13, "ins": 5}


def variables_of_the_originals():
    """Names and shapes in a checkpoint of the authors' BAN, as their code creates them."""
    shapes = {"Variable": (), "beta1_power": (), "beta2_power": ()}

    def layer(scope, kernel, *, batch_norm=True):
        width = kernel[-1]
        shapes[f"{scope}/weights"], shapes[f"{scope}/biases"] = kernel, (width,)
        if batch_norm:
            moments = f"{scope}/bn/{scope}/bn/moments"
            for name in (
                f"{scope}/bn/gamma",
                f"{scope}/bn/beta",
                f"{moments}/Squeeze/ExponentialMovingAverage",
                f"{moments}/Squeeze_1/ExponentialMovingAverage",
            ):
                shapes[name] = (width,)

    def stack(scope, widths):
        for step, (before, width) in enumerate(itertools.pairwise(widths)):
            layer(f"{scope}{step}", (1, 1, before, width))

    encoder = ((9, 32, 32, 64), (67, 64, 64, 128), (131, 128, 128, 256), (259, 256, 256, 512))
    decoder = ((768, 256, 256), (384, 256, 256), (320, 256, 128), (134, 128, 128, 128))
    for level, widths in enumerate(encoder, start=1):
        stack(f"layer{level}/conv", widths)
    for branch, size in SIZES.items():
        for level, widths in enumerate(decoder, start=1):
            stack(f"{branch}_fa_layer{level}/conv_", widths)
        layer(f"{branch}_fc1", (1, 128, 128))
        layer(f"{branch}_fc4", (1, 256, size), batch_norm=False)
    layer("sem_cache", (1, 128, 128))
    for attention, width in (("itos", 128), ("stoi", 5)):
        layer(f"theta_{attention}", (1, width, width), batch_norm=False)
        layer(f"phi_{attention}", (1, width, width), batch_norm=False)
        layer(f"g_{attention}", (1, 128, 128), batch_norm=False)
    return shapes


def value(name, shape):
    seed = zlib.crc32(name.encode())
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(np.float32)


def write_checkpoint(prefix, shapes):
    """Writes a checkpoint with Adam slots, as TensorFlow 1's Saver does."""
    slots = {
        f"{name}/{slot}": shape for name, shape in shapes.items() for slot in ("Adam", "Adam_1")
    }
    every = {**shapes, **slots}
    tensors = [value(name, shape) for name, shape in every.items()]
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(every),
        shape_and_slices=[""] * len(every),
        tensors=tensors,
    )
    return prefix


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    (folder / "checkpoint").write_text('model_checkpoint_path: "/gone/epoch_9.ckpt"\n')
    return write_checkpoint(folder / "epoch_99.ckpt", variables_of_the_originals())


@pytest.mark.parametrize("form", ["prefix", "index", "folder"])
def test_every_variable_arrives_in_its_place(prefix, form):
    index = prefix.with_name("epoch_99.ckpt.index")
    path = {"prefix": str(prefix), "index": index, "folder": prefix.parent}[form]
    model = tf1_checkpoint.load_network(path, "ban")
    weights = {weight.path: weight.numpy() for weight in model.weights}
    for path, weight in weights.items():
        assert np.all(weight == 0 if path.endswith("/seen") else weight >= 0.5), path
    moments = "bn/moments/Squeeze{}/ExponentialMovingAverage"
    for ours, theirs in {
        "encoder_1/mlp/dense_1/kernel": "layer1/conv0/weights",
        "encoder_4/mlp/batch_norm_3/gamma": "layer4/conv2/bn/gamma",
        "semantic_decoder_4/mlp/dense_3/bias": "sem_fa_layer4/conv_2/biases",
        "instance_decoder_2/mlp/batch_norm_1/moving_mean": (
            "ins_fa_layer2/conv_0/bn/ins_fa_layer2/conv_0/" + moments.format("")
        ),
        "semantic_fc1/batch_norm_1/moving_variance": ("sem_fc1/bn/sem_fc1/" + moments.format("_1")),
        "stoi/theta/kernel": "theta_itos/weights",
        "stoi/g/kernel": "g_itos/weights",
        "itos/phi/bias": "phi_stoi/biases",
        "itos/g/bias": "g_stoi/biases",
        "logits/kernel": "sem_fc4/weights",
        "embedding/bias": "ins_fc4/biases",
    }.items():
        expected = value(theirs, weights[ours].shape)
        np.testing.assert_array_equal(weights[ours], expected, err_msg=ours)


def refusal(path, match):
    with pytest.raises(ValueError, match=match):
        tf1_checkpoint.load_network(path, "ban")


def test_a_missing_variable_is_named(tmp_path):
    shapes = variables_of_the_originals()
    del shapes["layer3/conv1/bn/beta"]
    path = write_checkpoint(tmp_path / "a.ckpt", shapes)
    refusal(path, r"a\.ckpt does not fit.*: layer3/conv1/bn/beta is missing$")


def test_a_variable_of_another_shape_is_named(tmp_path):
    shapes = variables_of_the_originals()
    shapes["g_stoi/weights"] = (1, 128, 64)
    path = write_checkpoint(tmp_path / "a.ckpt", shapes)
    refusal(path, re.escape("g_stoi/weights has shape [1, 128, 64] in place of [128, 128]"))


def test_a_variable_of_another_network_is_named(tmp_path):
    shapes = variables_of_the_originals()
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
    write_checkpoint(tmp_path / "a.ckpt", variables_of_the_originals())
    file = tmp_path / f"a.ckpt.{part}"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 8])  # the slots come last
    refusal(tmp_path / "a.ckpt", r"a\.ckpt is damaged or cut short")


def test_an_unknown_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match="network='segnet'"):
        tf1_checkpoint.load_network(tmp_path, "segnet")
