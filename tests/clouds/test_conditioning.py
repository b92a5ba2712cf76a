"""What is found out about a scan: unit, up axis, range of the colours, points without a place."""

import pathlib

import numpy as np
import pytest

from ban_tf.clouds import conditioning, up_axis
from ban_tf.clouds.conditioning import Options
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import RawScan

HERE = pathlib.Path("office.ply")
CAPTURES = pathlib.Path(__file__).parents[3] / "shared" / "data" / "pcd"


def room(num_points=20_000, size=(6.0, 4.0, 2.6), seed=0):
    """Floor, ceiling, four walls, and a table in the lower half."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, size, (num_points, 3))
    x, y, z = size
    area = np.array([x * y, x * y, y * z, y * z, x * z, x * z, 8.0])
    side = rng.choice(7, num_points, p=area / area.sum())
    for number, (axis, at) in enumerate(((2, 0), (2, 1), (0, 0), (0, 1), (1, 0), (1, 1))):
        place[side == number, axis] = at * size[axis]
    is_table = side == 6
    place[is_table] = rng.uniform((2, 1, 0.7), (4, 3, 0.72), (is_table.sum(), 3))
    return place


ROOM = room()


def condition(xyz, rgb=None, about=None, **options):
    given = Options(**options) if options else None
    return conditioning.condition(RawScan(HERE, xyz, rgb, about=about or {}), given)


def said(found, words):
    [sentence] = [one for one in found.assumptions if words in one]
    return sentence


@pytest.mark.parametrize("unit", ["m", "cm", "mm"])
@pytest.mark.parametrize("size", [(6.0, 4.0, 2.6), (12.0, 8.0, 3.0), (3.0, 2.5, 2.4)])
def test_the_unit_is_found_by_extent_and_density(unit, size):
    xyz = room(size=size)
    found = condition(xyz / conditioning.METRES[unit])
    assert found.metres == conditioning.METRES[unit]
    np.testing.assert_allclose(found.cloud.xyz, xyz, rtol=1e-12, atol=1e-12)
    assert f"taken to be in {unit}: the scan is" in said(found, "coordinates are")


@pytest.mark.parametrize("size", [(1000.0, 0.6, 2.5), (1000.0, 2.0, 0.01), (0.4, 800.0, 0.1)])
def test_a_long_scan_is_not_made_a_tiny_one(size):
    xyz = np.random.default_rng(0).uniform((0, 0, 0), size, (20_000, 3))
    assert condition(xyz).metres == 1.0


def test_rooms_far_apart_stay_in_metres():
    assert condition(np.concatenate([ROOM, ROOM + np.array([1e5, 0, 0])])).metres == 1.0


def test_the_unit_is_taken_as_it_is_given_or_as_the_format_has_it():
    feet = ROOM / conditioning.METRES["ft"]
    np.testing.assert_allclose(condition(feet, unit="ft").cloud.xyz, ROOM, atol=1e-12)
    assert condition(feet, about={"unit": "ft"}).metres == 0.3048
    assert condition(feet, about={"unit": "ft"}, unit="m").metres == 1.0
    with pytest.raises(ValueError, match="coordinates in degrees; project them"):
        condition(feet, about={"unit": "degree"})
    with pytest.raises(ValueError, match="`unit` must be one of m, cm, mm, in, ft"):
        condition(feet, unit="yard")


@pytest.mark.parametrize("up", up_axis.AXES)
def test_the_up_axis_is_found(up):
    turn = up_axis.turn_of(up)
    assert np.linalg.det(turn) == 1
    np.testing.assert_array_equal(turn @ turn.T, np.eye(3))
    found = condition(ROOM @ turn)  # as a file has it whose axis `up` is up
    if up == "-z":  # an upside-down room is not told from an upright one
        assert "z is up" in said(found, "is up")
        return
    assert said(found, "is up").startswith(f"{up} is up")
    np.testing.assert_allclose(found.cloud.xyz, ROOM, atol=1e-12)
    np.testing.assert_allclose(found.in_file(found.cloud.xyz), ROOM @ turn, atol=1e-12)
    given = condition(ROOM @ turn, up=up)
    np.testing.assert_allclose(given.cloud.xyz, ROOM, atol=1e-12)


def test_a_tilted_surface_is_set_level_with_what_stands_on_it_above():
    rng = np.random.default_rng(0)
    top = rng.uniform((0, 0, 0), (1, 1, 0.002), (8000, 3))
    boxes = rng.uniform((0.4, 0.4, 0), (0.6, 0.6, 0.2), (1000, 3))
    upright = np.concatenate([top, boxes])
    leaning = up_axis.turn_to(np.array([0.0, -0.8, -0.6]))
    found = condition(upright @ leaning)
    heights = found.cloud.xyz[:, 2] - found.cloud.xyz[:8000, 2].mean()
    assert np.abs(heights[:8000]).max() < 0.02
    assert heights.max() > 0.15
    assert "across the largest flat surface" in said(found, "up is")


def test_shapes_are_left_as_they_are():
    raw = RawScan(HERE, ROOM[:, [0, 2, 1]] * 1000)
    found = conditioning.condition(raw, is_room=False)
    np.testing.assert_array_equal(found.cloud.xyz, raw.xyz)


@pytest.mark.parametrize(
    ("colors", "kind"),
    [
        (np.array([[0, 128, 255], [1, 2, 3]], np.uint8), "8-bit, as their type is"),
        (np.array([[0, 128, 255], [1, 2, 3]], np.uint16), "8-bit, as the largest is 255"),
        (np.array([[0, 128, 255], [1, 2, 3]], np.uint16) * 257, "16-bit, as the largest is 65535"),
        (np.array([[0, 128, 255], [1, 2, 3]]) / 255, "0-1, as the largest is 1"),
        (np.array([[0, 128, 255], [1, 2, 3]], np.float32), "8-bit, as the largest is 255"),
        (np.array([[0, 128, 255], [1, 2, 3]]) * 257.0, "16-bit, as the largest is 65535"),
    ],
)
def test_the_range_of_colours_is_found(colors, kind):
    found = condition(ROOM[:2], colors, unit="m", up="z")
    assert found.cloud.rgb.tolist() == [[0, 128, 255], [1, 2, 3]]
    assert f"colours are of the range {kind}" in said(found, "colours are")


def test_colours_are_taken_as_given_or_left_out():
    dark = np.array([[0, 1, 1], [1, 0, 0]], np.uint16)
    found = condition(ROOM[:2], dark, colors="0-1", unit="m", up="z")
    assert found.cloud.rgb.tolist() == [[0, 255, 255], [255, 0, 0]]
    assert condition(ROOM[:2], dark, colors="none", unit="m", up="z").cloud.rgb is None


def test_colours_that_are_all_one_are_none():
    found = condition(ROOM, np.zeros((len(ROOM), 3), np.uint8), unit="m", up="z")
    assert found.cloud.rgb is None
    assert "all points have the colour (0, 0, 0)" in said(found, "taken for none")


def test_points_without_a_place_are_left_out_and_told():
    xyz = np.insert(ROOM, [0, 5], np.array([[np.nan, 0, 0], [0, np.inf, 1e30]]), axis=0)
    found = condition(xyz, unit="m", up="z")
    assert len(found.cloud) == len(ROOM)
    np.testing.assert_array_equal(xyz[found.rows], ROOM)
    assert said(found, "infinite").startswith("2 of 20,002 points")
    with pytest.raises(ValueError, match="must have a point with finite coordinates"):
        condition(np.full((3, 3), np.nan))


def test_far_coordinates_keep_their_millimetres():
    offset = np.array([500_000.0, 5_400_000.0, 300.0])
    found = condition(ROOM + offset)
    np.testing.assert_allclose(found.cloud.xyz - offset, ROOM, atol=2e-9)
    assert found.cloud.xyz.dtype == np.float64
    assert "z is up" in said(found, "is up")
    assert "kept in float64" in said(found, "coordinates begin at")


def test_one_point_is_enough():
    found = condition(np.array([[1.0, 2, 3]]))
    assert found.cloud.xyz.tolist() == [[1, 2, 3]]
    assert "too few points to tell" in said(found, "coordinates")


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not beside the checkout")
@pytest.mark.parametrize("name", ["learn20", "test63"])
def test_a_real_capture_of_a_table_is_set_level(name):
    pytest.importorskip("lzf", reason="lzf is not installed (extra scans)")
    found = conditioning.condition(scan.read(CAPTURES / f"{name}.pcd"))
    assert found.metres == 1.0
    heights = found.cloud.xyz[:, 2]
    low, middle, high = np.quantile(heights, [0.01, 0.5, 0.99])
    assert middle - low < 0.1  # most is table, and what stands on it is above
    assert high - middle > 0.1
    assert "up is" in said(found, "across the largest flat surface")
