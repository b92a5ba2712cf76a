"""What is estimated from training data, on scenes for which the right answer is known."""

import dataclasses
import doctest

import numpy as np
import pytest

import tiny_runs
from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE, Blocks, InferenceConfig
from ban_tf.data import preparation, s3dis
from ban_tf.data.store import Store
from ban_tf.experiments.doctor import bandwidth, block_size, estimation
from ban_tf.training import instance_sizes

INFERENCE = InferenceConfig()


@pytest.mark.parametrize("module", [bandwidth, block_size, estimation], ids=lambda m: m.__name__)
def test_the_examples_in_the_docstrings_run(module):
    assert doctest.testmod(module).failed == 0


def floor_with_boxes(widths, classes, points_per_m2=2000, points_per_box=400, seed=0):
    """A floor of 6 m x 6 m, and square boxes in a row on it; the floor's class is 0."""
    rng = np.random.default_rng(seed)
    num_floor = 36 * points_per_m2
    parts = [rng.uniform(0, (6, 6, 0.01), (num_floor, 3))]
    semantic, instance = [np.zeros(num_floor)], [np.zeros(num_floor)]
    for number, (width, class_number) in enumerate(zip(widths, classes, strict=True), start=1):
        corner = (0.0, 6.0 * number / (len(widths) + 1), 0.1)
        box = rng.uniform(0, 1, (points_per_box, 3)) * (width, width / 2, 0.5)
        box[:2, 0] = 0, width
        parts.append(box + corner)
        semantic.append(np.full(points_per_box, class_number))
        instance.append(np.full(points_per_box, number))
    return Cloud(
        name="floor",
        xyz=np.concatenate(parts),
        rgb=None,
        semantic=np.concatenate(semantic).astype(np.int32),
        instance=np.concatenate(instance).astype(np.int32),
    )


def test_a_block_is_as_wide_as_the_typical_object():
    # Medians of the classes: floor 6, boxes 0.8, cases 1.5; the median of these is 1.5.
    cloud = floor_with_boxes([0.7, 0.8, 2.5, 1.5], [1, 1, 1, 2])
    found = block_size.estimate_block_size([cloud], Blocks(), INFERENCE)
    assert found.object_m == pytest.approx(1.5)
    assert found.size_m == 1.5
    assert found.stride_m == 0.75
    assert found.num_instances == 5
    assert found.points_per_m2 == pytest.approx(2000, rel=0.02)


def test_small_objects_limit_the_block():
    cloud = floor_with_boxes([2.0] * 10, [1] * 10, points_per_box=40)
    found = block_size.estimate_block_size([cloud], Blocks(num_points=1024), INFERENCE)
    # In a block of s x s m, 40 * 1024 / (2000 s^2) points of a box remain: 30 at s = 0.826.
    assert found.density_m == pytest.approx(np.sqrt(40 * 1024 / 30 / found.points_per_m2))
    assert found.size_m == pytest.approx(0.82, abs=0.011)
    assert '"size_m": 0.8' in str(found)
    twice = block_size.estimate_block_size([cloud], Blocks(num_points=2048), INFERENCE)
    assert twice.density_m == pytest.approx(found.density_m * np.sqrt(2))


def test_specks_and_unlabelled_points_play_no_part():
    cloud = floor_with_boxes([1.2, 0.1, 0.1], [1, 1, 1])
    specks = cloud.instance >= 2
    few = specks & (np.cumsum(specks) > 20)  # leave the second box 20 points, the third none
    instance = np.where(few, NONE, cloud.instance).astype(np.int32)
    cloud = dataclasses.replace(cloud, instance=instance)
    found = block_size.estimate_block_size([cloud], Blocks(), INFERENCE)
    assert found.num_instances == 2
    assert found.object_m == pytest.approx((1.2 + 6) / 2, rel=1e-3)


def test_block_size_does_not_depend_on_place_or_order():
    first, second = floor_with_boxes([1.0], [1]), floor_with_boxes([2.0], [2], seed=1)
    found = block_size.estimate_block_size([first, second], Blocks(), INFERENCE)
    order = np.random.default_rng(0).permutation(len(first))
    moved = Cloud(
        name="moved",
        xyz=first.xyz[order] + 64.0,
        rgb=None,
        semantic=first.semantic[order],
        instance=first.instance[order],
    )
    again = block_size.estimate_block_size([second, moved], Blocks(), INFERENCE)
    assert again.size_m == found.size_m
    assert again.points_per_m2 == pytest.approx(found.points_per_m2, rel=1e-3)


@pytest.mark.parametrize("num_clouds", [0, 1])
def test_without_instances_there_is_no_block_size(num_clouds):
    cloud = floor_with_boxes([], [])
    cloud = dataclasses.replace(cloud, instance=np.full(len(cloud), NONE, np.int32))
    with pytest.raises(ValueError, match=f"Received: 0 instances of that size in {num_clouds} cl"):
        block_size.estimate_block_size([cloud] * num_clouds, Blocks(), INFERENCE)


def embedded(spread, distance, num_blocks=3, seed=0):
    """Blocks of three instances of 60 points, uniform in cubes of `spread`, `distance` apart."""
    rng = np.random.default_rng(seed)
    instance = np.tile(np.repeat([3, 8, 900], 60), (num_blocks, 1))
    embedding = rng.uniform(-spread / 2, spread / 2, (num_blocks, 180, 3))
    embedding[..., 0] += np.tile(np.repeat([0, distance, 2 * distance], 60), (num_blocks, 1))
    return embedding.astype(np.float32), instance


def test_the_bandwidth_lies_in_the_middle_of_those_that_separate():
    embedding, instance = embedded(spread=0.1, distance=1.0)
    found = bandwidth.estimate_bandwidth(embedding, instance, INFERENCE)
    perfect = [b for b, c in zip(found.tried, found.coverage, strict=True) if c == 1]
    assert perfect[0] == 0.2
    assert 0.5 <= perfect[-1] < 1.0  # a ball that holds points of two instances may fuse them
    assert found.bandwidth == pytest.approx((perfect[0] + perfect[-1]) / 2, abs=0.051)
    assert found.num_instances == found.num_clusters[0] == 3
    assert found.finding is None
    assert f'{{"inference": {{"bandwidth": {found.bandwidth:g}}}}}' in str(found)
    assert str(found).count("<-") == 1


def test_wide_instances_want_a_wide_bandwidth():
    embedding, instance = embedded(spread=1.0, distance=4.0)
    found = bandwidth.estimate_bandwidth(embedding, instance, INFERENCE)
    assert found.bandwidth >= 0.9
    assert found.coverage[0] < 0.6  # 0.2 tears them apart
    assert max(found.coverage) == 1.0


def test_coverage_is_the_mean_best_overlap_and_leaves_small_instances_out():
    # Clusters at 0 and 5. Instance 0: 60 of 100 points at 0, alone there but for 20 of instance 1.
    instance = np.repeat([0, 0, 1, 1, 2, -1], [60, 40, 20, 80, 5, 5])
    place = np.repeat([0.0, 5.0, 0.0, 5.0, 0.0, 0.0], [60, 40, 20, 80, 5, 5])
    embedding = place[None, :, None].astype(np.float32)
    found = bandwidth.estimate_bandwidth(embedding, instance[None], INFERENCE, [0.5])
    expected = (60 / (100 + 90 - 60) + 80 / (100 + 120 - 80)) / 2
    assert found.coverage == pytest.approx((expected,))
    assert found.num_clusters == (2.0,)
    assert found.num_instances == 3.0


def test_of_equal_runs_the_first_is_taken_and_of_two_middles_the_lower():
    embedding, instance = embedded(spread=0.01, distance=10.0)
    found = bandwidth.estimate_bandwidth(embedding, instance, INFERENCE, [0.2, 0.4, 0.6, 0.8])
    assert found.bandwidth == 0.4


def test_a_collapsed_embedding_has_no_bandwidth_that_helps():
    embedding, instance = embedded(spread=0.01, distance=0.0)
    found = bandwidth.estimate_bandwidth(embedding, instance, INFERENCE)
    assert "so no bandwidth helps" in str(found)
    assert "--estimate" not in str(found)


def test_bad_input_to_the_bandwidth_is_refused():
    embedding, instance = embedded(0.1, 1.0)
    with pytest.raises(ValueError, match="`bandwidths` must ascend"):
        bandwidth.estimate_bandwidth(embedding, instance, INFERENCE, [0.4, 0.2])
    with pytest.raises(ValueError, match="`instance` must have shape"):
        bandwidth.estimate_bandwidth(embedding, instance[:2], INFERENCE)
    with pytest.raises(ValueError, match="Received: 0 instances, of at most 0 points"):
        bandwidth.estimate_bandwidth(embedding, instance * 0 - 1, INFERENCE)
    embedding[1, 7] = np.nan
    with pytest.raises(ValueError, match="embedding of block 1 must be finite"):
        bandwidth.estimate_bandwidth(embedding, instance, INFERENCE)


@pytest.fixture
def prepared(tmp_path):
    """A store of four rooms with their raw points, and the network that knows them."""
    clouds = tiny_runs.rooms()
    experiment = dataclasses.replace(
        tiny_runs.experiment(), inference=InferenceConfig(min_new_points=5, batch_size=3)
    )
    raw = tiny_runs.write_raw(tmp_path / "raw", clouds)
    dataset = s3dis.dataset(areas=(1, 2), name=experiment.dataset)
    store = preparation.prepare(dataset, raw, tmp_path / "blocks", experiment)
    read = list(estimation.stored_clouds(store))
    return experiment, store, tiny_runs.Oracle(*read)


def test_a_run_tells_all_three(prepared):
    experiment, store, oracle = prepared
    found = estimation.estimate(experiment, store, model=oracle, num_samples=7)
    assert oracle.batch_sizes == [3, 3, 3]  # the last is filled up
    assert max(found.bandwidth.coverage) == 1.0
    assert found.bandwidth.num_samples == 7
    training = store.select(experiment.split.train)
    by_hand = block_size.estimate_block_size(
        estimation.stored_clouds(training), experiment.samples, experiment.inference
    )
    assert found.blocks == by_hand
    sizes = instance_sizes.measure(experiment, store)
    np.testing.assert_array_equal(found.sizes.raw, sizes.raw)
    text = str(found)
    assert f"chair         {sizes.drawn[8]:12.0f}  {sizes.raw[8]:12.0f}" in text
    assert "board                    -             -" in text
    assert '{"samples": {"size_m": ' in text
    assert '{"inference": {"bandwidth": ' in text
    again = estimation.estimate(experiment, store, model=oracle, num_samples=7)
    assert str(again) == text


def test_what_cannot_be_estimated_says_what_it_needs(prepared):
    experiment, store, _ = prepared
    for cloud in store.clouds:
        store.cloud_file(cloud.name).unlink()
    found = estimation.estimate(experiment, store)
    assert (found.blocks, found.bandwidth) == (None, None)
    assert "block size: needs the raw points" in str(found)
    assert "bandwidth: needs a trained network" in str(found)
    assert "--" not in str(found)


def test_shapes_have_no_block_size_and_what_embeds_nothing_has_no_bandwidth(tmp_path):
    shapes = dataclasses.replace(
        tiny_runs.experiment(),
        samples=config.Shapes(num_points=64),
        features=config.Features(names=("xyz",)),
        network=config.NetworkConfig(name="sgpn"),
    )
    store = tiny_runs.prepare(tiny_runs.rooms(), tmp_path / "store", shapes)
    found = estimation.estimate(shapes, store, tiny_runs.rooms((1,)), model=object())
    assert (found.blocks, found.bandwidth) == (None, None)
    assert "block size: there is none, for every sample is a whole shape" in str(found)
    assert "bandwidth: there is none, for sgpn embeds nothing" in str(found)


def test_stuff_has_no_say_in_the_block_size(prepared):
    experiment, store, _ = prepared
    labels = dataclasses.replace(s3dis.LABELS, stuff=("floor", "wall"))
    found = estimation.estimate(dataclasses.replace(experiment, labels=labels), store)
    chairs = [
        dataclasses.replace(
            cloud, instance=np.where(cloud.semantic == 8, cloud.instance, NONE).astype(np.int32)
        )
        for cloud in estimation.stored_clouds(store.select(experiment.split.train))
    ]
    by_hand = block_size.estimate_block_size(chairs, experiment.samples, experiment.inference)
    assert found.blocks == by_hand


def test_a_store_without_blocks_is_refused(prepared):
    _, store, oracle = prepared
    empty = Store(store.path, (), store.num_points, store.features, store.settings)
    with pytest.raises(ValueError, match="at least one sample is needed"):
        estimation.embed_sample(oracle, empty, batch_size=2)


def test_the_sample_depends_on_the_seed_alone(prepared):
    _, store, oracle = prepared
    first = estimation.embed_sample(oracle, store, 2, num_samples=4, seed=5)
    again = estimation.embed_sample(oracle, store, 3, num_samples=4, seed=5)
    other = estimation.embed_sample(oracle, store, 3, num_samples=4, seed=6)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    whole = estimation.embed_sample(oracle, store, 64, num_samples=10_000)
    assert len(whole[0]) == len(store)
