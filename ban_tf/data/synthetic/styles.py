"""What makes one wing of a building differ from the next: materials and habits."""

import dataclasses

import numpy as np

from ban_tf.data.synthetic.shapes import (
    BOOKS,
    FABRIC,
    GLASS,
    MARKER,
    PAPERS,
    TILES,
    WOOD,
    Material,
    Vector,
)

WALLS = ((222, 217, 206), (208, 213, 215), (228, 222, 198), (204, 212, 200), (216, 205, 200))
FLOORS = (
    Material((112, 108, 104), FABRIC),
    Material((128, 116, 100), FABRIC),
    Material((104, 92, 78), WOOD),
    Material((138, 132, 124), TILES),
)
WOODS = ((166, 124, 82), (190, 155, 112), (128, 88, 58), (178, 138, 96))
DOORS = ((142, 92, 54), (122, 78, 48), (160, 108, 64))
SEATS = ((38, 44, 60), (44, 66, 58), (60, 60, 64), (44, 60, 96), (34, 34, 38))
SOFAS = ((150, 56, 50), (132, 48, 66), (158, 66, 62), (124, 54, 84))
STEEL = Material((128, 130, 134))
DARK = Material((46, 46, 50))
WHITE = Material((234, 234, 230))
SCREEN = Material((26, 28, 34))
LEAVES = Material((62, 104, 52), FABRIC)
POT = Material((156, 92, 66))
BOOK_ROW = Material((128, 110, 96), BOOKS)
WHITEBOARD = Material((243, 245, 246), MARKER)
PINBOARD = Material((186, 146, 98), PAPERS)
PANE = Material((150, 178, 206), GLASS)
CARDBOARD = Material((178, 142, 98))
LAMP = Material((252, 250, 240))
OBJECTS = (
    (176, 52, 44),
    (52, 92, 148),
    (206, 170, 62),
    (72, 122, 74),
    (226, 224, 218),
    (58, 58, 62),
)


@dataclasses.dataclass(frozen=True)
class Style:
    """Materials shared by the rooms of a wing, and its ceiling height in metres."""

    wall: Material
    ceiling: Material
    floor: Material
    wood: Material
    door: Material
    frame: Material
    concrete: Material
    beam: Material
    seats: tuple[Material, ...]
    sofa: Material
    height_m: float
    scale: float  # of room sizes
    round_columns: bool
    office_chairs: bool


def draw_style(rng: np.random.Generator, wing: int) -> Style:
    """Draws the style of a wing; neighbouring wings get other walls, floors and columns."""

    def vary(color: Vector, texture: int = 0) -> Material:
        red, green, blue = np.asarray(color) * rng.normal(1, 0.03) + rng.normal(0, 3, 3)
        return Material((float(red), float(green), float(blue)), texture)

    floor = FLOORS[(wing + rng.integers(2)) % len(FLOORS)]
    first = int(rng.integers(len(SEATS)))
    return Style(
        wall=vary(WALLS[(2 * wing + rng.integers(2)) % len(WALLS)]),
        ceiling=vary((236, 236, 230), TILES),
        floor=vary(floor.color, floor.texture),
        wood=vary(WOODS[(wing + rng.integers(2)) % len(WOODS)], WOOD),
        door=vary(DOORS[rng.integers(len(DOORS))], WOOD),
        frame=vary((226, 226, 222) if wing % 2 else (88, 90, 96)),
        concrete=vary((158, 154, 146), FABRIC),
        beam=vary((188, 182, 168)),
        seats=tuple(vary(SEATS[(first + step) % len(SEATS)], FABRIC) for step in (0, 2)),
        sofa=vary(SOFAS[(wing + rng.integers(2)) % len(SOFAS)], FABRIC),
        height_m=float(rng.uniform(2.6, 3.1)),
        scale=float(rng.uniform(0.92, 1.12)),
        round_columns=wing % 2 == 0,
        office_chairs=bool(wing % 3 != 2),
    )
