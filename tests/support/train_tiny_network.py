"""Trains tiny networks for three steps with whatever backend Keras has, and prints the losses.

KERAS_BACKEND=jax python tests/support/train_tiny_network.py ban asis
"""

import sys

import keras
import numpy as np

from ban_tf.model import networks
from tiny_networks import blocks, compiled, labels, tiny


def train(name: str) -> None:
    model = compiled(networks.build(tiny(name)))
    before = model.get_weights()
    losses = [
        float(model.train_on_batch(blocks(), labels(), return_dict=True)["loss"]) for _ in range(3)
    ]
    after = model.get_weights()
    if not (np.isfinite(losses).all() and all(np.isfinite(weight).all() for weight in after)):
        raise FloatingPointError(f"training {name} is not finite. Received: losses={losses}")
    if all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
        raise RuntimeError(
            f"training {name} left every weight as it was. Received: losses={losses}"
        )
    outputs = model.predict(blocks(), verbose=0)
    shapes = {name: output.shape for name, output in outputs.items()}
    print(keras.config.backend(), name, losses, shapes)


if __name__ == "__main__":
    for network in sys.argv[1:]:
        train(network)
