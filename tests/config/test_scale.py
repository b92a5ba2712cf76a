import dataclasses

import pytest

from ban_tf.config import (
    Blocks,
    Experiment,
    Features,
    Labels,
    NetworkConfig,
    Shapes,
    Split,
    for_samples,
    reduced,
)

NETWORK = NetworkConfig()


def radii(network):
    levels = (*network.backbone.encoder, network.jsnet.first, *network.jsnet.encoder)
    return [level.radius_m for level in levels]


def test_shapes_have_twice_the_radii_of_blocks():
    fitted = for_samples(NETWORK, Shapes())
    assert radii(fitted) == [2 * radius for radius in radii(NETWORK)]
    pairs = zip(fitted.jsnet.encoder, NETWORK.jsnet.encoder, strict=True)
    assert [one.density_variance_m2 / other.density_variance_m2 for one, other in pairs] == [4] * 3


def test_nothing_else_changes_and_nothing_does_for_blocks():
    assert for_samples(NETWORK, Blocks()) is NETWORK
    fitted = for_samples(NETWORK, Shapes())
    back = dataclasses.replace(fitted, backbone=NETWORK.backbone, jsnet=NETWORK.jsnet)
    assert back == NETWORK  # BoNet's radii are shares of the sample's extent


@pytest.mark.parametrize(
    ("samples", "feature", "first"), [(Blocks(), "block_xyz", 0.1), (Shapes(), "xyz", 0.2)]
)
def test_the_reduced_setting_has_the_radii_of_its_samples(samples, feature, first):
    experiment = Experiment(
        dataset="toys",
        labels=Labels(class_names=("wheel", "seat")),
        split=Split(name="test", train=("a",), test=("b",)),
        samples=samples,
        features=Features(names=(feature,)),
    )
    network = reduced.quick(experiment).network
    assert network.backbone.encoder[0].radius_m == first
    assert network.jsnet.first.radius_m == first
