"""Storeys of buildings: found where they are, not found where there is one, laid apart exactly."""

import itertools

import numpy as np
import pytest

from ban_tf.clouds.storeys import find, numbers, settle
from ban_tf.config import Blocks
from ban_tf.data import synthetic

SLAB_M = 0.4
BLOCKS = Blocks()


@pytest.fixture(scope="module")
def rooms():
    """A room and a corridor, each with its floor at 0."""
    found = synthetic.scan_wing(1, 3, 400.0, seed=2)
    return [one.xyz - one.xyz.min(axis=0) for one in found]


def stacked(rooms, lifts):
    return np.concatenate([moved(*one) for one in zip(rooms, lifts, strict=True)])


def moved(xyz, up, right=0.0):
    return xyz + np.array([right, 0, up])


def height(room):
    return room[:, 2].max()


def test_a_single_storey_is_not_cut(rooms):
    for room in rooms:
        assert len(find(room)) == 0
        assert len(find(room * (1, 1, 1.9))) == 0  # a hall of five metres


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("offset", [0.0, -7.33, 812.05])
def test_each_slab_is_cut_between_ceiling_and_floor(rooms, count, offset):
    storey_m = height(rooms[0]) + SLAB_M
    lifts = storey_m * np.arange(count)
    building = moved(stacked([rooms[0]] * count, lifts), offset)
    cuts = find(building)
    np.testing.assert_allclose(cuts, lifts[1:] + offset - SLAB_M / 2, atol=0.15)
    truth = np.repeat(np.arange(count), len(rooms[0]))
    np.testing.assert_array_equal(numbers(building, cuts), truth)
    np.testing.assert_array_equal(numbers(building, find(building[::7])), truth)


def test_rooms_beside_each_other_on_two_storeys_are_cut(rooms):
    storey_m = max(map(height, rooms)) + SLAB_M
    wide = [moved(room, 0, 10.0 * k) for k, room in enumerate(rooms)]
    building = stacked([*wide, wide[1]], [0, 0, 0, storey_m])
    cuts = find(building)
    np.testing.assert_allclose(cuts, [storey_m - SLAB_M / 2], atol=0.25)
    assert (numbers(building, cuts) == 1).sum() == len(wide[1])


def test_an_upper_storey_without_a_roof_is_one(rooms):
    room = rooms[0]
    roofless = room[room[:, 2] < 2.4]
    building = stacked([room, roofless], [0, height(room) + SLAB_M])
    assert (numbers(building, find(building)) == 1).sum() == len(roofless)


def test_a_ceiling_that_is_the_floor_above_belongs_to_the_upper_storey(rooms):
    room = rooms[0]
    open_below = room[room[:, 2] < height(room) - 0.1]
    building = stacked([open_below, room], [0, height(room)])
    [cut] = find(building)
    assert height(room) - 0.35 < cut < height(room)


def test_points_far_above_and_below_change_nothing(rooms):
    building = stacked([rooms[0]] * 2, [0, height(rooms[0]) + SLAB_M])
    strays = np.array([[1.0, 1, 900], [1, 1, -300]])
    np.testing.assert_allclose(find(np.concatenate([building, strays])), find(building), atol=0.1)


@pytest.mark.parametrize("xyz", [np.zeros((1, 3)), np.ones((500, 3)), [[0, 0, 0], [0, 0, 30.0]]])
def test_what_is_no_building_is_one_storey(xyz):
    assert len(find(np.array(xyz))) == 0


@pytest.mark.parametrize("side", [2.0, 3.0, 4.0])
def test_a_platform_in_a_hall_is_no_storey(side):
    rng = np.random.default_rng(0)
    floor = rng.uniform((0, 0, 0), (20, 15, 0.01), (60_000, 3))
    roof = rng.uniform((0, 0, 6), (20, 15, 6.01), (60_000, 3))
    walls = [rng.uniform((0, y, 0), (20, y + 0.01, 6), (20_000, 3)) for y in (0, 15)]
    platform = rng.uniform((5, 5, 2.9), (5 + side, 5 + side, 2.91), (5000, 3))
    assert len(find(np.concatenate([floor, roof, *walls, platform]))) == 0


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_building(seed):
    assert len(find(np.random.default_rng(seed).uniform(0, 9, (20_000, 3)))) == 0


@pytest.mark.parametrize("size_m", [1.0, 20.0])
def test_storeys_lie_apart_and_on_the_ground(size_m):
    rng = np.random.default_rng(0)
    xyz = rng.uniform((5, 3, 2), (9, 6, 8), (500, 3))
    found = settle([2.0, 4.0], xyz, lambda: [xyz[:100], xyz[100:]], Blocks(size_m=size_m))
    beside = found.apart(xyz)
    storey = numbers(xyz, found.cuts)
    spans = [(beside[storey == k, 1].min(), beside[storey == k, 1].max()) for k in range(3)]
    assert all(after[0] - before[1] >= 2 * size_m for before, after in itertools.pairwise(spans))
    floors = [beside[storey == k, 2].min() for k in range(3)]
    np.testing.assert_allclose(floors, xyz[:, 2].min(), atol=1e-12)
    np.testing.assert_array_equal(beside[:, 0], xyz[:, 0])
    steps = found.pitch_m[1] / BLOCKS.stride_m
    assert found.pitch_m[0] == np.inf
    assert round(steps) == pytest.approx(steps, abs=1e-9) or size_m > 1
    for k in range(3):
        np.testing.assert_allclose(
            beside[storey == k] - beside[storey == k][0], xyz[storey == k] - xyz[storey == k][0],
            atol=1e-12,
        )  # fmt: skip
    np.testing.assert_allclose(found.extent, np.ptp(xyz, axis=0))
    heights = [np.ptp(xyz[storey == k, 2]) for k in range(3)]
    np.testing.assert_allclose(found.extent_of_one, [*found.extent[:2], max(heights)])
    assert found.most_points == np.bincount(storey).max()


def test_one_storey_is_as_it_was():
    xyz = np.random.default_rng(0).uniform(0, 9, (50, 3))
    found = settle((), xyz, lambda: [xyz], BLOCKS)
    assert len(found) == 1
    assert found.apart(xyz) is xyz
    assert found.sentences(are_given=True) == []


def test_storeys_are_told():
    xyz = np.array([[0.0, 0, 10], [0, 0, 13], [0, 0, 16.5]])
    found = settle((2.8, 5.9), xyz, lambda: [xyz], BLOCKS)
    assert found.sentences(are_given=True) == [
        "3 storeys, cut apart 2.8 and 5.9 m above the lowest point: as given"
    ]
    assert "(`storeys`)" in found.sentences(are_given=False)[0]


@pytest.mark.parametrize(
    "heights", [(3, 2), (0.0,), (-1,), (1, 1), (float("nan"),), (1e309,), 1.0, "12", ("a",)]
)
def test_heights_that_do_not_rise_are_refused(heights):
    with pytest.raises(ValueError, match="`storeys` must be heights above the lowest point"):
        settle(heights, np.zeros((1, 3)), lambda: [np.zeros((1, 3))], BLOCKS)
