"""Pictures of clouds: what is drawn, in which colours, and that a file comes out whole."""

import dataclasses
import doctest
import sys

import numpy as np
import pytest

from ban_tf.config import NONE, Labels
from ban_tf.data import s3dis
from ban_tf.view import figures, palette, rendering

PLAIN = Labels(class_names=("floor", "wall", "chair"))


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib", reason="matplotlib is not among the test extras")


def test_the_examples_of_the_palette_run():
    assert doctest.testmod(palette).failed == 0


def test_the_examples_of_the_figures_run(matplotlib):
    assert doctest.testmod(figures).failed == 0


# --- colours ---

# Machado, Oliveira and Fernandes 2009, of full severity, on linear RGB.
VISION = {
    "full": np.eye(3),
    "green-blind": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                    [-0.011820, 0.042940, 0.968881]],
    "red-blind": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                  [-0.003882, -0.048116, 1.051998]],
    "blue-blind": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def oklab(colors: np.ndarray, vision) -> np.ndarray:
    """OKLab (Ottosson 2020) of what someone sees of colours in sRGB."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(vision), 0, 1)
    cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    lab = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    return np.cbrt(seen @ cones.T) @ lab.T


def least_gap(colors: np.ndarray, vision) -> float:
    seen = oklab(colors, vision)
    gaps = np.linalg.norm(seen[:, None] - seen, axis=-1)
    return float(gaps[~np.eye(len(colors), dtype=bool)].min())


@pytest.mark.parametrize("vision", VISION.values(), ids=VISION)
@pytest.mark.parametrize(("count", "gap"), [(7, 0.07), (20, 0.06), (40, 0.04)])
def test_colours_are_told_apart_by_everybody(count, gap, vision):
    # 0.02 is about what people just see; the data set's own have pairs that the red-blind cannot.
    colors = palette.distinct_colors(count)
    assert least_gap(colors, vision) > gap
    assert least_gap(palette.mistake_colors(np.arange(4)), vision) > 0.15


def test_many_colours_are_all_different_and_in_range():
    colors = palette.distinct_colors(120)
    assert len(np.unique(colors.round(6), axis=0)) == 120
    assert colors.min() >= 0
    assert colors.max() <= 1


def test_an_instance_keeps_its_colour_whatever_the_others():
    few, many = palette.instance_colors(np.arange(3)), palette.instance_colors(np.arange(90))
    np.testing.assert_array_equal(few, many[:3])


def test_classes_have_the_colours_of_the_data_set_on_request():
    semantic = np.array([8, NONE, 0])
    found = palette.class_colors(semantic, s3dis.LABELS, own=True) * 255
    np.testing.assert_allclose(found[[0, 2]], [(255, 0, 0), (0, 255, 0)])
    assert len(set(found[1].tolist())) == 1  # grey


@pytest.mark.parametrize("own", [False, True])
def test_classes_without_colours_get_colours_of_their_own(own):
    found = palette.class_colors(np.array([0, 1, 2, NONE, 1]), PLAIN, own)
    assert len(np.unique(found, axis=0)) == 4
    np.testing.assert_array_equal(found[1], found[4])


def test_no_point_has_no_colour():
    nothing = np.zeros(0, np.int32)
    assert palette.instance_colors(nothing).shape == (0, 3)
    assert palette.class_colors(nothing, PLAIN).shape == (0, 3)


# --- which points ---


def test_a_room_is_opened_from_above_and_from_the_viewer_s_side():
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 1, (5000, 3)) * (4, 3, 2.5) + (70, -2, 1)
    seen = xyz[rendering.visible_rows(xyz, cut_open=True)]
    assert seen[:, 2].max() < 1 + 0.8 * 2.5
    assert seen[:, 0].max() < 74 - 0.2
    assert seen[:, 1].min() > -2 + 0.2
    assert seen[:, 0].min() < 70.05
    assert seen[:, 1].max() > 0.95


def test_a_shape_is_drawn_whole():
    xyz = np.random.default_rng(0).normal(size=(500, 3))
    np.testing.assert_array_equal(rendering.visible_rows(xyz, cut_open=False), np.arange(500))


def test_many_points_are_thinned_evenly():
    rows = rendering.visible_rows(np.zeros((1000, 3)), cut_open=False, max_points=100)
    np.testing.assert_array_equal(rows, np.arange(0, 1000, 10))


@pytest.mark.parametrize("num_points", [0, 1, 7])
def test_what_lies_all_at_the_outline_is_not_left_out(num_points):
    rows = rendering.visible_rows(np.ones((num_points, 3)), cut_open=True)
    np.testing.assert_array_equal(rows, np.arange(num_points))


# --- the picture ---


def row(name="office", num_panels=2, seed=0, num_points=60):
    xyz = np.random.default_rng(seed).uniform(0, 1, (num_points, 3))
    return figures.Row(name, xyz, {f"panel {number}": xyz for number in range(num_panels)})


def pixels(path) -> np.ndarray:
    from matplotlib import image

    return image.imread(path)[..., :3]


@pytest.mark.parametrize(("num_rows", "num_panels"), [(1, 1), (1, 3), (1, 6), (1, 7), (3, 5)])
def test_nothing_reaches_the_frame_of_a_picture(matplotlib, num_rows, num_panels, tmp_path):
    rows = [row(f"r ${seed}$", num_panels, seed) for seed in range(num_rows)]
    legend = [(f"class {number}", np.array([0.1, 0.5, 0.2])) for number in range(12)]
    figures.draw(rows, tmp_path / "cloud.png", [legend, legend[:2]], width=90)
    picture = pixels(tmp_path / "cloud.png")
    across = num_panels if num_rows > 1 or num_panels < 4 else (num_panels + 1) // 2
    assert picture.shape[1] == (26 if num_rows > 1 else 0) + across * 98 + 8
    for side in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        assert (side == 1).all()
    assert (picture < 1).any()
    assert [path.name for path in tmp_path.iterdir()] == ["cloud.png"]


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_the_same_picture_is_the_same_file(matplotlib, ending, tmp_path):
    made = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for path in made:
        figures.draw([row()], path, width=60)
    assert made[0].read_bytes() == made[1].read_bytes()
    assert (
        made[0]
        .read_bytes()
        .startswith({"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[ending])
    )


def test_cells_are_drawn_pixel_by_pixel(matplotlib, tmp_path):
    one = row(num_panels=1)
    figures.draw([one], tmp_path / "cloud.png", width=80)
    picture = np.rint(255 * pixels(tmp_path / "cloud.png")).astype(int)
    height = round(80 / rendering.aspect(one.xyz))
    cell = rendering.look(one.xyz, 80, height).paint(one.panels["panel 0"])
    np.testing.assert_array_equal(picture[30 : 30 + height, 8:88], cell)


def test_a_marked_point_is_ringed_where_it_lies(matplotlib, tmp_path):
    plain = row(num_panels=1)
    for name, one in (("a", plain), ("b", dataclasses.replace(plain, marked=7))):
        figures.draw([one], tmp_path / f"{name}.png", width=80)
    changed = (pixels(tmp_path / "a.png") != pixels(tmp_path / "b.png")).any(axis=-1)
    place = rendering.look(plain.xyz, 80, round(80 / rendering.aspect(plain.xyz))).place[7]
    down, across = np.nonzero(changed)
    np.testing.assert_allclose([across.mean() - 8, down.mean() - 30], place, atol=2)


@pytest.mark.parametrize("xyz", [np.zeros((1, 3)), np.eye(3)[:2], np.ones((4, 3))])
def test_flat_clouds_and_single_points_are_drawn(matplotlib, xyz, tmp_path):
    one = figures.Row("point", xyz, {"place": np.zeros_like(xyz)})
    figures.draw([one], tmp_path / "cloud", width=60)
    assert (tmp_path / "cloud").read_bytes().startswith(b"\x89PNG")


def test_an_ending_that_is_none_leaves_nothing(matplotlib, tmp_path):
    with pytest.raises(ValueError, match="nonsense"):
        figures.draw([row()], tmp_path / "cloud.nonsense", width=60)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw_is_said(matplotlib, tmp_path):
    nothing = figures.Row("a", np.zeros((0, 3)), {"a": np.zeros((0, 3))})
    for rows in ([], [nothing], [row(num_panels=0)]):
        with pytest.raises(ValueError, match=r"at least one point and one panel.*Received"):
            figures.draw(rows, tmp_path / "cloud.png")
    with pytest.raises(ValueError, match="the same panels"):
        figures.draw([row(), row(num_panels=3)], tmp_path / "cloud.png")


def test_without_matplotlib_the_command_to_get_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install -e \"\.\[figures\]\""):
        figures.draw([row()], tmp_path / "cloud.png")
