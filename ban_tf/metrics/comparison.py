"""Several systems side by side, in the layout of the paper's tables."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ban_tf.metrics import paper_rows, published, quality_tables, spread
from ban_tf.metrics.evaluators import (
    INSTANCE_METRICS,
    QUALITY_METRICS,
    SEMANTIC_METRICS,
    Evaluation,
)
from ban_tf.metrics.layout import Table
from ban_tf.metrics.spread import Spread

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
        further: evaluations of the same setting with other seeds; the row is then the mean of all.
    """

    title: str
    backbone: str
    scores: Evaluation
    footnotes: tuple[str, ...] = ()
    further: tuple[Evaluation, ...] = ()

    @property
    def runs(self) -> tuple[Evaluation, ...]:
        """All evaluations of the row."""
        return (self.scores, *self.further)

    @property
    def name(self) -> str:
        """What stands before the scores."""
        count = len(self.runs)
        return f"{self.title} (ours)" if count == 1 else f"{self.title} (ours, {count} runs)"

    def spreads(
        self, scores: Callable[[Evaluation], Mapping[str, float]] = Evaluation.means
    ) -> dict[str, Spread]:
        """Mean and spread over the runs, in percent, of scores by name.

        Args:
            scores: of one run, fractions.
        """
        runs = [scores(run) for run in self.runs]
        return {name: spread.of([100 * run[name] for run in runs]) for name in runs[0]}


def tables(systems: Sequence[SystemScores]) -> list[Table]:
    """Scores of systems that were evaluated on the same points: instance, semantic, further ones.

    Where the paper has tables of the data set, its rows stand above; a note says where they are of
    other points. The last is average precision and panoptic quality. Of several runs of one setting
    the mean is shown, with the sample standard deviation.

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
    check_comparable([run for system in systems for run in system.runs])
    papers = [_table(kind, what, metrics, systems) for kind, what, metrics in _KINDS]
    return [*papers, _quality(systems)]


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


def spread_notes(systems: Sequence[SystemScores]) -> list[str]:
    """What ± is, if it is anywhere."""
    if all(len(system.runs) == 1 for system in systems):
        return []
    return ["± is the sample standard deviation over the runs of one setting."]


def _table(
    kind: published.Kind, what: str, metrics: tuple[str, ...], systems: Sequence[SystemScores]
) -> Table:
    first = systems[0].scores
    paper = published.tables_of(first.dataset).get(kind)
    layout = "" if paper is None else f" (layout of {paper.title})"
    ours = []
    for system, mark in zip(systems, _marks(systems), strict=True):
        spreads = system.spreads()
        scores = (spreads[name].cell() for name in metrics)
        ours.append((f"{system.name}{mark}", system.backbone, *scores))
    return paper_rows.above(
        paper,
        title=f"{what}{layout}: {first.dataset}, {first.protocol} protocol",
        label_names=("Method", "Backbone"),
        metrics=metrics,
        ours=ours,
        notes=[*paper_rows.notes(paper, first), *spread_notes(systems), *_footnotes(systems)],
    )


def _quality(systems: Sequence[SystemScores]) -> Table:
    first = systems[0].scores
    rows = []
    for system in systems:
        spreads = system.spreads(Evaluation.quality)
        scores = (spreads[name].cell() for name in QUALITY_METRICS)
        rows.append((system.name, system.backbone, *scores))
    rules = quality_tables.notes(all(run.precision.scored for one in systems for run in one.runs))
    return Table(
        title=f"{quality_tables.TITLE}: {first.dataset}, {first.protocol} protocol",
        header=("Method", "Backbone", *QUALITY_METRICS),
        num_labels=2,
        rows=tuple(rows),
        notes=(*rules, *spread_notes(systems)),
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
