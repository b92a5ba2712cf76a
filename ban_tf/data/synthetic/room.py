"""A room under construction: its shell, what is taken on floor and walls, and ways to furnish it.

The room fills [0, width] x [0, depth] x [0, height] in metres. A place on a wall is the distance
`along` it; furniture put there has its back to the wall.
"""

import dataclasses

import numpy as np

from ban_tf.data.synthetic.shapes import Part, Scene, Vector, box
from ban_tf.data.synthetic.styles import Style

THICKNESS_M = 0.12
SOUTH, NORTH, WEST, EAST = range(4)
_TRIES = 60
_YAW = (0.0, np.pi, -np.pi / 2, np.pi / 2)  # turns y, out of the wall, into the room

Rectangle = tuple[float, float, float, float]  # x and y from, x and y to


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place on a wall: its middle `along` the wall, and which of the two halves it takes."""

    wall: int
    along: float
    width: float
    low: bool  # below the sill
    high: bool  # above it


@dataclasses.dataclass(frozen=True)
class Opening:
    """A hole in a wall, from `bottom` to `top` metres above the floor."""

    slot: Slot
    bottom: float
    top: float


class Room:
    """See the module."""

    def __init__(self, width: float, depth: float, style: Style, rng: np.random.Generator) -> None:
        self.width, self.depth, self.height = width, depth, style.height_m
        self.style = style
        self.rng = rng
        self.scene = Scene()
        self.openings: list[Opening] = []
        self.taken: list[Rectangle] = []  # of the floor
        self.slots: list[Slot] = []
        self.lamps: list[Vector] = []

    def length(self, wall: int) -> float:
        return self.width if wall in (SOUTH, NORTH) else self.depth

    def at_wall(self, wall: int, along: float, out: float = 0.0) -> tuple[float, float]:
        """The floor point `out` metres in front of a wall."""
        return {
            SOUTH: (along, out),
            NORTH: (self.width - along, self.depth - out),
            WEST: (out, self.depth - along),
            EAST: (self.width - out, along),
        }[wall]

    def footprint(self, slot: Slot, depth: float) -> Rectangle:
        """The floor in front of a slot, `depth` metres deep."""
        x0, y0 = self.at_wall(slot.wall, slot.along - slot.width / 2)
        x1, y1 = self.at_wall(slot.wall, slot.along + slot.width / 2, depth)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def is_floor_free(self, rectangle: Rectangle, margin: float = 0.0) -> bool:
        x0, y0, x1, y1 = rectangle
        inside = x0 >= -1e-6 and y0 >= -1e-6 and x1 <= self.width + 1e-6 and y1 <= self.depth + 1e-6
        return inside and not any(
            x0 < right + margin
            and left < x1 + margin
            and y0 < back + margin
            and front < y1 + margin
            for left, front, right, back in self.taken
        )

    def is_wall_free(self, slot: Slot) -> bool:
        half = slot.width / 2
        if not half <= slot.along <= self.length(slot.wall) - half:
            return False
        return not any(
            other.wall == slot.wall
            and abs(other.along - slot.along) < half + other.width / 2 + 0.05
            and ((other.low and slot.low) or (other.high and slot.high))
            for other in self.slots
        )

    def take_wall(
        self,
        width: float,
        depth: float,
        low: bool,
        high: bool,
        walls: tuple[int, ...] = (SOUTH, NORTH, WEST, EAST),
    ) -> Slot | None:
        """Finds a free place on one of `walls` and takes it, with `depth` metres of floor.

        Returns:
            The slot, or None if chance found no room for it.
        """
        for _ in range(_TRIES):
            wall = int(self.rng.choice(walls))
            if self.length(wall) < width:
                continue
            along = float(self.rng.uniform(width / 2, self.length(wall) - width / 2))
            slot = Slot(wall, along, width, low, high)
            if self.claim(slot, depth):
                return slot
        return None

    def claim(self, slot: Slot, depth: float) -> bool:
        """Takes a slot and the floor before it if both are free; says whether they were."""
        footprint = self.footprint(slot, depth)
        if not self.is_wall_free(slot) or (depth and not self.is_floor_free(footprint)):
            return False
        self.slots.append(slot)
        if depth:
            self.taken.append(footprint)
        return True

    def take_floor(self, size: float, margin: float) -> tuple[float, float] | None:
        """Finds a free square of floor near a wall, `margin` metres from all else.

        Returns:
            Its middle, or None if chance found no such place.
        """
        for _ in range(_TRIES):
            wall = int(self.rng.choice(4))
            along = float(self.rng.uniform(size / 2, self.length(wall) - size / 2))
            x, y = self.at_wall(wall, along, size / 2 + float(self.rng.exponential(0.1)))
            rectangle = (x - size / 2, y - size / 2, x + size / 2, y + size / 2)
            if self.is_floor_free(rectangle, margin):
                self.taken.append(rectangle)
                return x, y
        return None

    def add(self, class_name: str, parts: list[Part], at: Vector, yaw: float = 0.0) -> None:
        """Adds an object, `at` and `yaw` in the room's frame."""
        self.scene.add(class_name, parts, at, yaw)

    def add_to(
        self, slot: Slot, class_name: str, parts: list[Part], at: Vector, turn: float = 0.0
    ) -> None:
        """Adds an object, `at` and `turn` in the frame of a wall's slot."""
        x, y = self.at_wall(slot.wall, slot.along + at[0], at[1])
        self.scene.add(class_name, parts, (x, y, at[2]), _YAW[slot.wall] + turn)

    def add_shell(self) -> None:
        """Adds ceiling, floor and the four walls, with a hole for every opening."""
        t, style = THICKNESS_M, self.style
        x, y = (-t, self.width + t), (-t, self.depth + t)
        self.add("ceiling", [box(x, y, (self.height, self.height + t), style.ceiling)], (0, 0, 0))
        self.add("floor", [box(x, y, (-t, 0), style.floor)], (0, 0, 0))
        for wall in (SOUTH, NORTH, WEST, EAST):
            corner = self.at_wall(wall, 0)
            self.add("wall", self._wall_parts(wall), (*corner, 0), _YAW[wall])

    def _wall_parts(self, wall: int) -> list[Part]:
        thick, material = (-THICKNESS_M, 0.0), self.style.wall
        openings = [opening for opening in self.openings if opening.slot.wall == wall]
        openings.sort(key=lambda opening: opening.slot.along)
        parts, start = [], -THICKNESS_M
        for opening in openings:
            left = opening.slot.along - opening.slot.width / 2
            right = opening.slot.along + opening.slot.width / 2
            parts.append(box((start, left), thick, (0, self.height), material))
            if opening.bottom > 0:
                parts.append(box((left, right), thick, (0, opening.bottom), material))
            parts.append(box((left, right), thick, (opening.top, self.height), material))
            start = right
        end = self.length(wall) + THICKNESS_M
        return [*parts, box((start, end), thick, (0, self.height), material)]

    def scanner_places(self, count: int) -> np.ndarray:
        """Free places for a scanner, far from each other, float64 `[<= count, 3]`."""
        low, size = 0.35, np.array([self.width, self.depth]) - 0.7
        spots = low + self.rng.random((400, 2)) * size
        free = np.array([self.is_floor_free((x, y, x, y), margin=0.12) for x, y in spots])
        spots = spots[free] if free.any() else np.array([[self.width / 2, self.depth / 2]])
        chosen = [0]
        while len(chosen) < min(count, len(spots)):
            gap = np.linalg.norm(spots[:, None] - spots[chosen], axis=2).min(axis=1)
            chosen.append(int(gap.argmax()))
        heights = self.rng.uniform(1.4, 1.75, (len(chosen), 1))
        return np.hstack([spots[chosen], heights])
