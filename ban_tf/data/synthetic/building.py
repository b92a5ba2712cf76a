"""Wings of a building: a hallway with rooms on both sides, each room scanned on its own."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from ban_tf.data.synthetic import fitting, materials, scanner
from ban_tf.data.synthetic.room import EAST, NORTH, SOUTH, THICKNESS_M, WEST, Room
from ban_tf.data.synthetic.styles import Style, draw_style

# Together, the first two kinds show every class.
KINDS = ("office", "lounge", "hallway", "conferenceRoom")
_REQUIRED = {
    "office": {"beam", "window", "door", "table", "chair", "bookcase", "board", "clutter"},
    "lounge": {"column", "window", "door", "table", "sofa", "clutter"},
    "hallway": {"beam", "column", "door", "board", "clutter"},
    "conferenceRoom": {"column", "window", "door", "table", "chair", "board", "clutter"},
}
_MIN_POINTS = 12  # an object of which less was seen has no instance of its own
_MIN_CLASS_M2 = 0.04  # of floor: a required class has at least as many points as this holds
_ATTEMPTS = 40
_SCANS_PER_M2 = 0.3
_WING_GAP_M = 30.0


@dataclasses.dataclass(frozen=True)
class Scan:
    """A scanned room; `N` points, `G` objects.

    Args:
        name: kind and number, e.g. `office_1`.
        xyz: float64 `[N, 3]`, metres, in the building's frame.
        rgb: uint8 `[N, 3]`.
        object: int `[N]`, index into `class_names`.
        class_names: class of every object.
    """

    name: str
    xyz: np.ndarray
    rgb: np.ndarray
    object: np.ndarray
    class_names: list[str]


@dataclasses.dataclass(frozen=True)
class _Plot:
    """Where a room lies in the building, and where its doors are along the hallway."""

    kind: str
    name: str
    origin: tuple[float, float]
    width: float
    depth: float
    doors: tuple[tuple[int, float], ...]  # wall and place along it


def scan_wing(wing: int, num_rooms: int, points_per_m2: float, seed: int) -> Iterator[Scan]:
    """Builds, furnishes and scans one wing; the rooms come in the order of their plan.

    Args:
        wing: number of the wing, from 1; together with `seed` it settles everything.
        num_rooms: at least 2.
        points_per_m2: points per square metre of floor.
        seed: of the building.
    """
    rng = np.random.default_rng([seed, wing])
    style = draw_style(rng, wing)
    for index, plot in enumerate(_plan(num_rooms, style, rng)):
        yield _scan_room(plot, style, points_per_m2, (seed, wing, index), wing)


def _plan(num_rooms: int, style: Style, rng: np.random.Generator) -> list[_Plot]:
    """Lays rooms along both sides of a hallway, or wall to wall if there is none."""
    kinds = [KINDS[index % len(KINDS)] for index in range(num_rooms)]
    # One hallway is enough; where the cycle asks for another, an office comes.
    kinds = ["office" if kind == "hallway" and kinds.index(kind) != i else kind
             for i, kind in enumerate(kinds)]  # fmt: skip
    names = [f"{kind}_{kinds[: index + 1].count(kind)}" for index, kind in enumerate(kinds)]
    hall = float(rng.uniform(1.7, 2.1)) if "hallway" in kinds else 0.0
    gap = 2 * THICKNESS_M
    ends = {NORTH: 0.0, SOUTH: 0.0}
    plots, hall_doors = {}, []
    for index, kind in enumerate(kinds):
        if kind == "hallway":
            continue
        small = kind == "office"
        width = float(rng.uniform(3.2, 4.2) if small else rng.uniform(4.2, 5.0)) * style.scale
        depth = float(rng.uniform(3.4, 4.2) if small else rng.uniform(3.6, 4.4)) * style.scale
        side = min(ends, key=lambda wall: ends[wall])
        left = ends[side]
        along = float(rng.uniform(0.7, 1.3))
        if side == NORTH:
            origin, door = (left, hall + gap), (SOUTH, along)
            hall_doors.append((NORTH, left + along))
        else:
            origin, door = (left, -depth - gap), (NORTH, width - along)
            hall_doors.append((SOUTH, left + along))
        plots[index] = _Plot(kind, names[index], origin, width, depth, (door,))
        ends[side] = left + width + gap
    length = max(ends.values()) - gap
    if hall:
        doors = tuple((w, length - x if w == NORTH else x) for w, x in hall_doors)
        index = kinds.index("hallway")
        plots[index] = _Plot("hallway", names[index], (0.0, 0.0), length, hall, doors)
    return [plots[index] for index in range(num_rooms)]


def _scan_room(
    plot: _Plot, style: Style, points_per_m2: float, seeds: tuple[int, ...], wing: int
) -> Scan:
    """Scans one room, built anew until everything that its kind requires was seen."""
    num_points = round(points_per_m2 * plot.width * plot.depth)
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([*seeds, attempt])
        room = Room(plot.width, plot.depth, style, rng)
        for wall, along in plot.doors:
            is_open = plot.kind != "hallway" and rng.random() < 0.3
            fitting.add_door(room, wall, along, float(rng.uniform(0.9, 1.5)) if is_open else 0.0)
        _FURNISH[plot.kind](room, plot)
        room.add_shell()
        if not _REQUIRED[plot.kind] <= set(room.scene.class_names):
            continue
        scan = _scan(room, plot, num_points, wing)
        seen = np.bincount(scan.object, minlength=len(scan.class_names))
        points = {name: 0 for name in scan.class_names}
        for name, count in zip(scan.class_names, seen, strict=True):
            points[name] += count
        enough = max(_MIN_POINTS, _MIN_CLASS_M2 * points_per_m2)
        if all(points[name] >= enough for name in _REQUIRED[plot.kind]):
            return scan
    raise RuntimeError(
        f"No layout of {plot.name} showed all of {sorted(_REQUIRED[plot.kind])} in {_ATTEMPTS} "
        f"attempts. Use more points or another seed. Received: points_per_m2={points_per_m2}, "
        f"seed={seeds[0]}"
    )


def _scan(room: Room, plot: _Plot, num_points: int, wing: int) -> Scan:
    solids = room.scene.solids()
    places = room.scanner_places(max(3, round(_SCANS_PER_M2 * plot.width * plot.depth)))
    echoes = scanner.scan(solids, places, num_points, room.rng)
    rgb = materials.paint(solids, echoes, np.array(room.lamps), room.rng)
    object_index = solids.object[echoes.part]
    seen = np.bincount(object_index, minlength=len(room.scene.class_names)) >= _MIN_POINTS
    kept = seen[object_index]
    origin = np.array([(wing - 1) * _WING_GAP_M + plot.origin[0], plot.origin[1], 0])
    return Scan(
        name=plot.name,
        xyz=echoes.xyz[kept] + origin,
        rgb=rgb[kept],
        object=object_index[kept],
        class_names=room.scene.class_names,
    )


def _furnish_office(room: Room, plot: _Plot) -> None:
    fitting.add_windows(room, NORTH if plot.doors[0][0] == SOUTH else SOUTH)
    fitting.add_lamps_and_beams(room, with_beams=True)
    fitting.add_bookcase(room)
    for _ in range(int(room.rng.integers(2, 4))):
        fitting.add_desk(room)
    fitting.add_board(room)
    if room.rng.random() < 0.6:
        fitting.add_bookcase(room)
    fitting.add_clutter(room, on_floor=3, on_wall=1)


def _furnish_lounge(room: Room, plot: _Plot) -> None:
    fitting.add_windows(room, NORTH if plot.doors[0][0] == SOUTH else SOUTH)
    fitting.add_lamps_and_beams(room, with_beams=bool(room.rng.random() < 0.5))
    fitting.add_column(room)
    for width in (2.1, 1.6, 0.98):
        sofa = fitting.add_sofa(room, width)
        if sofa is not None:
            fitting.add_coffee_table(room, sofa)
    fitting.add_bookcase(room)
    fitting.add_chairs_at_wall(room, count=2)
    fitting.add_board(room)
    fitting.add_clutter(room, on_floor=3, on_wall=2)


def _furnish_hallway(room: Room, plot: _Plot) -> None:
    fitting.add_lamps_and_beams(room, with_beams=True)
    fitting.add_door(room, EAST, room.depth / 2)
    fitting.add_windows(room, WEST)
    fitting.add_column(room)
    fitting.add_column(room)
    fitting.add_board(room, (SOUTH, NORTH))
    fitting.add_board(room, (SOUTH, NORTH))
    fitting.add_chairs_at_wall(room, count=3)
    fitting.add_clutter(room, on_floor=3, on_wall=3)


def _furnish_meeting_room(room: Room, plot: _Plot) -> None:
    fitting.add_windows(room, NORTH if plot.doors[0][0] == SOUTH else SOUTH)
    fitting.add_lamps_and_beams(room, with_beams=bool(room.rng.random() < 0.5))
    fitting.add_meeting_table(room)
    fitting.add_column(room)
    fitting.add_board(room, (WEST, EAST))
    fitting.add_board(room)
    fitting.add_bookcase(room)
    fitting.add_clutter(room, on_floor=2, on_wall=1)


_FURNISH: dict[str, Callable[[Room, _Plot], None]] = {
    "office": _furnish_office,
    "lounge": _furnish_lounge,
    "hallway": _furnish_hallway,
    "conferenceRoom": _furnish_meeting_room,
}
