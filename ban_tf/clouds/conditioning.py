"""From a scan as its file has it to a cloud in metres, upright, with colours of 8 bits.

What a file does not say is found from the points; each assumption is a sentence, and each can be
given instead.
"""

import dataclasses
from typing import get_args

import numpy as np
from scipy import spatial

from ban_tf.clouds import scan_facts, up_axis
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.config.scans import ColorRange, Unit, Up

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
_MOST = {"8-bit": 255.0, "16-bit": 65535.0, "0-1": 1.0}
_GUESSED = ("m", "cm", "mm")
# Of scans of rooms: how wide, and how far apart points are, which differs more and counts half.
# Only powers of ten are told apart.
_USUAL_EXTENT_M, _USUAL_SPACING_M = 6.0, 0.01
_LEAN_TO_METRES = 1.5  # powers of ten, that another unit must fit better
_NUM_SPACINGS, _MOST_NEAR = 2000, 500_000
_LEAST_SIDE_M = 0.3  # the second longest side of a scan, in a unit that is only guessed
_FAR = 1e4  # coordinates beyond are told of: float32 would have steps of a millimetre


@dataclasses.dataclass(frozen=True)
class Options:
    """What is known of a scan; None is found from its points.

    Args:
        unit: of the coordinates.
        up: the axis of the file that is up.
        colors: the range of the colours; `none` leaves them out.
    """

    unit: Unit | None = None
    up: Up | None = None
    colors: ColorRange | None = None

    def __post_init__(self) -> None:
        for name, kinds in (("unit", Unit), ("up", Up), ("colors", ColorRange)):
            value = getattr(self, name)
            if value is not None and value not in get_args(kinds):
                known = ", ".join(get_args(kinds))
                raise ValueError(f"`{name}` must be one of {known}. Received: {name}={value!r}")


@dataclasses.dataclass(frozen=True)
class Conditioned:
    """A scan as a network takes it; `N` points in the file, `M` of them with a place.

    Args:
        cloud: M points, metres, z up, without labels.
        rows: int64 `[M]`, the point of the file that each point of the cloud is.
        metres: of a unit of the file.
        turn: float64 `[3, 3]`; points are `metres * xyz @ turn.T`.
        assumptions: sentences on what was found or given.
    """

    cloud: Cloud
    rows: np.ndarray
    metres: float
    turn: np.ndarray
    assumptions: tuple[str, ...]

    def in_file(self, xyz: np.ndarray) -> np.ndarray:
        """Places `[K, 3]` of the cloud in the unit and axes of the file."""
        return _in_file(xyz, self.metres, self.turn)


def _in_file(xyz: np.ndarray, metres: float, turn: np.ndarray) -> np.ndarray:
    return xyz @ turn / metres


def condition(
    scan: RawScan, options: Options | None = None, name: str = "", is_room: bool = True
) -> Conditioned:
    """Brings a scan into metres, upright, with colours of 8 bits.

    Args:
        scan: as it was read.
        options: what is known of it; None of nothing.
        name: of the cloud; empty takes the name of the file.
        is_room: whether unit and axes matter. A network of shapes scales them itself, and knows
            shapes that stand as they may; nothing is guessed for it.

    Raises:
        ValueError: no point has finite coordinates, or the unit is an angle.

    Example:
        >>> from pathlib import Path
        >>> xyz = np.array([[0.0, 0, 0], [np.nan, 0, 0], [4000, 3000, 2500]])
        >>> found = condition(RawScan(Path("desk.xyz"), xyz), Options(unit="mm"))
        >>> found.cloud.xyz.tolist(), found.rows.tolist()
        ([[0.0, 0.0, 0.0], [4.0, 3.0, 2.5]], [0, 2])
    """
    options = options or Options()
    rows = np.flatnonzero(scan_facts.is_there(scan.xyz))
    span = scan_facts.ColorSpan().with_points(scan.colors)
    facts = scan_facts.Facts(scan, len(scan), len(rows), scan.xyz[rows], span)
    found = decide(facts, options, is_room)
    xyz = found.in_metres(facts.xyz)
    rgb = found.as_8_bit(scan.colors)
    chosen = None if rgb is None else rgb[rows]
    cloud = unlabelled(name or scan.path.stem, np.ascontiguousarray(xyz), chosen)
    return Conditioned(cloud, rows, found.metres, found.turn, found.assumptions)


@dataclasses.dataclass(frozen=True)
class Decision:
    """How the points of a scan become those of a cloud.

    Args:
        metres: of a unit of the file.
        turn: float64 `[3, 3]`.
        colors: the range of the colours; None where the cloud has none.
        assumptions: sentences on what was found or given.
    """

    metres: float
    turn: np.ndarray
    colors: str | None
    assumptions: tuple[str, ...]

    def in_metres(self, xyz: np.ndarray) -> np.ndarray:
        """float64 `[n, 3]`: points of the file with a place, in metres and upright."""
        xyz = xyz * self.metres
        return xyz if np.array_equal(self.turn, np.eye(3)) else xyz @ self.turn.T

    def in_file(self, xyz: np.ndarray) -> np.ndarray:
        """Places `[K, 3]` of the cloud in the unit and axes of the file."""
        return _in_file(xyz, self.metres, self.turn)

    def as_8_bit(self, colors: np.ndarray | None) -> np.ndarray | None:
        """uint8 `[n, 3]` of colours of the file; None where the cloud has none."""
        if self.colors is None or colors is None:
            return None
        return _8_bit(scan_facts.as_numbers(colors), self.colors)


def decide(facts: scan_facts.Facts, options: Options, is_room: bool) -> Decision:
    """Decides once for all points of a scan how they become those of a cloud.

    Args:
        facts: of the scan.
        options: what is known of it.
        is_room: as for `condition`.

    Raises:
        ValueError: as for `condition`.
    """
    scan = facts.about
    if not facts.num_there:
        raise ValueError(f"{scan.path} must have a point with finite coordinates.")
    said = list(scan.problems)
    if facts.num_there < facts.num_points:
        said.append(
            f"{facts.num_points - facts.num_there:,} of {facts.num_points:,} points are NaN, "
            "infinite or out of any range: they get no class and no instance (-1)"
        )
    metres, told = _unit(facts, options, is_room)
    said += told
    xyz = facts.xyz * metres
    turn, told = _turn(xyz, options, is_room)
    said += told
    if not np.array_equal(turn, np.eye(3)):
        xyz = xyz @ turn.T
    if np.abs(xyz).max() > _FAR:
        least = ", ".join(f"{value:,.1f}" for value in xyz.min(axis=0))
        said.append(f"coordinates begin at ({least}) m: they are kept in float64")
    colors, told = _colors(facts, options)
    return Decision(metres, turn, colors, (*said, *told))


def _unit(facts: scan_facts.Facts, options: Options, is_room: bool) -> tuple[float, list[str]]:
    if options.unit is not None:
        return METRES[options.unit], [f"coordinates are in {options.unit}, as given"]
    xyz, stated = facts.xyz, facts.about.about.get("unit")
    if stated == "degree":
        raise ValueError(
            f"{facts.about.path} has coordinates in degrees; project them into a system of metres "
            "first."
        )
    if stated in METRES:
        return METRES[stated], [f"coordinates are in {stated}, as such files have them (`unit`)"]
    if not is_room:
        return 1.0, []
    sides = np.sort(np.ptp(np.quantile(xyz, [0.01, 0.99], axis=0), axis=0))
    extent = float(sides[-1])
    spacing = spacing_of(xyz) if facts.spacing is None else facts.spacing()
    if not (extent > 0 and spacing > 0):
        return 1.0, ["coordinates are taken to be in m: there are too few points to tell"]
    costs = {
        unit: abs(np.log10(extent * METRES[unit] / _USUAL_EXTENT_M))
        + abs(np.log10(spacing * METRES[unit] / _USUAL_SPACING_M)) / 2
        + (0 if unit == "m" else _LEAN_TO_METRES)
        for unit in _GUESSED
        if unit == "m" or sides[1] * METRES[unit] >= _LEAST_SIDE_M  # a corridor of a km is one
    }
    best = min(costs, key=lambda unit: costs[unit])
    metres = METRES[best]
    return metres, [
        f"coordinates are taken to be in {best}: the scan is {extent * metres:.3g} m wide then, "
        f"and {1000 * spacing * metres:.2g} mm lie between points (`unit`)"
    ]


def spacing_of(xyz: np.ndarray) -> float:
    """The median distance to the nearest point at another place; 0 where there is none.

    Args:
        xyz: float64 `[N, 3]`, finite.
    """
    rng = np.random.default_rng(0)
    if len(xyz) > _MOST_NEAR:  # all around one place tell as much
        place = xyz[rng.integers(len(xyz))]
        away = np.abs(xyz - place).max(axis=1)
        xyz = xyz[np.argpartition(away, _MOST_NEAR)[:_MOST_NEAR]]
    points = xyz - xyz.mean(axis=0)
    asked = points[np.sort(rng.permutation(len(points))[:_NUM_SPACINGS])]
    if len(points) < 2:
        return 0.0
    distance, _ = spatial.cKDTree(points).query(asked, k=min(4, len(points)))
    distance = np.where(distance > 0, distance, np.inf).min(axis=1)
    distance = distance[np.isfinite(distance)]
    return float(np.median(distance)) if len(distance) else 0.0


def _turn(xyz: np.ndarray, options: Options, is_room: bool) -> tuple[np.ndarray, list[str]]:
    if options.up is not None:
        return up_axis.turn_of(options.up), [f"{options.up} is up, as given"]
    if not is_room:
        return np.eye(3), []
    turn, told = up_axis.find(xyz)
    return turn, [f"{told} (`up`)"]


def _colors(facts: scan_facts.Facts, options: Options) -> tuple[str | None, list[str]]:
    """The range of the colours, None where there are none, and what was assumed of them."""
    if options.colors == "none":
        return None, ["colours are left out, as given"]
    if facts.about.colors is None:
        return None, ["the file has no colours"]
    kind: str | None = options.colors
    how = "as given"
    if kind is None:
        most = float(facts.colors.most.max())
        kind, how = _range(facts.about.colors.dtype, max(most, 0.0))
    told = [f"colours are of the range {kind}, {how}"]
    least, most_rgb = _8_bit(facts.colors.least, kind), _8_bit(facts.colors.most, kind)
    if facts.num_points > 1 and (least == most_rgb).all():
        color = ", ".join(map(str, least.tolist()))
        told.append(f"all points have the colour ({color}), which is taken for none (`colors`)")
        return (None if options.colors is None else kind), told
    return kind, told


def _8_bit(values: np.ndarray, kind: str) -> np.ndarray:
    return np.clip(np.round(values * (255.0 / _MOST[kind])), 0, 255).astype(np.uint8)


def _range(kind: np.dtype, most: float) -> tuple[str, str]:
    if kind == np.uint8:
        return "8-bit", "as their type is"
    if most > _MOST["8-bit"]:
        return "16-bit", f"as the largest is {most:g} (`colors`)"
    if kind.kind == "f" and most <= 1:
        return "0-1", f"as the largest is {most:g} (`colors`)"
    return "8-bit", f"as the largest is {most:g} (`colors`)"
