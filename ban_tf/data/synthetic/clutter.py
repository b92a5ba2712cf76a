"""Small things that stand on tables and floors or hang on walls: the class `clutter`.

Frames as in `furniture`, but with y = 0 in the middle of things that stand free.
"""

import numpy as np

from ban_tf.data.synthetic import styles
from ban_tf.data.synthetic.shapes import Material, Part, box, cylinder, ellipsoid


def monitor() -> list[Part]:
    """A screen on a foot, looking to +y."""
    return [
        box((-0.28, 0.28), (-0.02, 0.02), (0.12, 0.46), styles.SCREEN),
        box((-0.03, 0.03), (-0.05, -0.02), (0.01, 0.3), styles.DARK),
        box((-0.13, 0.13), (-0.1, 0.08), (0, 0.015), styles.DARK),
    ]


def laptop() -> list[Part]:
    """An open laptop, its keys towards +y."""
    return [
        box((-0.17, 0.17), (-0.11, 0.12), (0, 0.02), styles.STEEL),
        box((-0.17, 0.17), (-0.13, -0.115), (0.01, 0.23), styles.SCREEN, tilt=0.25),
    ]


def papers(rng: np.random.Generator) -> list[Part]:
    """A stack of paper or a few books lying on each other."""
    parts, height = [], 0.0
    for _ in range(rng.integers(1, 5)):
        x, y, rise = rng.uniform(0.1, 0.14), rng.uniform(0.13, 0.17), rng.uniform(0.02, 0.05)
        color = styles.OBJECTS[rng.integers(len(styles.OBJECTS))]
        turn = float(rng.normal(0, 0.2))
        parts.append(box((-x, x), (-y, y), (height, height + rise), Material(color), yaw=turn))
        height += rise
    return parts


def cup(rng: np.random.Generator) -> list[Part]:
    """A mug, or a bottle."""
    color = Material(styles.OBJECTS[rng.integers(len(styles.OBJECTS))])
    if rng.random() < 0.5:
        return [cylinder(0, 0, (0, 0.11), 0.042, color)]
    return [cylinder(0, 0, (0, 0.19), 0.04, color), cylinder(0, 0, (0.19, 0.27), 0.016, color)]


def desk_lamp() -> list[Part]:
    """A lamp with a round foot and a shade."""
    return [
        cylinder(0, 0, (0, 0.02), 0.09, styles.DARK),
        cylinder(0, 0, (0.02, 0.4), 0.012, styles.DARK),
        ellipsoid((0, 0.06, 0.42), (0.09, 0.13, 0.06), styles.LAMP),
    ]


def bin_(rng: np.random.Generator) -> list[Part]:
    """A waste bin."""
    color = Material((70, 74, 80)) if rng.random() < 0.6 else Material((60, 96, 140))
    return [cylinder(0, 0, (0, 0.34), 0.15, color), cylinder(0, 0, (0.33, 0.36), 0.16, styles.DARK)]


def plant(rng: np.random.Generator) -> list[Part]:
    """A potted plant."""
    parts = [cylinder(0, 0, (0, 0.32), 0.17, styles.POT)]
    parts.append(cylinder(0, 0, (0.3, 0.7), 0.02, Material((92, 72, 48))))
    for angle in np.arange(5) * 1.26 + rng.uniform(0, 1):
        x, y, z = 0.14 * np.cos(angle), 0.14 * np.sin(angle), rng.uniform(0.62, 1.0)
        parts.append(ellipsoid((x, y, z), (0.15, 0.15, 0.2), styles.LEAVES))
    return parts


def carton(rng: np.random.Generator) -> list[Part]:
    """One or two cardboard boxes on each other."""
    x, y, z = rng.uniform(0.15, 0.26), rng.uniform(0.14, 0.22), rng.uniform(0.2, 0.4)
    parts = [box((-x, x), (-y, y), (0, z), styles.CARDBOARD)]
    if rng.random() < 0.4:
        turn = float(rng.normal(0, 0.2))
        parts.append(
            box((-x * 0.8, x * 0.8), (-y * 0.8, y * 0.8), (z, 1.7 * z), styles.CARDBOARD, yaw=turn)
        )
    return parts


def backpack(rng: np.random.Generator) -> list[Part]:
    """A bag on the floor."""
    color = Material(styles.OBJECTS[rng.integers(len(styles.OBJECTS))], styles.FABRIC)
    return [
        ellipsoid((0, 0, 0.22), (0.17, 0.13, 0.24), color),
        ellipsoid((0, 0.1, 0.15), (0.12, 0.07, 0.12), color),
    ]


def on_floor(rng: np.random.Generator) -> list[Part]:
    """Something that stands on the floor within 0.3 m of its middle."""
    return (bin_, plant, carton, backpack)[rng.choice(4, p=[0.35, 0.15, 0.3, 0.2])](rng)


def on_wall(rng: np.random.Generator) -> list[Part]:
    """Something flat on a wall, its middle at z = 0: a clock, a picture or an extinguisher."""
    kind = rng.integers(3)
    if kind == 0:
        return [box((-0.16, 0.16), (0.004, 0.05), (-0.16, 0.16), styles.DARK),
                box((-0.14, 0.14), (0.05, 0.055), (-0.14, 0.14), styles.WHITE)]  # fmt: skip
    if kind == 1:
        color = Material(styles.OBJECTS[rng.integers(4)], styles.FABRIC)
        return [box((-0.3, 0.3), (0.004, 0.03), (-0.22, 0.22), color)]
    red = Material((186, 40, 34))
    return [
        cylinder(0, 0.1, (-0.25, 0.2), 0.075, red),
        cylinder(0, 0.1, (0.2, 0.3), 0.03, styles.DARK),
    ]


def ceiling_lamp() -> list[Part]:
    """A flat lamp whose upper side touches z = 0."""
    return [
        box((-0.6, 0.6), (-0.16, 0.16), (-0.07, 0), styles.STEEL),
        box((-0.57, 0.57), (-0.13, 0.13), (-0.08, -0.07), styles.LAMP),
    ]
