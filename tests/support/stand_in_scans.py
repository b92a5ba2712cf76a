"""A scan of a room with a table, and a network of two classes that needs no training."""

import numpy as np

from ban_tf import config
from ban_tf.experiments.trained import TrainedModel

NAMES = ("floor", "thing")
TABLE = (3.0, 2.0)  # its middle
EXPERIMENT = config.Experiment(
    dataset="desks",
    labels=config.Labels(class_names=NAMES),
    split=config.Split(name="val", train=("scan1",), test=("scan2",)),
    samples=config.Blocks(num_points=256, size_m=2.0, stride_m=1.0, min_points=10),
    features=config.Features(names=("block_xyz", "room_xyz")),
)


class Heights:
    """A network that takes what is higher than 20 cm for things, each in one place of its space."""

    fingerprint = "heights, version 1"

    def __init__(self, stops_after=None):
        self.num_samples = 0
        self._stops_after = stops_after

    def predict(self, features):
        if self._stops_after is not None and self.num_samples >= self._stops_after:
            raise KeyboardInterrupt
        self.num_samples += len(features)
        is_thing = features[..., 2] > 0.2
        logits = np.where(is_thing[..., None], (-3.0, 3.0), (3.0, -3.0)).astype(np.float32)
        embedding = np.where(is_thing[..., None], 10.0, 0.0) * np.ones(5)
        return {"logits": logits, "embedding": embedding.astype(np.float32)}


def model(**options):
    return TrainedModel(Heights(**options), EXPERIMENT, mean_sizes=None)


def room(num_points=3000, seed=0):
    """A floor of 6 x 4 m, walls, and a box of 1 x 0.5 m, half a metre high."""
    rng = np.random.default_rng(seed)
    floor = rng.uniform((0, 0, 0), (6, 4, 0.01), (num_points // 2, 3))
    thing = rng.uniform((2.5, 1.75, 0.3), (3.5, 2.25, 0.8), (num_points // 4, 3))
    wall = rng.uniform((0, 0, 0), (6, 0.01, 0.19), (num_points // 4, 3))
    return np.concatenate([floor, thing, wall])
