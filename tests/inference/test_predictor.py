"""What may stand in the place of a network, and what a stopped run is recognised by."""

import dataclasses

import keras
import numpy as np
import pytest

import tiny_runs
from ban_tf import config
from ban_tf.inference import segmentation
from ban_tf.inference.key import Key
from ban_tf.inference.predictor import KerasPredictor, as_predictor
from ban_tf.training import trainer

EXPERIMENT = tiny_runs.experiment()
CLOUD = tiny_runs.room("Area_1_office_1", num_points=400, size_m=1.4)
# The networks here are untrained.
pytestmark = pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return trainer.build_network(EXPERIMENT)


class Served:
    """A predictor made by hand: it inherits nothing, and has no batches."""

    def __init__(self, network, fingerprint="served, version 1"):
        self.fingerprint = fingerprint
        self.num_samples = 0
        self._network = network

    def predict(self, features):
        self.num_samples += len(features)
        # One by one, as a server may take them.
        outputs = [self._network.predict_on_batch(sample[None]) for sample in features]
        return {name: np.concatenate([one[name] for one in outputs]) for name in outputs[0]}


def with_thresholds(**thresholds) -> config.Experiment:
    changed = dataclasses.replace(EXPERIMENT.inference, **thresholds)
    return dataclasses.replace(EXPERIMENT, inference=changed)


def drawn_features() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(5, 64, 9)).astype(np.float32)


def segment_with(protocol, model):
    if protocol == "covering":
        return segmentation.segment(CLOUD, model, EXPERIMENT)
    return segmentation.segment_sampled(drawn_features(), model, EXPERIMENT)


def assert_equal_labels(found, expected) -> None:
    np.testing.assert_array_equal(found.semantic, expected.semantic)
    np.testing.assert_array_equal(found.instance, expected.instance)
    # A batch of another size may round otherwise.
    np.testing.assert_allclose(found.confidence, expected.confidence, rtol=1e-5)


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_a_predictor_made_by_hand_gives_the_labels_of_the_network_behind_it(network, protocol):
    served = Served(network)
    found = segment_with(protocol, served)
    assert served.num_samples > 0
    assert_equal_labels(found, segment_with(protocol, network))


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_a_keras_predictor_is_the_model(network, protocol):
    predictor = KerasPredictor(network, EXPERIMENT.inference.batch_size)
    found, expected = segment_with(protocol, predictor), segment_with(protocol, network)
    for name, array in expected.to_arrays().items():
        np.testing.assert_array_equal(found.to_arrays()[name], array)


def test_a_predictor_made_by_hand_goes_on_after_a_stop(tmp_path, network):
    state = tmp_path / "cloud.state"
    experiment = with_thresholds(batch_size=2, blocks_in_flight=4)
    whole, served, rest = Served(network), Served(network), Served(network)
    expected = segmentation.segment(CLOUD, whole, experiment)
    predict = served.predict

    def fail_later(features):
        if served.num_samples >= 4:
            raise ConnectionError("the server is gone")
        return predict(features)

    served.predict = fail_later
    with pytest.raises(ConnectionError):
        segmentation.segment(CLOUD, served, experiment, state_file=state)
    with pytest.raises(ValueError, match="with another network"):
        segmentation.segment(CLOUD, Served(network, "version 2"), experiment, state_file=state)
    assert_equal_labels(segmentation.segment(CLOUD, rest, experiment, state_file=state), expected)
    assert rest.num_samples == whole.num_samples - 4


def test_weights_are_hashed_once_and_only_where_they_are_asked_for(tmp_path):
    class Counting(tiny_runs.Oracle):
        asked = 0

        def get_weights(self):
            self.asked += 1
            return super().get_weights()

    model = Counting(CLOUD)
    predictor = as_predictor(model, batch_size=4)
    assert as_predictor(predictor, batch_size=9) is predictor
    segmentation.segment(CLOUD, predictor, EXPERIMENT)
    assert model.asked == 0
    for number in range(2):
        segmentation.segment(CLOUD, predictor, EXPERIMENT, state_file=tmp_path / f"{number}.state")
    assert model.asked == 1


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"`model` must have `predict` .* Received: .* type str"):
        segmentation.segment(CLOUD, "ban.keras", EXPERIMENT)
    with pytest.raises(ValueError, match="batch_size=0"):
        KerasPredictor(tiny_runs.Oracle(CLOUD), batch_size=0)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda outputs: {"logits": outputs["logits"]}, r"without \['embedding'\]"),
        (
            lambda outputs: outputs | {"logits": outputs["logits"][:1]},
            r"must be of \d+ samples\. Received: {'logits': \(1, 64, 13\)}",
        ),
    ],
    ids=["an output is missing", "samples are missing"],
)
def test_outputs_that_do_not_fit_are_refused(network, broken, message):
    served = Served(network)
    predict = served.predict
    served.predict = lambda features: broken(predict(features))
    with pytest.raises(ValueError, match=message):
        segmentation.segment(CLOUD, served, EXPERIMENT)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_data_is_not_called_a_broken_network(network, value):
    features, served = drawn_features(), Served(network)
    features[3, 7, 4] = value
    with pytest.raises(ValueError, match="the data is broken, not the network") as refused:
        segmentation.segment_sampled(features, served, EXPERIMENT)
    assert f"in sample 3: features[7, 4]={value}" in str(refused.value)
    assert served.num_samples == 0


@pytest.mark.parametrize("shape", [(64, 9), (2, 64, 6)])
def test_features_of_another_shape_are_refused(network, shape):
    with pytest.raises(ValueError, match=r"must have shape \[K, P, 9\]"):
        segmentation.segment_sampled(np.zeros(shape, np.float32), network, EXPERIMENT)


# --- the key ---


def key(cloud=CLOUD, fingerprint="a", experiment=EXPERIMENT) -> Key:
    return Key.of(cloud, Served(None, fingerprint), experiment)


def test_the_key_holds_what_labels_depend_on():
    features = drawn_features()
    others = [
        key(),
        key(dataclasses.replace(CLOUD, xyz=CLOUD.xyz * 1.000001)),
        key(dataclasses.replace(CLOUD, rgb=None)),
        key(features),
        key(features + np.float32(1)),
        key(fingerprint="b"),
        key(experiment=with_thresholds(bandwidth=0.5)),
        key(experiment=with_thresholds(batch_size=2)),
    ]
    digests = [other.digest() for other in others]
    digests.append(others[0].digest(np.ones(13)))
    assert len(set(digests)) == len(digests)


def test_the_key_holds_nothing_else():
    unlabelled = np.full_like(CLOUD.semantic, -1)
    blind = dataclasses.replace(CLOUD, name="scan", group="", semantic=unlabelled)
    unused = dataclasses.replace(
        EXPERIMENT,
        network=dataclasses.replace(
            EXPERIMENT.network, bonet=config.BonetConfig(mask_widths=(8, 8))
        ),
    )
    for other in (
        key(blind),
        key(experiment=with_thresholds(blocks_in_flight=1000)),
        key(experiment=unused),
    ):
        assert other == key()
        assert other.digest() == key().digest()


def test_a_key_that_is_given_is_the_one_that_counts(tmp_path):
    state, given = tmp_path / "cloud.state", Key("cloud", "network", "experiment")
    with pytest.raises(IndexError):  # too few sizes: after the last sample
        segmentation.segment(
            CLOUD, tiny_runs.Oracle(CLOUD), EXPERIMENT, np.ones(3), state_file=state, key=given
        )
    with pytest.raises(ValueError, match="with another cloud and another network and another exp"):
        segmentation.segment(CLOUD, tiny_runs.Oracle(CLOUD), EXPERIMENT, state_file=state)
    model = tiny_runs.Oracle(CLOUD)
    segmentation.segment(CLOUD, model, EXPERIMENT, state_file=state, key=given)
    assert model.batch_sizes == []
