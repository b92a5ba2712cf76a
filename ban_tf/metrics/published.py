"""The paper's numbers, and which evaluations may stand beside them."""

import csv
import dataclasses
import importlib.resources
import re
from collections.abc import Mapping
from typing import Literal

from ban_tf.metrics.evaluators import INSTANCE_METRICS, METRICS, SEMANTIC_METRICS, Evaluation

Kind = Literal["instance", "semantic", "ablation"]
_ITS_OWN = ("Ours", "Our model")  # what the paper calls BAN


def shown(name: str) -> str:
    """A name from the paper's tables, for print: what it calls its own is marked as the paper's.

    Example:
        >>> shown("Ours"), shown("ASIS")
        ('Ours (paper)', 'ASIS')
    """
    return f"{name} (paper)" if name in _ITS_OWN else name


@dataclasses.dataclass(frozen=True)
class PublishedRow:
    """One line of a table of the paper.

    Attributes:
        label: what is no score: method and backbone, or variant, STOI and ITOS.
        percent: the scores by name, in percent.
    """

    label: tuple[str, ...]
    percent: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class PublishedTable:
    """One table of the paper: one data set, one choice of what is tested.

    Attributes:
        title: where it stands and what it was measured on.
        dataset: name of the data set.
        test: names of the groups of clouds that were evaluated, ascending.
        num_clouds: how many clouds these are.
        label_names: headings of `PublishedRow.label`.
        metrics: names of the scores it holds.
        rows: in the paper's order.
        names: for a system, the first label of its row where that is not its title.
        unstated: what the paper leaves open of these numbers, as a sentence. Where it is not empty,
            any evaluation of the data set may stand below the rows, and none compares with them.
    """

    title: str
    dataset: str
    test: tuple[str, ...]
    num_clouds: int
    label_names: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    names: Mapping[str, str]
    unstated: str = ""

    def reference(self, method: str) -> PublishedRow:
        """The row of the system with this title; BAN's if the paper has none of it."""
        by_name = {row.label[0]: row for row in self.rows}
        return by_name.get(self.names.get(method, method)) or by_name[self.names["BAN"]]

    def compares_with(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation may stand beside these rows.

        Only the `legacy` protocol evaluates the points that the paper did, and only the same test
        of the same data set compares.
        """
        if self.unstated:
            return False
        same = self.dataset == evaluation.dataset and set(self.test) == set(evaluation.test)
        return same and evaluation.protocol == "legacy"

    def only(self, metrics: tuple[str, ...]) -> "PublishedTable":
        """The same rows with some of the scores."""
        rows = tuple(
            dataclasses.replace(row, percent={name: row.percent[name] for name in metrics})
            for row in self.rows
        )
        return dataclasses.replace(self, metrics=metrics, rows=rows)


@dataclasses.dataclass(frozen=True)
class _Source:
    """A file below `published/`, and what it does not say itself."""

    kind: Kind
    dataset: str
    test: tuple[str, ...]
    num_clouds: int
    file: str
    title: str
    num_labels: int
    metrics: tuple[str, ...]
    names: Mapping[str, str]
    unstated: str = ""

    def is_of(self, dataset: str) -> bool:
        """Whether it is of the data set, or of one whose tasks this is one of."""
        return re.fullmatch(f"{re.escape(self.dataset)}({_TASK})?", dataset) is not None


_SIX_FOLD = ("Area_1", "Area_2", "Area_3", "Area_4", "Area_5", "Area_6")
_METHODS = {"BAN": "Ours"}
_VARIANTS = {"BAN": "STOI then ITOS", "PointNet++": "none"}
_OF_SCANNET = (
    "The paper does not say which scans, points and classes its ScanNet numbers are of, and there "
    "is no script for them: its rows show the level, they do not compare."
)
_OF_PARTNET = (
    "The paper does not say which categories, levels and classes its PartNet numbers are means of, "
    "and there is no script for them: its rows show the level, they do not compare."
)
_TASK = r"-\w+-\d"  # what follows the name of a data set of many: `-<Category>-<level>`
# A further data set of the paper is one more entry for each of its tables.
_SOURCES = (
    _Source(
        "instance", "s3dis", _SIX_FOLD, 272, "table1_s3dis_instance_6fold.csv",
        "the paper's Table 1, 6-fold", 2, INSTANCE_METRICS, _METHODS,
    ),
    _Source(
        "semantic", "s3dis", _SIX_FOLD, 272, "table2_s3dis_semantic_6fold.csv",
        "the paper's Table 2, 6-fold", 2, SEMANTIC_METRICS, _METHODS,
    ),
    _Source(
        "instance", "partnet", (), 0, "table3_partnet_instance.csv",
        "the paper's Table 3, PartNet", 2, INSTANCE_METRICS, _METHODS, _OF_PARTNET,
    ),
    _Source(
        "semantic", "partnet", (), 0, "table4_partnet_semantic.csv",
        "the paper's Table 4, PartNet", 2, SEMANTIC_METRICS, _METHODS, _OF_PARTNET,
    ),
    _Source(
        "instance", "scannet", (), 0, "table5_scannetv2_instance.csv",
        "the paper's Table 5, ScanNetV2", 2, INSTANCE_METRICS, _METHODS, _OF_SCANNET,
    ),
    _Source(
        "semantic", "scannet", (), 0, "table6_scannetv2_semantic.csv",
        "the paper's Table 6, ScanNetV2", 2, SEMANTIC_METRICS, _METHODS, _OF_SCANNET,
    ),
    _Source(
        "ablation", "s3dis", ("Area_5",), 68, "table7_ablation_s3dis_area5.csv",
        "the paper's Table 7, Area 5", 3, METRICS, _VARIANTS,
    ),
)  # fmt: skip


def tables_of(dataset: str) -> Mapping[Kind, PublishedTable]:
    """The tables that the paper has of a data set, whole, in the paper's order; none for others.

    Example:
        >>> list(tables_of("s3dis"))
        ['instance', 'semantic', 'ablation']
        >>> tables_of("s3dis")["instance"].title
        "the paper's Table 1, 6-fold"
        >>> tables_of("partnet-Chair-3")["semantic"].title
        "the paper's Table 4, PartNet"
        >>> tables_of("my scans")
        {}
    """
    return {source.kind: _load(source) for source in _SOURCES if source.is_of(dataset)}


def ablation() -> PublishedTable:
    """The paper's one table of BAN's variants; an ablation on any data has its rows.

    Example:
        >>> ablation().rows[0].label, ablation().rows[0].percent["mCov"]
        (('none', 'no', 'no'), 46.0)
    """
    return _load(next(source for source in _SOURCES if source.kind == "ablation"))


def find(evaluation: Evaluation, metrics: tuple[str, ...]) -> PublishedTable | None:
    """The table of the paper that an evaluation may stand beside, comparable or not.

    Args:
        evaluation: what was measured.
        metrics: names of the scores that the table must hold.

    Returns:
        The table with just these scores, or None if the paper has none to compare with. One whose
        `unstated` is not empty is not to be compared with.
    """
    for table in tables_of(evaluation.dataset).values():
        beside = bool(table.unstated) or table.compares_with(evaluation)
        if beside and set(metrics) <= set(table.metrics):
            return table.only(metrics)
    return None


@dataclasses.dataclass(frozen=True)
class PublishedSpeed:
    """One line of the paper's Table 8; it does not say which rooms and which GPU.

    Attributes:
        method: name of the system, as printed.
        backbone: name of its backbone, as printed.
        with_clustering_s: seconds for the test set.
        without_clustering_s: seconds that the network alone takes.
        gpu_memory: memory with its unit, as printed.
    """

    method: str
    backbone: str
    with_clustering_s: float
    without_clustering_s: float
    gpu_memory: str


def speeds() -> tuple[PublishedSpeed, ...]:
    """The paper's Table 8, in its order.

    Example:
        >>> speeds()[0].method, speeds()[0].with_clustering_s
        ('PointNet++', 1859.0)
    """
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


def _load(source: _Source) -> PublishedTable:
    lines = _lines(source.file)
    label_names = tuple(lines[0])[: source.num_labels]
    rows = tuple(
        PublishedRow(
            label=tuple(line[name] for name in label_names),
            percent={name: float(line[name]) for name in source.metrics},
        )
        for line in lines
    )
    return PublishedTable(
        title=source.title,
        dataset=source.dataset,
        test=source.test,
        num_clouds=source.num_clouds,
        label_names=tuple(name[0].upper() + name[1:] for name in label_names),
        metrics=source.metrics,
        rows=rows,
        names=source.names,
        unstated=source.unstated,
    )
