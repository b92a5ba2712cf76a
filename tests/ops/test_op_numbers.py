"""Numbers that ops take beside tensors: what is no number of the kind is named, never cut."""

import re

import numpy as np
import pytest

import tf_ops

XYZ = np.random.default_rng(0).uniform(0, 1, (1, 8, 3)).astype(np.float32)
WHOLE = {
    "num_samples": lambda value: tf_ops.farthest_point_sample(XYZ, value),
    "num_neighbours": lambda value: tf_ops.ball_query(XYZ, XYZ, 0.5, value),
    "max_iterations": lambda value: tf_ops.mean_shift(XYZ, 0.5, max_iterations=value),
    "row": lambda value: tf_ops.attention_row(XYZ, XYZ, value),
}
POSITIVE = {
    "radius": lambda value: tf_ops.ball_query(XYZ, XYZ, value, 2),
    "bandwidth": lambda value: tf_ops.mean_shift(XYZ, value),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [2.5, 2.0, True, "2", None, np.float32(2), float("nan")])
def test_what_is_no_whole_number_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"`{name}` must be a whole number.*{name}="):
        WHOLE[name](value)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_of_numpy_are_taken(name):
    WHOLE[name](np.int64(2))


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("value", ["1", None, True])
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"`{name}` must be a number.*{name}="):
        POSITIVE[name](value)


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("value", [1e-300, 1e300, 0, -1, float("nan"), float("inf")])
def test_what_float32_would_make_0_or_infinite_is_refused_with_its_value(name, value):
    received = f"`{name}` must be > 0 and within .*{re.escape(f'{name}={value}')}"
    with pytest.raises(ValueError, match=received):
        POSITIVE[name](value)


def test_distances_of_another_type_or_shape_have_no_weights():
    with pytest.raises(TypeError, match="`squared_distance` must be float32"):
        tf_ops.three_nearest_weights(np.ones((1, 4, 3), np.int32))
    with pytest.raises(ValueError, match=r"`squared_distance` must have shape \[B, N, 3\]"):
        tf_ops.three_nearest_weights(np.ones((1, 4, 2), np.float32))
