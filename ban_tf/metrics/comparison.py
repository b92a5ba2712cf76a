"""Several systems side by side, in the layout of the paper's tables."""

import dataclasses
from collections.abc import Sequence

from ban_tf.metrics import cells, paper_rows, published
from ban_tf.metrics.evaluators import INSTANCE_METRICS, SEMANTIC_METRICS, Evaluation
from ban_tf.metrics.layout import Table

_KINDS: tuple[tuple[published.Kind, str, tuple[str, ...]], ...] = (
    ("instance", "Instance segmentation", INSTANCE_METRICS),
    ("semantic", "Semantic segmentation", SEMANTIC_METRICS),
)
_SAME = ("dataset", "test", "protocol", "clouds")


@dataclasses.dataclass(frozen=True)
class SystemScores:
    """One row.

    Attributes:
        title: name of the system.
        backbone: name of its backbone.
        scores: its evaluation.
        footnotes: sentences on where it departs from its original.
    """

    title: str
    backbone: str
    scores: Evaluation
    footnotes: tuple[str, ...] = ()


def tables(systems: Sequence[SystemScores]) -> list[Table]:
    """Instance and semantic scores of systems that were evaluated on the same points.

    Where the paper has tables of the data set, its rows stand above; a note says where they are of
    other points.

    Args:
        systems: at least one, in the order of the rows.

    Raises:
        ValueError: no system, or systems that were evaluated on different data.

    Example:
        >>> from ban_tf.config import Labels
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> labels = Labels(class_names=("wall", "chair"))
        >>> evaluator = Evaluator("office", labels, ("scan3",), "covering")
        >>> system = SystemScores("BAN", "PointNet++", evaluator.evaluation())
        >>> print(tables([system])[1].text())
        Semantic segmentation: office, covering protocol
        ----------------------------------------
        Method      Backbone    mAcc  mIoU  oAcc
        ----------------------------------------
        BAN (ours)  PointNet++     -     -     -
        ----------------------------------------
    """
    if not systems:
        raise ValueError("there must be at least one system to compare. Received: none")
    check_comparable([system.scores for system in systems])
    return [_table(kind, what, metrics, systems) for kind, what, metrics in _KINDS]


def check_comparable(evaluations: Sequence[Evaluation]) -> None:
    """Raises ValueError if evaluations are of different data, clouds or protocols."""
    for name in _SAME:
        values = [getattr(evaluation, name) for evaluation in evaluations]
        for value in values:
            if value != values[0]:
                raise ValueError(
                    f"systems can only be compared on the same `{name}`. Received: {values[0]} "
                    f"and {value}; evaluate them on the same data under the same protocol."
                )


def _table(
    kind: published.Kind, what: str, metrics: tuple[str, ...], systems: Sequence[SystemScores]
) -> Table:
    first = systems[0].scores
    paper = published.tables_of(first.dataset).get(kind)
    layout = "" if paper is None else f" (layout of {paper.title})"
    ours = []
    for system, mark in zip(systems, _marks(systems), strict=True):
        percent = cells.in_percent(system.scores.means())
        scores = (cells.percent(percent[name]) for name in metrics)
        ours.append((f"{system.title} (ours){mark}", system.backbone, *scores))
    return paper_rows.above(
        paper,
        title=f"{what}{layout}: {first.dataset}, {first.protocol} protocol",
        label_names=("Method", "Backbone"),
        metrics=metrics,
        ours=ours,
        notes=[*paper_rows.notes(paper, first), *_footnotes(systems)],
    )


def _numbers(systems: Sequence[SystemScores]) -> dict[str, int]:
    """Footnotes, each once, numbered from 1 in the order of the rows."""
    sentences = dict.fromkeys(note for system in systems for note in system.footnotes)
    return {sentence: number for number, sentence in enumerate(sentences, start=1)}


def _marks(systems: Sequence[SystemScores]) -> list[str]:
    numbers = _numbers(systems)
    lists = [",".join(str(numbers[note]) for note in system.footnotes) for system in systems]
    return [f" [{listed}]" if listed else "" for listed in lists]


def _footnotes(systems: Sequence[SystemScores]) -> list[str]:
    return [f"[{number}] {sentence}" for sentence, number in _numbers(systems).items()]
