"""Checkpoints as the authors' TensorFlow 1 code writes them, with values that tell their name."""

import itertools
import zlib

import numpy as np
import tensorflow as tf

SIZES = {"sem": 13, "ins": 5}


class Variables:
    """Collects names and shapes, as the originals' functions for layers create them."""

    def __init__(self):
        self.shapes = {}

    def layer(self, scope, kernel, *, batch_norm=True):
        self.shapes[f"{scope}/weights"] = kernel
        self.shapes[f"{scope}/biases"] = kernel[-1:]
        if batch_norm:
            self.batch_norm(scope, kernel[-1:], kernel[-1:])

    def batch_norm(self, scope, width, moments):
        self.shapes[f"{scope}/bn/gamma"] = self.shapes[f"{scope}/bn/beta"] = width
        for squeeze in ("Squeeze", "Squeeze_1"):
            average = f"{scope}/bn/{scope}/bn/moments/{squeeze}/ExponentialMovingAverage"
            self.shapes[average] = moments

    def stack(self, scope, widths):
        for step, (before, width) in enumerate(itertools.pairwise(widths)):
            self.layer(f"{scope}{step}", (1, 1, before, width))

    def optimiser(self, step):
        self.shapes |= {step: (), "beta1_power": (), "beta2_power": ()}


def _variables_of_pointnet2(last_width):
    variables = Variables()
    encoder = ((9, 32, 32, 64), (67, 64, 64, 128), (131, 128, 128, 256), (259, 256, 256, 512))
    decoder = ((768, 256, 256), (384, 256, 256), (320, 256, 128), (134, 128, 128, 128))
    for level, widths in enumerate(encoder, start=1):
        variables.stack(f"layer{level}/conv", widths)
    for branch, size in SIZES.items():
        for level, widths in enumerate(decoder, start=1):
            variables.stack(f"{branch}_fa_layer{level}/conv_", widths)
        variables.layer(f"{branch}_fc1", (1, 128, 128))
        variables.layer(f"{branch}_fc4", (1, last_width, size), batch_norm=False)
    variables.layer("sem_cache", (1, 128, 128))
    variables.optimiser("Variable")
    return variables


def variables_of_ban():
    variables = _variables_of_pointnet2(last_width=256)
    for attention, width in (("itos", 128), ("stoi", 5)):
        variables.layer(f"theta_{attention}", (1, width, width), batch_norm=False)
        variables.layer(f"phi_{attention}", (1, width, width), batch_norm=False)
        variables.layer(f"g_{attention}", (1, 128, 128), batch_norm=False)
    return variables.shapes


def variables_of_asis():
    return _variables_of_pointnet2(last_width=128).shapes


def variables_of_jsnet():
    variables = Variables()
    variables.stack("layer1/conv", (9, 32, 32, 64))
    for level, (before, width) in enumerate(((67, 64), (131, 128), (259, 256)), start=2):
        scope = f"layer{level}"
        variables.stack(f"{scope}/conv", (before, width, width))
        variables.layer(f"{scope}/weight_net/wconv0", (1, 1, 3, 32))
        variables.layer(f"{scope}/density_net/nonlinear0", (1, 1, 1, 16))
        variables.layer(f"{scope}/density_net/nonlinear1", (1, 1, 16, 1), batch_norm=False)
        variables.layer(f"{scope}/after_conv", (1, width, 32, 2 * width))
    decoder = ((515, 771, 512, 512), (515, 643, 256, 256), (259, 323, 256, 128))
    for branch, size in SIZES.items():
        for level, (groups, *widths) in enumerate(decoder, start=1):
            scope = f"{branch}_fa_layer{level}"
            variables.layer(f"{scope}/decode_weight_net/wconv0", (1, 1, 3, 32))
            wconv = (1, 1, 32, groups)
            variables.layer(f"{scope}/decode_weight_net/wconv1", wconv, batch_norm=False)
            variables.shapes[f"{scope}/fp_sumpool/biases"] = (groups,)
            variables.batch_norm(f"{scope}/fp_sumpool", (groups,), ())
            variables.stack(f"{scope}/conv_", widths)
        variables.stack(f"{branch}_fa_layer4/conv_", (134, 128, 128, 128))
        variables.layer(f"{branch}_fc1", (1, 256, 128))
        variables.layer(f"{branch}_fc2", (1, 256, 128))
        variables.layer(f"{branch}_fc5", (1, 128, size), batch_norm=False)
    variables.layer("sem_cache_1", (1, 128, 128))
    variables.layer("ins_cache_1", (1, 256, 128))
    variables.optimiser("batch")
    return variables.shapes


def value(name, shape):
    """Numbers from 0.5 to 1.5 that only this name has."""
    seed = zlib.crc32(name.encode())
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(np.float32)


def write_checkpoint(prefix, shapes, slots=True, value=value):
    """Writes what TensorFlow 1's Saver does, with or without Adam's slots; returns `prefix`."""
    names = ("Adam", "Adam_1") if slots else ()
    slots = {f"{name}/{slot}": shape for name, shape in shapes.items() for slot in names}
    every = {**shapes, **slots}
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(every),
        shape_and_slices=[""] * len(every),
        tensors=[value(name, shape) for name, shape in every.items()],
    )
    return prefix
