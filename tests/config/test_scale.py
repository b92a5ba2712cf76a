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
    with_block_size,
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


def toys(samples, feature="block_xyz"):
    return Experiment(
        dataset="toys",
        labels=Labels(class_names=("wheel", "seat")),
        split=Split(name="test", train=("a",), test=("b",)),
        samples=samples,
        features=Features(names=(feature,)),
    )


@pytest.mark.parametrize(
    ("samples", "feature", "first"), [(Blocks(), "block_xyz", 0.1), (Shapes(), "xyz", 0.2)]
)
def test_the_reduced_setting_has_the_radii_of_its_samples(samples, feature, first):
    network = reduced.quick(toys(samples, feature)).network
    assert network.backbone.encoder[0].radius_m == first
    assert network.jsnet.first.radius_m == first


def test_a_block_of_another_size_takes_stride_and_radii_along():
    for experiment in (toys(Blocks()), reduced.quick(toys(Blocks(size_m=2.0)))):
        samples = experiment.samples
        small = with_block_size(experiment, samples.size_m / 4)
        assert (small.samples.size_m, small.samples.stride_m) == (
            samples.size_m / 4, samples.stride_m / 4)  # fmt: skip
        assert small.samples.num_points == samples.num_points
        assert radii(small.network) == [radius / 4 for radius in radii(experiment.network)]
        back = with_block_size(small, samples.size_m)
        assert back == experiment


@pytest.mark.parametrize("size_m", [0, -1.0, float("nan"), float("inf"), 1e9])
def test_sizes_that_cannot_be_are_refused(size_m):
    with pytest.raises(ValueError, match=r"`block_size` must be positive|`size_m` must be at most"):
        with_block_size(toys(Blocks()), size_m)


def test_shapes_have_no_blocks():
    with pytest.raises(ValueError, match="whole shapes have none"):
        with_block_size(toys(Shapes(), "xyz"), 0.5)
