"""The points of a large scan on disk, as its file has them, and what is decided of all of them."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds import conditioning, scan_facts
from ban_tf.clouds.formats import las_codes
from ban_tf.clouds.formats.on_disk import STEP, OnDisk
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.clouds.formats.stream import Stream

_NEAR = 200_000  # points around one place, of which the spacing is measured
_NAME = "points.json"


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What a scan is like as a whole.

    Args:
        num_there: points with a place.
        least: float64 `[3]`, least coordinates of the file; NaN or infinite where some are.
        most: float64 `[3]`.
        colors: their span.
        has_free_codes: whether ASPRS codes of the file may be replaced.
    """

    num_there: int
    least: np.ndarray
    most: np.ndarray
    colors: scan_facts.ColorSpan
    has_free_codes: bool


class RawPoints:
    """Coordinates and colours of all points of a scan, in a folder.

    Args:
        folder: for the files.
        stream: of the scan.
    """

    def __init__(self, folder: Path, stream: Stream) -> None:
        self._folder, self._stream = folder, stream
        colors = stream.empty.colors
        fields: list[tuple[str, str, tuple[int, ...]]] = [("xyz", "<f8", (3,))]
        if colors is not None:
            fields.append(("colors", colors.dtype.str, (3,)))
        self.rows = OnDisk(folder / "points", np.dtype(fields))

    def gather(self, progress: Callable[[int], object]) -> Bounds:
        """Writes the points, unless an earlier call has; gives what they are like."""
        path = self._folder / _NAME
        if not path.exists():
            self.rows.path.unlink(missing_ok=True)
            found = self._gather(progress)
            disk.write_whole(path, json.dumps(_as_document(found)))
        return _of_document(json.loads(path.read_text()))

    def _gather(self, progress: Callable[[int], object]) -> Bounds:
        num_there, is_free = 0, True
        least, most = np.full(3, np.inf), np.full(3, -np.inf)
        colors = scan_facts.ColorSpan()
        for part in self._stream.parts(STEP):
            self.rows.append(self._as_rows(part))
            num_there += int(np.count_nonzero(scan_facts.is_there(part.xyz)))
            least = np.minimum(least, part.xyz.min(axis=0))
            most = np.maximum(most, part.xyz.max(axis=0))
            colors = colors.with_points(part.colors)
            codes = part.fields.get("classification")
            is_free &= codes is None or las_codes.are_free(codes)
            progress(len(part))
        return Bounds(num_there, least, most, colors, is_free)

    def _as_rows(self, part: RawScan) -> np.ndarray:
        rows = np.empty(len(part), self.rows.dtype)
        rows["xyz"] = part.xyz
        if part.colors is not None:
            rows["colors"] = part.colors
        return rows

    def decide(
        self, found: Bounds, options: conditioning.Options
    ) -> tuple[conditioning.Decision, np.ndarray, np.ndarray | None]:
        """What holds for all points, from a sample that is the same at every call.

        Args:
            found: of `gather`.
            options: what is known of the scan.

        Returns:
            The decision, and the sample as a cloud has it: float64 `[n, 3]` and uint8 `[n, 3]`.

        Raises:
            ValueError: as `conditioning.decide`.
        """
        every = -(-len(self.rows) // scan_facts.SAMPLE)
        parts = []
        for start, rows in self.rows.slices():
            sample = rows[-start % every :: every]
            parts.append(sample[scan_facts.is_there(sample["xyz"])])
        sample = np.concatenate(parts)
        if not len(sample) and found.num_there:  # those few lie between
            sample = np.concatenate([rows for _, rows in self._there()])[: scan_facts.SAMPLE]
        facts = scan_facts.Facts(
            self._stream.empty,
            len(self.rows),
            found.num_there,
            sample["xyz"],
            found.colors,
            lambda: self._spacing(sample["xyz"], found.num_there),
        )
        decision = conditioning.decide(facts, options, is_room=True)
        colors = sample["colors"] if self._stream.empty.colors is not None else None
        return decision, decision.in_metres(sample["xyz"]), decision.as_8_bit(colors)

    def _there(self) -> Iterator[tuple[int, np.ndarray]]:
        """The number of the first row of each part, and those of its rows with a place."""
        for start, rows in self.rows.slices():
            yield start, rows[scan_facts.is_there(rows["xyz"])]

    def _spacing(self, sample: np.ndarray, num_there: int) -> float:
        """The distance between points: of all of them around one place, as a sample has gaps."""
        place = sample[np.random.default_rng(0).integers(len(sample))]
        away = np.sort(np.abs(sample - place).max(axis=1))
        reach = away[min(int(_NEAR * len(sample) / num_there), len(away) - 1)]
        near = [rows["xyz"][np.abs(rows["xyz"] - place).max(axis=1) <= reach]
                for _, rows in self._there()]  # fmt: skip
        return conditioning.spacing_of(np.concatenate(near))

    def of_cloud(
        self, decision: conditioning.Decision
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """The points with a place in their order, as `inference.tiles.sorting.Points` gives them.

        Args:
            decision: what holds for all points.
        """
        has_colors = self._stream.empty.colors is not None
        for _, rows in self._there():
            colors = rows["colors"] if has_colors else None
            yield decision.in_metres(rows["xyz"]), decision.as_8_bit(colors)


def _as_document(found: Bounds) -> dict[str, object]:
    return {
        "num_there": found.num_there,
        "least": found.least.tolist(),
        "most": found.most.tolist(),
        "colors": [found.colors.least.tolist(), found.colors.most.tolist()],
        "has_free_codes": found.has_free_codes,
    }


def _of_document(values: dict[str, object]) -> Bounds:
    least, most, span = (np.array(values[name]) for name in ("least", "most", "colors"))
    colors = scan_facts.ColorSpan(*span)
    return Bounds(int(str(values["num_there"])), least, most, colors,
                  bool(values["has_free_codes"]))  # fmt: skip
