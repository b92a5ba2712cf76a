"""What is unlike the clouds that a network was trained on is said."""

import dataclasses
import warnings

import numpy as np
import pytest

import tiny_runs
from ban_tf.clouds.cloud import unlabelled
from ban_tf.config import Features, Shapes
from ban_tf.inference import segmentation

EXPERIMENT = tiny_runs.experiment()


def with_features(*names: str, **changes):
    features = Features(names=names)
    network = dataclasses.replace(EXPERIMENT.network, num_features=features.num_channels)
    return dataclasses.replace(EXPERIMENT, features=features, network=network, **changes)


class Flat:
    """Finds one class and no clusters."""

    fingerprint = "flat"

    def predict(self, features):
        count = EXPERIMENT.labels.num_classes
        logits = np.zeros((*features.shape[:2], count), np.float32)
        return {"logits": logits, "embedding": logits[..., :5]}


def leaning_floor():
    """A floor that leans by 45 degrees."""
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 2000))
    return unlabelled("ramp", np.column_stack([x, y, y]), np.zeros((2000, 3), np.uint8))


def warned_of(cloud, experiment):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        segmentation.segment(cloud, Flat(), experiment)
    return [one for one in caught if "Collapse" not in one.category.__name__]


def test_a_cloud_without_colours_is_told_of_where_the_network_knows_them():
    cloud = unlabelled("grey", tiny_runs.room("grey").xyz)
    with pytest.warns(segmentation.MissingColorsWarning, match="grey has no colours"):
        segmentation.segment(cloud, Flat(), EXPERIMENT)
    assert not warned_of(cloud, with_features("block_xyz"))


def test_a_cloud_that_leans_is_told_of():
    with pytest.warns(segmentation.NotUprightWarning, match="ramp does not .*level or upright"):
        segmentation.segment(leaning_floor(), Flat(), EXPERIMENT)


def test_a_room_that_stands_upright_is_not_told_of_nor_any_shape():
    assert not warned_of(tiny_runs.room("room"), EXPERIMENT)
    shapes = with_features("xyz", "rgb", samples=Shapes(num_points=64))
    assert not warned_of(leaning_floor(), shapes)


def test_the_warning_points_at_the_call():
    [warning] = warned_of(leaning_floor(), EXPERIMENT)
    assert warning.filename == __file__
