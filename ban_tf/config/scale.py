"""Lengths of the networks for samples that are no blocks of a metre."""

import dataclasses
import math

from ban_tf.config.checking import require
from ban_tf.config.experiment import Experiment
from ban_tf.config.networks import NetworkConfig, PointConvConfig, SetAbstractionConfig
from ban_tf.config.samples import Blocks, Sampling, Shapes

# The originals' radii are for blocks one metre wide; a shape fills the unit sphere, which is two
# wide. Doubled, the first two are 0.2 and 0.4: those of PointNet++ on shapes in the unit sphere,
# in its authors' part segmentation and in the code of PartNet's authors.
SHAPE_SCALE = 2.0  # [O]


def for_samples(network: NetworkConfig, samples: Sampling) -> NetworkConfig:
    """The network with its radii, which are those of blocks of a metre, made to fit the samples.

    BoNet's are shares of the sample's extent already, and PointNet and SGPN have none.

    Args:
        network: with radii for blocks.
        samples: what it will see.

    Example:
        >>> network = for_samples(NetworkConfig(), Shapes())
        >>> [level.radius_m for level in network.backbone.encoder]
        [0.2, 0.4, 0.8, 1.6]
    """
    if not isinstance(samples, Shapes):
        return network
    return _scaled(network, SHAPE_SCALE)


def with_block_size(experiment: Experiment, size_m: float) -> Experiment:
    """The experiment in blocks of another size: their stride and the network's radii go with it.

    Small things need small blocks: an object that holds a fortieth of a block's points has 25 of
    1024.

    Args:
        experiment: on blocks.
        size_m: side of a block, metres.

    Raises:
        ValueError: a size that cannot be, or an experiment on whole shapes.

    Example:
        >>> from ban_tf.config import Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> small = with_block_size(Experiment(dataset="desks", labels=labels, split=split), 0.5)
        >>> small.samples.stride_m, [one.radius_m for one in small.network.backbone.encoder]
        (0.25, [0.05, 0.1, 0.2, 0.4])
    """
    samples = experiment.samples
    require(
        isinstance(samples, Blocks),
        "`block_size` is of networks that see blocks; whole shapes have none.",
        block_size=size_m,
    )
    require(
        size_m > 0 and math.isfinite(size_m),
        "`block_size` must be positive, in metres.",
        block_size=size_m,
    )
    assert isinstance(samples, Blocks)
    factor = size_m / samples.size_m
    return dataclasses.replace(
        experiment,
        samples=dataclasses.replace(samples, size_m=size_m, stride_m=samples.stride_m * factor),
        network=_scaled(experiment.network, factor),
    )


def _scaled(network: NetworkConfig, factor: float) -> NetworkConfig:
    def levels(found: tuple[SetAbstractionConfig, ...]) -> tuple[SetAbstractionConfig, ...]:
        return tuple(_wider(level, factor) for level in found)

    convolutions = tuple(_wider_convolution(level, factor) for level in network.jsnet.encoder)
    return dataclasses.replace(
        network,
        backbone=dataclasses.replace(network.backbone, encoder=levels(network.backbone.encoder)),
        jsnet=dataclasses.replace(
            network.jsnet, first=_wider(network.jsnet.first, factor), encoder=convolutions
        ),
    )


def _wider(level: SetAbstractionConfig, factor: float) -> SetAbstractionConfig:
    return dataclasses.replace(level, radius_m=factor * level.radius_m)


def _wider_convolution(level: PointConvConfig, factor: float) -> PointConvConfig:
    return dataclasses.replace(
        level,
        radius_m=factor * level.radius_m,
        density_variance_m2=factor**2 * level.density_variance_m2,
    )
