"""A data set of many tasks, each a category at a level: one table of all, as far as they are done.

The paper has one line per system, means over tasks. Below its rows stands the mean of ours, then
every category by level.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from ban_tf.metrics import cells, means, paper_rows, published
from ban_tf.metrics.evaluators import (
    INSTANCE_METRICS,
    QUALITY_METRICS,
    SEMANTIC_METRICS,
    Evaluation,
)
from ban_tf.metrics.layout import Table

Task = tuple[str, int]  # category and level
_KINDS: tuple[tuple[published.Kind, str, tuple[str, ...]], ...] = (
    ("instance", "Instance segmentation", INSTANCE_METRICS),
    ("semantic", "Semantic segmentation", SEMANTIC_METRICS),
)


def tables(
    evaluations: Mapping[Task, Evaluation | None], method: str = "BAN", backbone: str = "PointNet++"
) -> list[Table]:
    """Means over the tasks below the paper's rows, then every category by level.

    Tables by category are of instance, semantic and further scores, and of the official ones where
    there are any. The last two lines of each are the means over the categories of a level, and the
    mean over all tasks.

    Args:
        evaluations: by category and level, from 1 on; None, or no entry, where a task is not done.
        method: title of the system.
        backbone: name of its backbone.

    Raises:
        ValueError: no task.

    Example:
        >>> from ban_tf.config import Labels
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> labels = Labels(class_names=("seat",))
        >>> evaluator = Evaluator("parts-Chair-1", labels, ("test",), "covering")
        >>> evaluator.add("shape", *[np.zeros(4, int)] * 4)
        >>> print(tables({("Chair", 1): evaluator.evaluation(), ("Bed", 2): None})[3].text())
        Semantic segmentation by category and level
        ----------------------------------------------------------
        Category    mAcc 1  mAcc 2  mIoU 1  mIoU 2  oAcc 1  oAcc 2
        ----------------------------------------------------------
        Bed              -       -       -       -       -       -
        Chair        100.0       -   100.0       -   100.0       -
        mean         100.0       -   100.0       -   100.0       -
        all levels   100.0           100.0           100.0
        ----------------------------------------------------------
    """
    if not evaluations:
        raise ValueError("there must be at least one task. Received: none")
    done = {task: found for task, found in evaluations.items() if found is not None}
    summaries = [_summary(*kind, evaluations, done, method, backbone) for kind in _KINDS]
    by_category = [
        _by_category(what, metrics, Evaluation.means, evaluations, done)
        for _, what, metrics in _KINDS
    ]
    quality = _by_category(
        "Average precision and panoptic quality",
        QUALITY_METRICS,
        Evaluation.quality,
        evaluations,
        done,
    )
    return [*summaries, *by_category, quality, *_official(evaluations, done)]


def mean_of_tasks(
    done: Sequence[Evaluation],
    scores: Callable[[Evaluation], Mapping[str, float]] = Evaluation.means,
) -> dict[str, float]:
    """The mean of each score over the tasks that have it, as a fraction; NaN without any.

    Args:
        done: one evaluation per task.
        scores: of one evaluation, by name.
    """
    found = [scores(one) for one in done]
    names = dict.fromkeys(name for one in found for name in one)
    return {
        name: float(means.mean_of_defined(np.array([one.get(name, math.nan) for one in found])))
        for name in names
    }


def _summary(
    kind: published.Kind,
    what: str,
    metrics: tuple[str, ...],
    evaluations: Mapping[Task, Evaluation | None],
    done: Mapping[Task, Evaluation],
    method: str,
    backbone: str,
) -> Table:
    some = next(iter(done.values()), None)
    paper = None if some is None else published.tables_of(some.dataset).get(kind)
    average = mean_of_tasks(list(done.values()))
    scores = (cells.percent(100 * average.get(name, math.nan)) for name in metrics)
    layout = "" if paper is None else f" (layout of {paper.title})"
    return paper_rows.above(
        paper,
        title=f"{what}{layout}, mean of {len(done)} of {len(evaluations)} tasks",
        label_names=("Method", "Backbone"),
        metrics=metrics,
        ours=[(f"{method} (ours)", backbone, *scores)],
        notes=[] if paper is None or some is None else paper_rows.notes(paper, some),
    )


def _official(
    evaluations: Mapping[Task, Evaluation | None], done: Mapping[Task, Evaluation]
) -> Iterator[Table]:
    """The means of the benchmark, of data sets that have one."""
    names = dict.fromkeys(name for one in done.values() for name in _official_scores(one))
    if names:
        title = "Official scores"
        yield _by_category(title, tuple(names), _official_scores, evaluations, done)


def _official_scores(one: Evaluation) -> Mapping[str, float]:
    return {} if one.benchmark is None else one.benchmark.means()


def _by_category(
    title: str,
    metrics: tuple[str, ...],
    scores: Callable[[Evaluation], Mapping[str, float]],
    evaluations: Mapping[Task, Evaluation | None],
    done: Mapping[Task, Evaluation],
) -> Table:
    levels = sorted({level for _, level in evaluations})
    categories = sorted({category for category, _ in evaluations})
    columns = [(name, level) for name in metrics for level in levels]

    def value(category: str, name: str, level: int) -> float:
        one = done.get((category, level))
        return math.nan if one is None else scores(one).get(name, math.nan)

    table = np.array([[value(one, *column) for column in columns] for one in categories])
    rows = [(category, *map(_cell, row)) for category, row in zip(categories, table, strict=True)]
    average = mean_of_tasks(list(done.values()), scores)
    of_all = [
        _cell(average.get(name, math.nan)) if level == levels[0] else "" for name, level in columns
    ]
    return Table(
        title=f"{title} by category and level",
        header=("Category", *(f"{name} {level}" for name, level in columns)),
        num_labels=1,
        rows=(
            *rows,
            ("mean", *map(_cell, means.mean_of_defined(table, axis=0))),
            ("all levels", *of_all),
        ),
    )


def _cell(fraction: float) -> str:
    return cells.percent(100 * float(fraction))
