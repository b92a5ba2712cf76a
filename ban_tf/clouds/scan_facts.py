"""What is known of all points of a scan, however few of them are in memory."""

import dataclasses
from collections.abc import Callable

import numpy as np

from ban_tf.clouds.formats.raw_scan import RawScan

SAMPLE = 500_000  # points that unit, up axis and storeys are found from
_LARGE = 1e15  # of a coordinate, in any unit; the squares of differences stay finite


def is_there(xyz: np.ndarray) -> np.ndarray:
    """bool `[N]`: which points, float64 `[N, 3]`, have a place that there can be."""
    return (np.abs(xyz) < _LARGE).all(axis=1)  # NaN is not


@dataclasses.dataclass(frozen=True)
class Facts:
    """What `decide` needs of a scan.

    Args:
        about: a scan, or one of no points, with what its file says and the type of its colours.
        num_points: in all.
        num_there: with a place.
        xyz: float64 `[n, 3]`, those with a place, or a sample of them.
        colors: of all points.
        spacing: gives the distance between points, where `xyz` is a sample; None measures it.
    """

    about: RawScan
    num_points: int
    num_there: int
    xyz: np.ndarray
    colors: "ColorSpan"
    spacing: Callable[[], float] | None = None


@dataclasses.dataclass(frozen=True)
class ColorSpan:
    """The least and greatest red, green and blue of some points, `[3]` each; none by default."""

    least: np.ndarray = dataclasses.field(default_factory=lambda: np.full(3, np.inf))
    most: np.ndarray = dataclasses.field(default_factory=lambda: np.full(3, -np.inf))

    def with_points(self, colors: np.ndarray | None) -> "ColorSpan":
        """The span of further points as well, `[n, 3]` in any type."""
        if colors is None or not len(colors):
            return self
        columns = [as_numbers(channel) for channel in colors.T]
        return ColorSpan(
            np.minimum(self.least, [values.min() for values in columns]),
            np.maximum(self.most, [values.max() for values in columns]),
        )


def as_numbers(colors: np.ndarray) -> np.ndarray:
    """float64 `[N, 3]`, finite."""
    return np.nan_to_num(colors.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
