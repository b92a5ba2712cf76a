"""Pictures of labelled clouds: rows of samples, and beside each other truth and predictions.

Cells are drawn by `rendering`; matplotlib only lays them out and writes the words.
"""

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.config.pictures import CELL_WIDTH
from ban_tf.view import rendering

_DPI = 100
_TITLE, _TITLE_LINE, _GAP, _LEGEND_LINE = 12, 18, 8, 26  # pixels
_LETTER = 8  # pixels that a letter of a title takes
_FONT, _SMALL_FONT = 11, 10  # points
_RING = 16  # pixels across
_FINER_IN_PRINT = 2  # cells of formats without pixels of their own
_FLAT, _STEEP = 2.5, 0.7  # aspects of cells; what is flatter or steeper gets a frame of white
_PLAIN: Mapping[str, Mapping[str, Any]] = {  # what would tell when and by what a file was made
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}

Legend = Sequence[tuple[str, np.ndarray]]  # words and their colours, of one line or more


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One sample of a picture.

    Attributes:
        name: stands to its left where there are several.
        xyz: float `[M, 3]`, the points to draw, at least one; see `rendering.visible_rows`.
        panels: colours, float `[M, 3]` in [0, 1], by title.
        marked: a point to ring, if any.
    """

    name: str
    xyz: np.ndarray
    panels: Mapping[str, np.ndarray]
    marked: int | None = None


def draw(
    rows: Sequence[Row], out: Path, legends: Sequence[Legend] = (), width: int = CELL_WIDTH
) -> None:
    """Draws samples below each other, their panels side by side; those of one alone in two lines.

    Args:
        rows: at least one, all with panels of the same titles.
        out: the picture, written whole or not at all; its ending tells the format (none: PNG).
        legends: what colours mean, below the panels; each begins a line.
        width: of a cell, pixels.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: nothing to draw, rows that do not go together, or an ending that matplotlib does
            not know.

    Example:
        >>> import tempfile
        >>> out = Path(tempfile.mkdtemp()) / "cube.png"
        >>> xyz = np.random.default_rng(0).uniform(0, 1, (500, 3))
        >>> draw([Row("cube", xyz, {"place": xyz})], out)
        >>> out.read_bytes()[1:4]
        b'PNG'
    """
    _check(rows)
    kind = out.suffix.lstrip(".").lower() or "png"
    finer = 1 if kind in ("png", "jpg", "jpeg", "tif", "tiff", "webp") else _FINER_IN_PRINT
    figure = _figure(rows, legends, width, finer)
    import matplotlib

    # So that the same picture is the same file.
    with matplotlib.rc_context({"svg.hashsalt": "ban_tf"}), disk.whole(out) as temporary:
        smaller = {"pil_kwargs": {"optimize": True}} if kind == "png" else {}
        figure.savefig(temporary, dpi=_DPI, format=kind, metadata=_PLAIN.get(kind), **smaller)


def _check(rows: Sequence[Row]) -> None:
    titles = [tuple(row.panels) for row in rows]
    if not rows or not titles[0] or not all(len(row.xyz) for row in rows):
        raise ValueError(
            "at least one point and one panel are needed. Received: "
            f"{len(rows)} rows with {[len(row.xyz) for row in rows]} points and "
            f"{[len(one) for one in titles]} panels"
        )
    if len(set(titles)) > 1:
        raise ValueError(f"all rows must have the same panels. Received: {titles}")


@dataclasses.dataclass(frozen=True)
class _Line:
    """What stands beside each other in a picture, and how high the titles above it are, pixels."""

    row: Row
    titles: list[str]
    height: int
    above: int


def _lines(rows: Sequence[Row], width: int) -> list[_Line]:
    """One for each sample, whose titles stand above the first; two for a single one."""
    titles = list(rows[0].panels)
    heights = [round(width / np.clip(rendering.aspect(row.xyz), _STEEP, _FLAT)) for row in rows]
    if len(rows) > 1 or len(titles) < 4:
        return [
            _Line(row, titles, height, _height(titles, width) if index == 0 else 0)
            for index, (row, height) in enumerate(zip(rows, heights, strict=True))
        ]
    half = (len(titles) + 1) // 2
    return [
        _Line(rows[0], part, heights[0], _height(part, width))
        for part in (titles[:half], titles[half:])
    ]


def _height(titles: Sequence[str], width: int) -> int:
    """How high the titles of a line are, pixels."""
    return _TITLE + _TITLE_LINE * max(len(_broken(title, width).splitlines()) for title in titles)


def _broken(title: str, width: int) -> str:
    """A title in as many lines as a cell asks for."""
    return textwrap.fill(title, max(width // _LETTER, 8))


def _figure(rows: Sequence[Row], legends: Sequence[Legend], width: int, finer: int) -> Any:
    """The picture as a figure of matplotlib, laid out in pixels from its upper left corner."""
    lines = _lines(rows, width)
    names = [_broken(line.row.name, line.height) for line in lines]
    most = max(len(name.splitlines()) for name in names)
    named = _GAP + _TITLE_LINE * most if len(rows) > 1 else 0
    across = named + max(len(line.titles) for line in lines) * (width + _GAP) + _GAP
    entries = [part for legend in legends for part in _wrapped(legend, across)]
    down = sum(line.height + _GAP + line.above for line in lines)
    page = _Page(across, down + len(entries) * _LEGEND_LINE + _GAP)
    top, looked, seen = 0, None, None
    for line, name in zip(lines, names, strict=True):
        top += line.above
        if seen is None or looked is not line.row:
            looked, seen = (
                line.row,
                rendering.look(line.row.xyz, finer * width, finer * line.height),
            )
        if named:
            page.words(name, named / 2, top + line.height / 2, rotation=90)
        for index, title in enumerate(line.titles):
            left = named + _GAP + index * (width + _GAP)
            page.picture(seen.paint(line.row.panels[title]), left, top, width, line.height)
            if line.row.marked is not None:
                x, y = seen.place[line.row.marked] / finer
                page.ring(left + x, top + y)
            if line.above:
                page.words(_broken(title, width), left + width / 2, top - line.above / 2)
        top += line.height + _GAP
    for index, part in enumerate(entries):
        page.legend(part, top + (index + 0.5) * _LEGEND_LINE)
    return page.figure


def _wrapped(legend: Legend, across: int) -> list[list[tuple[str, np.ndarray]]]:
    """The entries of a legend in lines that are not too long."""
    lines: list[list[tuple[str, np.ndarray]]] = []
    free = 0
    for words, color in legend:
        need = _entry_width(words)
        if need > free:
            lines.append([])
            free = across - 2 * _GAP
        lines[-1].append((words, color))
        free -= need
    return lines


def _entry_width(words: str) -> int:
    return 34 + 8 * len(words)


class _Page:
    """A figure on which things are put by pixels, from its upper left corner."""

    def __init__(self, across: int, down: int):
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError(
                'figures need matplotlib: python -m pip install -e ".[figures]"'
            ) from error
        self.figure = Figure(figsize=(across / _DPI, down / _DPI), dpi=_DPI)
        self._across, self._down = across, down

    def picture(self, pixels: np.ndarray, left: float, top: float, width: int, height: int) -> None:
        across, down = self._across, self._down
        box = (left / across, (down - top - height) / down, width / across, height / down)
        axes = self.figure.add_axes(box)
        axes.imshow(pixels, interpolation="none", aspect="auto")
        axes.set_axis_off()

    def ring(self, x: float, y: float) -> None:
        from matplotlib.patches import Ellipse

        for color, line in (("white", 4.0), ("black", 1.6)):
            self.figure.add_artist(
                Ellipse(
                    (x / self._across, 1 - y / self._down),
                    _RING / self._across,
                    _RING / self._down,
                    facecolor="none",
                    edgecolor=color,
                    linewidth=line,
                )
            )

    def words(self, text: str, x: float, y: float, **chosen: Any) -> None:
        options: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _FONT, **chosen}
        # Without mathematics: a `$` of a name is a `$`.
        self.figure.text(x / self._across, 1 - y / self._down, text, parse_math=False, **options)

    def legend(self, entries: Legend, y: float) -> None:
        from matplotlib.patches import Rectangle

        x = (self._across - sum(_entry_width(words) for words, _ in entries)) / 2
        for words, color in entries:
            self.figure.add_artist(
                Rectangle(
                    (x / self._across, 1 - (y + 7) / self._down),
                    14 / self._across,
                    14 / self._down,
                    facecolor=color,
                    edgecolor="0.35",
                    linewidth=0.6,
                )
            )
            self.words(words, x + 20, y, ha="left", fontsize=_SMALL_FONT)
            x += _entry_width(words)
