"""Instances that are kept, from counts alone, are those that are kept point by point."""

import numpy as np
import pytest

from ban_tf.config import InferenceConfig
from ban_tf.instances import merging


@pytest.mark.parametrize("stuff", [(), (1,), (0, 2)])
@pytest.mark.parametrize("mean_sizes", [None, np.array([100.0, np.nan, 30.0])])
def test_numbers_are_those_of_the_points(stuff, mean_sizes):
    rng = np.random.default_rng(0)
    instance = np.repeat([0, 2, 3, 7, 8, -1], [30, 5, 60, 9, 25, 11]).astype(np.int32)
    semantic = rng.integers(0, 3, len(instance))
    things = merging.drop_classes(instance, semantic, stuff)
    kept = merging.filter_by_size(things, semantic, mean_sizes, InferenceConfig())
    counts = np.zeros((10, 3), np.int64)
    np.add.at(counts, (instance[instance >= 0], semantic[instance >= 0]), 1)
    numbers = merging.numbers_of_kept(counts, stuff, mean_sizes, InferenceConfig())
    np.testing.assert_array_equal(np.append(numbers, -1)[instance], kept)
