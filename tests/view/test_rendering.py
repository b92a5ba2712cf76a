"""Clouds as pictures: what hides what, what is cut off, and that it is the same each time."""

import numpy as np
import pytest

from ban_tf.view import rendering

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def plane(distance: float, half: float, step: float = 0.02) -> np.ndarray:
    """A square across the line of sight, so far towards the viewer."""
    right, up, near = np.linalg.inv(rendering.project(np.eye(3)))
    side = np.arange(-half, half + step / 2, step)
    x, y = (values.ravel() for values in np.meshgrid(side, side))
    return x[:, None] * right + y[:, None] * up + distance * near


def painted(*parts, shaded=False, size=(120, 100)):
    xyz = np.concatenate([points for points, _ in parts])
    colors = np.concatenate([np.tile(color, (len(points), 1)) for points, color in parts])
    return rendering.look(xyz, *size).paint(colors, shaded)


def has(picture, color) -> bool:
    return bool((picture == np.rint(255 * np.array(color))).all(axis=-1).any())


def test_a_wall_hides_what_is_behind_it_and_not_what_is_before_it():
    wall = (plane(0.0, 1.0), RED)
    assert not has(painted(wall, (plane(-0.5, 0.3), BLUE)), BLUE)
    assert has(painted(wall, (plane(0.5, 0.3), BLUE)), BLUE)


def test_the_order_of_the_points_does_not_matter():
    rng = np.random.default_rng(0)
    xyz, order = rng.uniform(0, 1, (400, 3)), rng.permutation(400)
    first = rendering.look(xyz, 90, 90).paint(xyz)
    np.testing.assert_array_equal(first, rendering.look(xyz[order], 90, 90).paint(xyz[order]))


@pytest.mark.parametrize("size", [(60, 60), (200, 50), (50, 200)])
@pytest.mark.parametrize("num_points", [1, 2, 30, 4000])
def test_nothing_is_cut_off_at_the_frame(num_points, size):
    rng = np.random.default_rng(num_points)
    xyz = rng.uniform(-3, 5, (num_points, 3)) + np.array([700, -40, 2])
    picture = rendering.look(xyz, *size).paint(np.zeros((num_points, 3)))
    assert picture.shape == (size[1], size[0], 3)
    border = [picture[:4], picture[-4:], picture[:, :4], picture[:, -4:]]
    assert all((side == 255).all() for side in border)
    assert (picture < 255).any()


def test_every_point_lies_where_it_is_said_to_be():
    xyz = np.random.default_rng(1).uniform(0, 1, (5, 3))
    seen = rendering.look(xyz, 120, 120)
    nearest = np.argmax(rendering.project(xyz)[:, 2])
    column, row = (2 * seen.place[nearest]).astype(int)
    assert seen.point[row, column] == nearest


def test_a_surface_has_no_holes():
    picture = painted((plane(0.0, 1.0, 0.05), RED))
    middle = picture[30:70, 40:80]
    assert (middle == (255, 0, 0)).all()


def test_only_what_stands_behind_an_edge_is_darker():
    parts = ((plane(0.0, 1.0), RED), (plane(0.8, 0.3), BLUE))
    plain, shaded = painted(*parts), painted(*parts, shaded=True)
    assert (shaded <= plain).all()
    np.testing.assert_array_equal(plain[45:55, 55:65], shaded[45:55, 55:65])  # amid the nearer one
    darker = (shaded < plain).any(axis=-1)
    assert darker.any()
    assert not darker[plain[..., 2] == 255].any()  # neither the nearer one nor the background


def test_a_flat_wall_is_not_shaded():
    wall = (plane(0.0, 1.0), RED)
    np.testing.assert_array_equal(painted(wall), painted(wall, shaded=True))


@pytest.mark.parametrize(("num_points", "size"), [(0, (50, 50)), (3, (22, 50)), (3, (50, 5))])
def test_what_cannot_be_drawn_is_refused(num_points, size):
    with pytest.raises(ValueError, match=r"at least one point and 23 pixels.*Received"):
        rendering.look(np.zeros((num_points, 3)), *size)
