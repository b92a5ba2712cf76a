"""Draws a cloud in several colourings side by side; needs matplotlib."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Labels
from ban_tf.view import palette

MAX_POINTS = 60_000
_NO_RGB = 0.6  # grey of clouds without colours
_TOP = 0.8  # of the height: what lies above hides the inside of a room
_NEAR_M = 0.25  # so near to the outline stand the walls that hide it
_LARGE, _SMALL = 8, 3  # area of a point in the first panel and in the others, square points
_ELEVATION, _AZIMUTH = np.radians(45), np.radians(-55)  # where the viewer stands


def visible_rows(xyz: np.ndarray, cut_open: bool, max_points: int = MAX_POINTS) -> np.ndarray:
    """Rows of a cloud to draw, evenly thinned.

    Args:
        xyz: float `[N, 3]`, metres, z up.
        cut_open: leave out what hides the inside of a room: its top fifth, and what stands along
            its outline on the viewer's side. A cloud that has no inside is drawn whole.
        max_points: about how many to draw at most.

    Returns:
        int64 `[M]` ascending rows.

    Example:
        >>> xyz = np.array([[0.0, 2, 0], [1, 2, 0], [1, 1, 1], [1, 1, 4], [4, 4, 5], [1, 0, 0]])
        >>> visible_rows(xyz, cut_open=True)
        array([0, 1, 2])
    """
    rows = np.arange(len(xyz))
    if cut_open and len(xyz):
        low, high = xyz.min(axis=0), xyz.max(axis=0)
        x, y, z = xyz.T
        inside = z < low[2] + _TOP * (high[2] - low[2])
        inside &= (x < high[0] - _NEAR_M) & (y > low[1] + _NEAR_M)
        rows = np.flatnonzero(inside) if inside.any() else rows
    return rows[:: max(1, len(rows) // max_points)]


def compare(
    cloud: Cloud, labels: Labels, semantic: np.ndarray, instance: np.ndarray
) -> dict[str, np.ndarray]:
    """Colourings of a labelled cloud beside what was predicted for it.

    Args:
        cloud: the cloud, with its true labels.
        labels: its classes.
        semantic: int `[N]`, predicted classes.
        instance: int `[N]`, predicted instances.

    Returns:
        float `[N, 3]` colours by title, for `draw`.

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> none = np.full(4, -1)
        >>> desk = unlabelled("desk", np.zeros((4, 3)))
        >>> list(compare(desk, Labels(class_names=("desk",)), none, none))[:3]
        ['colours', 'class, true', 'class, predicted']
    """
    grey = np.full((len(cloud), 3), _NO_RGB)
    return {
        "colours": grey if cloud.rgb is None else cloud.rgb / 255.0,
        "class, true": palette.class_colors(cloud.semantic, labels),
        "class, predicted": palette.class_colors(semantic, labels),
        "instance, true": palette.instance_colors(cloud.instance),
        "instance, predicted": palette.instance_colors(instance),
    }


def project(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points lie in the picture, obliquely from above and in parallel.

    Args:
        xyz: float `[M, 3]`, z up.

    Returns:
        float64 `[M, 2]`, right and up; and int64 `[M]` rows, the farthest first.

    Example:
        >>> place, order = project(np.array([[1.0, -1, 0], [0, 0, 0], [0, 0, 1]]))
        >>> place.round(2)
        array([[ 0.25, -0.98],
               [ 0.  ,  0.  ],
               [ 0.  ,  0.71]])
        >>> order
        array([1, 2, 0])
    """
    (cos_a, sin_a), (cos_e, sin_e) = ((np.cos(x), np.sin(x)) for x in (_AZIMUTH, _ELEVATION))
    right = (-sin_a, cos_a, 0.0)
    up = (-sin_e * cos_a, -sin_e * sin_a, cos_e)
    to_viewer = (cos_e * cos_a, cos_e * sin_a, sin_e)
    return xyz @ np.transpose([right, up]), np.argsort(xyz @ to_viewer, kind="stable")


def draw(xyz: np.ndarray, panels: Mapping[str, np.ndarray], out: Path) -> None:
    """Draws oblique views: the first on the left, the others in two rows beside it.

    Args:
        xyz: float `[M, 3]`, the points to draw, at least one; see `visible_rows`.
        panels: colours `[M, 3]` by title, at least one.
        out: the picture, written whole or not at all; its ending tells the format (none: PNG).

    Raises:
        ImportError: matplotlib is missing.
        ValueError: nothing to draw, or an ending that matplotlib does not know.

    Example:
        >>> import tempfile
        >>> out = Path(tempfile.mkdtemp()) / "cube.png"
        >>> xyz = np.random.default_rng(0).uniform(0, 1, (500, 3))
        >>> draw(xyz, {"place": xyz}, out)
        >>> out.read_bytes()[1:4]
        b'PNG'
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'figures need matplotlib: python -m pip install -e ".[figures]"'
        ) from error
    if not len(xyz) or not panels:
        raise ValueError(
            "at least one point and one panel are needed. Received: "
            f"{len(xyz)} points, {len(panels)} panels"
        )
    others = len(panels) // 2  # columns of two beside the first
    figure = Figure(figsize=(7.5 + 4.5 * others, 7.5))
    grid = figure.add_gridspec(
        2,
        1 + others,
        width_ratios=(5, *(3,) * others),
        left=0.01,
        right=0.99,
        bottom=0.01,
        top=0.95,
        wspace=0.04,
        hspace=0.1,
    )
    cells = [grid[:, 0], *(grid[row, column] for row in (0, 1) for column in range(1, 1 + others))]
    place, order = project(xyz)
    right, up = place[order].T
    for cell, (title, colors) in zip(cells, panels.items(), strict=False):
        axes = figure.add_subplot(cell, title=title)
        size = _LARGE if cell is cells[0] else _SMALL
        axes.scatter(right, up, c=np.clip(colors[order], 0, 1), s=size, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_axis_off()
    with disk.whole(out) as temporary:
        figure.savefig(temporary, dpi=80, format=out.suffix.lstrip(".") or "png")
