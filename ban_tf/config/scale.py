"""Lengths of the networks for samples that are no blocks of a metre."""

import dataclasses

from ban_tf.config.networks import NetworkConfig, PointConvConfig, SetAbstractionConfig
from ban_tf.config.samples import Sampling, Shapes

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
    return dataclasses.replace(
        network,
        backbone=dataclasses.replace(
            network.backbone, encoder=tuple(map(_wider, network.backbone.encoder))
        ),
        jsnet=dataclasses.replace(
            network.jsnet,
            first=_wider(network.jsnet.first),
            encoder=tuple(map(_wider_convolution, network.jsnet.encoder)),
        ),
    )


def _wider(level: SetAbstractionConfig) -> SetAbstractionConfig:
    return dataclasses.replace(level, radius_m=SHAPE_SCALE * level.radius_m)


def _wider_convolution(level: PointConvConfig) -> PointConvConfig:
    return dataclasses.replace(
        level,
        radius_m=SHAPE_SCALE * level.radius_m,
        density_variance_m2=SHAPE_SCALE**2 * level.density_variance_m2,
    )
