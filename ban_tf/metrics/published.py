"""The paper's numbers, and which evaluations may stand beside them."""

import csv
import dataclasses
import importlib.resources
from collections.abc import Mapping

from ban_tf.metrics.evaluators import INSTANCE_METRICS, METRICS, SEMANTIC_METRICS, Evaluation


@dataclasses.dataclass(frozen=True)
class PublishedRow:
    """One line of a table of the paper; scores in percent."""

    label: tuple[str, ...]  # method and backbone, or variant, STOI and ITOS
    percent: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class PublishedTable:
    """One table of the paper for one data set and one choice of areas.

    Attributes:
        title: where it stands and what it was measured on.
        dataset: name of the data set.
        areas: of the data set.
        label_names: headings of `PublishedRow.label`.
        metrics: names of the scores it holds.
        rows: in the paper's order.
        names: for a system, the first label of its row where that is not its title.
        num_rooms: rooms of the areas.
    """

    title: str
    dataset: str
    areas: tuple[int, ...]
    label_names: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    names: Mapping[str, str]
    num_rooms: int

    def reference(self, method: str) -> PublishedRow:
        """The row of the system with this title; BAN's if the paper has none of it."""
        by_name = {row.label[0]: row for row in self.rows}
        return by_name.get(self.names.get(method, method)) or by_name[self.names["BAN"]]


@dataclasses.dataclass(frozen=True)
class _Source:
    dataset: str
    areas: tuple[int, ...]
    num_rooms: int
    file: str
    title: str
    num_labels: int
    metrics: tuple[str, ...]
    names: Mapping[str, str]


_SIX_FOLD = (1, 2, 3, 4, 5, 6)
_METHODS = {"BAN": "Ours"}
_VARIANTS = {"BAN": "STOI then ITOS", "PointNet++": "none"}
_SOURCES = {
    1: _Source(
        "s3dis", _SIX_FOLD, 272, "table1_s3dis_instance_6fold.csv",
        "the paper's Table 1, 6-fold", 2, INSTANCE_METRICS, _METHODS,
    ),
    2: _Source(
        "s3dis", _SIX_FOLD, 272, "table2_s3dis_semantic_6fold.csv",
        "the paper's Table 2, 6-fold", 2, SEMANTIC_METRICS, _METHODS,
    ),
    7: _Source(
        "s3dis", (5,), 68, "table7_ablation_s3dis_area5.csv",
        "the paper's Table 7, Area 5", 3, METRICS, _VARIANTS,
    ),
}  # fmt: skip


def load(number: int) -> PublishedTable:
    """A table of the paper, whole: 1, 2 or 7."""
    return _load(_SOURCES[number], _SOURCES[number].metrics)


def find(evaluation: Evaluation, metrics: tuple[str, ...]) -> PublishedTable | None:
    """The table of the paper that an evaluation may stand beside.

    Only the `legacy` protocol draws points as the paper did, and only the same areas of the same
    data set compare.

    Args:
        evaluation: what was measured.
        metrics: the scores wanted; all of them.

    Returns:
        The table with just these scores, or None if the paper has none to compare with.
    """
    if evaluation.protocol != "legacy":
        return None
    for source in _SOURCES.values():
        same = (source.dataset, source.areas) == (evaluation.dataset, evaluation.areas)
        if same and set(metrics) <= set(source.metrics):
            return _load(source, metrics)
    return None


@dataclasses.dataclass(frozen=True)
class PublishedSpeed:
    """One line of the paper's Table 8; on which rooms and which GPU is not said.

    Attributes:
        method: name of the system.
        backbone: its backbone.
        with_clustering_s: seconds for the test set.
        without_clustering_s: seconds of the network alone.
        gpu_memory: as printed.
    """

    method: str
    backbone: str
    with_clustering_s: float
    without_clustering_s: float
    gpu_memory: str


def speeds() -> tuple[PublishedSpeed, ...]:
    """The paper's Table 8, in its order."""
    return tuple(
        PublishedSpeed(
            line["method"],
            line["backbone"],
            float(line["time_with_clustering_s"]),
            float(line["time_without_clustering_s"]),
            line["gpu_memory"],
        )
        for line in _lines("table8_speed_memory.csv")
    )


def _lines(name: str) -> list[dict[str, str]]:
    file = importlib.resources.files("ban_tf.metrics") / "published" / name
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def _load(source: _Source, metrics: tuple[str, ...]) -> PublishedTable:
    lines = _lines(source.file)
    label_names = tuple(lines[0])[: source.num_labels]
    rows = tuple(
        PublishedRow(
            label=tuple(line[name] for name in label_names),
            percent={name: float(line[name]) for name in metrics},
        )
        for line in lines
    )
    return PublishedTable(
        title=source.title,
        dataset=source.dataset,
        areas=source.areas,
        label_names=tuple(name[0].upper() + name[1:] for name in label_names),
        metrics=metrics,
        rows=rows,
        names=source.names,
        num_rooms=source.num_rooms,
    )
