"""Groups of things as they stand in rooms: a desk with its chair and screens, a laid table."""

import numpy as np

from ban_tf.data.synthetic import clutter, furniture, styles
from ban_tf.data.synthetic.room import EAST, NORTH, SOUTH, WEST, Opening, Room, Slot
from ban_tf.data.synthetic.shapes import Part, box, cylinder

DOOR_WIDTH_M, DOOR_HEIGHT_M = 0.9, 2.05
_FRAME_M = 0.12  # a door's frame, both sides together
_SILL_M = 0.9


def add_door(room: Room, wall: int, along: float, opening: float = 0.0) -> bool:
    """Adds a door and keeps the floor before it free; False if the wall is taken there."""
    slot = Slot(wall, along, DOOR_WIDTH_M + _FRAME_M, low=True, high=True)
    if not room.claim(slot, depth=1.0):
        return False
    room.openings.append(Opening(slot, 0.0, DOOR_HEIGHT_M + _FRAME_M / 2))
    leaf = furniture.door(DOOR_WIDTH_M, DOOR_HEIGHT_M, room.style, opening)
    room.add_to(slot, "door", leaf, (0, 0, 0))
    return True


def add_windows(room: Room, wall: int) -> None:
    """Fills a wall with one or two windows."""
    length = room.length(wall)
    count = 1 if length < 3.6 else 2
    width = min(1.9, length / count - 0.5)
    top = min(2.2, room.height - 0.35)
    for middle in (np.arange(count) + 0.5) * length / count:
        slot = Slot(wall, float(middle), width, low=False, high=True)
        if room.claim(slot, depth=0):
            room.openings.append(Opening(slot, _SILL_M, top))
            parts = furniture.window(width, top - _SILL_M, room.style)
            room.add_to(slot, "window", parts, (0, 0, _SILL_M))


def add_board(room: Room, walls: tuple[int, ...] = (SOUTH, NORTH, WEST, EAST)) -> None:
    """Hangs up a whiteboard, or sometimes a pinboard."""
    width, height = float(room.rng.uniform(1.2, 2.0)), float(room.rng.uniform(0.9, 1.1))
    slot = room.take_wall(width + 0.1, 0, low=False, high=True, walls=walls)
    if slot is not None:
        material = styles.WHITEBOARD if room.rng.random() < 0.75 else styles.PINBOARD
        room.add_to(slot, "board", furniture.board(width, height, material), (0, 0, 0.95))


def add_bookcase(room: Room) -> None:
    width, height = float(room.rng.uniform(0.8, 1.3)), float(room.rng.uniform(1.6, 2.1))
    slot = room.take_wall(width, 0.34, low=True, high=True)
    if slot is not None:
        parts = furniture.bookcase(width - 0.02, height, room.style, room.rng)
        room.add_to(slot, "bookcase", parts, (0, 0.01, 0))


def add_sofa(room: Room, width: float) -> Slot | None:
    slot = room.take_wall(width, 0.88, low=True, high=False)
    if slot is not None:
        room.add_to(slot, "sofa", furniture.sofa(width - 0.04, room.style), (0, 0.03, 0))
    return slot


def add_column(room: Room) -> None:
    """A column at a wall, from floor to ceiling."""
    size = float(room.rng.uniform(0.32, 0.45))
    slot = room.take_wall(size, size, low=True, high=True)
    if slot is None:
        return
    z, half, material = (0, room.height), size / 2, room.style.concrete
    parts = [box((-half, half), (0, size), z, material)]
    if room.style.round_columns:
        parts = [cylinder(0, half + 0.02, z, half, material)]
    room.add_to(slot, "column", parts, (0, 0, 0))


def add_lamps_and_beams(room: Room, with_beams: bool) -> None:
    """Hangs lamps in a grid and puts beams, across the shorter way, between its rows."""
    rows, columns = max(1, round(room.width / 2.4)), max(1, round(room.depth / 2.6))
    for x in (np.arange(rows) + 0.5) * room.width / rows:
        for y in (np.arange(columns) + 0.5) * room.depth / columns:
            at = (float(x), float(y), room.height)
            room.add("clutter", clutter.ceiling_lamp(), at)
            room.lamps.append((at[0], at[1], room.height - 0.1))
    if not with_beams:
        return
    for x in np.arange(1, rows) * room.width / rows if rows > 1 else [0.16 * room.width]:
        half, drop = float(room.rng.uniform(0.11, 0.17)), float(room.rng.uniform(0.24, 0.34))
        z = (room.height - drop, room.height)
        parts = [box((-half, half), (0, room.depth), z, room.style.beam)]
        room.add("beam", parts, (float(x), 0, 0))


def _seat(room: Room) -> list[Part]:
    seats = room.style.seats
    seat = seats[room.rng.integers(len(seats))]
    return (furniture.office_chair if room.style.office_chairs else furniture.chair)(seat)


def add_desk(room: Room) -> None:
    """A desk at a wall with a chair, a screen and other things."""
    rng = room.rng
    width, depth, height = float(rng.uniform(1.3, 1.7)), 0.75, float(rng.uniform(0.71, 0.76))
    slot = room.take_wall(width, depth + 0.8, low=True, high=False)
    if slot is None:
        return
    parts = furniture.table(width - 0.04, depth - 0.04, height, room.style, panels=True)
    room.add_to(slot, "table", parts, (0, 0.02, 0))
    spot = (float(rng.uniform(-0.15, 0.15)), depth + float(rng.uniform(0.2, 0.42)), 0)
    room.add_to(slot, "chair", _seat(room), spot, np.pi + float(rng.normal(0, 0.35)))
    things = [clutter.monitor(), clutter.papers(rng), clutter.cup(rng)]
    if rng.random() < 0.4:
        things[0] = clutter.laptop()
    if rng.random() < 0.4:
        things.append(clutter.desk_lamp())
    places = [(0.0, 0.28), (-0.33 * width, 0.35), (0.3 * width, 0.42), (0.36 * width, 0.16)]
    for thing, (x, y) in zip(things, places, strict=False):
        turn = float(rng.normal(0, 0.15))
        at = (x + float(rng.uniform(-0.04, 0.04)), y + float(rng.uniform(-0.04, 0.04)), height)
        room.add_to(slot, "clutter", thing, at, turn)


def add_meeting_table(room: Room) -> None:
    """A long table in the middle of the room with chairs on both sides."""
    rng = room.rng
    length = float(np.clip(room.width - 2.2, 1.5, 3.0))
    depth, height = 1.0, 0.74
    x, y = room.width / 2, room.depth / 2
    half = length / 2
    room.taken.append((x - half - 0.1, y - 1.15, x + half + 0.1, y + 1.15))
    parts = furniture.table(length, depth, height, room.style, panels=False)
    room.add("table", parts, (x, y - depth / 2, 0))
    seats = max(2, int(length / 0.72))
    for place in (np.arange(seats) + 0.5) * length / seats - half:
        for side in (-1.0, 1.0):
            if rng.random() < 0.9:
                out = side * (depth / 2 + float(rng.uniform(0.12, 0.32)))
                yaw = (0.0 if side < 0 else np.pi) + float(rng.normal(0, 0.2))
                room.add("chair", _seat(room), (x + float(place), y + out, 0), yaw)
    for place in (np.arange(seats) + 0.5) * length / seats - half:
        thing = (clutter.laptop(), clutter.papers(rng), clutter.cup(rng))[rng.integers(3)]
        side = float(rng.choice([-1, 1]))
        at = (x + float(place), y + side * float(rng.uniform(0.15, 0.3)), height)
        room.add("clutter", thing, at, 0 if side > 0 else np.pi)


def add_coffee_table(room: Room, sofa: Slot) -> None:
    """A low table in front of a sofa."""
    width, depth, height, gap = 0.95, 0.55, 0.42, 1.2
    x, y = room.at_wall(sofa.wall, sofa.along, gap + depth / 2)
    reach_x, reach_y = (width, depth) if sofa.wall in (SOUTH, NORTH) else (depth, width)
    rectangle = (x - reach_x / 2, y - reach_y / 2, x + reach_x / 2, y + reach_y / 2)
    if not room.is_floor_free(rectangle):
        return
    room.taken.append(rectangle)
    parts = furniture.table(width, depth, height, room.style, panels=False)
    room.add_to(sofa, "table", parts, (0, gap, 0))
    for offset in (-0.25, 0.2):
        thing = clutter.papers(room.rng) if offset < 0 else clutter.cup(room.rng)
        room.add_to(sofa, "clutter", thing, (offset, gap + depth / 2, height))


def add_chairs_at_wall(room: Room, count: int) -> None:
    """A row of chairs that look into the room."""
    slot = room.take_wall(0.62 * count, 0.6, low=True, high=False)
    if slot is not None:
        for place in (np.arange(count) + 0.5) * 0.62 - 0.31 * count:
            turn = float(room.rng.normal(0, 0.08))
            room.add_to(slot, "chair", furniture.chair(room.style.seats[0]), (place, 0.32, 0), turn)


def add_clutter(room: Room, on_floor: int, on_wall: int) -> None:
    """Scatters things over what is left of the floor and the walls."""
    for _ in range(on_floor):
        spot = room.take_floor(0.56, margin=0.03)
        if spot is not None:
            yaw = float(room.rng.uniform(-np.pi, np.pi))
            room.add("clutter", clutter.on_floor(room.rng), (*spot, 0), yaw)
    for _ in range(on_wall):
        slot = room.take_wall(0.64, 0, low=False, high=True)
        if slot is not None:
            room.add_to(slot, "clutter", clutter.on_wall(room.rng), (0, 0, 1.65))
