"""Writes what every network says of a fixed block, at tiny width, with weights made by a formula.

    PYTHONPATH=.:tests:tests/support python tests/support/make_golden_outputs.py

It writes tests/model/golden/outputs.npz, which was made so with the code of revision e12f0fb. Run
it again only where a network is meant to say something else than before; CHANGELOG.md then says so.
"""

import dataclasses
import zlib
from pathlib import Path

import keras
import numpy as np

from ban_tf.model import networks
from tiny_networks import TINY, blocks

FILE = Path(__file__).parents[1] / "model" / "golden" / "outputs.npz"
POSITIVE = ("gamma", "moving_variance", "values")  # `values`: SGPN's thresholds


def features() -> np.ndarray:
    """The block: float32 `[2, 24, 9]`."""
    return blocks(batch=2, num_points=24, seed=11)


def network(name: str) -> keras.Model:
    """A tiny network; its weights depend on their paths and shapes, and on no initialiser.

    Every number is drawn, those of the batch norms too, so that none can be left out unseen.
    """
    model = networks.build(dataclasses.replace(TINY, name=name))
    for weight in model.weights:
        if weight.name == "seen":  # counts batches; plays no part in the outputs
            continue
        numbers = np.random.default_rng(zlib.crc32(weight.path.encode())).random(weight.shape)
        if weight.name in POSITIVE:
            numbers += 0.5
        else:
            width = weight.shape[0] if len(weight.shape) == 2 else 4
            numbers = (2 * numbers - 1) * np.sqrt(6 / width)  # halved by ReLU
        weight.assign(numbers.astype(np.float32))
    return model


def outputs(name: str) -> dict[str, np.ndarray]:
    """What the network says, by `network/output`."""
    found = network(name)(features(), training=False)
    return {f"{name}/{key}": keras.ops.convert_to_numpy(value) for key, value in found.items()}


if __name__ == "__main__":
    everything = {"features": features()}
    for chosen in sorted(networks.BUILDERS):
        everything |= outputs(chosen)
    np.savez_compressed(FILE, **everything)
