"""Several systems side by side, in the layout of the paper's tables."""

import dataclasses
import math
from collections.abc import Sequence

from ban_tf.metrics import published
from ban_tf.metrics.evaluators import INSTANCE_METRICS, SEMANTIC_METRICS, Evaluation
from ban_tf.metrics.layout import Table

_KINDS: tuple[tuple[published.Kind, str, tuple[str, ...]], ...] = (
    ("instance", "Instance segmentation", INSTANCE_METRICS),
    ("semantic", "Semantic segmentation", SEMANTIC_METRICS),
)
_LABELS = ("Method", "Backbone")
_SAME = ("dataset", "test", "protocol", "clouds")


@dataclasses.dataclass(frozen=True)
class SystemScores:
    """One row.

    Attributes:
        title: of the system.
        backbone: of the system.
        scores: what it reached.
        footnotes: where the system departs from its original.
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


def paper_note(paper: published.PublishedTable, evaluation: Evaluation) -> str:
    """Whether scores may stand beside the paper's rows; empty if they may."""
    if paper.compares_with(evaluation):
        return ""
    return (
        f"The rows above the rule are {paper.title}, on {paper.dataset} in the originals' "
        f"protocol; ours are of {evaluation.dataset}, {evaluation.protocol} protocol, and do not "
        "compare with them."
    )


def cell(value: float) -> str:
    """A score in percent; a dash where it is undefined."""
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def _table(
    kind: published.Kind, what: str, metrics: tuple[str, ...], systems: Sequence[SystemScores]
) -> Table:
    first = systems[0].scores
    where = f"{first.dataset}, {first.protocol} protocol"
    our_rows = [
        (
            f"{system.title} (ours){mark}",
            system.backbone,
            *(cell(system.scores.means()[name]) for name in metrics),
        )
        for system, mark in zip(systems, _marks(systems), strict=True)
    ]
    paper = published.tables_of(first.dataset).get(kind)
    if paper is None:
        return Table(
            title=f"{what}: {where}",
            header=(*_LABELS, *metrics),
            num_labels=len(_LABELS),
            rows=tuple(our_rows),
            notes=tuple(_footnotes(systems)),
        )
    paper_rows = [
        (*row.label, *(f"{row.percent[name]:.1f}" for name in metrics)) for row in paper.rows
    ]
    note = paper_note(paper, first)
    return Table(
        title=f"{what} (layout of {paper.title}): {where}",
        header=(*paper.label_names, *metrics),
        num_labels=len(paper.label_names),
        rows=(*paper_rows, *our_rows),
        num_published=len(paper_rows),
        notes=(*([note] if note else []), *_footnotes(systems)),
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
