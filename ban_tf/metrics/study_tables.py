"""Several data sets, each with a network of its own: means in the layout of the paper's tables."""

from collections.abc import Mapping, Sequence

import numpy as np

from ban_tf.metrics import cells, means, paper_rows, published
from ban_tf.metrics.evaluators import INSTANCE_METRICS, METRICS, SEMANTIC_METRICS, Evaluation
from ban_tf.metrics.layout import Table

_KINDS: tuple[tuple[published.Kind, str, tuple[str, ...]], ...] = (
    ("instance", "Instance segmentation", INSTANCE_METRICS),
    ("semantic", "Semantic segmentation", SEMANTIC_METRICS),
)


def tables(
    done: Mapping[str, Evaluation],
    system: tuple[str, str],
    num_wanted: int,
    paper: Mapping[published.Kind, published.PublishedTable],
    notes: Sequence[str] = (),
) -> list[Table]:
    """The means over all members under the paper's rows, then a row for each member.

    A member without a value of a score is left out of its mean.

    Args:
        done: evaluations by the names of the members, at least one.
        system: title of the system and name of its backbone.
        num_wanted: how many members there are; those without an evaluation are told of.
        paper: its tables, as `published.tables_of` has them; none for no rows above.
        notes: sentences below the first two tables, on what does not compare.

    Example:
        >>> from ban_tf.config import Labels
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> evaluator = Evaluator("mugs", Labels(class_names=("body", "handle")), (), "covering")
        >>> evaluator.add("mug", *[np.array([0, 0, 1, 1])] * 4)
        >>> shown = tables({"mugs": evaluator.evaluation()}, ("BAN", "PointNet++"), 1, paper={})
        >>> print(shown[1].text())
        Semantic segmentation: mean of 1 data set
        -------------------------------------------
        Method      Backbone     mAcc   mIoU   oAcc
        -------------------------------------------
        BAN (ours)  PointNet++  100.0  100.0  100.0
        -------------------------------------------
    """
    values = {name: found.means() for name, found in done.items()}
    columns = {metric: np.array([row[metric] for row in values.values()]) for metric in METRICS}
    mean = {name: 100 * float(means.mean_of_defined(column)) for name, column in columns.items()}
    of_all = "" if len(done) == num_wanted else f" of {num_wanted}"
    what = f"mean of {len(done)}{of_all} data set{'s' if num_wanted != 1 else ''}"
    labels = (f"{system[0]} (ours)", system[1])
    shown = [
        paper_rows.above(
            paper.get(kind),
            title=f"{title}: {what}",
            label_names=("Method", "Backbone"),
            metrics=metrics,
            ours=[(*labels, *(cells.percent(mean[metric]) for metric in metrics))],
            notes=notes if kind in paper else (),
        )
        for kind, title, metrics in _KINDS
    ]
    official = {name: _official(found) for name, found in done.items()}
    columns_of_all = dict.fromkeys(name for scores in official.values() for name in scores)
    rows = []
    for name, row in values.items():
        scores = [row[metric] for metric in METRICS]
        scores += [official[name].get(column, np.nan) for column in columns_of_all]
        rows.append((name, *(cells.percent(100 * score) for score in scores)))
    header = ("Data set", *METRICS, *columns_of_all)
    return [*shown, Table("Each data set", header, 1, tuple(rows))]


def _official(found: Evaluation) -> dict[str, float]:
    """The means of a data set's official evaluation by name, as fractions; none without one."""
    document = {} if found.benchmark is None else found.benchmark.document
    kept = {name: value for name, value in document.items() if value is None or _is_score(value)}
    return {name: np.nan if value is None else value for name, value in kept.items()}


def _is_score(value: object) -> bool:
    return isinstance(value, float)
