"""Clouds that are one sample each, such as furniture: nothing is cut, and nothing merged."""

import dataclasses

import numpy as np
import pytest

import tiny_runs
from ban_tf import config
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.config import NONE
from ban_tf.data import samples
from ban_tf.inference import cloud_state, segmentation
from ban_tf.inference.room_state import RoomState
from ban_tf.inference.sample_outputs import SampleOutputs
from ban_tf.inference.shape_state import ShapeState, nearest
from ban_tf.training import trainer

CLOUD = tiny_runs.room("chair", num_points=1000)
BASE = tiny_runs.experiment()


def shapes(num_points: int, names: tuple[str, ...] = ("xyz", "rgb")) -> config.Experiment:
    return dataclasses.replace(
        BASE,
        samples=config.Shapes(num_points=num_points),
        features=config.Features(names=names),
        network=dataclasses.replace(BASE.network, num_features=None),
    )


def oracle(experiment: config.Experiment, *clouds: Cloud) -> tiny_runs.Oracle:
    return tiny_runs.Oracle(*clouds or (CLOUD,), features=experiment.features)


def outputs(probabilities: np.ndarray, clusters: np.ndarray) -> SampleOutputs:
    classes = np.zeros(int(clusters.max()) + 1, np.int32)
    return SampleOutputs(probabilities, probabilities.argmax(axis=-1), clusters, classes)


def test_the_state_is_that_of_the_samples():
    assert isinstance(cloud_state.state_of(CLOUD.xyz, shapes(64)), ShapeState)
    assert isinstance(cloud_state.state_of(CLOUD.xyz, BASE), RoomState)


# --- labels ---


@pytest.mark.parametrize("num_points", [1000, 1500, 5000])
def test_a_perfect_network_segments_a_shape_perfectly(num_points):
    experiment = shapes(num_points)
    model = oracle(experiment)
    done = []
    found = segmentation.segment(CLOUD, model, experiment, progress=done.append)
    np.testing.assert_array_equal(found.semantic, CLOUD.semantic)
    assert len(set(zip(found.instance.tolist(), CLOUD.instance.tolist(), strict=True))) == 4
    np.testing.assert_allclose(found.confidence, 1.0, atol=1e-5)
    assert done == [1]
    assert model.batch_sizes == [experiment.inference.batch_size]


@pytest.mark.parametrize("num_points", [1, 64, 999])
def test_points_that_are_not_in_the_sample_take_the_labels_of_the_nearest(num_points):
    experiment = shapes(num_points)
    found = segmentation.segment(CLOUD, oracle(experiment), experiment)
    rows = np.unique(samples.plan_covering(CLOUD, experiment.samples))
    assert len(rows) == num_points
    distance = np.square(CLOUD.xyz[:, None] - CLOUD.xyz[rows]).sum(axis=-1)
    source = rows[distance.argmin(axis=1)]
    np.testing.assert_array_equal(source[rows], rows)
    np.testing.assert_array_equal(found.semantic, CLOUD.semantic[source])
    pairs = set(zip(found.instance.tolist(), CLOUD.instance[source].tolist(), strict=True))
    assert len(pairs) == len(found.instances) == len(np.unique(CLOUD.instance[rows]))
    assert sum(one.num_points for one in found.instances) == len(CLOUD)


def test_a_point_in_several_rows_takes_their_mean_and_the_cluster_of_the_first():
    state = ShapeState(np.arange(9.0).reshape(3, 3), shapes(4))
    probabilities = np.zeros((4, 13), np.float32)
    probabilities[:, 3] = 0.1, 0.9, 0.7, 0.5
    probabilities[:, 5] = 0.6, 0.1, 0.3, 0.3
    state.add(np.array([[2, 0, 2, 1]]), [outputs(probabilities, np.array([4, 0, 1, NONE]))])
    semantic, confidence, instance = state.result()
    np.testing.assert_array_equal(semantic, [3, 3, 5])
    np.testing.assert_allclose(confidence, [0.9, 0.5, 0.45])
    np.testing.assert_array_equal(instance, [0, NONE, 4])
    found = state.probability(np.array([2, 0]), np.array([3, 5]))
    np.testing.assert_allclose(found, [0.4, 0.1])


CLOUDS = {
    "fewer points than the sample": tiny_runs.room("a", num_points=40),
    "more points than the sample": tiny_runs.room("b", num_points=300),
    "as many points": tiny_runs.room("c", num_points=64),
    "one point": unlabelled("d", np.array([[3.0, 4.0, 5.0]])),
    "one place": unlabelled("e", np.full((500, 3), 2.0), np.zeros((500, 3), np.uint8)),
}


@pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning")  # it is untrained
@pytest.mark.parametrize("name", CLOUDS)
def test_a_real_network_labels_every_point_and_twice_the_same(name):
    experiment, cloud = shapes(64, names=("xyz",)), CLOUDS[name]
    network = trainer.build_network(experiment)
    assert network.input_shape[-1] == 3
    found = segmentation.segment(cloud, network, experiment)
    assert found.semantic.dtype == found.instance.dtype == np.int32
    assert found.semantic.shape == found.instance.shape == found.confidence.shape == (len(cloud),)
    assert 0 <= found.semantic.min() <= found.semantic.max() < 13
    assert found.instance.min() >= NONE
    assert set(range(found.instance.max() + 1)) <= set(found.instance.tolist())
    again = segmentation.segment(cloud, network, experiment)
    for field, array in found.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[field], array)


def test_small_instances_of_a_shape_are_dropped():
    experiment, mean_sizes = shapes(1000), np.full(13, np.nan)
    mean_sizes[8] = 4.2 * np.bincount(CLOUD.instance)[2:].max()
    found = segmentation.segment(CLOUD, oracle(experiment), experiment, mean_sizes)
    np.testing.assert_array_equal(found.instance == NONE, CLOUD.semantic == 8)


# --- drawn samples ---


def test_drawn_shapes_are_not_merged_and_their_instances_are_numbered_on():
    experiment = shapes(300)
    other = tiny_runs.room("table", num_points=700, seed=5)
    drawn = [
        samples.gather(
            cloud,
            samples.plan_training(cloud, experiment.samples, np.random.default_rng(0)),
            experiment.samples,
            experiment.features,
        )
        for cloud in (CLOUD, other)
    ]
    features = np.concatenate([one.features for one in drawn])
    found = segmentation.segment_sampled(features, oracle(experiment, CLOUD, other), experiment)
    np.testing.assert_array_equal(found.semantic, np.concatenate([one.semantic for one in drawn]))
    for number, one in enumerate(drawn):
        pairs = set(
            zip(found.instance[number].tolist(), one.instance.ravel().tolist(), strict=True)
        )
        assert len(pairs) == 4
        assert {label for label, _ in pairs} == set(range(4 * number, 4 * number + 4))
    assert [one.num_points for one in found.instances] == np.bincount(
        found.instance.ravel()
    ).tolist()


def test_blocks_without_shares_of_the_room_are_refused_under_the_legacy_protocol():
    experiment = dataclasses.replace(
        BASE,
        features=config.Features(names=("block_xyz", "rgb")),
        network=dataclasses.replace(BASE.network, num_features=None),
    )
    model = oracle(experiment)
    with pytest.raises(ValueError, match=r"`experiment\.features` must hold room_xyz"):
        segmentation.segment_sampled(np.zeros((2, 64, 6), np.float32), model, experiment)
    assert model.batch_sizes == []


# --- stopping and going on ---


def test_a_shape_goes_on_after_its_sample(tmp_path):
    experiment, state = shapes(64), tmp_path / "chair.state"
    expected = segmentation.segment(CLOUD, oracle(experiment), experiment)
    with pytest.raises(IndexError):  # too few sizes, which are read after the sample
        segmentation.segment(CLOUD, oracle(experiment), experiment, np.ones(3), state_file=state)
    done, model = [], oracle(experiment)
    found = segmentation.segment(CLOUD, model, experiment, progress=done.append, state_file=state)
    assert model.batch_sizes == []
    assert done == [1]
    assert not state.exists()
    for field, array in expected.to_arrays().items():
        np.testing.assert_array_equal(found.to_arrays()[field], array)


def test_a_shape_that_is_stopped_before_its_sample_leaves_nothing(tmp_path):
    experiment, state = shapes(64), tmp_path / "chair.state"
    model = oracle(experiment)

    def stop(_):
        raise KeyboardInterrupt

    model.predict_on_batch = stop
    with pytest.raises(KeyboardInterrupt):
        segmentation.segment(CLOUD, model, experiment, state_file=state)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cloud", "num_points", "other"),
    [
        (dataclasses.replace(CLOUD, xyz=CLOUD.xyz * 1.000001), 64, "cloud"),
        (CLOUD, 65, "experiment and another plan"),
    ],
)
def test_the_state_of_another_shape_is_refused(tmp_path, cloud, num_points, other):
    experiment, state = shapes(64), tmp_path / "chair.state"
    with pytest.raises(IndexError):
        segmentation.segment(CLOUD, oracle(experiment), experiment, np.ones(3), state_file=state)
    with pytest.raises(ValueError, match=rf"with another {other}\. Move it away"):
        segmentation.segment(cloud, oracle(experiment), shapes(num_points), state_file=state)


def test_arrays_of_another_shape_do_not_fit():
    state = ShapeState(CLOUD.xyz, shapes(64))
    with pytest.raises(ValueError, match="`cluster` of a state must be int32"):
        state.restore(ShapeState(CLOUD.xyz[:9], shapes(64)).state())
    with pytest.raises(ValueError, match="`sum` of a state must be float32"):
        state.restore({"cluster": np.zeros(1000, np.int32), "num_samples": np.array(1)})


def test_a_shape_of_two_samples_is_refused():
    state = ShapeState(CLOUD.xyz, shapes(2))
    one = outputs(np.ones((2, 13), np.float32), np.zeros(2, np.int32))
    with pytest.raises(ValueError, match="Received: 2 samples, 0 before"):
        state.add(np.zeros((2, 2), int), [one, one])
    state.add(np.zeros((1, 2), int), [one])
    with pytest.raises(ValueError, match="Received: 1 samples, 1 before"):
        state.add(np.zeros((1, 2), int), [one])


# --- the nearest point ---


@pytest.mark.parametrize(("num_points", "num_queries"), [(1, 1), (1, 50), (3, 0), (200, 400)])
@pytest.mark.parametrize("reach", [1, 4, 1000])
def test_ties_go_to_the_lowest_index(num_points, num_queries, reach):
    rng = np.random.default_rng(num_points + reach)
    points = rng.integers(-reach, reach, (num_points, 3)).astype(np.float64)
    queries = rng.integers(-reach, reach, (num_queries, 3)) / 2
    distance = np.square(queries[:, None] - points).sum(axis=-1)
    np.testing.assert_array_equal(nearest(points, queries), distance.argmin(axis=1))


def test_hundreds_of_points_may_be_equally_near():
    side = np.array(np.meshgrid(*[np.arange(-25, 26)] * 3)).reshape(3, -1).T.astype(np.float64)
    sphere = side[np.square(side).sum(axis=1) == 25**2]
    assert len(sphere) > 100
    points = np.concatenate([sphere * 2, sphere[::-1], sphere])
    queries = np.array([[0.0, 0, 0], [1, 2, 3]])
    distance = np.square(queries[:, None] - points).sum(axis=-1)
    np.testing.assert_array_equal(nearest(points, queries), distance.argmin(axis=1))
    assert nearest(points, queries[:1])[0] == len(sphere)
