"""Official evaluations of data sets, by their own rules, beside the scores that all have.

benchmark = benchmarks.of("scannet", labels)
benchmark.add(cloud, truth_semantic, truth_instance, semantic, instance, instance_score)
benchmark.tables(), benchmark.document()
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ban_tf.config import Labels
from ban_tf.metrics.benchmarks.partnet import PartNet
from ban_tf.metrics.benchmarks.scannet import ScanNet
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


_KINDS: Mapping[str, Callable[[Labels], Benchmark]] = {
    ScanNet.name: ScanNet,
    PartNet.name: PartNet,
}


def of(name: str, labels: Labels) -> Benchmark | None:
    """The benchmark of that name, without clouds so far; None for the empty name.

    Args:
        name: `Dataset.benchmark`.
        labels: the data set's classes.

    Raises:
        ValueError: there is no such benchmark.

    Example:
        >>> of("", Labels(class_names=("wall",))) is None
        True
        >>> of("scannet", Labels(class_names=("wall", "chair"))).name
        'scannet'
    """
    if not name:
        return None
    if name not in _KINDS:
        raise ValueError(f"`name` must be one of {', '.join(_KINDS)}. Received: name={name!r}")
    return _KINDS[name](labels)
