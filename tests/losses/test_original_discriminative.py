"""Our discriminative loss, a reading of the originals' in plain NumPy, and what was recorded."""

import numpy as np
import pytest
import tensorflow as tf

import discriminative_reference as reference
from ban_tf.config import LossConfig
from ban_tf.losses.discriminative import DiscriminativeLoss, discriminative_parts
from places import SHARED

RECORD = SHARED / "fixtures" / "discriminative_loss.npz"


@pytest.fixture(scope="module")
def record():
    if not RECORD.exists():
        pytest.skip(f"no recorded loss at {RECORD}")
    with np.load(RECORD) as arrays:
        return dict(arrays)


def drawn_blocks(seed, spread, num_points=30, num_ids=5):
    """Blocks with points of no instance, one instance, and several."""
    rng = np.random.default_rng(seed)
    instance = rng.integers(-1, num_ids, (3, num_points)).astype(np.int32)
    instance[1] = np.where(rng.random(num_points) < 0.2, -1, 7)
    return instance, rng.normal(0, spread, (3, num_points, 5)).astype(np.float32)


def ours(instance, embedding):
    """Weighted terms of the batch, and the gradient of the loss."""
    with tf.GradientTape() as tape:
        embedding = tf.constant(embedding)
        tape.watch(embedding)
        loss = DiscriminativeLoss(LossConfig())(instance, embedding)
    parts = discriminative_parts(instance, embedding, LossConfig())
    return [np.mean(part) for part in parts], tape.gradient(loss, embedding).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0], ids=["near", "overlapping", "apart"])
def test_our_loss_and_gradient_are_those_of_the_reading(spread, dtype):
    instance, embedding = drawn_blocks(0, spread)
    parts, gradient = ours(instance, embedding.astype(dtype))
    assert gradient.dtype == dtype
    rtol = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(parts, reference.terms(instance, embedding), rtol=rtol, atol=1e-9)
    # Central differences are good to eight digits or so, float32 sums to six.
    expected = reference.gradient(instance, embedding)
    atol = 1e-6 if dtype == "float32" else 1e-8
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=atol)
    assert np.abs(expected).max() > 1e-3


def test_the_reading_gives_the_recorded_values(record):
    total, *parts = record["out"]
    found = reference.terms(record["ins"], record["emb"])
    np.testing.assert_allclose(found.sum(), total, rtol=1e-6)
    np.testing.assert_allclose(found, parts, rtol=1e-5)


def test_the_reading_gives_the_recorded_gradient(record):
    found = reference.gradient(record["ins"], record["emb"])
    np.testing.assert_allclose(found, record["grad"], rtol=1e-4, atol=1e-6)


def test_our_loss_gives_the_recorded_values_and_gradient(record):
    parts, gradient = ours(record["ins"], record["emb"])
    np.testing.assert_allclose(np.sum(parts), record["out"][0], rtol=1e-6)
    np.testing.assert_allclose(parts, record["out"][1:], rtol=1e-5)
    np.testing.assert_allclose(gradient, record["grad"], rtol=1e-4, atol=1e-7)
