import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ban_tf import systems
from ban_tf.config import NONE, GroupMergingConfig, InferenceConfig
from ban_tf.data import s3dis
from ban_tf.instances import group_merging
from ban_tf.instances.group_thresholds import GroupThresholds
from ban_tf.instances.similarity import FeatureSimilarity
from ban_tf.losses.double_hinge import double_hinge
from ban_tf.losses.group_proposal import confidence_loss, inverse_frequency, weighted_semantic_loss
from ban_tf.metrics.instance import InstanceMatches
from ban_tf.model import networks
from ban_tf.model.sgpn import ClassThresholds
from ban_tf.training.joint import JointTrainer
from layer_checks import check_layer
from network_checks import bias_before_batch_norm, furnished_block, num_dense, num_trainable
from tiny_networks import TINY, blocks, four_classes

NETWORK = dataclasses.replace(TINY, name="sgpn")
SYSTEM = systems.of("sgpn")


def experiment(**merging):
    """Four classes, and blocks small enough that five points are a group."""
    settings = GroupMergingConfig(min_group_points=5, **merging)
    return four_classes(network=NETWORK, inference=InferenceConfig(group_merging=settings))


def labels(batch=2, num_points=24, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "semantic": rng.integers(-1, 4, (batch, num_points)).astype(np.int32),
        "instance": rng.integers(-1, 3, (batch, num_points)).astype(np.int32),
    }


# --- the network ---


def test_the_parameter_count_is_that_of_the_layer_table():
    trunk = num_dense(9, 64, 64, 64, 128, 1024) + num_dense(1024, 256, 128)
    shared = num_dense(1024 + 128, 512, 256)
    heads = 3 * num_dense(256, 128, batch_norm=False)
    last = num_dense(128, 13, batch_norm=False) + num_dense(128, 1, batch_norm=False)
    model = networks.build(s3dis.experiment(network="sgpn").network)
    assert num_trainable(model) == trunk + shared + heads + last == 1_271_822


def test_batch_and_number_of_points_need_not_be_known():
    model = networks.build(NETWORK)
    assert {name: symbol.shape for name, symbol in model.output.items()} == {
        "logits": (None, None, 4),
        "similarity_features": (None, None, 16),
        "confidence": (None, None),
        "thresholds": (None, 4),
    }
    for batch, num_points in ((2, 24), (1, 13)):
        outputs = model(blocks(batch, num_points))
        assert {name: tuple(tensor.shape) for name, tensor in outputs.items()} == {
            "logits": (batch, num_points, 4),
            "similarity_features": (batch, num_points, 16),
            "confidence": (batch, num_points),
            "thresholds": (batch, 4),
        }
        assert ((outputs["confidence"] > 0) & (outputs["confidence"] < 1)).numpy().all()


def test_every_variable_gets_a_gradient_that_is_not_zero():
    keras.utils.set_random_seed(0)
    model = networks.build(NETWORK)
    with tf.GradientTape() as tape:
        outputs = model(blocks(4), training=True)
        terms = SYSTEM.objective(experiment())(labels(4), outputs, tf.constant(0.0))
        loss = terms["semantic"] + terms["similarity"] + 100 * terms["confidence"]
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        largest = np.abs(gradient).max()
        assert np.isfinite(largest), variable.path
        assert (largest > 1e-3) == (bias_before_batch_norm(variable.path) is None), variable.path


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_network_keeps_its_thresholds_and_outputs(tmp_path):
    model = networks.build(NETWORK)
    model.get_layer("thresholds").set(np.array([0.1, 0.2, 0.3, 0.4]))
    model.save(tmp_path / "sgpn.keras")
    restored = keras.saving.load_model(tmp_path / "sgpn.keras")
    expected, got = model(blocks()), restored(blocks())
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])
    np.testing.assert_allclose(got["thresholds"], [[0.1, 0.2, 0.3, 0.4]] * 2)


def test_half_precision_trains_to_finite_weights_and_float32_outputs():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = networks.build(NETWORK)
        trainer = JointTrainer(model, SYSTEM.objective(experiment()))
        trainer.compile("adam", run_eagerly=True)
        losses = trainer.train_on_batch(blocks(), labels(), return_dict=True)
        outputs = model(blocks())
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("shared").compute_dtype == "float16"
    assert {output.dtype.name for output in outputs.values()} == {"float32"}
    assert all(np.isfinite(value) for value in losses.values())
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_thresholds_behave_like_a_layer():
    logits = np.zeros((2, 5, 3), np.float32)
    check_layer(ClassThresholds, {"initial": 0.7}, {"logits": logits}, [(2, 3)], num_trainable=0)
    np.testing.assert_allclose(ClassThresholds()(logits), np.full((2, 3), 0.2))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.1, 0.2], r"one per class, \(3,\).*values.shape=\(2,\)"),
        ([0.1, 0.2, np.nan], r"must be positive numbers.*nan"),
        ([0.1, 0.2, 0.0], r"must be positive numbers"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(values, message):
    layer = ClassThresholds()
    layer.build((None, None, 3))
    with pytest.raises(ValueError, match=message):
        layer.set(values)


# --- the system ---


def test_the_terms_are_the_three_losses_with_the_factor_of_the_epoch():
    truth, settings = labels(), experiment()
    outputs = networks.build(NETWORK)(blocks())
    objective = SYSTEM.objective(settings)
    assert objective.terms == ("semantic", "similarity", "confidence")
    weight = inverse_frequency(truth["instance"])
    for epoch, factor in ((0, 2.0), (5, 4.0), (20, 10.0), (199, 10.0)):
        terms = objective(truth, outputs, tf.constant(float(epoch)))
        pairs = double_hinge(
            outputs["similarity_features"],
            truth["instance"],
            truth["semantic"],
            weight,
            factor,
            settings.similarity_loss,
        )
        expected = {
            "semantic": weighted_semantic_loss(truth["semantic"], outputs["logits"]),
            "similarity": pairs.loss,
            "confidence": confidence_loss(outputs["confidence"], pairs.iou, truth["semantic"]),
        }
        assert {name: float(term) for name, term in terms.items()} == pytest.approx(
            {name: float(term) for name, term in expected.items()}, rel=1e-5
        )


def outputs_of(instance, semantic, num_classes=4):
    """What a network that knows the truth would give: far features, full confidence."""
    return {
        "logits": 9 * np.eye(num_classes, dtype=np.float32)[semantic],
        "similarity_features": 3 * np.eye(9, dtype=np.float32)[instance],
        "confidence": np.ones(instance.shape, np.float32),
        "thresholds": np.full((len(instance), num_classes), 0.2, np.float32),
    }


def test_groups_are_the_instances_and_points_like_no_group_have_none():
    instance = np.array([[0] * 8 + [1] * 8 + [2] * 3, [3] * 19])
    semantic = np.array([1, 1, 2, 0])[instance]
    first, second = SYSTEM.group(outputs_of(instance, semantic), experiment(), first_block=0)
    np.testing.assert_array_equal(first.labels, [0] * 8 + [1] * 8 + [NONE] * 3)
    np.testing.assert_array_equal(first.classes, [1, 1])
    np.testing.assert_array_equal(second.labels, np.zeros(19))
    np.testing.assert_array_equal(second.classes, [0])


def test_each_block_is_merged_with_its_own_outputs():
    rng = np.random.default_rng(0)
    outputs = {
        "logits": rng.normal(size=(3, 60, 4)).astype(np.float32),
        "similarity_features": rng.normal(scale=0.1, size=(3, 60, 2)).astype(np.float32),
        "confidence": rng.random((3, 60), np.float32),
        "thresholds": rng.uniform(0.05, 0.4, (3, 4)).astype(np.float32),
    }
    settings = experiment()
    found = SYSTEM.group(outputs, settings, first_block=0)
    for index, clusters in enumerate(found):
        expected = group_merging.merge_groups(
            FeatureSimilarity(outputs["similarity_features"][index]),
            outputs["confidence"][index],
            outputs["logits"][index].argmax(axis=-1),
            outputs["thresholds"][index],
            settings.inference.group_merging,
        )
        np.testing.assert_array_equal(clusters.labels, expected.labels)
        np.testing.assert_array_equal(clusters.classes, expected.classes)
    assert any(len(clusters.classes) for clusters in found)


@pytest.mark.parametrize("name", ["similarity_features", "confidence"])
def test_an_output_that_is_no_number_names_its_block(name):
    instance = np.zeros((2, 9), np.int64)
    outputs = outputs_of(instance, instance)
    outputs[name][1] = np.nan
    with pytest.raises(ValueError, match=r"block 41: .*finite"):
        SYSTEM.group(outputs, experiment(), first_block=40)


class Blocks:
    """Twenty blocks of a store, and what a network makes of them."""

    def __init__(self, rng):
        self.instance = rng.integers(0, 5, (20, 80)).astype(np.int32)
        self.semantic = np.array([0, 0, 1, 1, 2], np.int32)[self.instance]
        self.features = rng.normal(size=(20, 80, 9)).astype(np.float32)
        centres = rng.normal(scale=0.2, size=(5, 2))
        noise = rng.normal(scale=0.1, size=(20, 80, 2))
        self.embedded = (centres[self.instance] + noise).astype(np.float32)
        self.drawn = []

    def draw(self, num_blocks, seed):
        self.drawn = np.random.default_rng(seed).choice(20, num_blocks, replace=False)
        return self.drawn

    def read(self, chosen):
        return type(self)._Part(
            *(values[chosen] for values in (self.features, self.semantic, self.instance))
        )

    @dataclasses.dataclass
    class _Part:
        features: np.ndarray
        semantic: np.ndarray
        instance: np.ndarray


def test_calibration_sets_the_thresholds_that_the_sample_asks_for(monkeypatch):
    store = Blocks(np.random.default_rng(3))
    settings = experiment(num_calibration_blocks=7)
    model = networks.build(NETWORK)

    def predict(points):
        rows = [int(np.flatnonzero((store.features == block).all((1, 2)))[0]) for block in points]
        return {"similarity_features": store.embedded[rows]}

    monkeypatch.setattr(model, "predict_on_batch", predict)
    assert SYSTEM.calibrate(model, store, settings)
    estimate = GroupThresholds(4, settings.inference.group_merging)
    for row in store.drawn:
        estimate.add(
            FeatureSimilarity(store.embedded[row]), store.instance[row], store.semantic[row]
        )
    assert len(set(store.drawn)) == 7
    found = model.get_layer("thresholds").values.numpy()
    np.testing.assert_allclose(found, estimate.result(), rtol=1e-6)
    np.testing.assert_allclose(found[2:], 0.2)  # of one instance, and of none: no estimate
    assert (found[:2] != 0.2).all()


# --- learning ---


@pytest.mark.slow
def test_one_block_is_learnt_by_heart():
    keras.utils.set_random_seed(0)
    points, truth = furnished_block()
    truth = {"semantic": truth["logits"], "instance": truth["embedding"]}
    model = networks.build(NETWORK)
    trainer = JointTrainer(model, SYSTEM.objective(experiment()))
    trainer.compile(keras.optimizers.Adam(5e-3))
    num_steps = 250
    often = keras.tree.map_structure(lambda x: np.repeat(x, num_steps, axis=0), (points, truth))
    trainer.fit(*often, batch_size=1, verbose=0)
    losses = trainer.evaluate(points, truth, verbose=0, return_dict=True)
    assert losses["semantic_loss"] < 0.05
    assert losses["similarity_loss"] < 0.5  # of hinges at 10 and 80, and weights of 16 a pair
    assert losses["confidence_loss"] < 0.01
    (found,) = SYSTEM.group(model.predict_on_batch(points), experiment(), first_block=0)
    matches = InstanceMatches(num_classes=3)
    matches.add(
        "block",
        truth_semantic=truth["semantic"][0],
        truth_instance=truth["instance"][0],
        predicted_semantic=model.predict_on_batch(points)["logits"][0].argmax(axis=-1),
        predicted_instance=found.labels,
    )
    assert matches.scores().mean_coverage > 0.9
