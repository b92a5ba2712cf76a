"""What is told of each instance: its class, score and size; and instances of stuff."""

import dataclasses

import numpy as np
import pytest

import tiny_runs
from ban_tf import config
from ban_tf.clouds import overlap
from ban_tf.config import NONE
from ban_tf.data import samples
from ban_tf.inference import segmentation
from ban_tf.inference.results import Instance, SampledSegmentation, Segmentation, instances_of

CLOUD = tiny_runs.room("Area_1_office_1", num_points=1200)
BLOCKS = dataclasses.replace(
    tiny_runs.experiment(), samples=config.Blocks(num_points=256, stride_m=0.5, min_points=10)
)


def of_shapes(num_points: int, names: tuple[str, ...] = ("xyz",)) -> config.Experiment:
    return dataclasses.replace(
        BLOCKS,
        samples=config.Shapes(num_points=num_points),
        features=config.Features(names=names),
        network=dataclasses.replace(BLOCKS.network, num_features=None),
    )


SHAPES = of_shapes(256)


class Noisy:
    """Knows the truth but for noise, and keeps what it gave."""

    fingerprint = "noisy"

    def __init__(self, experiment: config.Experiment):
        self._oracle = tiny_runs.Oracle(CLOUD, features=experiment.features)
        self._rng = np.random.default_rng(0)
        self.logits: list[np.ndarray] = []

    def predict(self, features):
        outputs = self._oracle.predict_on_batch(features)
        noise = self._rng.normal(0, 9, outputs["logits"].shape).astype(np.float32)
        self.logits.extend(outputs["logits"] + noise)
        return outputs | {"logits": outputs["logits"] + noise}

    @property
    def probabilities(self) -> np.ndarray:
        """float64 `[K, P, C]`."""
        powers = np.exp(np.array(self.logits, np.float64))
        return powers / powers.sum(axis=-1, keepdims=True)


def plan_of(experiment: config.Experiment, protocol: config.Protocol) -> np.ndarray:
    if protocol == "covering":
        return samples.plan_covering(CLOUD, experiment.samples)
    return samples.plan_training(CLOUD, experiment.samples, np.random.default_rng(0))


def segment_with(experiment, protocol, model):
    if protocol == "covering":
        return segmentation.segment(CLOUD, model, experiment)
    plan = plan_of(experiment, protocol)
    drawn = samples.gather(CLOUD, plan, experiment.samples, experiment.features)
    return segmentation.segment_sampled(drawn.features, model, experiment)


def by_hand(found, probabilities: np.ndarray) -> tuple[Instance, ...]:
    """Instances from labels `[N]` and the probabilities `[N, C]` of the same points."""
    semantic, instance = found.semantic.ravel(), found.instance.ravel()
    expected = []
    for label in range(instance.max() + 1):
        members = np.flatnonzero(instance == label)
        semantic_of_it = int(np.bincount(semantic[members]).argmax())
        score = probabilities[members, semantic_of_it].mean()
        expected.append(Instance(semantic_of_it, score, len(members)))
    return tuple(expected)


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
@pytest.mark.parametrize("experiment", [BLOCKS, SHAPES], ids=["blocks", "shapes"])
def test_instances_are_told_with_class_score_and_size(experiment, protocol):
    model = Noisy(experiment)
    found = segment_with(experiment, protocol, model)
    probabilities = model.probabilities
    if protocol == "legacy":
        of_points = probabilities.reshape(-1, 13)
    else:
        plan, total, count = plan_of(experiment, protocol), np.zeros((1200, 13)), np.zeros(1200)
        np.add.at(total, plan, probabilities)
        np.add.at(count, plan, 1)
        source = np.flatnonzero(count)[
            np.square(CLOUD.xyz[:, None] - CLOUD.xyz[count > 0]).sum(axis=-1).argmin(axis=1)
        ]
        of_points = total[source] / count[source, None]
    expected = by_hand(found, of_points)
    assert len(found.instances) == len(expected) >= 4
    for one, other in zip(found.instances, expected, strict=True):
        assert (one.semantic, one.num_points) == (other.semantic, other.num_points)
        assert one.score == pytest.approx(other.score, rel=1e-5)
    assert min(one.score for one in found.instances) < 0.95  # the noise is seen
    assert [type(value) for value in dataclasses.astuple(found.instances[0])] == [int, float, int]


def test_the_class_of_an_instance_is_the_most_frequent_and_ties_go_to_the_smallest():
    instance = np.array([0, 0, 0, 1, 1, NONE], np.int32)
    semantic = np.array([2, 5, 5, 7, 3, 0], np.int32)
    asked = []

    def probability(points, classes):
        asked.extend(zip(points.tolist(), classes.tolist(), strict=True))
        return points / 10

    for step in (1, 2, 100):
        asked.clear()
        found = instances_of(instance, semantic, probability, step)
        assert found == (Instance(5, pytest.approx(0.1), 3), Instance(3, pytest.approx(0.35), 2))
        assert asked == [(0, 5), (1, 5), (2, 5), (3, 3), (4, 3)]


def test_no_instance_is_told_where_there_is_none():
    labels = np.full(3, NONE, np.int32)
    assert (
        instances_of(labels, np.zeros(3, np.int32), lambda points, _: np.zeros(len(points))) == ()
    )


@pytest.mark.parametrize("kind", [Segmentation, SampledSegmentation])
@pytest.mark.parametrize("num_instances", [0, 2])
def test_results_survive_a_file(tmp_path, kind, num_instances):
    instance = np.array([[NONE, 0, 1]], np.int32).clip(max=num_instances - 1)
    instances = (Instance(3, 0.1, 1), Instance(1, 1 / 3, 1))[:num_instances]
    result = kind(np.array([[1, 3, 1]], np.int32), instance, np.ones((1, 3), np.float32), instances)
    np.savez(tmp_path / "labels.npz", **result.to_arrays())
    with np.load(tmp_path / "labels.npz", allow_pickle=False) as file:
        again = kind.from_arrays(file)
    assert type(again) is kind
    assert again.instances == instances
    for name, array in result.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array)
        assert again.to_arrays()[name].dtype == array.dtype


def test_results_that_contradict_themselves_are_refused():
    arrays = Segmentation(
        *np.zeros((2, 1), np.int32), np.ones(1), (Instance(0, 1.0, 1),)
    ).to_arrays()
    with pytest.raises(ValueError, match="Received: 1 values, 5 instances"):
        Segmentation.from_arrays(arrays | {"instance": np.array([4], np.int32)})
    with pytest.raises(KeyError, match="instance_score"):
        Segmentation.from_arrays({k: v for k, v in arrays.items() if k != "instance_score"})


# --- stuff ---


def with_stuff(experiment: config.Experiment, *names: str) -> config.Experiment:
    return dataclasses.replace(
        experiment, labels=dataclasses.replace(experiment.labels, stuff=names)
    )


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
@pytest.mark.parametrize("experiment", [BLOCKS, SHAPES], ids=["blocks", "shapes"])
def test_stuff_has_classes_but_no_instances(experiment, protocol):
    whole = segment_with(experiment, protocol, Noisy(experiment))
    found = segment_with(with_stuff(experiment, "floor", "wall"), protocol, Noisy(experiment))
    np.testing.assert_array_equal(found.semantic, whole.semantic)
    np.testing.assert_array_equal(found.confidence, whole.confidence)
    kept = [one for one in whole.instances if one.semantic not in (1, 2)]
    assert 0 < len(kept) < len(whole.instances)
    assert found.instances == tuple(kept)
    numbers = np.array([kept.index(one) if one in kept else NONE for one in whole.instances])
    np.testing.assert_array_equal(found.instance, np.append(numbers, NONE)[whole.instance])


def test_where_all_is_stuff_there_is_no_instance():
    experiment = with_stuff(BLOCKS, *BLOCKS.labels.class_names)
    found = segment_with(experiment, "covering", Noisy(experiment))
    assert found.instances == ()
    assert (found.instance == NONE).all()


def test_points_of_stuff_in_another_instance_stay_in_it():
    """As the metrics see it, an instance has one class, whatever single points say."""
    experiment = with_stuff(BLOCKS, "wall")
    found = segment_with(experiment, "covering", Noisy(experiment))
    chairs = found.instance[(found.semantic == 2) & (CLOUD.semantic == 8)]
    assert (chairs != NONE).any()
    table = overlap.contingency(found.instance, CLOUD.instance)
    assert len(table.first_labels) == len(found.instances)
