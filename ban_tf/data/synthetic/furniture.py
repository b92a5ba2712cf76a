"""Furniture and fittings as lists of parts, each in its own frame.

x runs along the width with 0 in the middle, y from the back (0, the wall's side) to the front, z
up from the floor. Lengths in metres.
"""

import numpy as np

from ban_tf.data.synthetic import styles
from ban_tf.data.synthetic.shapes import Material, Part, box, cylinder, ellipsoid
from ban_tf.data.synthetic.styles import Style


def table(width: float, depth: float, height: float, style: Style, panels: bool) -> list[Part]:
    """A table on four legs, or a desk on two side panels."""
    top = box((-width / 2, width / 2), (0, depth), (height - 0.04, height), style.wood)
    x, y, z = width / 2 - 0.06, (0.06, depth - 0.06), (0, height - 0.04)
    if panels:
        back = box((-x, x), (0.03, 0.05), (0.3, height - 0.04), style.wood)
        sides = [box((s * x - 0.02, s * x + 0.02), y, z, style.wood) for s in (-1, 1)]
        return [top, back, *sides]
    legs = [
        box((s * x - 0.025, s * x + 0.025), (end - 0.025, end + 0.025), z, styles.STEEL)
        for s in (-1, 1)
        for end in y
    ]
    return [top, *legs]


def chair(seat: Material) -> list[Part]:
    """A chair on four legs; it looks to +y and its seat's middle is at y = 0."""
    legs = [
        box((x - 0.015, x + 0.015), (y - 0.015, y + 0.015), (0, 0.44), styles.STEEL)
        for x in (-0.2, 0.2)
        for y in (-0.19, 0.19)
    ]
    posts = [
        box((x - 0.015, x + 0.015), (-0.23, -0.2), (0.44, 0.86), styles.STEEL)
        for x in (-0.19, 0.19)
    ]
    return [
        *legs,
        *posts,
        box((-0.23, 0.23), (-0.22, 0.22), (0.42, 0.47), seat),
        box((-0.22, 0.22), (-0.235, -0.195), (0.56, 0.88), seat, tilt=0.12),
    ]


def office_chair(seat: Material) -> list[Part]:
    """A swivel chair on five feet; it looks to +y and its seat's middle is at y = 0."""
    feet = []
    for angle in np.arange(5) * 2 * np.pi / 5:
        x, y = -0.16 * np.sin(angle), 0.16 * np.cos(angle)
        feet.append(
            box((x - 0.02, x + 0.02), (y - 0.15, y + 0.15), (0.04, 0.08), styles.DARK, yaw=angle)
        )
    arms = []
    for x in (-0.26, 0.26):
        arms.append(box((x - 0.025, x + 0.025), (-0.14, 0.12), (0.65, 0.68), styles.DARK))
        arms.append(box((x - 0.015, x + 0.015), (-0.03, 0.03), (0.46, 0.65), styles.DARK))
    return [
        *feet,
        *arms,
        cylinder(0, 0, (0.06, 0.44), 0.03, styles.STEEL),
        box((-0.25, 0.25), (-0.24, 0.24), (0.43, 0.51), seat),
        box((-0.23, 0.23), (-0.3, -0.23), (0.56, 1.0), seat, tilt=0.14),
        box((-0.04, 0.04), (-0.27, -0.23), (0.44, 0.66), styles.DARK),
    ]


def sofa(width: float, style: Style) -> list[Part]:
    """A sofa with arms, seat cushions and back cushions."""
    depth, arm = 0.85, 0.17
    inner = width / 2 - arm
    parts = [
        box((-width / 2, width / 2), (0.02, depth - 0.04), (0.06, 0.3), style.sofa),
        box((-width / 2, width / 2), (0, 0.16), (0.06, 0.72), style.sofa),
        *(
            box((s * (inner + arm / 2) - arm / 2, s * (inner + arm / 2) + arm / 2),
                (0, depth), (0.06, 0.58), style.sofa)
            for s in (-1, 1)
        ),
    ]  # fmt: skip
    count = max(1, round(2 * inner / 0.7))
    edges = np.linspace(-inner, inner, count + 1)
    for left, right in zip(edges[:-1] + 0.01, edges[1:] - 0.01, strict=True):
        middle, half = (left + right) / 2, (right - left) / 2
        parts.append(box((left, right), (0.16, depth - 0.02), (0.3, 0.42), style.sofa))
        parts.append(ellipsoid((middle, 0.5, 0.42), (half, 0.36, 0.05), style.sofa))
        parts.append(box((left, right), (0.14, 0.3), (0.42, 0.78), style.sofa, tilt=0.2))
    return parts


def bookcase(width: float, height: float, style: Style, rng: np.random.Generator) -> list[Part]:
    """An open bookcase with rows of books of uneven height and depth."""
    depth, board = 0.32, 0.025
    half = width / 2
    parts = [
        box((-half, half), (0, 0.015), (0, height), style.wood),
        box((-half, -half + board), (0, depth), (0, height), style.wood),
        box((half - board, half), (0, depth), (0, height), style.wood),
    ]
    count = max(2, round(height / 0.37))
    levels = np.linspace(0.06, height - board, count + 1)
    for level in levels:
        parts.append(box((-half, half), (0, depth), (level, level + board), style.wood))
    for low, high in zip(levels[:-1] + board, levels[1:], strict=True):
        start = -half + board + 0.01
        while start < half - board - 0.1:
            run = min(rng.uniform(0.12, 0.4), half - board - 0.01 - start)
            tall = low + (high - low) * rng.uniform(0.62, 0.93)
            front = depth - rng.uniform(0.03, 0.1)
            if rng.random() < 0.85:
                parts.append(
                    box((start, start + run), (0.015, front), (low, tall), styles.BOOK_ROW)
                )
            start += run
    return parts


def board(width: float, height: float, material: Material) -> list[Part]:
    """A framed board on a wall, its lower edge at z = 0, with a ledge for pens."""
    x, rim = width / 2, 0.025
    frame = styles.STEEL
    return [
        box((-x, x), (0.005, 0.025), (0, height), material),
        box((-x - rim, x + rim), (0.005, 0.035), (-rim, 0), frame),
        box((-x - rim, x + rim), (0.005, 0.035), (height, height + rim), frame),
        box((-x - rim, -x), (0.005, 0.035), (0, height), frame),
        box((x, x + rim), (0.005, 0.035), (0, height), frame),
        box((-x, x), (0.03, 0.09), (-rim, -rim + 0.015), frame),
    ]


def window(width: float, height: float, style: Style) -> list[Part]:
    """A window set back into its opening; its lower edge is at z = 0, y = 0 the wall's face."""
    x, rim = width / 2, 0.05
    y = (-0.1, -0.05)
    count = max(2, round(width / 0.8))
    bars = [
        box((edge - rim / 2, edge + rim / 2), y, (0, height), style.frame)
        for edge in np.linspace(-x + rim / 2, x - rim / 2, count + 1)
    ]
    return [
        box((-x, x), (-0.09, -0.07), (0, height), styles.PANE),
        box((-x, x), y, (0, rim), style.frame),
        box((-x, x), y, (height - rim, height), style.frame),
        *bars,
        box((-x, x), (-0.1, 0.06), (-0.02, 0.015), style.frame),
    ]


def door(width: float, height: float, style: Style, opening: float) -> list[Part]:
    """A door in its frame; `opening` radians turn the leaf into the room about its left side."""
    x, rim = width / 2, 0.06
    frame = [
        box((s * (x + rim / 2) - rim / 2, s * (x + rim / 2) + rim / 2), (-0.12, 0.03),
            (0, height + rim), style.frame)
        for s in (-1, 1)
    ]  # fmt: skip
    frame.append(box((-x, x), (-0.12, 0.03), (height, height + rim), style.frame))
    cos, sin = np.cos(opening), np.sin(opening)

    def on_leaf(x0: float, x1: float, y0: float, y1: float, z0: float, z1: float,
                material: Material) -> Part:  # fmt: skip
        along, out = (x0 + x1) / 2, (y0 + y1) / 2
        cx, cy = -x + along * cos - out * sin, along * sin + out * cos - 0.04
        hx, hy = (x1 - x0) / 2, (y1 - y0) / 2
        return box((cx - hx, cx + hx), (cy - hy, cy + hy), (z0, z1), material, yaw=opening)

    leaf = [
        on_leaf(0.005, width - 0.005, -0.02, 0.02, 0.01, height - 0.005, style.door),
        on_leaf(width - 0.16, width - 0.05, 0.05, 0.07, 1.03, 1.06, styles.STEEL),
        on_leaf(width - 0.08, width - 0.05, 0.02, 0.05, 1.03, 1.06, styles.STEEL),
    ]
    return [*frame, *leaf]
