"""Colours of echoes: the material's pattern, the room's light, and the camera."""

import numpy as np

from ban_tf.data.synthetic.scanner import Echoes
from ban_tf.data.synthetic.shapes import BOOKS, FABRIC, GLASS, MARKER, PAPERS, TILES, WOOD, Solids

_SPINES = np.array(
    [(150, 45, 40), (40, 70, 130), (210, 200, 175), (60, 95, 60), (45, 45, 50), (200, 150, 60)],
    np.float64,
)
_INKS = np.array([(40, 70, 170), (180, 40, 40), (40, 40, 45), (40, 130, 70)], np.float64)
_PAPERS = np.array([(240, 238, 230), (245, 235, 150), (190, 215, 235), (240, 190, 180)], np.float64)
_TILE_M, _GROUT_M = 0.6, 0.012
_SPINE_M = 0.035
_PAPER_M = 0.28


def paint(
    solids: Solids, echoes: Echoes, lamps: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Returns the colour of every echo.

    Args:
        solids: the scene.
        echoes: `N` echoes of it.
        lamps: float64 `[L, 3]` places of the lamps.
        rng: the source of all randomness.

    Returns:
        uint8 `[N, 3]`.
    """
    color = solids.color[echoes.part] * _cloudiness(echoes.xyz)[:, None]
    texture = solids.texture[echoes.part]
    patterns = {
        WOOD: _wood,
        FABRIC: _fabric,
        TILES: _tiles,
        BOOKS: _books,
        GLASS: _glass,
        MARKER: _marker,
        PAPERS: _papers,
    }
    for kind, pattern in patterns.items():
        rows = np.flatnonzero(texture == kind)
        color[rows] = pattern(color[rows], solids, _select(echoes, rows), rng)
    color *= _light(echoes, lamps)[:, None]
    num_scans = echoes.scan.max(initial=0) + 1
    exposure = rng.normal(1, 0.03, (num_scans, 1)) * rng.normal(1, 0.012, (num_scans, 3))
    color *= exposure[echoes.scan]
    color += rng.normal(0, 4, (len(color), 1)) + rng.normal(0, 1.5, color.shape)
    return np.clip(np.rint(color), 0, 255).astype(np.uint8)


def _select(echoes: Echoes, rows: np.ndarray) -> Echoes:
    return Echoes(
        echoes.xyz[rows],
        echoes.local[rows],
        echoes.normal[rows],
        echoes.part[rows],
        echoes.scan[rows],
    )


def _cloudiness(xyz: np.ndarray) -> np.ndarray:
    x, y, z = xyz.T
    return 1 + 0.02 * np.sin(2.1 * x + 1.3 * z) + 0.02 * np.sin(1.7 * y - 2.9 * z + 0.8 * x)


def _light(echoes: Echoes, lamps: np.ndarray) -> np.ndarray:
    """Brightness from the lamps: distance and angle, over an even rest."""
    direct = np.zeros(len(echoes.xyz))
    for lamp in lamps:
        offset = lamp - echoes.xyz
        distance = np.maximum(np.linalg.norm(offset, axis=1), 0.3)
        facing = np.maximum(np.einsum("ni,ni->n", offset, echoes.normal) / distance, 0)
        direct += facing / (1 + (distance / 2.2) ** 2)
    ambient = 0.72 + 0.06 * echoes.normal[:, 2]
    return ambient + 0.34 * np.minimum(direct, 1)


def _hash(*keys: np.ndarray) -> np.ndarray:
    """Well-mixed uint32 of integer keys, the same on every machine."""
    mixed = np.full(np.broadcast(*keys).shape, 0x9E3779B9, np.uint32)
    for key in keys:
        mixed = (mixed ^ key.astype(np.int64).astype(np.uint32)) * np.uint32(0x85EBCA6B)
        mixed ^= mixed >> np.uint32(15)
    return mixed


def _share(*keys: np.ndarray) -> np.ndarray:
    return _hash(*keys) / 2.0**32


def _wood(
    color: np.ndarray, solids: Solids, echoes: Echoes, rng: np.random.Generator
) -> np.ndarray:
    # Grain runs along the part's longest axis: slow along it, fast across.
    along = solids.half[echoes.part].argmax(axis=1)
    rows = np.arange(len(color))
    length = echoes.local[rows, along]
    across = echoes.local[rows, (along + 1) % 3] + 0.7 * echoes.local[rows, (along + 2) % 3]
    grain = np.sin(90 * across + 2.5 * np.sin(3 * length) + echoes.part)
    return color * (1 + 0.07 * grain + 0.03 * np.sin(31 * across))[:, None]


def _fabric(
    color: np.ndarray, solids: Solids, echoes: Echoes, rng: np.random.Generator
) -> np.ndarray:
    return color * rng.normal(1, 0.07, (len(color), 1))


def _tiles(
    color: np.ndarray, solids: Solids, echoes: Echoes, rng: np.random.Generator
) -> np.ndarray:
    cell, rest = np.divmod(echoes.xyz[:, :2], _TILE_M)
    shade = 0.97 + 0.06 * _share(cell[:, 0], cell[:, 1])
    shade[(np.minimum(rest, _TILE_M - rest) < _GROUT_M).any(axis=1)] *= 0.78
    return color * shade[:, None]


def _books(
    color: np.ndarray, solids: Solids, echoes: Echoes, rng: np.random.Generator
) -> np.ndarray:
    spine = np.floor(echoes.local[:, 0] / _SPINE_M)
    chosen = _SPINES[_hash(spine, echoes.part) % len(_SPINES)]
    return chosen * (0.85 + 0.3 * _share(spine, echoes.part, spine))[:, None]


def _glass(
    color: np.ndarray, solids: Solids, echoes: Echoes, rng: np.random.Generator
) -> np.ndarray:
    # Sky above, ground below, a wavering skyline between.
    half = solids.half[echoes.part]
    height = echoes.local[:, 2] / half[:, 2]
    skyline = -0.25 + 0.15 * np.sin(5 * (echoes.xyz[:, 0] + echoes.xyz[:, 1]))
    ground = color * [0.62, 0.72, 0.6]
    return np.where((height > skyline)[:, None], color * (1 + 0.12 * height)[:, None], ground)


def _marker(
    color: np.ndarray, solids: Solids, echoes: Echoes, rng: np.random.Generator
) -> np.ndarray:
    half = solids.half[echoes.part]
    along, height = echoes.local[:, 0], echoes.local[:, 2]
    line, rest = np.divmod(height + half[:, 2], 0.17)
    stroke = np.abs(rest - 0.085 - 0.03 * np.sin(42 * along + line)) < 0.016
    first = -0.9 + 0.5 * _share(line, echoes.part)
    last = -0.2 + 1.0 * _share(echoes.part, line)
    share = along / half[:, 0]
    written = stroke & (share > first) & (share < last) & (_share(line, line, echoes.part) > 0.35)
    ink = _INKS[_hash(line, echoes.part) % len(_INKS)]
    return np.where(written[:, None], ink, color)


def _papers(
    color: np.ndarray, solids: Solids, echoes: Echoes, rng: np.random.Generator
) -> np.ndarray:
    column, x = np.divmod(echoes.local[:, 0], _PAPER_M)
    row, z = np.divmod(echoes.local[:, 2], 1.3 * _PAPER_M)
    inside = (np.abs(x / _PAPER_M - 0.5) < 0.38) & (np.abs(z / (1.3 * _PAPER_M) - 0.5) < 0.4)
    pinned = inside & (_share(column, row, echoes.part) > 0.35)
    paper = _PAPERS[_hash(row, column, echoes.part) % len(_PAPERS)]
    return np.where(pinned[:, None], paper, color)
