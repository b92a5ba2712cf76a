"""Whether z is up in a cloud, as far as its flat surfaces tell: floors, ceilings, tables, walls."""

import numpy as np
from scipy import spatial

_MOST_POINTS = 100_000  # looked at; a share of larger clouds is, drawn with a fixed seed
_NUM_PLACES = 1500
_NEIGHBOURS = 24
_FLAT = 0.02  # thickness over width of a neighbourhood, both squared
MIN_FLAT = 100  # places; fewer tell nothing
_NEAR_RAD = np.deg2rad(15)
# Measured on 48 generated rooms and 36 real table tops: upright, at least 0.86 of the flat places
# are level or upright, tilted by 25 degrees at most 0.34.
_MIN_IN_ORDER = 0.6
# An empty box is as good on its side as upright. So what counts is how high people build, and that
# furniture shows level surfaces: rooms on their side show 0.4 to 0.7 times as much across z as
# across their true height.
_MIN_LEVEL = 0.7
_STOREY_M = 2.2  # what is narrower may be a corridor or a wall alone


def doubt(xyz: np.ndarray) -> str:
    """What speaks against z being up, as a clause for a message; empty if nothing does.

    Clouds without enough flat surfaces are not doubted. A cloud that is turned about z alone is
    upright. A room that lies on its side is recognised where floor and ceiling are its largest
    surfaces, a storey apart, and it is higher than that; one that is upside down is not.

    Args:
        xyz: float64 `[N, 3]`, metres, finite.

    Example:
        >>> place = np.random.default_rng(0).uniform(0, 4, (2000, 2))
        >>> floor, zeros = np.column_stack([place, np.zeros(2000)]), np.zeros(2000)
        >>> wall = np.column_stack([place[:, 0], zeros, place[:, 1]])
        >>> doubt(np.concatenate([floor, wall]))
        ''
        >>> leaning = np.column_stack([place, place.sum(axis=1)])
        >>> doubt(leaning)
        'only 0 % of its flat surfaces are level or upright'
    """
    if len(xyz) < _NEIGHBOURS:
        return ""
    normals = np.abs(flat_normals(xyz))
    if len(normals) < MIN_FLAT:
        return ""
    along = (normals > np.cos(_NEAR_RAD)).mean(axis=0)  # share of the surfaces across each axis
    in_order = along[2] + (normals[:, 2] < np.sin(_NEAR_RAD)).mean()
    if in_order < _MIN_IN_ORDER:
        return f"only {100 * in_order:.0f} % of its flat surfaces are level or upright"
    extent = np.ptp(xyz, axis=0)
    other = int(along[:2].argmax())
    lies = along[2] < _MIN_LEVEL * along[other] and extent[2] > extent[other] > _STOREY_M
    if lies:
        return (
            f"{100 * along[other]:.0f} % of its flat surfaces lie across the {'xy'[other]} axis "
            f"and {100 * along[2]:.0f} % across z"
        )
    return ""


def flat_normals(xyz: np.ndarray) -> np.ndarray:
    """float64 `[F, 3]`, a unit normal, of either sign, at each place whose neighbourhood is flat.

    Args:
        xyz: float64 `[N, 3]`, finite, at least 24 points; a fixed number of places is drawn.
    """
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(xyz))[:_MOST_POINTS]
    # Sums of squares of coordinates far from the origin would lose the shape of a neighbourhood.
    points = xyz[np.sort(chosen)] - xyz.mean(axis=0)
    places = points[rng.permutation(len(points))[:_NUM_PLACES]]
    _, index = spatial.cKDTree(points).query(places, k=_NEIGHBOURS)
    around = points[index]
    around -= around.mean(axis=1, keepdims=True)
    size, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    return axes[size[:, 0] < _FLAT * size[:, 1], :, 0]
