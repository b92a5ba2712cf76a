import dataclasses

import keras
import numpy as np
import pytest

import tiny_runs
from ban_tf import config, systems
from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.config import NONE
from ban_tf.data import samples
from ban_tf.inference import segmentation
from ban_tf.systems import collapse
from ban_tf.training import trainer

EXPERIMENT = dataclasses.replace(
    tiny_runs.experiment(), samples=config.Blocks(num_points=1024, stride_m=0.5, min_points=10)
)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return trainer.build_network(tiny_runs.experiment())


def gathered(cloud: Cloud, plan: np.ndarray) -> samples.Samples:
    return samples.gather(cloud, plan, EXPERIMENT.samples, EXPERIMENT.features)


def assert_equal(found: segmentation.Segmentation, expected: segmentation.Segmentation) -> None:
    for name, array in expected.to_arrays().items():
        np.testing.assert_array_equal(found.to_arrays()[name], array, err_msg=name)


def assert_same_parts(found: np.ndarray, truth: np.ndarray) -> None:
    """That two labellings part the points alike, whatever the names of the parts."""
    table = overlap.contingency(found, truth)
    np.testing.assert_array_equal(table.count, table.first_sizes)
    np.testing.assert_array_equal(np.sort(table.count), np.sort(table.second_sizes))


# --- a network that knows the truth: blocks, clustering, merging, votes and metrics together ---


@pytest.mark.parametrize(
    ("num_points", "size_m"),
    [(1500, 2.0), (12_000, 2.0), (6000, 3.7), (900, 0.4)],
    ids=["sparse", "blocks in chunks", "many blocks", "smaller than a block"],
)
def test_a_perfect_network_segments_perfectly(num_points, size_m):
    cloud = tiny_runs.room("Area_1_office_1", num_points=num_points, size_m=size_m)
    result = segmentation.segment(cloud, tiny_runs.Oracle(cloud), EXPERIMENT)
    np.testing.assert_array_equal(result.semantic, cloud.semantic)
    assert_same_parts(result.instance, cloud.instance)
    np.testing.assert_allclose(result.confidence, 1.0, atol=1e-5)


def test_a_perfect_network_is_nearly_perfect_as_the_originals_draw():
    cloud = tiny_runs.room("Area_1_office_1", num_points=6000)
    plan = samples.plan_training(cloud, EXPERIMENT.samples, np.random.default_rng(0))
    drawn = gathered(cloud, plan)
    result = segmentation.segment_sampled(drawn.features, tiny_runs.Oracle(cloud), EXPERIMENT)
    assert result.semantic.shape == result.instance.shape == plan.shape
    np.testing.assert_array_equal(result.semantic, drawn.semantic)
    # Points that share a voxel with a neighbour of another object take its instance.
    iou = overlap.contingency(result.instance.ravel(), drawn.instance.ravel()).dense_iou()
    assert iou.shape == (4, 4)
    assert iou.max(axis=0).mean() > 0.95
    assert iou.max(axis=0).min() > 0.5


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_a_room_of_one_block_is_segmented(protocol):
    cloud = tiny_runs.room("Area_1_office_1", num_points=700, size_m=0.6)
    plan = samples.plan_training(cloud, EXPERIMENT.samples, np.random.default_rng(0))
    assert len(plan) == len(samples.plan_covering(cloud, EXPERIMENT.samples)) == 1
    result = segment_with(protocol, cloud, tiny_runs.Oracle(cloud))
    truth = cloud.instance if protocol == "covering" else cloud.instance[plan]
    assert result.semantic.shape == truth.shape
    if protocol == "covering":
        assert_same_parts(result.instance, truth)
    else:  # points that share a voxel with a neighbour of another object take its instance
        assert set(np.unique(result.instance)) == {0, 1, 2, 3}


def test_points_that_occur_twice_get_the_same_labels():
    cloud = tiny_runs.room("Area_1_office_1", num_points=1500)
    twice = Cloud(
        name=cloud.name,
        **{
            name: np.concatenate([getattr(cloud, name)] * 2)
            for name in ("xyz", "rgb", "semantic", "instance")
        },
    )
    result = segmentation.segment(twice, tiny_runs.Oracle(cloud), EXPERIMENT)
    for labels, truth in ((result.semantic, cloud.semantic), (result.instance, None)):
        first, second = labels.reshape(2, len(cloud))
        np.testing.assert_array_equal(first, second)
        if truth is not None:
            np.testing.assert_array_equal(first, truth)
    assert len(np.unique(result.instance)) == 4


def test_ten_thousand_instances_in_a_room():
    side = np.arange(100) * 0.2  # posts of ten points, 20 cm apart
    corner = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).repeat(10, axis=0)
    height = np.tile(np.arange(10) * 0.01, 10_000)
    cloud = unlabelled("posts", np.column_stack([corner, height]), np.zeros((100_000, 3), np.uint8))
    names = np.arange(10_000).repeat(10)

    class Posts:
        """Knows in which post a point of a block stands."""

        def predict_on_batch(self, features):
            post = np.round(features[..., 6:8] * side[-1] / 0.2)  # [B, N, 2]
            embedding = np.zeros((*features.shape[:2], 5), np.float32)
            embedding[..., :2] = 2 * (post % 16)  # differs within a block of a metre
            logits = np.zeros((*features.shape[:2], 13), np.float32)
            logits[..., 0] = 9
            return {"logits": logits, "embedding": embedding}

    result = segmentation.segment(cloud, Posts(), EXPERIMENT)
    assert result.instance.max() == 9999
    pairs = set(zip(result.instance.tolist(), names.tolist(), strict=True))
    assert len(pairs) == 10_000


def test_small_instances_are_dropped_by_the_class_s_mean_size():
    cloud = tiny_runs.room("Area_1_office_1")
    chairs = np.bincount(cloud.instance)[2:]
    mean_sizes = np.full(13, np.nan)
    mean_sizes[8] = 4.2 * chairs.max()  # a quarter of it is above either chair
    result = segmentation.segment(cloud, tiny_runs.Oracle(cloud), EXPERIMENT, mean_sizes)
    np.testing.assert_array_equal(result.instance == NONE, cloud.semantic == 8)
    assert set(result.instance[cloud.semantic != 8]) == {0, 1}


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_the_batch_size_changes_nothing_and_every_batch_is_full(protocol):
    cloud = tiny_runs.room("Area_1_office_1", num_points=6000)
    plan = samples.plan_training(cloud, EXPERIMENT.samples, np.random.default_rng(0))
    results = []
    for batch_size in (1, 4, 7):
        thresholds = dataclasses.replace(EXPERIMENT.inference, batch_size=batch_size)
        experiment = dataclasses.replace(EXPERIMENT, inference=thresholds)
        oracle = tiny_runs.Oracle(cloud)
        if protocol == "covering":
            results.append(segmentation.segment(cloud, oracle, experiment))
        else:
            features = gathered(cloud, plan).features
            results.append(segmentation.segment_sampled(features, oracle, experiment))
        assert set(oracle.batch_sizes) == {batch_size}
    for other in results[1:]:
        assert_equal(other, results[0])


def test_progress_counts_every_block():
    cloud = tiny_runs.room("Area_1_office_1", num_points=6000)
    done = []
    segmentation.segment(cloud, tiny_runs.Oracle(cloud), EXPERIMENT, progress=done.append)
    assert sum(done) == len(samples.plan_covering(cloud, EXPERIMENT.samples))


# --- a collapsed embedding ---


def collapsed(cloud: Cloud) -> tiny_runs.Oracle:
    oracle = tiny_runs.Oracle(cloud)
    oracle.embedding = 0.01 * oracle.embedding
    return oracle


def segment_with(protocol, cloud, model, experiment=EXPERIMENT, **arguments):
    if protocol == "covering":
        return segmentation.segment(cloud, model, experiment, **arguments)
    plan = samples.plan_training(cloud, EXPERIMENT.samples, np.random.default_rng(0))
    features = gathered(cloud, plan).features
    return segmentation.segment_sampled(features, model, experiment, **arguments)


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_a_collapsed_embedding_is_explained_once(protocol):
    cloud = tiny_runs.room("Area_1_office_1", num_points=6000)
    with pytest.warns(collapse.CollapseWarning, match="collapsed: in .* train longer") as caught:
        segment_with(protocol, cloud, collapsed(cloud))
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_who_gives_a_detector_judges_several_rooms_together(protocol):
    detector = segmentation.collapse_detector(EXPERIMENT)
    for seed in (1, 2):
        cloud = tiny_runs.room("Area_1_office_1", num_points=900, seed=seed, size_m=0.9)
        segment_with(protocol, cloud, collapsed(cloud), detector=detector)  # warns of nothing
    assert detector.result() is None  # two blocks are too few
    segment_with(protocol, cloud, collapsed(cloud), detector=detector)
    assert detector.result().num_blocks == 3


def test_a_system_that_embeds_nothing_is_left_in_peace(monkeypatch):
    class Whole(systems.System):
        def __init__(self):
            super().__init__("Whole", "none", frozenset({"logits"}))

        def objective(self, experiment):
            raise NotImplementedError("this test does not train")

        def group(self, outputs, experiment, first_block):
            return [
                systems.Clusters(np.zeros(len(block), np.int32), np.zeros(1, np.int32))
                for block in outputs["logits"]
            ]

    monkeypatch.setitem(systems.SYSTEMS, "ban", Whole())
    cloud = tiny_runs.room("Area_1_office_1", num_points=6000)
    assert segmentation.collapse_detector(EXPERIMENT) is None
    result = segmentation.segment(cloud, collapsed(cloud), EXPERIMENT)
    np.testing.assert_array_equal(result.instance, 0)


# --- a real network ---


def without_colour(cloud: Cloud) -> Cloud:
    return dataclasses.replace(cloud, rgb=None)


CLOUDS = {
    "room": tiny_runs.room("a", num_points=400, size_m=1.4),
    "smaller than a block": tiny_runs.room("b", num_points=70, size_m=0.3),
    "without colours": without_colour(tiny_runs.room("c", num_points=200, size_m=0.8)),
    "one point": unlabelled("d", np.array([[3.0, 4.0, 5.0]])),
    "one place": unlabelled("e", np.full((50, 3), 2.0), np.zeros((50, 3), np.uint8)),
}


@pytest.mark.filterwarnings("ignore::ban_tf.inference.cautions.MissingColorsWarning")
@pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning")  # it is untrained
@pytest.mark.parametrize("name", CLOUDS)
def test_every_point_gets_a_class_and_the_same_one_twice(network, name):
    cloud = CLOUDS[name]
    first = segmentation.segment(cloud, network, tiny_runs.experiment())
    assert first.semantic.dtype == first.instance.dtype == np.int32
    assert first.semantic.shape == first.instance.shape == first.confidence.shape == (len(cloud),)
    assert 0 <= first.semantic.min() <= first.semantic.max() < 13
    assert first.instance.min() >= NONE
    assert 1 / 13 - 1e-6 <= first.confidence.min() <= first.confidence.max() <= 1 + 1e-6
    again = segmentation.segment(cloud, network, tiny_runs.experiment())
    assert_equal(again, first)


def test_labels_of_the_cloud_play_no_part(network):
    cloud = CLOUDS["room"]
    blind = unlabelled(cloud.name, cloud.xyz, cloud.rgb)
    known = segmentation.segment(cloud, network, tiny_runs.experiment())
    unknown = segmentation.segment(blind, network, tiny_runs.experiment())
    np.testing.assert_array_equal(known.semantic, unknown.semantic)
    np.testing.assert_array_equal(known.instance, unknown.instance)


def test_instances_are_numbered_without_gaps(network):
    found = segmentation.segment(CLOUDS["room"], network, tiny_runs.experiment()).instance
    assert set(range(found.max() + 1)) <= set(found.tolist())


def test_a_room_without_blocks_has_an_empty_result(network):
    features = np.zeros((0, 64, 9), np.float32)
    result = segmentation.segment_sampled(features, network, tiny_runs.experiment())
    for array in (result.semantic, result.instance, result.confidence):
        assert array.shape == (0, 64)
    assert result.instances == ()


# --- bad input ---


def test_an_empty_cloud_is_refused(network):
    empty = unlabelled("Area_1_office_1", np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
    with pytest.raises(ValueError, match="Area_1_office_1 must have at least one point"):
        segmentation.segment(empty, network, tiny_runs.experiment())


def test_a_network_of_other_classes_is_refused():
    cloud = tiny_runs.room("a", num_points=100)
    oracle = tiny_runs.Oracle(cloud, num_classes=20)
    with pytest.raises(ValueError, match="Received: 20 outputs, 13 classes"):
        segmentation.segment(cloud, oracle, EXPERIMENT)


@pytest.mark.parametrize("output", ["logits", "embedding"])
def test_a_network_that_gives_nan_is_refused(output):
    cloud = tiny_runs.room("a", num_points=100)
    oracle = tiny_runs.Oracle(cloud)
    getattr(oracle, output)[:] = np.nan
    with pytest.raises(ValueError, match=r"must be\s+finite; a network that diverged gives NaN"):
        segmentation.segment(cloud, oracle, EXPERIMENT)
