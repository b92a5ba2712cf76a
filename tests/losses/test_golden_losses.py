"""Where every point has a label, the losses are what they were before points could lack one."""

import numpy as np
import pytest
import tensorflow as tf

import make_golden_losses as recipe
from places import ROOT

GOLDEN = ROOT / "tests" / "losses" / "golden" / "losses.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("size", recipe.SIZES, ids=str)
@pytest.mark.parametrize("system", recipe.TERMS)
def test_losses_of_fully_labelled_batches_are_the_recorded_ones(system, size, golden):
    same_rounding = np.array_equal(recipe.arithmetic(), golden["arithmetic"])
    found = recipe.values_and_gradients(system, *recipe.batch(size))
    prefix = f"{system} {size[0]}x{size[1]} "
    expected = {
        name.removeprefix(prefix): value
        for name, value in golden.items()
        if name.startswith(prefix)
    }
    assert found.keys() == expected.keys() != set()
    for name, value in expected.items():
        if same_rounding and not name.startswith("slope of"):
            np.testing.assert_array_equal(found[name], value, err_msg=name)
        else:  # the order in which slopes are added up is the backend's
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("system", recipe.TERMS)
def test_a_traced_loss_is_the_recorded_one(system, golden):
    """The graph optimiser rewrites quotients and means, each in its own way."""
    labels, outputs = recipe.batch((3, 130))
    traced = tf.function(lambda outputs: recipe.TERMS[system](labels, outputs))
    for name, value in traced({key: tf.constant(x) for key, x in outputs.items()}).items():
        expected = golden[f"{system} 3x130 {name}"]
        np.testing.assert_allclose(value, expected, rtol=1e-6, err_msg=name)
