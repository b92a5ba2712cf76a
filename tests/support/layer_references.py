"""What the parts of the networks compute without training, in NumPy."""

import numpy as np


def randomise(layer):
    """Gives every weight a value that shows when it is left out."""
    rng = np.random.default_rng(5)
    for weight in layer.weights:
        if weight.dtype == "float32":
            weight.assign(rng.uniform(0.3, 1.2, weight.shape))


def dense(layer, inputs):
    return inputs @ layer.kernel.numpy() + layer.bias.numpy()


def batch_norm(layer, inputs):
    deviation = np.sqrt(layer.moving_variance.numpy() + 1e-3)
    normalised = (inputs - layer.moving_mean.numpy()) / deviation
    return normalised * layer.gamma.numpy() + layer.beta.numpy()


def mlp(layer, inputs):
    """A `PointMLP`."""
    for step, norm in zip(layer.dense, layer.batch_norms, strict=True):
        inputs = np.maximum(batch_norm(norm, dense(step, inputs)), 0)
    return inputs


def sigmoid(inputs):
    return 1 / (1 + np.exp(-inputs))
