"""The covering protocol's merging: perfect clusters come back as the objects they are."""

import numpy as np
import pytest

import tiny_runs
from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks, InferenceConfig
from ban_tf.data import samples
from ban_tf.instances import clustering, linking, voting

CONFIG = InferenceConfig()


def box(rng, corner, size, num_points):
    """Points on the surface of a box."""
    points = rng.random((num_points, 3))
    axis = rng.integers(0, 3, num_points)
    points[np.arange(num_points), axis] = rng.integers(0, 2, num_points)
    return np.asarray(corner) + points * size


def link(xyz, semantic, truth, plan):
    """Labels the samples of a plan perfectly and links them."""
    linked = linking.PointLinking(xyz, 3, CONFIG)
    votes = voting.InstanceVotes(len(xyz))
    for number, rows in enumerate(plan):
        _, labels = overlap.number(truth[rows])
        labels = (labels + number) % (labels.max() + 1)  # samples number their clusters differently
        targets = linked.add(rows, labels, clustering.cluster_classes(labels, semantic[rows]))
        votes.add(rows, targets[labels])
    return votes.result(linked.roots())


def in_chunks(num_points, num_chunks):
    """One place, dealt out over several samples that share no point."""
    order = np.random.default_rng(5).permutation(num_points)
    return [order[chunk::num_chunks] for chunk in range(num_chunks)]


def in_blocks(xyz, num_points):
    """A covering plan of the whole cloud."""
    none = np.zeros(len(xyz), np.int32)
    return samples.plan_covering(
        Cloud("room", xyz, None, none, none), Blocks(num_points=num_points)
    )


def assert_same_objects(found, truth):
    assert found.min() >= 0
    pairs = set(zip(found.tolist(), truth.tolist(), strict=True))
    assert len(pairs) == len(set(truth.tolist())) == len(set(found.tolist()))


@pytest.mark.parametrize("num_chunks", [1, 2, 7])
@pytest.mark.parametrize("gap_m", [0.0, 0.1])
def test_two_boxes_in_interleaved_chunks_are_two_instances(num_chunks, gap_m):
    rng = np.random.default_rng(0)
    xyz = np.concatenate([box(rng, (0, 0, 0), 0.3, 4000), box(rng, (0.3 + gap_m, 0, 0), 0.3, 4000)])
    truth = np.repeat([0, 1], 4000)
    found = link(xyz, np.zeros(8000, int), truth, in_chunks(8000, num_chunks))
    assert_same_objects(found, truth)


def test_a_table_and_what_stands_on_it_stay_apart():
    rng = np.random.default_rng(1)
    table = rng.random((9000, 3)) * (1.2, 0.8, 0.01)
    paper = [rng.random((900, 3)) * (0.2, 0.3, 0.005) + (x, 0.2, 0.012) for x in (0.1, 0.5, 0.9)]
    cup = box(rng, (0.6, 0.6, 0.012), 0.08, 300)
    truth = np.repeat([0, 1, 2, 3, 4], [9000, 900, 900, 900, 300])
    semantic = np.where(truth == 0, 0, 1)
    xyz = np.concatenate([table, *paper, cup])
    assert_same_objects(link(xyz, semantic, truth, in_chunks(len(xyz), 4)), truth)
    assert_same_objects(link(xyz, semantic, truth, in_blocks(xyz, 1024)), truth)


@pytest.mark.parametrize("size_m", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("num_points", [200, 2000])
def test_objects_of_any_size_that_touch_stay_apart(size_m, num_points):
    """A row of boxes, face to face, across the borders of many blocks."""
    rng = np.random.default_rng(3)
    count = max(3, round(2.4 / size_m)) if size_m < 1 else 4
    count = min(count, 24)
    xyz = np.concatenate([box(rng, (size_m * k, 0, 0), size_m, num_points) for k in range(count)])
    truth = np.repeat(np.arange(count), num_points)
    assert_same_objects(link(xyz, np.zeros(len(xyz), int), truth, in_blocks(xyz, 1024)), truth)


def test_an_object_whose_parts_meet_late_is_one():
    """The foot of an L is seen apart, in one sample, before the one that joins it to the leg."""
    rng = np.random.default_rng(4)
    leg = rng.random((6000, 3)) * (0.2, 2.4, 0.2) + (0.9, 0, 0)
    foot = rng.random((400, 3)) * (0.3, 0.2, 0.2) + (0.6, 0, 0)
    xyz = np.concatenate([leg, foot])
    whole = np.zeros(len(xyz), int)
    plan = [np.arange(6000, 6400), np.flatnonzero(xyz[:, 1] > 0.5), np.arange(6400)]
    assert_same_objects(link(xyz, whole, whole, plan), whole)


def test_one_bad_sample_neither_fuses_nor_splits_what_the_others_saw():
    rng = np.random.default_rng(6)
    xyz = np.concatenate([box(rng, (0, 0, 0), 0.3, 2000), box(rng, (0.3, 0, 0), 0.3, 2000)])
    truth = np.repeat([0, 1], 2000)
    linked, votes = linking.PointLinking(xyz, 1, CONFIG), voting.InstanceVotes(4000)
    fused, split = np.zeros(4000, int), truth + 2 * (xyz[:, 1] > 0.15)
    for labels in (truth, fused, truth, split, truth):
        targets = linked.add(np.arange(4000), labels, np.zeros(labels.max() + 1, int))
        votes.add(np.arange(4000), targets[labels])
    assert_same_objects(votes.result(linked.roots()), truth)


def test_a_small_object_that_is_alone_survives_and_a_speck_does_not():
    rng = np.random.default_rng(2)
    xyz = np.concatenate([box(rng, (0, 0, 0), 1.0, 8000), box(rng, (2, 0, 0), 0.1, 80)])
    truth = np.repeat([0, 1], [8000, 80])
    found = link(xyz, np.zeros(8080, int), truth, in_chunks(8080, 4))  # 20 points of it a chunk
    assert_same_objects(found, truth)
    specks = np.where(np.arange(8080) < 6, 1, truth * 2)  # six points that one sample sets apart
    linked = linking.PointLinking(xyz, 1, CONFIG)
    linked.add(np.arange(8080), specks, np.zeros(3, int))
    np.testing.assert_array_equal(linked.roots(), [0, -1, 2])


@pytest.mark.parametrize(("num_hits", "joins"), [(6, False), (7, True)])
def test_seven_hits_join_and_six_open_a_new_instance(num_hits, joins):
    linked = linking.PointLinking(np.arange(300.0).reshape(100, 3), 1, CONFIG)
    linked.add(np.arange(40), np.zeros(40, int), np.zeros(1, int))
    moved = np.arange(40) + 40 - num_hits
    target = linked.add(moved, np.zeros(40, int), np.zeros(1, int))
    assert target[0] == (0 if joins else 1)


def test_the_cluster_with_more_hits_keeps_the_instance():
    linked = linking.PointLinking(np.zeros((60, 3)), 1, CONFIG)
    linked.add(np.arange(60), np.zeros(60, int), np.zeros(1, int))
    targets = linked.add(np.arange(60), np.repeat([0, 1], [25, 35]), np.zeros(2, int))
    np.testing.assert_array_equal(targets, [1, 0])


def test_classes_that_change_between_samples_keep_an_instance_each():
    linked = linking.PointLinking(np.random.default_rng(0).random((40, 3)), 3, CONFIG)
    everything, one = np.arange(40), np.zeros(40, int)
    targets = [int(linked.add(everything, one, np.array([c]))[0]) for c in (0, 1, 2, 1, 0)]
    assert targets == [0, 1, 2, 1, 0]


def test_rows_without_a_cluster_and_clusters_without_a_class_take_no_part():
    linked = linking.PointLinking(np.random.default_rng(0).random((40, 3)), 1, CONFIG)
    labels = np.where(np.arange(40) < 35, np.arange(40) % 2, -1)
    np.testing.assert_array_equal(linked.add(np.arange(40), labels, np.array([0, -1])), [0, -1])
    nothing = np.zeros(0, int)
    assert linked.add(nothing, nothing, nothing).shape == (0,)
    np.testing.assert_array_equal(linked.roots(), [0])


@pytest.mark.parametrize("num_points", [1, 2])
def test_a_cloud_of_a_point_or_of_points_in_one_place_is_one_instance(num_points):
    rows = np.zeros(64, int) if num_points == 1 else np.arange(64) % 2
    linked = linking.PointLinking(np.zeros((num_points, 3)), 1, CONFIG)
    for _ in range(2):
        linked.add(rows, np.zeros(64, int), np.zeros(1, int))
    np.testing.assert_array_equal(linked.roots(), [0])


def test_points_in_one_place_dealt_out_over_several_samples_are_one_instance():
    num_points = 3000
    plan = in_chunks(num_points, 4)
    xyz = np.full((num_points, 3), 7.25)
    found = link(xyz, np.zeros(num_points, int), np.zeros(num_points, int), plan)
    assert np.unique(found).tolist() == [0]


def test_bad_samples_are_refused():
    linked = linking.PointLinking(np.zeros((4, 3)), 2, CONFIG)
    with pytest.raises(ValueError, match=r"below 1.*labels\[1\]=1"):
        linked.add(np.arange(2), np.array([0, 1]), np.zeros(1, int))
    with pytest.raises(ValueError, match=r"classes\[0\]=2"):
        linked.add(np.arange(2), np.zeros(2, int), np.array([2]))
    with pytest.raises(ValueError, match=r"rows.shape=\(3,\), labels.shape=\(2,\)"):
        linked.add(np.arange(3), np.zeros(2, int), np.zeros(1, int))


def test_a_state_goes_on_where_it_was():
    cloud = tiny_runs.rooms()[0]
    plan = in_blocks(cloud.xyz, 256)
    whole, first = (linking.PointLinking(cloud.xyz, 13, CONFIG) for _ in range(2))
    for number, rows in enumerate(plan):
        _, labels = overlap.number(cloud.instance[rows])
        classes = clustering.cluster_classes(labels, cloud.semantic[rows])
        if number == len(plan) // 2:
            second = linking.PointLinking(cloud.xyz, 13, CONFIG)
            second.restore({name: array.copy() for name, array in first.state().items()})
            first = second
        np.testing.assert_array_equal(
            whole.add(rows, labels, classes), first.add(rows, labels, classes)
        )
    np.testing.assert_array_equal(whole.roots(), first.roots())
    with pytest.raises(ValueError, match="`instance` of a state must be"):
        linking.PointLinking(cloud.xyz[1:], 13, CONFIG).restore(whole.state())
