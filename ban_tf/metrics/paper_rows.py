"""The paper's rows above ours, and what has to be said where they do not compare."""

from collections.abc import Sequence

from ban_tf import config
from ban_tf.metrics import cells
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.metrics.layout import Table
from ban_tf.metrics.published import PublishedTable, shown


def above(
    paper: PublishedTable | None,
    title: str,
    label_names: tuple[str, ...],
    metrics: tuple[str, ...],
    ours: Sequence[tuple[str, ...]],
    notes: Sequence[str] = (),
) -> Table:
    """A table of the paper's rows and ours, or of ours alone.

    Args:
        paper: whose rows stand above, in whose layout; None if the paper has nothing to show.
        title: heading of the table.
        label_names: headings of the columns that are no scores, where there is no `paper`.
        metrics: headings of the scores; `paper` holds all of them.
        ours: finished rows, as long as the header.
        notes: sentences below the table.

    Example:
        >>> print(above(None, "Scores", ("Method",), ("mCov",), [("BAN", "52.1")]).text())
        Scores
        ------------
        Method  mCov
        ------------
        BAN     52.1
        ------------
    """
    rows: list[tuple[str, ...]] = []
    if paper is not None:
        label_names = paper.label_names
        rows = [
            (*map(shown, row.label), *(cells.percent(row.percent[name]) for name in metrics))
            for row in paper.rows
        ]
    return Table(
        title=title,
        header=(*label_names, *metrics),
        num_labels=len(label_names),
        rows=(*rows, *ours),
        num_published=len(rows),
        notes=tuple(notes),
    )


def notes(paper: PublishedTable | None, evaluation: Evaluation) -> list[str]:
    """Why an evaluation does not compare with the paper's numbers; empty if it does."""
    if paper is None:
        return []
    if paper.unstated:
        return [paper.unstated]
    count = len(evaluation.clouds)
    if not paper.compares_with(evaluation):
        where = (evaluation.dataset, config.title_of(evaluation.test), evaluation.protocol)
        return [
            f"The published numbers are {paper.title}, on {paper.dataset} in the originals' "
            f"protocol; ours are of {', '.join(filter(None, where))} protocol, and do not compare "
            "with them."
        ]
    if count != paper.num_clouds:
        return [
            f"The paper's test has {paper.num_clouds} clouds, this run {count}: "
            "it is not the same test."
        ]
    return []
