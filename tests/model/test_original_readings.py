"""Our networks and a plain NumPy reading of the originals, by the originals' own variables.

Tiny networks with weights that are drawn here travel through the importer of checkpoints; the
originals' own recordings, where they stand beside the project, hold the reading itself.
"""

import dataclasses
import zipfile
import zlib

import numpy as np
import pytest
import tensorflow as tf

from ban_tf.config import AsisConfig, BackboneConfig, JsnetConfig, PointConvConfig
from ban_tf.config import SetAbstractionConfig as Abstraction
from ban_tf.training import tf1_checkpoint
from original_checkpoints import (
    Widths,
    variables_of_asis,
    variables_of_ban,
    variables_of_jsnet,
    write_checkpoint,
)
from original_networks import ORIGINALS, Level, Sizes
from original_networks import SIZES as PUBLISHED
from places import SHARED

TOLERANCE = 2e-4  # float32 through a dozen batch-normalised layers, of outputs up to 20
RECORDS = SHARED / "fixtures" / "tf1"
ENCODER = ((5, 6), (6, 8), (8, 10), (10, 12))
WIDTHS = Widths(ENCODER, ((9, 8), (8, 8), (8, 6), (6, 7)), head=8)
JSNET_WIDTHS = Widths(ENCODER, ((14, 12), (12, 11), (8, 6), (6, 5)), head=8, density=3, weight=4)
VARIABLES = {
    "ban": variables_of_ban(WIDTHS),
    "asis": variables_of_asis(WIDTHS),
    "jsnet": variables_of_jsnet(JSNET_WIDTHS),
}
LEVELS = (Level(20, 0.4, 5), Level(12, 0.7, 4), Level(8, 1.0, 6), Level(5, 1.5, 3))
DENSE = ((0.05, 6), (0.1, 5), (0.2, 9))  # variance and neighbours of JSNet's densities
POINTCONV = tuple(Level(*level[:3], *dense) for level, dense in zip(LEVELS[1:], DENSE, strict=True))
SIZES = {
    "ban": Sizes(LEVELS),
    "asis": Sizes(LEVELS, num_neighbours=6, max_distance=1.5),
    "jsnet": Sizes((LEVELS[0], *POINTCONV), num_neighbours=4),
}


def drawn(name, shape):
    """Values that only this name has; like those of a trained network, and none neutral."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("weights"):
        values = rng.normal(0, 1.5 / np.sqrt(np.prod(shape[:-1])), shape)
    elif name.endswith(("Squeeze_1/ExponentialMovingAverage", "gamma")):
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = rng.normal(0, 0.3, shape)
    return np.asarray(values, np.float32)


def tiny_config(config):
    """The config that the importer reads from a file, with the sizes above in it."""
    abstractions = tuple(
        Abstraction(
            num_samples=level.num_samples,
            radius_m=level.radius,
            num_neighbours=level.num_neighbours,
            widths=widths,
        )
        for level, widths in zip(LEVELS, ENCODER, strict=True)
    )
    convolutions = tuple(
        PointConvConfig(
            num_samples=level.num_samples,
            radius_m=level.radius,
            num_neighbours=level.num_neighbours,
            density_variance_m2=level.variance,
            density_neighbours=level.density_neighbours,
            density_width=JSNET_WIDTHS.density,
            widths=widths,
        )
        for level, widths in zip(POINTCONV, ENCODER[1:], strict=True)
    )
    return dataclasses.replace(
        config,
        backbone=BackboneConfig(
            encoder=abstractions, decoder=WIDTHS.decoder, head_width=WIDTHS.head
        ),
        asis=AsisConfig(
            num_neighbours=SIZES["asis"].num_neighbours, max_distance=SIZES["asis"].max_distance
        ),
        jsnet=JsnetConfig(
            first=abstractions[0],
            encoder=convolutions,
            decoder=JSNET_WIDTHS.decoder,
            decoder_neighbours=SIZES["jsnet"].num_neighbours,
            decoder_weight_width=JSNET_WIDTHS.weight,
            head_width=JSNET_WIDTHS.head,
        ),
    )


def drawn_blocks(num_points=40):
    return np.random.default_rng(3).uniform(0, 1, (2, num_points, 9)).astype(np.float32)


@pytest.mark.parametrize("network", ORIGINALS)
def test_an_imported_network_gives_what_the_original_would(network, tmp_path, monkeypatch):
    shapes, build = VARIABLES[network], tf1_checkpoint.networks.build
    monkeypatch.setattr(tf1_checkpoint.networks, "build", lambda config: build(tiny_config(config)))
    prefix = write_checkpoint(tmp_path / "epoch_99.ckpt", shapes, value=drawn)
    outputs = tf1_checkpoint.load_network(prefix, network)(drawn_blocks(), training=False)
    variables = {name: drawn(name, shape) for name, shape in shapes.items()}
    expected = ORIGINALS[network](variables, drawn_blocks(), SIZES[network])
    for name, values in expected.items():
        assert np.std(values, axis=(0, 1)).mean() > 0.1, name  # the points differ
        np.testing.assert_allclose(outputs[name], values, rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("network", ORIGINALS)
def test_every_variable_of_an_original_shows_in_the_outputs(network):
    """Or an importer that leaves it out, or puts it elsewhere, would not be found out."""
    shapes = VARIABLES[network]
    variables = {name: drawn(name, shape) for name, shape in shapes.items()}
    blocks, sizes = drawn_blocks()[:1], SIZES[network]
    expected = ORIGINALS[network](variables, blocks, sizes)
    idle = {"Variable", "batch", "beta1_power", "beta2_power"}
    if network == "ban":  # a layer of the file that nothing reads
        idle |= {name for name in shapes if name.startswith("sem_cache/")}
        # It adds the same to all similarities of a point, which the softmax takes out again.
        idle |= {"theta_itos/biases", "theta_stoi/biases"}
    unseen = set()
    for name, values in variables.items():
        outputs = ORIGINALS[network]({**variables, name: np.flip(values) + 0.2}, blocks, sizes)
        change = max(np.abs(outputs[key] - expected[key]).max() for key in outputs)
        if change < TOLERANCE:
            unseen.add(name)
    assert unseen == idle & set(shapes)


@pytest.mark.parametrize("network", ORIGINALS)
def test_the_reading_gives_the_outputs_recorded_of_the_original(network, tmp_path):
    if not RECORDS.exists():
        pytest.skip(f"no recorded networks at {RECORDS}")
    with zipfile.ZipFile(RECORDS / network / "checkpoint.zip") as archive:
        archive.extractall(tmp_path)
    reader = tf.train.load_checkpoint(str(next(tmp_path.rglob("*.index")).with_suffix("")))
    variables = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    with np.load(RECORDS / network / "io.npz") as record:
        # The neighbours that rounding exchanges are the recorded ones.
        given = {"neighbours": record["feature_neighbours"][:1]} if network == "asis" else {}
        outputs = ORIGINALS[network](variables, record["input"][:1], PUBLISHED[network], **given)
        for name, values in outputs.items():
            # The recording is float32, and such networks amplify rounding: 1e-3 of 10 to 30.
            np.testing.assert_allclose(values, record[name][:1], rtol=0, atol=2e-3, err_msg=name)
