"""Checkpoints as the authors' TensorFlow 1 code writes them, with values that tell their name."""

import itertools
import zlib
from typing import NamedTuple

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


class Widths(NamedTuple):
    """Channels of an original; what enters a layer follows from what stands before it."""

    encoder: tuple[tuple[int, ...], ...] = (
        (32, 32, 64), (64, 64, 128), (128, 128, 256), (256, 256, 512),
    )  # fmt: skip
    decoder: tuple[tuple[int, ...], ...] = ((256, 256), (256, 256), (256, 128), (128, 128, 128))
    head: int = 128
    density: int = 16  # JSNet: hidden layer of the density
    weight: int = 32  # JSNet: hidden layer from an offset to the weights in a decoder


PUBLISHED = Widths()
PUBLISHED_JSNET = Widths(decoder=((512, 512), (256, 256), (256, 128), (128, 128, 128)))
FEATURES = 6  # of a point beside its coordinates
PATCH = 32  # JSNet: weights of a neighbour in an encoder


def _skips(widths):
    """Channels of the levels that a decoder comes back to, coarse to fine."""
    return [*(level[-1] for level in widths.encoder[-2::-1]), FEATURES]


def _variables_of_pointnet2(widths, last_width):
    variables, head, before = Variables(), widths.head, FEATURES
    for level, channels in enumerate(widths.encoder, start=1):
        variables.stack(f"layer{level}/conv", (3 + before, *channels))
        before = channels[-1]
    for branch, size in SIZES.items():
        coarse = before
        steps = zip(widths.decoder, _skips(widths), strict=True)
        for level, (channels, skip) in enumerate(steps, start=1):
            variables.stack(f"{branch}_fa_layer{level}/conv_", (coarse + skip, *channels))
            coarse = channels[-1]
        variables.layer(f"{branch}_fc1", (1, coarse, head))
        variables.layer(f"{branch}_fc4", (1, last_width, size), batch_norm=False)
    variables.layer("sem_cache", (1, head, head))
    variables.optimiser("Variable")
    return variables


def variables_of_ban(widths=PUBLISHED):
    head = widths.head
    variables = _variables_of_pointnet2(widths, last_width=2 * head)
    for attention, width in (("itos", head), ("stoi", SIZES["ins"])):
        variables.layer(f"theta_{attention}", (1, width, width), batch_norm=False)
        variables.layer(f"phi_{attention}", (1, width, width), batch_norm=False)
        variables.layer(f"g_{attention}", (1, head, head), batch_norm=False)
    return variables.shapes


def variables_of_asis(widths=PUBLISHED):
    return _variables_of_pointnet2(widths, last_width=widths.head).shapes


def variables_of_jsnet(widths=PUBLISHED_JSNET):
    variables, head = Variables(), widths.head
    first, *others = widths.encoder
    variables.stack("layer1/conv", (3 + FEATURES, *first))
    before = first[-1]
    for level, (*channels, last) in enumerate(others, start=2):
        scope = f"layer{level}"
        variables.stack(f"{scope}/conv", (3 + before, *channels))
        variables.layer(f"{scope}/weight_net/wconv0", (1, 1, 3, PATCH))
        variables.layer(f"{scope}/density_net/nonlinear0", (1, 1, 1, widths.density))
        gate = (1, 1, widths.density, 1)
        variables.layer(f"{scope}/density_net/nonlinear1", gate, batch_norm=False)
        variables.layer(f"{scope}/after_conv", (1, channels[-1], PATCH, last))
        before = last
    for branch, size in SIZES.items():
        _jsnet_decoder(variables, branch, before, widths)
        variables.layer(f"{branch}_fc1", (1, widths.decoder[-3][-1], head))
        variables.layer(f"{branch}_fc2", (1, 2 * head, head))
        variables.layer(f"{branch}_fc5", (1, head, size), batch_norm=False)
    variables.layer("sem_cache_1", (1, head, head))
    variables.layer("ins_cache_1", (1, 2 * head, head))
    variables.optimiser("batch")
    return variables.shapes


def _jsnet_decoder(variables, branch, coarse, widths):
    *steps, last = zip(widths.decoder, _skips(widths), strict=True)
    for level, (channels, skip) in enumerate(steps, start=1):
        scope, groups = f"{branch}_fa_layer{level}", 3 + coarse
        variables.layer(f"{scope}/decode_weight_net/wconv0", (1, 1, 3, widths.weight))
        wconv = (1, 1, widths.weight, groups)
        variables.layer(f"{scope}/decode_weight_net/wconv1", wconv, batch_norm=False)
        variables.shapes[f"{scope}/fp_sumpool/biases"] = (groups,)
        variables.batch_norm(f"{scope}/fp_sumpool", (groups,), ())
        variables.stack(f"{scope}/conv_", (groups + skip, *channels))
        coarse = channels[-1]
    channels, skip = last
    scope = f"{branch}_fa_layer{len(widths.decoder)}"
    variables.stack(f"{scope}/conv_", (coarse + skip, *channels))


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
