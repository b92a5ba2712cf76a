"""Clouds whose z axis is not up are doubted, others never."""

import numpy as np
import pytest

from ban_tf.clouds import uprightness
from ban_tf.data.synthetic import building


@pytest.fixture(scope="module")
def rooms():
    """An office, a lounge, a hallway and a conference room, float64 `[N, 3]` each."""
    return {scan.name: scan.xyz for scan in building.scan_wing(1, 4, 2000.0, seed=0)}


def turned(xyz: np.ndarray, axis: int, degrees: float) -> np.ndarray:
    """The cloud turned about one axis."""
    first, second = np.delete(np.arange(3), axis)
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    out = xyz.copy()
    out[:, first] = cosine * xyz[:, first] - sine * xyz[:, second]
    out[:, second] = sine * xyz[:, first] + cosine * xyz[:, second]
    return out


@pytest.mark.parametrize("degrees", [0, 17, 45, 90])
def test_rooms_that_stand_upright_are_not_doubted_however_they_are_turned(rooms, degrees):
    assert {uprightness.doubt(turned(xyz, 2, degrees)) for xyz in rooms.values()} == {""}


def test_rooms_far_from_the_origin_are_not_doubted(rooms):
    assert uprightness.doubt(rooms["office_1"] + [4e5, 5e6, 300.0]) == ""


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("degrees", [25, -40, 60])
def test_leaning_rooms_are_doubted(rooms, axis, degrees):
    for xyz in rooms.values():
        assert "level or upright" in uprightness.doubt(turned(xyz, axis, degrees))


@pytest.mark.parametrize(("axis", "up"), [(0, "y"), (1, "x")])
def test_rooms_on_their_side_are_doubted_where_they_are_higher_so(rooms, axis, up):
    for name in ("office_1", "conferenceRoom_1", "lounge_1"):
        assert f"across the {up} axis" in uprightness.doubt(turned(rooms[name], axis, 90))


def test_a_wall_or_a_table_top_alone_is_not_doubted():
    flat = np.random.default_rng(0).uniform(0, 4, (4000, 3)) * [1, 0.01, 1]
    assert uprightness.doubt(flat) == uprightness.doubt(turned(flat, 0, 90)) == ""


@pytest.mark.parametrize(
    "xyz",
    [
        np.zeros((0, 3)),
        np.zeros((1, 3)),
        np.zeros((5000, 3)),
        np.full((30, 3), 1e300),
        np.random.default_rng(0).normal(size=(5000, 3)),
        np.random.default_rng(0).uniform(size=(23, 3)),
    ],
    ids=["none", "one", "all one place", "huge", "no surface", "few"],
)
def test_what_shows_no_surface_is_not_doubted(xyz):
    assert uprightness.doubt(xyz) == ""


def test_the_answer_does_not_depend_on_when_it_is_asked(rooms):
    leaning = turned(rooms["hallway_1"], 0, 30)
    assert uprightness.doubt(leaning) == uprightness.doubt(leaning)
