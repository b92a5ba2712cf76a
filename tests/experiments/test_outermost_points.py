"""The points that settle a box, of parts of an object, give the box of the whole."""

import numpy as np
import pytest

from ban_tf.experiments import instance_boxes


@pytest.mark.parametrize("count", [1, 2, 3, 50, 4000])
@pytest.mark.parametrize("kind", ["box", "line", "upright", "far"])
def test_the_box_of_outermost_points_is_that_of_all(count, kind):
    rng = np.random.default_rng(count)
    xyz = rng.uniform(0, 1, (count, 3)) * (3, 1, 2)
    if kind == "line":
        xyz[:, 1] = 2 * xyz[:, 0]
    elif kind == "upright":
        xyz[:, :2] = 0.5
    elif kind == "far":
        xyz += (400_000, 5_000_000, 0)
    parts = [instance_boxes.outermost(part) for part in np.array_split(xyz, 3) if len(part)]
    found = instance_boxes.outermost(np.concatenate(parts))
    assert len(found) <= count
    for of_all, of_few in zip(
        instance_boxes.oriented_box(xyz), instance_boxes.oriented_box(found), strict=True
    ):
        np.testing.assert_allclose(of_few, of_all, atol=1e-7 if kind == "far" else 1e-9)
