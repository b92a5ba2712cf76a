"""Where a cloud begins and how far it reaches: what positions are measured against."""

import dataclasses

import numpy as np

from ban_tf.clouds.cloud import Cloud

_MAX_EXTENT_M = 10_000.0
_LARGEST_ROOM_M = np.array([2000.0, 2000.0, 200.0])  # a hall; a table in millimetres is higher
_SMALLEST_ROOM_M = 0.05  # the longest side; rooms in kilometres are smaller
_NOTHING_M = float(np.finfo(np.float32).tiny)  # below, ratios of lengths overflow


@dataclasses.dataclass(frozen=True)
class Frame:
    """The frame of one cloud, in metres.

    Args:
        origin: float64 `[3]`, the least x, y and z.
        extent: float64 `[3]`, the greatest x, y and z after `origin` was taken off; 0 where that is
            no length that float32 can hold.
        pitch_m: float64 `[2]`, where parts of the cloud lie beside each other, such as storeys:
            from one to the next along x and y, infinite where there is none. Positions are then
            measured within a part, and `extent` is that of one. None for a cloud as it stands.
    """

    origin: np.ndarray
    extent: np.ndarray
    pitch_m: np.ndarray | None = None

    def within(self, shifted: np.ndarray) -> np.ndarray:
        """Offsets `[..., 3]` from `origin` as those within a part."""
        if self.pitch_m is None:
            return shifted
        shifted = shifted.copy()
        for axis in np.flatnonzero(np.isfinite(self.pitch_m)):
            # A part begins at a multiple of the pitch, but for rounding.
            shifted[..., axis] = np.mod(shifted[..., axis] + 1, self.pitch_m[axis]) - 1
        return shifted


def frame_of(cloud: Cloud) -> Frame:
    """The frame of a cloud.

    Raises:
        ValueError: the cloud is empty, or wider than 10 km (not in metres).

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> frame_of(unlabelled("scan", np.array([[1.0, 2, 3], [4, 2, 8]]))).extent
        array([3., 0., 5.])
    """
    if len(cloud) == 0:
        raise ValueError(f"cloud {cloud.name} must have at least one point. Received: 0 points")
    return checked_frame(cloud.name, cloud.xyz.min(axis=0), cloud.xyz.max(axis=0))


def checked_frame(name: str, least: np.ndarray, most: np.ndarray) -> Frame:
    """The frame of a cloud between two corners.

    Args:
        name: of the cloud.
        least: float64 `[3]`, the least x, y and z.
        most: float64 `[3]`, the greatest.

    Raises:
        ValueError: there is no point, or it is wider than 10 km (not in metres).
    """
    if not np.isfinite(least).all():
        raise ValueError(f"cloud {name} must have at least one point. Received: 0 points")
    extent = most - least
    if extent.max() > _MAX_EXTENT_M:
        raise ValueError(
            f"cloud {name} must be in metres and at most {_MAX_EXTENT_M:.0f} m wide; rescale "
            f"it or drop stray points. Received: extent={extent.round(3).tolist()}"
        )
    return Frame(least, np.where(extent < _NOTHING_M, 0.0, extent))


def doubt_of_metres(extent: np.ndarray) -> str:
    """Why a room of this size can hardly be in metres; empty where it may be.

    Args:
        extent: float64 `[3]`, length, width and height of the room.

    Example:
        >>> doubt_of_metres(np.array([4.0, 3.0, 2.5]))
        ''
        >>> doubt_of_metres(np.array([4000.0, 3000.0, 2500.0]))
        'no room is so large: divide millimetres by 1000, or move stray points away'
    """
    if (extent > _LARGEST_ROOM_M).any():
        return "no room is so large: divide millimetres by 1000, or move stray points away"
    if 0 < extent.max() < _SMALLEST_ROOM_M:
        return "no room is so small: multiply kilometres by 1000"
    return ""


def shown(extent: np.ndarray) -> str:
    """Length, width and height for people.

    Example:
        >>> shown(np.array([4.0, 3.25, 0.0]))
        '4 x 3.25 x 0'
    """
    return " x ".join(f"{length:.6g}" for length in extent)
