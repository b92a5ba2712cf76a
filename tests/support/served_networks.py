"""Tiny networks to export, and requests whose blocks are of unequal size."""

import dataclasses

import numpy as np

import tiny_networks
from ban_tf import config
from ban_tf.model import networks

EMBEDDING = ("asis", "ban", "jsnet", "jsnet_pointnet2", "pointnet", "pointnet2")
NUM_POINTS = np.array([24, 17, 20], np.int32)


def experiment(name="ban", **changes):
    made = tiny_networks.four_classes(
        network=tiny_networks.tiny(name), samples=config.Blocks(num_points=24)
    )
    return dataclasses.replace(made, **changes)


def network(name="ban"):
    """A network with fresh weights, whose embedding is spread far enough for several clusters."""
    made = networks.build(tiny_networks.tiny(name))
    made.get_layer("embedding").kernel.assign(8 * made.get_layer("embedding").kernel)
    return made


def request(fill=None, seed=0):
    """Three blocks, of which rows beyond `NUM_POINTS` hold `fill`; None leaves points there."""
    points = tiny_networks.blocks(len(NUM_POINTS), 24, seed)
    if fill is not None:
        for block, count in zip(points, NUM_POINTS, strict=True):
            block[count:] = fill
    return {"points": points, "num_points": NUM_POINTS}


def blocks_of(request):
    """Every block of a request alone, without its padding: `[1, n, ...]`."""
    points, counts = request["points"], request["num_points"]
    return [points[b : b + 1, :count] for b, count in enumerate(counts)]
