"""A cloud takes plain arrays: what only looks like one is refused by name."""

import numpy as np
import pytest

from ban_tf import unlabelled

XYZ = np.zeros((4, 3))


@pytest.mark.parametrize(
    "xyz",
    [XYZ.tolist(), None, np.float64(3), np.array(3.0), np.ma.masked_array(XYZ, mask=XYZ < 1)],
)  # fmt: skip
def test_coordinates_that_are_no_plain_array_are_refused(xyz):
    with pytest.raises(TypeError, match=r"`xyz` of cloud a must be a plain NumPy array.*Received"):
        unlabelled("a", xyz)


def test_colours_that_are_a_list_are_refused():
    with pytest.raises(TypeError, match=r"`rgb` of cloud a must be a plain NumPy array.*list"):
        unlabelled("a", XYZ, [[0, 0, 0]] * 4)
