"""A laser scanner: rays in all directions from a few places, each ending at the first surface."""

import dataclasses

import numpy as np

from ban_tf.data.synthetic.shapes import BOX, CYLINDER, Solids

_MIN_COSINE = 0.04  # surfaces met at a flatter angle give no echo
_DISTANCE_NOISE_M = 0.0015  # standard deviation at the scanner ...
_DISTANCE_NOISE_SHARE = 0.0008  # ... and what a metre of distance adds
_EVENNESS = 0.8  # 0: as dense as the rays; 1: as dense everywhere
_RAYS_PER_POINT = 2.2


@dataclasses.dataclass(frozen=True)
class Echoes:
    """Where rays ended; `N` echoes.

    Args:
        xyz: float64 `[N, 3]`, metres, with the scanner's noise.
        local: float64 `[N, 3]`, the point in its part's frame, without noise.
        normal: float64 `[N, 3]`, of the surface, towards the scanner.
        part: int `[N]`.
        scan: int `[N]`, index of the scanner's place.
    """

    xyz: np.ndarray
    local: np.ndarray
    normal: np.ndarray
    part: np.ndarray
    scan: np.ndarray


def scan(solids: Solids, places: np.ndarray, num_points: int, rng: np.random.Generator) -> Echoes:
    """Scans a scene from several places.

    A ray's echo stands for a patch of surface that grows with distance and angle. Echoes are
    kept with odds that follow this patch in part, so density falls with distance, but gently,
    as in scans that were merged and thinned.

    Args:
        solids: the scene.
        places: float64 `[S, 3]` of the scanner, outside every solid.
        num_points: echoes to keep; fewer are returned only where there are fewer.
        rng: the source of all randomness.

    Returns:
        The echoes kept, in no particular order of objects.
    """
    rays_per_place = _RAYS_PER_POINT * num_points / len(places)
    num_elevation = max(8, round(np.sqrt(rays_per_place / 2)))
    found = [_cast(solids, place, num_elevation, rng) for place in places]
    direction, distance, part, patch = (np.concatenate(field) for field in zip(*found, strict=True))
    scan_index = np.repeat(np.arange(len(places)), [len(distances) for _, distances, _, _ in found])
    origin = places[scan_index]
    rotation = solids.rotation[part]
    exact = origin + distance[:, None] * direction
    local = np.einsum("nji,nj->ni", rotation, exact - solids.centre[part])
    normal = np.einsum("nij,nj->ni", rotation, _local_normals(solids, part, local))
    cosine = -np.einsum("ni,ni->n", normal, direction)
    weight = (patch / np.maximum(cosine, _MIN_COSINE)) ** _EVENNESS * (cosine > _MIN_COSINE)
    kept = _weighted_sample(weight, num_points, rng)
    noise = rng.normal(0, _DISTANCE_NOISE_M + _DISTANCE_NOISE_SHARE * distance[kept])
    return Echoes(
        xyz=exact[kept] + noise[:, None] * direction[kept],
        local=local[kept],
        normal=normal[kept],
        part=part[kept],
        scan=scan_index[kept],
    )


def _weighted_sample(weight: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Rows drawn without replacement with odds `weight` (Efraimidis and Spirakis 2006)."""
    key = rng.exponential(size=len(weight)) / np.maximum(weight, 1e-300)
    return np.sort(np.argsort(key, kind="stable")[: min(size, int((weight > 0).sum()))])


def _cast(
    solids: Solids, place: np.ndarray, num_elevation: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns direction, distance, part, and area per squared cosine of every echo."""
    shape = (num_elevation, 2 * num_elevation)
    step = np.pi / num_elevation
    elevation = (np.arange(shape[0])[:, None] + rng.random(shape)) * step - np.pi / 2
    azimuth = (np.arange(shape[1])[None, :] + rng.random(shape)) * step - np.pi
    level = np.cos(elevation)
    direction = np.stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
    distance = np.full(shape, np.inf)
    nearest = np.zeros(shape, np.int64)
    for index in range(len(solids.kind)):
        window = np.ix_(*_window(solids, index, place, shape, step))
        rays = direction[:, window[0], window[1]]
        entry = _entry(solids, index, place, rays.reshape(3, -1)).reshape(rays.shape[1:])
        closer = entry < distance[window]
        if closer.any():
            distance[window] = np.where(closer, entry, distance[window])
            nearest[window] = np.where(closer, index, nearest[window])
    met = np.isfinite(distance)
    patch = distance[met] ** 2 * level[met] * step**2
    return direction[:, met].T, distance[met], nearest[met], patch


def _window(
    solids: Solids, index: int, place: np.ndarray, shape: tuple[int, int], step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the rays that may meet a solid: those towards its bounding ball."""
    everything = np.arange(shape[0]), np.arange(shape[1])
    offset = solids.centre[index] - place
    half = solids.half[index]
    radius = np.linalg.norm(half) if solids.kind[index] == BOX else np.hypot(half.max(), half[2])
    reach = np.linalg.norm(offset)
    if reach <= 1.01 * radius:
        return everything
    spread = np.arcsin(radius / reach)
    elevation = np.arcsin(offset[2] / reach)
    rows = _bins(elevation - spread + np.pi / 2, elevation + spread + np.pi / 2, step)
    rows = rows[(rows >= 0) & (rows < shape[0])]
    if abs(elevation) + spread >= np.pi / 2 - step:
        return rows, everything[1]
    half_width = np.arcsin(np.sin(spread) / np.cos(elevation))
    middle = np.arctan2(offset[1], offset[0]) + np.pi
    columns = _bins(middle - half_width, middle + half_width, step)
    return rows, everything[1] if len(columns) >= shape[1] else columns % shape[1]


def _bins(low: float, high: float, step: float) -> np.ndarray:
    return np.arange(int(np.floor(low / step)), int(np.floor(high / step)) + 1)


def _entry(solids: Solids, index: int, place: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Distance at which rays `[3, R]` enter a solid; infinite where they miss it."""
    rotation, half = solids.rotation[index], solids.half[index][:, None]
    start = (rotation.T @ (place - solids.centre[index]))[:, None]
    rays = rotation.T @ rays
    with np.errstate(divide="ignore", invalid="ignore"):
        near = (-np.copysign(half, rays) - start) / rays
        far = (np.copysign(half, rays) - start) / rays
        if solids.kind[index] == BOX:
            entry, leave = near.max(axis=0), far.min(axis=0)
        elif solids.kind[index] == CYLINDER:
            entry, leave = _ball(start[:2] / half[:2], rays[:2] / half[:2])
            entry, leave = np.maximum(entry, near[2]), np.minimum(leave, far[2])
        else:
            entry, leave = _ball(start / half, rays / half)
        return np.where((entry <= leave) & (entry > 0), entry, np.inf)


def _ball(start: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays enter and leave the unit ball, NaN where they miss it."""
    square = (rays**2).sum(axis=0)
    middle = -(start * rays).sum(axis=0) / square
    root = np.sqrt(middle**2 - ((start**2).sum(axis=0) - 1) / square)
    return middle - root, middle + root


def _local_normals(solids: Solids, part: np.ndarray, local: np.ndarray) -> np.ndarray:
    kind, half = solids.kind[part], solids.half[part]
    scaled = local / half
    side = np.zeros_like(local)
    axis = np.abs(scaled).argmax(axis=1)
    rows = np.arange(len(local))
    side[rows, axis] = np.sign(scaled[rows, axis])
    radial = local * [1.0, 1.0, 0.0]
    is_mantle = np.hypot(scaled[:, 0], scaled[:, 1]) > np.abs(scaled[:, 2])
    cap = np.sign(local) * [0.0, 0.0, 1.0]
    round_side = np.where(is_mantle[:, None], radial, cap)
    normal = np.where((kind == BOX)[:, None], side, scaled / half)
    normal = np.where((kind == CYLINDER)[:, None], round_side, normal)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
