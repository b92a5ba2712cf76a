import dataclasses
import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import network_checks
from ban_tf.config import BanConfig, LossConfig
from ban_tf.model import networks
from ban_tf.model.attention import CrossTaskAttention
from layer_checks import check_layer
from places import SUPPORT
from tiny_networks import PAPER, TINY, blocks, compiled, labels, tiny

SWITCHES = {
    "none": BanConfig(stoi=False, itos=False),
    "stoi": BanConfig(itos=False),
    "itos": BanConfig(stoi=False),
    "both": BanConfig(),
    "both, feature": BanConfig(itos_source="feature"),
    "inverse": BanConfig(order="itos_first"),
    "simultaneous": BanConfig(order="simultaneous"),
    "self-attention": BanConfig(self_attention=True),
}


def num_trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.fixture(scope="module")
def paper_network():
    return networks.build(PAPER)


def test_parameter_counts_of_ban_and_its_parts_are_the_originals(paper_network):
    layers = {layer.name: num_trainable(layer) for layer in paper_network.layers}

    def total(prefix):
        return sum(count for name, count in layers.items() if name.startswith(prefix))

    assert num_trainable(paper_network) == 1_650_734
    assert total("encoder_") == 354_528
    assert total("semantic_decoder_") == total("instance_decoder_") == 595_968
    assert layers["semantic_fc1"] == layers["instance_fc1"] == 16_768
    assert (layers["stoi"], layers["itos"]) == (49_536, 16_572)


def test_parameter_counts_of_the_variants_are_the_originals():
    def count(**changes):
        return num_trainable(networks.build(dataclasses.replace(PAPER, **changes)))

    assert count(name="pointnet2") == 1_582_322
    assert count(ban=BanConfig(stoi=False, itos=False)) == 1_582_322
    assert count(ban=BanConfig(itos_source="feature")) == 1_683_698
    assert count(ban=BanConfig(itos=False)) == 1_582_322 + 49_536 + 128 * 5
    assert count(ban=BanConfig(stoi=False)) == 1_582_322 + 16_572 + 128 * 13


def test_weights_have_readable_unique_names(paper_network):
    paths = [weight.path for weight in paper_network.weights]
    assert len(set(paths)) == len(paths)
    expected = {
        "encoder_1/mlp/dense_1/kernel",
        "encoder_4/mlp/batch_norm_3/moving_variance",
        "semantic_decoder_4/mlp/dense_3/bias",
        "instance_decoder_1/mlp/batch_norm_2/gamma",
        "semantic_fc1/dense_1/kernel",
        "stoi/theta/kernel",
        "itos/g/bias",
        "logits/kernel",
        "embedding/bias",
    }
    assert expected <= set(paths)


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_every_switch_gives_logits_and_embeddings_for_any_number_of_points(switches):
    model = networks.build(dataclasses.replace(TINY, ban=switches))
    for batch, num_points in ((2, 24), (1, 12)):
        outputs = model(blocks(batch, num_points))
        assert set(outputs) == {"logits", "embedding"}
        assert outputs["logits"].shape == (batch, num_points, 4)
        assert outputs["embedding"].shape == (batch, num_points, 3)


def test_the_switches_wire_the_attentions_as_documented():
    def guides(name):
        model = networks.build(dataclasses.replace(TINY, ban=SWITCHES[name]))
        makers = {id(layer.output): layer.name for layer in model.layers}
        attentions = [layer for layer in model.layers if isinstance(layer, CrossTaskAttention)]
        return {layer.name: makers[id(layer.input[0])] for layer in attentions}

    semantic, instance = "semantic_fc1", "instance_fc1"
    assert guides("none") == {}
    assert guides("stoi") == {"stoi": semantic}
    assert guides("itos") == {"itos": "embedding"}
    assert guides("both") == {"stoi": semantic, "itos": "embedding"}
    assert guides("both, feature") == {"stoi": semantic, "itos": instance}
    assert guides("inverse") == {"stoi": "itos", "itos": instance}
    assert guides("simultaneous") == {"stoi": semantic, "itos": instance}
    assert guides("self-attention") == {"stoi": instance, "itos": semantic}


def test_ban_without_attention_is_the_baseline():
    ban, baseline = networks.build(tiny(stoi=False, itos=False)), networks.build(tiny("pointnet2"))
    baseline.set_weights(ban.get_weights())
    expected, got = ban(blocks()), baseline(blocks())
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])


def test_chunked_and_plain_attention_give_one_network():
    chunked = networks.build(tiny(attention="chunked"))
    plain = networks.build(tiny(attention="plain"))
    plain.set_weights(chunked.get_weights())
    expected, got = plain(blocks()), chunked(blocks())
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-5)


def zero_by_algebra(path):
    """Why a variable gets no gradient; None if it must get one."""
    if path.endswith("/theta/bias"):
        return "adds the same number to a whole row of similarities; soft-max does not see it"
    return network_checks.bias_before_batch_norm(path)


@pytest.mark.parametrize("name", ["ban", "pointnet2"])
def test_every_variable_gets_a_gradient_unless_algebra_says_zero(name):
    keras.utils.set_random_seed(1)
    network_checks.check_gradients(networks.build(tiny(name)), zero_by_algebra, batch=2)


@pytest.mark.parametrize("name", ["ban", pytest.param("pointnet2", marks=pytest.mark.slow)])
def test_one_block_can_be_learnt_by_heart(name):
    network_checks.check_overfitting(name)


@pytest.mark.parametrize("kernel", ["plain", "chunked"])
def test_attention_is_a_well_behaved_layer(kernel):
    rng = np.random.default_rng(0)
    guide, values = (rng.normal(size=(2, 8, width)).astype(np.float32) for width in (5, 3))
    inputs = {"guide": guide, "values": values}
    check_layer(CrossTaskAttention, {"kernel": kernel}, inputs, [(2, 8, 6)], 6)


@pytest.mark.parametrize(("scale", "factor"), [("none", 1.0), ("rsqrt", 0.5)])
def test_attention_follows_equation_2(scale, factor):
    rng = np.random.default_rng(0)
    guide, values = (rng.normal(size=(1, 6, width)).astype(np.float32) for width in (4, 3))
    layer = CrossTaskAttention(scale=scale)
    layer.build(guide.shape, values.shape)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))

    def linear(dense, inputs):
        return inputs @ dense.kernel.numpy() + dense.bias.numpy()

    alike = factor * linear(layer.phi, guide[0]) @ linear(layer.theta, guide[0]).T
    similarity = np.exp(alike) / np.exp(alike).sum(axis=1, keepdims=True)
    propagated = similarity @ linear(layer.g, values[0])
    output = layer(guide, values)[0]
    np.testing.assert_array_equal(output[:, :3], values[0])
    np.testing.assert_allclose(output[:, 3:], propagated, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.similarity_row(guide, 2)[0], similarity[2], rtol=1e-4)


def test_a_tied_start_makes_the_similarity_symmetric_and_changes_nothing_else():
    rng = np.random.default_rng(2)
    guide, values = (rng.normal(size=(1, 16, width)).astype(np.float32) for width in (5, 3))
    layers = {}
    for start in ("independent", "tied"):
        keras.utils.set_random_seed(3)
        layers[start] = CrossTaskAttention(scale="rsqrt", start=start)
        layers[start].build(guide.shape, values.shape)
    tied, free = layers["tied"], layers["independent"]
    np.testing.assert_array_equal(tied.phi.kernel, tied.theta.kernel)
    np.testing.assert_array_equal(tied.theta.kernel, free.theta.kernel)
    np.testing.assert_array_equal(tied.g.kernel, free.g.kernel)
    assert not np.array_equal(free.phi.kernel, free.theta.kernel)
    tied.phi.kernel.assign(2 * tied.phi.kernel)  # the two are weights of their own
    np.testing.assert_array_equal(tied.theta.kernel, free.theta.kernel)


def test_permuting_points_permutes_the_attention():
    rng = np.random.default_rng(1)
    guide, values = rng.normal(size=(2, 1, 8, 3)).astype(np.float32)
    order = rng.permutation(8)
    layer = CrossTaskAttention()
    np.testing.assert_allclose(
        layer(guide, values).numpy()[:, order],
        layer(guide[:, order], values[:, order]),
        rtol=1e-4,
        atol=1e-6,
    )


def test_an_unknown_attention_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel='fused'"):
        CrossTaskAttention(kernel="fused")


# Keras saves variables in a way that NumPy 2 warns about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_network_gives_the_same_outputs_and_still_has_its_losses(tmp_path):
    model = compiled(networks.build(tiny()), run_eagerly=True)
    model.train_on_batch(blocks(), labels())
    model.save(tmp_path / "ban.keras")
    restored = keras.saving.load_model(tmp_path / "ban.keras")
    expected, got = model(blocks()), restored(blocks())
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])
    for a, b in zip(model.get_weights(), restored.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert restored.loss["embedding"].config == LossConfig()
    assert np.isfinite(restored.evaluate(blocks(), labels(), verbose=0)).all()


def test_mixed_precision_trains_to_finite_weights_and_float32_outputs():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(networks.build(tiny()), run_eagerly=True)
        loss = model.train_on_batch(blocks(), labels(), return_dict=True)
        outputs = model(blocks())
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("stoi").compute_dtype == "float16"
    assert {output.dtype.name for output in outputs.values()} == {"float32"}
    assert all(np.isfinite(value) for value in loss.values())
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_fewer_points_than_the_first_level_samples_are_refused():
    with pytest.raises(ValueError, match=r"encoder_1.*num_samples=12, N=11"):
        networks.build(tiny(), num_points=11)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="num_samples"):
        networks.build(tiny())(blocks(1, 11))


def test_an_unknown_network_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"ban, .*pointnet2.*config.name='segnet'"):
        networks.build(tiny("segnet"))


@pytest.mark.parametrize(
    "name",
    [
        "ban",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("pointnet", "asis", "jsnet", "jsnet_pointnet2")
        ),
    ],
)
def test_the_network_trains_under_jax(name):
    if importlib.util.find_spec("jax") is None:
        pytest.skip('JAX is not installed: python -m pip install -e ".[jax]"')
    program = SUPPORT / "train_tiny_network.py"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "BAN_TF_OPS": ""}
    done = subprocess.run(
        [sys.executable, program, name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"jax {name} "), done.stdout
