"""Which way is up in a scan, as its flat surfaces tell."""

from typing import get_args

import numpy as np

from ban_tf.clouds import uprightness
from ban_tf.config.scans import Up

AXES = get_args(Up)
_LEAST_POINTS = 24
_NEAR = np.cos(np.deg2rad(10))
_LEVEL, _UPRIGHT = np.cos(np.deg2rad(15)), np.sin(np.deg2rad(15))
_MIN_LEVEL, _MIN_IN_ORDER = 0.15, 0.6  # shares; one leaning surface alone is upright to some axis
_MIN_SHARE = 0.25  # of the flat places, that look the same way


def turn_of(up: str) -> np.ndarray:
    """float64 `[3, 3]`, the turn that brings an axis of the file up to z: `xyz @ turn.T`.

    Args:
        up: one of `AXES`.

    Example:
        >>> (np.array([[1.0, 2.0, 3.0]]) @ turn_of("y").T).tolist()
        [[1.0, -3.0, 2.0]]
    """
    axis = "xyz".index(up[-1])
    normal = np.zeros(3)
    normal[axis] = -1.0 if up.startswith("-") else 1.0
    return turn_to(normal)


def turn_to(normal: np.ndarray) -> np.ndarray:
    """float64 `[3, 3]`, the least turn that brings a direction to z.

    Args:
        normal: float64 `[3]`, of length 1.
    """
    z = np.array([0.0, 0.0, 1.0])
    cosine = float(normal @ z)
    if cosine > 1 - 1e-12:
        return np.eye(3)
    if cosine < -1 + 1e-12:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.cross(normal, z)
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    turn = np.eye(3) + skew + skew @ skew / (1 + cosine)
    whole = np.round(turn)
    return whole if np.allclose(turn, whole, atol=1e-12) else turn


def find(xyz: np.ndarray) -> tuple[np.ndarray, str]:
    """The turn that sets a scan upright, and what speaks for it.

    z stays up unless its flat surfaces speak against it; then the axis is taken that
    suits them, and where there is none the normal of the largest flat surface. Of the two ends
    of an axis that one is down where most of the points lie.

    Args:
        xyz: float64 `[N, 3]`, metres, finite.

    Returns:
        float64 `[3, 3]` to multiply from the right, transposed, and a sentence.
    """
    if len(xyz) < _LEAST_POINTS or not (doubt := uprightness.doubt(xyz)):
        return np.eye(3), "z is up: nothing speaks against it"
    normals = uprightness.flat_normals(xyz)
    axis = _upright(normals)
    if axis:
        is_down = _is_upside_down(xyz @ turn_of(axis).T)
        name = f"-{axis}" if is_down else axis
        return turn_of(name), f"{name} is up: with z up {doubt}"
    normal = _commonest(normals)
    if normal is None:
        return np.eye(3), f"z is taken to be up, though {doubt}"
    turn = turn_to(normal)
    if _is_upside_down(xyz @ turn.T):
        normal = -normal
    told = ", ".join(f"{part:.2f}" for part in normal)
    return turn_to(normal), (
        f"up is ({told}), across the largest flat surface, as no axis of the file is upright"
    )


def _upright(normals: np.ndarray) -> str:
    """`x` or `y`, of which enough flat places are level, and nearly all others upright."""
    if len(normals) < uprightness.MIN_FLAT:
        return ""
    along = np.abs(normals)
    level = (along > _LEVEL).mean(axis=0)
    in_order = level + (along < _UPRIGHT).mean(axis=0)
    fits = [k for k in (1, 0) if level[k] >= _MIN_LEVEL and in_order[k] >= _MIN_IN_ORDER]
    return "xy"[max(fits, key=lambda k: level[k])] if fits else ""


def _is_upside_down(xyz: np.ndarray) -> bool:
    """Whether most points lie in the upper half: floors and furniture are below."""
    low, middle, high = np.quantile(xyz[:, 2], [0.01, 0.5, 0.99])
    return bool(middle > (low + high) / 2)


def _commonest(normals: np.ndarray) -> np.ndarray | None:
    """float64 `[3]`, the direction that most places share; None if few do."""
    if len(normals) < uprightness.MIN_FLAT:
        return None
    near = np.abs(normals @ normals.T) > _NEAR
    best = int(near.sum(axis=1).argmax())
    if near[best].mean() < _MIN_SHARE:
        return None
    own = normals[near[best]]
    own = own * np.sign(own @ normals[best])[:, None]
    mean = own.mean(axis=0)
    return mean / np.linalg.norm(mean)
