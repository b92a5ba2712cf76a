"""Clouds as pictures, without a display: the nearest point of every pixel, and what hides what.

Points are discs that face a viewer who looks obliquely from above, in parallel. A depth buffer
keeps the nearest disc of every pixel, so what lies behind is hidden, and the same points give the
same picture.
"""

import dataclasses

import numpy as np
from scipy import ndimage, spatial

MAX_POINTS = 200_000
_TOP = 0.8  # of the height: what lies above hides the inside of a room
_NEAR_M = 0.25  # so near to the outline stand the walls that hide it
_ELEVATION, _AZIMUTH = np.radians(45), np.radians(-55)  # where the viewer stands
_FINER = 2  # pixels are means of so many squared
_MARGIN = 4  # pixels that stay free on each side
_DISC = 2.2  # radius of a disc, in distances between neighbours: surfaces close
_RADIUS_RANGE = (1.0, 7.0)  # pixels
_PROBED = 2000  # points whose neighbours are looked at
_DARKEST = 0.45  # of a colour, where something stands far in front
_LIGHTS = 10  # kinds of light
_SHADED_DEPTH = 0.08  # of the cloud's size: a step so deep takes two thirds of the light
_NOTHING = -1


def visible_rows(xyz: np.ndarray, cut_open: bool, max_points: int = MAX_POINTS) -> np.ndarray:
    """Rows of a cloud to draw, evenly thinned.

    Args:
        xyz: float `[N, 3]`, metres, z up.
        cut_open: leave out what hides the inside of a room: its top fifth with the ceiling, and
            what stands along its outline on the viewer's side. A cloud that has no inside is drawn
            whole.
        max_points: about how many to draw at most.

    Returns:
        int64 `[M]` ascending rows.

    Example:
        >>> xyz = np.array([[0.0, 2, 0], [1, 2, 0], [1, 1, 1], [1, 1, 4], [4, 4, 5], [1, 0, 0]])
        >>> visible_rows(xyz, cut_open=True)
        array([0, 1, 2])
    """
    rows = np.arange(len(xyz))
    if cut_open and len(xyz):
        low, high = xyz.min(axis=0), xyz.max(axis=0)
        x, y, z = xyz.T
        inside = z < low[2] + _TOP * (high[2] - low[2])
        inside &= (x < high[0] - _NEAR_M) & (y > low[1] + _NEAR_M)
        rows = np.flatnonzero(inside) if inside.any() else rows
    return rows[:: max(1, len(rows) // max_points)]


def project(xyz: np.ndarray) -> np.ndarray:
    """Where points lie for the viewer, obliquely from above and in parallel.

    Args:
        xyz: float `[M, 3]`, z up.

    Returns:
        float64 `[M, 3]`: right, up, and towards the viewer.

    Example:
        >>> project(np.array([[1.0, -1, 0], [0, 0, 1]])).round(2)
        array([[ 0.25, -0.98,  0.98],
               [ 0.  ,  0.71,  0.71]])
    """
    (cos_a, sin_a), (cos_e, sin_e) = ((np.cos(x), np.sin(x)) for x in (_AZIMUTH, _ELEVATION))
    right = (-sin_a, cos_a, 0.0)
    up = (-sin_e * cos_a, -sin_e * sin_a, cos_e)
    to_viewer = (cos_e * cos_a, cos_e * sin_a, sin_e)
    return np.asarray(xyz, np.float64) @ np.transpose([right, up, to_viewer])


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
    """What is seen of a cloud, finer than the picture will be.

    Attributes:
        point: int64 `[H, W]`, the row of the cloud that every fine pixel shows; -1 for none.
        light: float64 `[H, W]` in (0, 1]: less where something stands in front close by.
        place: float64 `[M, 2]`, where the points lie in the picture: from its left, from its top.
    """

    point: np.ndarray
    light: np.ndarray
    place: np.ndarray

    def paint(self, colors: np.ndarray, shaded: bool = True) -> np.ndarray:
        """The picture, uint8 `[height, width, 3]`, on white.

        Args:
            colors: float `[M, 3]` in [0, 1], of the points that `look` was given.
            shaded: darken what lies behind an edge.
        """
        fine = np.vstack([np.clip(colors, 0, 1), np.ones(3)])[self.point]
        if shaded:
            fine = fine * self.light[..., None]
        height, width = np.array(self.point.shape) // _FINER
        blocks = fine.reshape(height, _FINER, width, _FINER, 3)
        return np.rint(255 * blocks.mean(axis=(1, 3))).astype(np.uint8)


def look(xyz: np.ndarray, width: int, height: int) -> Seen:
    """Looks at a cloud, all of which fits into the picture with a margin.

    Args:
        xyz: float `[M, 3]`, z up, at least one point.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Raises:
        ValueError: no point, or a picture that its margin fills.

    Example:
        >>> seen = look(np.zeros((1, 3)), 24, 24)
        >>> picture = seen.paint(np.zeros((1, 3)))
        >>> picture.shape, picture[12, 12].tolist(), picture[0, 0].tolist()
        ((24, 24, 3), [0, 0, 0], [255, 255, 255])
    """
    smallest = int(2 * (_MARGIN + _RADIUS_RANGE[1])) + 1
    if not len(xyz) or min(width, height) < smallest:
        raise ValueError(
            f"at least one point and {smallest} pixels each way are needed. Received: "
            f"{len(xyz)} points, width={width}, height={height}"
        )
    place = project(xyz)
    low, high = place.min(axis=0), place.max(axis=0)
    extent = np.maximum(high - low, 1e-9)
    size = np.array([width, height]) * _FINER
    # The widest disc is allowed for, so that the scale does not depend on the disc.
    room = size - 2 * _FINER * (_MARGIN + _RADIUS_RANGE[1]) - 1
    scale = (room / extent[:2]).min()
    centred = (place[:, :2] - (low + high)[:2] / 2) * scale
    column = np.floor(size[0] / 2 + centred[:, 0]).astype(np.int64)
    row = np.floor(size[1] / 2 - centred[:, 1]).astype(np.int64)
    radius = np.clip(_DISC * _spacing(xyz) * scale / _FINER, *_RADIUS_RANGE) * _FINER
    order = np.argsort(place[:, 2], kind="stable")  # the nearest last
    rank = np.full((size[1], size[0]), _NOTHING)
    rank[row[order], column[order]] = np.arange(len(xyz))  # of several the last stays
    rank = _spread(rank, radius)
    point = np.where(rank == _NOTHING, _NOTHING, order[rank])
    depth = np.where(rank == _NOTHING, -np.inf, place[order, 2][rank])
    light = _light(depth, _SHADED_DEPTH * float(np.linalg.norm(extent)))
    return Seen(point, light, np.stack([column, row], axis=1) / _FINER)


def aspect(xyz: np.ndarray) -> float:
    """Width by height of what the viewer sees of a cloud, at least one point.

    Example:
        >>> round(aspect(np.array([[0.0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]])), 2)
        1.41
    """
    place = project(xyz)
    width, height, _ = np.maximum(np.ptp(place, axis=0), 1e-9)
    return float(width / height)


def _spacing(xyz: np.ndarray) -> float:
    """The usual distance from a point to its nearest neighbour; 0 for a single one."""
    if len(xyz) < 2:
        return 0.0
    probed = xyz[:: max(1, len(xyz) // _PROBED)]
    distance, _ = spatial.KDTree(xyz).query(probed, k=2)
    return float(np.median(distance[:, 1]))


def _spread(rank: np.ndarray, radius: float) -> np.ndarray:
    """The highest rank within `radius` fine pixels of every pixel: each point as a disc."""
    reach = int(radius)
    height = len(rank)
    padded = np.pad(rank, ((reach, reach), (0, 0)), constant_values=_NOTHING)
    found = rank.copy()
    for down in range(reach + 1):
        half = int(np.sqrt(radius**2 - down**2))
        run = ndimage.maximum_filter1d(padded, 2 * half + 1, axis=1, mode="nearest")
        for top in {reach - down, reach + down}:
            np.maximum(found, run[top : top + height], out=found)
    return found


def _light(depth: np.ndarray, step: float) -> np.ndarray:
    """How much light reaches each pixel: little at the foot of what stands in front of it.

    Args:
        depth: float64 `[H, W]`, towards the viewer; -inf where nothing is seen.
        step: how deep a step takes most of the light.
    """
    reach = 2 * _FINER
    padded = np.pad(depth, reach, constant_values=-np.inf)
    height, width = depth.shape
    hidden = np.zeros(depth.shape)
    seen = np.isfinite(depth)
    for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        top, left = reach + down * reach, reach + right * reach
        near = padded[top : top + height, left : left + width]
        both = seen & np.isfinite(near)
        ahead = np.zeros(depth.shape)
        np.subtract(near, depth, out=ahead, where=both)
        # What rises less steeply than a slope that the viewer looks along is no edge.
        hidden += np.clip(ahead / step - 0.15, 0.0, 1.0)
    # In steps, which the eye does not see and files are smaller for.
    return np.ceil(np.maximum(np.exp(-hidden / 4), _DARKEST) * _LIGHTS) / _LIGHTS
