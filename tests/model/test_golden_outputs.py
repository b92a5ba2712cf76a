"""Every network says today of a fixed block what it said when the golden file was made."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

import make_golden_outputs as golden
from ban_tf.model import networks
from tf_ops import library

KERNELS = {"native": contextlib.nullcontext, "stock": library.stock_kernels}


@pytest.mark.parametrize("kernels_of", KERNELS)
@pytest.mark.parametrize("name", sorted(networks.BUILDERS))
def test_a_network_says_what_it_said(name, kernels_of):
    with KERNELS[kernels_of]():
        got = golden.outputs(name)
    with np.load(golden.FILE) as file:
        expected = {key: file[key] for key in file.files if key.startswith(f"{name}/")}
    assert set(got) == set(expected)
    assert len(expected) >= 2
    for key, value in expected.items():
        assert value.std() > 0.01, key  # it says something
        # Other processors sum in other orders.
        np.testing.assert_allclose(got[key], value, rtol=1e-4, atol=1e-5, err_msg=key)


def test_the_block_is_the_one_the_file_was_made_of():
    with np.load(golden.FILE) as file:
        np.testing.assert_array_equal(golden.features(), file["features"])


@pytest.mark.parametrize("name", sorted(networks.BUILDERS))
def test_the_file_would_see_every_weight_change(name):
    model = golden.network(name)
    weights = [weight for weight in model.weights if weight.name != "seen"]
    values = [weight.value for weight in weights]
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = model(golden.features(), training=False)
        total = tf.add_n([tf.reduce_sum(value**2) for value in found.values()])
    gradients = tape.gradient(total, values)
    blind = [
        weight.path
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is None or not np.abs(gradient).max() > 1e-4
    ]
    # What it adds is the same for all keys, and the soft-max passes over it.
    assert [path for path in blind if not path.endswith("/theta/bias")] == []
