"""First hits of rays on solids, one ray and one solid at a time."""

import math

from ban_tf.data.synthetic.shapes import BOX, CYLINDER


def first_hit(solids, origin, direction):
    """Returns distance and part of the first surface that a ray meets, or (inf, None)."""
    hits = [(_entry(solids, part, origin, direction), part) for part in range(len(solids.kind))]
    distance, part = min(hits)
    return (distance, part) if math.isfinite(distance) else (math.inf, None)


def _entry(solids, part, origin, direction):
    rotation, half = solids.rotation[part], solids.half[part]
    start = rotation.T @ (origin - solids.centre[part])
    ray = rotation.T @ direction
    kind = solids.kind[part]
    if kind == BOX:
        spans = [_slab(start[i], ray[i], half[i]) for i in range(3)]
    elif kind == CYLINDER:
        spans = [_ball(start[:2] / half[:2], ray[:2] / half[:2]), _slab(start[2], ray[2], half[2])]
    else:
        spans = [_ball(start / half, ray / half)]
    enter, leave = max(span[0] for span in spans), min(span[1] for span in spans)
    return enter if 0 < enter <= leave else math.inf


def _slab(start, ray, half):
    if ray == 0:
        return (-math.inf, math.inf) if abs(start) <= half else (math.inf, -math.inf)
    ends = sorted([(-half - start) / ray, (half - start) / ray])
    return ends[0], ends[1]


def _ball(start, ray):
    a, b, c = (ray**2).sum(), 2 * (start * ray).sum(), (start**2).sum() - 1
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return math.inf, -math.inf
    root = math.sqrt(discriminant)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
