"""What a benchmark must be able to do, and what it comes to."""

import csv
import dataclasses
import io
import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ban_tf.metrics.layout import Table


class Benchmark(Protocol):
    """Collects clouds, then gives the official scores of all of them.

    Attributes:
        name: of the benchmark.
    """

    name: str

    def add(
        self,
        cloud: str,
        truth_semantic: np.ndarray,
        truth_instance: np.ndarray,
        predicted_semantic: np.ndarray,
        predicted_instance: np.ndarray,
        instance_score: np.ndarray | None = None,
    ) -> None:
        """Adds one cloud of `N` points.

        Args:
            cloud: a name; each cloud counts once.
            truth_semantic: int `[N]` in [-1, C).
            truth_instance: int `[N]`, at least -1.
            predicted_semantic: int `[N]` in [-1, C).
            predicted_instance: int `[N]` in [-1, G).
            instance_score: float `[G]`, how sure each instance is; None leaves the benchmark
                without average precision.

        Raises:
            TypeError: labels that are not whole numbers.
            ValueError: a cloud added twice, different lengths, a label out of range, or an instance
                without a score.
        """
        ...

    def tables(self) -> list[Table]:
        """The official scores of all clouds added so far, in percent."""
        ...

    def document(self) -> dict[str, Any]:
        """The same as values of JSON: fractions, undefined ones None."""
        ...


@dataclasses.dataclass(frozen=True)
class Report:
    """What a benchmark came to.

    Attributes:
        tables: official scores, in percent.
        document: the same as values of JSON, with the benchmark's `name`.
    """

    tables: tuple[Table, ...]
    document: dict[str, Any]

    def means(self) -> dict[str, float]:
        """The official means by name, as fractions; NaN where undefined."""
        return {
            name: math.nan if value is None else value
            for name, value in self.document.items()
            if value is None or isinstance(value, float)
        }


def report(benchmark: Benchmark) -> Report:
    """The scores of all clouds added to a benchmark so far."""
    return Report(tuple(benchmark.tables()), benchmark.document())


def render_csv(found: Report) -> str:
    """Official scores in percent, one a line: `row` is `mean`, or the name of a class.

    Example:
        >>> document = {"name": "ours", "mIoU": 0.5, "per_class": {"classes": ["a"], "IoU": [0.5]}}
        >>> print(render_csv(Report((), document)), end="")
        benchmark,row,score,percent
        ours,mean,mIoU,50.0000
        ours,a,IoU,50.0000
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("benchmark", "row", "score", "percent"))
    for row, score, value in _scores(found):
        percent = "" if math.isnan(value) else f"{100 * value:.4f}"
        lines.writerow((found.document["name"], row, score, percent))
    return text.getvalue()


def _scores(found: Report) -> Iterator[tuple[str, str, float]]:
    for name, value in found.means().items():
        yield "mean", name, value
    per_class = found.document["per_class"]
    for index, row in enumerate(per_class["classes"]):
        for name, values in per_class.items():
            if values[index] is None or isinstance(values[index], float):
                yield row, name, math.nan if values[index] is None else values[index]
