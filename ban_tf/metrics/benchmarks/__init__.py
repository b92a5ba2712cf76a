"""Official evaluations of data sets, by their own rules, beside the scores that all have."""

from collections.abc import Callable, Mapping

from ban_tf.config import Labels
from ban_tf.metrics.benchmarks.partnet import PartNet
from ban_tf.metrics.benchmarks.report import Benchmark, Report, render_csv, report
from ban_tf.metrics.benchmarks.scannet import ScanNet

__all__ = ["Benchmark", "PartNet", "Report", "ScanNet", "of", "render_csv", "report"]


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
