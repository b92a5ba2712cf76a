"""Generated furniture with the hierarchies of PartNet's raw annotations: chairs, tables, lamps.

A piece is a list of leaves. A leaf has a path of names, as in `result.json`, in which `#<k>` tells
one part from its namesakes, and the solids that it is made of. Lengths in metres, z up; the writer
turns y up.
"""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np

from ban_tf.data.synthetic.shapes import Material, Part, box, cylinder, ellipsoid

_PLAIN = Material((160.0, 160.0, 160.0))
_SIDES = (-1, 1)


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One leaf of a hierarchy, such as `chair/chair_base/regular_leg_base/leg#2`."""

    path: str
    solids: tuple[Part, ...]


def _bar(x: float, y: float, z: tuple[float, float], half: float) -> Part:
    """An upright square bar."""
    return box((x - half, x + half), (y - half, y + half), z, _PLAIN)


def _bench(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> Part:
    return box(x, y, z, _PLAIN)


def chair(rng: np.random.Generator) -> list[Leaf]:
    """A chair on four legs or on a swivel base, with or without arms and a loose pillow."""
    wide, deep = rng.uniform(0.4, 0.6) / 2, rng.uniform(0.4, 0.55) / 2
    seat, top = rng.uniform(0.4, 0.5), rng.uniform(0.8, 1.1)
    thick = rng.uniform(0.03, 0.1)
    kind = rng.choice(["seat_hard_surface", "seat_soft_surface"])
    plate = _bench((-wide, wide), (-deep, deep), (seat - thick, seat))
    leaves = [
        Leaf(f"chair/chair_seat/seat_surface/{kind}", (plate,)),
        *_chair_back(rng, wide, -deep, seat, top),
    ]
    if rng.random() < 0.5:
        leaves += [
            leaf for k, side in enumerate(_SIDES) for leaf in _arm(k, side, wide, deep, seat)
        ]
    if rng.random() < 0.3:  # which belongs to no part after merging
        pillow = ellipsoid((0, -deep + 0.09, seat + 0.14), (0.16, 0.05, 0.12), _PLAIN)
        leaves.append(Leaf("chair/chair_back/pillow", (pillow,)))
    base = _swivel_base if rng.random() < 0.4 else _four_legs
    return leaves + base(rng, wide, deep, seat - thick)


def _chair_back(
    rng: np.random.Generator, wide: float, y: float, seat: float, top: float
) -> list[Leaf]:
    """One surface, or a frame with slats."""
    path = "chair/chair_back"
    if rng.random() < 0.5:
        kind = rng.choice(["back_hard_surface", "back_soft_surface"])
        plate = _bench((-wide, wide), (y, y + 0.05), (seat + 0.06, top))
        return [Leaf(f"{path}/back_surface/{kind}", (plate,))]
    num_slats, places = rng.integers(2, 5), np.linspace(-wide, wide, 6)
    posts = [
        Leaf(
            f"{path}/back_frame/back_frame_vertical_bar#{k}",
            (_bar(side * (wide - 0.02), y + 0.02, (seat, top), 0.02),),
        )
        for k, side in enumerate(_SIDES)
    ]
    rail = _bench((-wide, wide), (y, y + 0.04), (top, top + 0.05))
    slats = [
        Leaf(
            f"{path}/back_surface/back_surface_vertical_bar#{k}",
            (_bar(places[k + 1], y + 0.02, (seat, top), 0.012),),
        )
        for k in range(num_slats)
    ]
    return [*posts, Leaf(f"{path}/back_frame/back_frame_horizontal_bar", (rail,)), *slats]


def _arm(k: int, side: int, wide: float, deep: float, seat: float) -> list[Leaf]:
    path, x = f"chair/chair_arm#{k}", side * (wide + 0.03)
    rest = _bench((x - 0.03, x + 0.03), (-deep, deep), (seat + 0.2, seat + 0.23))
    return [
        Leaf(f"{path}/arm_horizontal_bar", (rest,)),
        Leaf(f"{path}/arm_vertical_bar", (_bar(x, deep - 0.04, (seat, seat + 0.2), 0.02),)),
    ]


def _four_legs(rng: np.random.Generator, wide: float, deep: float, top: float) -> list[Leaf]:
    path, half = "chair/chair_base/regular_leg_base", rng.uniform(0.015, 0.03)
    corners = [(x * (wide - half), y * (deep - half)) for x in _SIDES for y in _SIDES]
    leaves = [
        Leaf(f"{path}/leg#{k}", (_bar(x, y, (0, top), half),)) for k, (x, y) in enumerate(corners)
    ]
    if rng.random() < 0.5:
        height = top * rng.uniform(0.2, 0.5)
        leaves += [
            Leaf(
                f"{path}/bar_stretcher#{k}",
                (
                    _bench(
                        (side * (wide - half) - 0.01, side * (wide - half) + 0.01),
                        (-deep + half, deep - half),
                        (height, height + 0.025),
                    ),
                ),
            )
            for k, side in enumerate(_SIDES)
        ]
    return leaves


def _swivel_base(rng: np.random.Generator, wide: float, deep: float, top: float) -> list[Leaf]:
    path, reach = "chair/chair_base/star_leg_base", wide + 0.02
    leaves = [Leaf(f"{path}/central_support", (cylinder(0, 0, (0.08, top), 0.03, _PLAIN),))]
    for k, angle in enumerate(np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1)):
        x, y = -reach / 2 * np.sin(angle), reach / 2 * np.cos(angle)
        leg = box(
            (x - 0.02, x + 0.02), (y - reach / 2, y + reach / 2), (0.06, 0.1), _PLAIN, yaw=angle
        )
        wheel = ellipsoid((2 * x, 2 * y, 0.03), (0.03, 0.03, 0.03), _PLAIN)
        leaves += [
            Leaf(f"{path}/star_leg_set/leg#{k}", (leg,)),
            Leaf(f"{path}/star_leg_set/caster#{k}/wheel", (wheel,)),
        ]
    return leaves


def table(rng: np.random.Generator) -> list[Leaf]:
    """A table on legs or on a pedestal, or a desk with drawers, whose names merging changes."""
    wide, deep, top = rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.5), rng.uniform(0.5, 0.8)
    root = str(rng.choice(["table/regular_table", "table/desk"]))
    plate = _bench((-wide, wide), (-deep, deep), (top, top + 0.04))
    leaves = [Leaf(f"{root}/tabletop/tabletop_surface/board", (plate,))]
    if rng.random() < 0.4:
        leaves += [
            Leaf(
                f"{root}/tabletop/tabletop_frame/bar#{k}",
                (
                    _bench(
                        (-wide + 0.05, wide - 0.05),
                        (side * (deep - 0.06) - 0.015, side * (deep - 0.06) + 0.015),
                        (top - 0.07, top),
                    ),
                ),
            )
            for k, side in enumerate(_SIDES)
        ]
    kind = rng.random()
    if root == "table/desk" or kind < 0.3:
        base = root if root == "table/desk" else f"{root}/table_base"
        return leaves + _drawers(f"{base}/drawer_base", rng, wide, deep, top)
    if kind < 0.6:
        path = f"{root}/table_base/pedestal_base"
        return [
            *leaves,
            Leaf(f"{path}/central_support", (cylinder(0, 0, (0.04, top), 0.05, _PLAIN),)),
            Leaf(f"{path}/pedestal", (cylinder(0, 0, (0, 0.04), deep * 0.8, _PLAIN),)),
        ]
    path = f"{root}/table_base/regular_leg_base"
    corners = [(x * (wide - 0.05), y * (deep - 0.05)) for x in _SIDES for y in _SIDES]
    return leaves + [
        Leaf(f"{path}/leg#{k}", (_bar(x, y, (0, top), 0.03),)) for k, (x, y) in enumerate(corners)
    ]


def _drawers(
    path: str, rng: np.random.Generator, wide: float, deep: float, top: float
) -> list[Leaf]:
    """Two side panels, a back, and drawers with handles on the right."""
    sides = [
        Leaf(
            f"{path}/vertical_side_panel#{k}",
            (_bench((side * wide - 0.02, side * wide + 0.02), (-deep, deep), (0, top)),),
        )
        for k, side in enumerate(_SIDES)
    ]
    back = _bench((-wide, wide), (-deep, -deep + 0.02), (0.2, top))
    leaves = [*sides, Leaf(f"{path}/back_panel", (back,))]
    edges = np.linspace(0.1, top, rng.integers(3, 5))
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        front = _bench((wide * 0.3, wide - 0.03), (deep - 0.02, deep), (low + 0.01, high - 0.01))
        middle = (low + high) / 2
        handle = _bench((wide * 0.5, wide * 0.8), (deep, deep + 0.03), (middle, middle + 0.02))
        leaves += [
            Leaf(f"{path}/drawer#{k}/drawer_box/drawer_front", (front,)),
            Leaf(f"{path}/drawer#{k}/handle", (handle,)),
        ]
    return leaves


def lamp(rng: np.random.Generator) -> list[Leaf]:
    """A table or floor lamp with a shade and a bulb, or one to three that hang from the ceiling."""
    shade, height = rng.uniform(0.1, 0.2), rng.uniform(0.5, 1.5)
    if rng.random() < 0.4:
        return _pendants(rng, shade)
    root = str(rng.choice(["lamp/table_lamp", "lamp/floor_lamp"]))
    head = f"{root}/lamp_unit/lamp_head"
    foot, pole = cylinder(0, 0, (0, 0.04), shade, _PLAIN), (0.04, height)
    return [
        Leaf(f"{root}/lamp_base/lamp_holistic_base/lamp_base_part", (foot,)),
        Leaf(f"{root}/lamp_body/lamp_pole", (cylinder(0, 0, pole, 0.015, _PLAIN),)),
        Leaf(
            f"{head}/lamp_cover/lamp_shade",
            (cylinder(0, 0, (height, height + 1.3 * shade), shade, _PLAIN),),
        ),
        Leaf(f"{head}/light_bulb", (ellipsoid((0, 0, height + 0.05), (0.03, 0.03, 0.05), _PLAIN),)),
    ]


def _pendants(rng: np.random.Generator, shade: float) -> list[Leaf]:
    root = "lamp/ceiling_lamp/pendant_lamp"
    count = int(rng.integers(1, 4))
    rail = _bench((-0.1 - 0.2 * count, 0.1 + 0.2 * count), (-0.05, 0.05), (1.0, 1.04))
    leaves = [Leaf(f"{root}/lamp_base/lamp_holistic_base/lamp_base_part", (rail,))]
    for k in range(count):
        x, low = 0.4 * (k - (count - 1) / 2), rng.uniform(0.2, 0.5)
        cover = cylinder(x, 0, (low, low + shade), 0.7 * shade, _PLAIN)
        leaves += [
            Leaf(f"{root}/power_cord#{k}/cord", (_bar(x, 0, (low + shade, 1.0), 0.008),)),
            Leaf(f"{root}/pendant_lamp_unit#{k}/lamp_head/lamp_cover/lamp_shade", (cover,)),
        ]
    return leaves


PIECES: dict[str, Callable[[np.random.Generator], list[Leaf]]] = {
    "Chair": chair,
    "Lamp": lamp,
    "Table": table,
}
