"""What of a room is taken off so that one can look into it: its ceiling and its outer walls."""

import dataclasses

import numpy as np

from ban_tf.clouds.boxes import oriented_box

_CELLS = 24  # along each side of the grids that tell a ceiling or a wall from single things
_CEILING = 0.4  # share of the ground that lies below something near the top, in a room with one
_WALL = 0.3  # share of a side of the room where something stands, in a room with a wall there
_NEAR_TOP = 0.25  # of the height: lamps and beams hang here, ceilings of lower parts too
_TOP, _LEAST_GAP = 0.82, 0.02  # of the height: what is kept at most, and left below a ceiling
_LEAST_HEIGHT_M = 1.5  # no room is lower
_THICK_M = 0.3  # so near to the outline stand the walls
_OUTLIERS = 0.002  # share of points at each end that do not count as the outline


@dataclasses.dataclass(frozen=True)
class Opening:
    """The upright box around a room, and which of its sides hide the inside.

    Args:
        center: of the box on the ground, `[2]`, metres.
        yaw: of its length about z from x, radians.
        size: length and width, metres.
        low: lowest and highest z, metres.
        high: see `low`.
        ceiling: z above which lies the ceiling; None if there is none.
        walls: whether a wall stands at each side: the far and near end of the length, then of the
            width.
    """

    center: tuple[float, float]
    yaw: float
    size: tuple[float, float]
    low: float
    high: float
    ceiling: float | None
    walls: tuple[bool, ...]


def find(xyz: np.ndarray) -> Opening:
    """Finds the box, ceiling and outer walls of a cloud.

    Args:
        xyz: float64 `[N, 3]`, at least one point, metres, z up.

    Example:
        >>> side = np.linspace(0, 4, 40)
        >>> x, y = (axis.ravel() for axis in np.meshgrid(side, side))
        >>> floor, ceiling = (np.stack([x, y, np.full(1600, z)], axis=1) for z in (0.0, 2.5))
        >>> find(floor).ceiling is None, round(find(np.concatenate([floor, ceiling])).ceiling, 2)
        (True, 2.05)
    """
    low, high = np.quantile(xyz, [_OUTLIERS, 1 - _OUTLIERS], axis=0)
    inside = xyz[((xyz >= low) & (xyz <= high)).all(axis=1)]
    inside = inside if len(inside) else xyz
    center, (length, width, height), yaw = oriented_box(inside)
    bottom, top = center[2] - height / 2, center[2] + height / 2
    cos, sin = np.cos(yaw), np.sin(yaw)
    local = (inside[:, :2] - center[:2]) @ np.array([[cos, -sin], [sin, cos]])
    shares = np.column_stack(
        [
            local[:, 0] / (length or 1.0) + 0.5,
            local[:, 1] / (width or 1.0) + 0.5,
            (inside[:, 2] - bottom) / (height or 1.0),
        ]
    )
    ceiling: float | None = None
    walls: tuple[bool, ...] = (False,) * 4
    if height >= _LEAST_HEIGHT_M:
        ceiling = _ceiling(shares, bottom, height)
        walls = tuple(
            _is_wall(shares, axis, end, side)
            for axis, side in ((0, length), (1, width))
            for end in (1, 0)
        )
    return Opening(
        (float(center[0]), float(center[1])),
        yaw,
        (float(length), float(width)),
        float(bottom),
        float(top),
        ceiling,
        walls,
    )


def _ceiling(shares: np.ndarray, bottom: float, height: float) -> float | None:
    """Where the part of the height begins that is left out; None if nothing covers the ground."""
    above = shares[:, 2] > 1 - _NEAR_TOP
    covered = _occupied(shares[above][:, :2]).sum() / max(_occupied(shares[:, :2]).sum(), 1)
    if covered < _CEILING:
        return None
    # The ceiling is the fullest layer up there. Lamps and beams that hang from it go too.
    layers = np.bincount((shares[above, 2] * 100).clip(0, 99).astype(int), minlength=100)
    return float(bottom + height * min(layers.argmax() / 100 - _LEAST_GAP, _TOP))


def _is_wall(shares: np.ndarray, axis: int, end: int, side: float) -> bool:
    near = np.abs(shares[:, axis] - end) * side < _THICK_M
    return bool(_occupied(shares[near][:, [1 - axis, 2]]).mean() > _WALL)


def _occupied(places: np.ndarray) -> np.ndarray:
    """bool `[cells, cells]`: where some of the places `[M, 2]`, shares of two sides, lie."""
    found = np.zeros((_CELLS, _CELLS), bool)
    cell = (places * _CELLS).clip(0, _CELLS - 1).astype(int)
    found[cell[:, 0], cell[:, 1]] = True
    return found
