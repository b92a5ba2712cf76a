"""A comparison for readers and programs: classes, Markdown, CSV and JSON."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ban_tf.metrics import comparison, json_values, spread, table
from ban_tf.metrics.comparison import SystemScores
from ban_tf.metrics.evaluators import METRICS, QUALITY_METRICS, Evaluation
from ban_tf.metrics.layout import Table

_ALL = METRICS + QUALITY_METRICS


def tables(systems: Sequence[SystemScores]) -> list[Table]:
    """Those of `comparison.tables`, the official scores, and the classes of each system.

    The classes are shown of systems with several runs; a single run has tables of its own.

    Args:
        systems: at least one, in the order of the rows.

    Raises:
        ValueError: no system, or systems that were evaluated on different data.
    """
    of_classes = [_classes(one) for one in systems if len(one.runs) > 1]
    return [*comparison.tables(systems), *_official(systems), *of_classes]


def render_markdown(systems: Sequence[SystemScores]) -> str:
    """All tables as a Markdown document."""
    return "\n\n".join(one.markdown() for one in tables(systems)) + "\n"


def render_csv(systems: Sequence[SystemScores]) -> str:
    """One line per system: the mean of every score and its spread, in percent.

    An undefined score, and the spread of a single run, are empty fields.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    spreads_of = [f"{name} spread" for name in _ALL]
    lines.writerow(("method", "backbone", "runs", *_ALL, *spreads_of))
    for system in systems:
        found = system.spreads(_scores)
        means = [_number(found[name].mean) for name in _ALL]
        deviations = [_number(found[name].deviation) for name in _ALL]
        lines.writerow((system.title, system.backbone, len(system.runs), *means, *deviations))
    return text.getvalue()


def to_json(systems: Sequence[SystemScores]) -> str:
    """One object per system, scores as fractions.

    Of a single run it is that of `table.to_document`, with `system` and `backbone`. Of several
    runs `mean` and `spread` hold the scores, `per_class` the same of each class, and `runs` what
    each run gave.
    """
    return json.dumps([_document(one) for one in systems], indent=2, allow_nan=False) + "\n"


def _document(system: SystemScores) -> dict[str, Any]:
    names = {"system": system.title, "backbone": system.backbone}
    if len(system.runs) == 1:
        return {**names, **table.to_document(system.scores)}
    found = [_scores(run) for run in system.runs]
    spreads = {name: spread.of([run[name] for run in found]) for name in _ALL}
    classes = _class_scores(system)
    document = {
        **names,
        "num_runs": len(system.runs),
        "mean": {name: one.mean for name, one in spreads.items()},
        "spread": {name: one.deviation for name, one in spreads.items()},
        "per_class": {
            "classes": system.scores.class_names,
            "mean": {name: [one.mean for one in row] for name, row in classes.items()},
            "spread": {name: [one.deviation for one in row] for name, row in classes.items()},
        },
        "runs": [table.to_document(run) for run in system.runs],
    }
    return json_values.plain(document)


def _scores(run: Evaluation) -> Mapping[str, float]:
    return {**run.means(), **run.quality()}


def _class_scores(system: SystemScores) -> dict[str, list[spread.Spread]]:
    """Fractions of every class by the names of the scores."""
    runs = [{**run.per_class(), **run.quality_per_class()} for run in system.runs]
    return {
        name: [spread.of(column.tolist()) for column in np.stack([run[name] for run in runs]).T]
        for name in runs[0]
    }


def _classes(system: SystemScores) -> Table:
    found = _class_scores(system)
    rows = [
        (name, *(_in_percent(row[index]).cell() for row in found.values()))
        for index, name in enumerate(system.scores.class_names)
    ]
    return Table(
        title=f"Per class, {system.name}",
        header=("Class", *found),
        num_labels=1,
        rows=tuple(rows),
        notes=tuple(comparison.spread_notes([system])),
    )


def _in_percent(found: spread.Spread) -> spread.Spread:
    return spread.Spread(100 * found.mean, 100 * found.deviation, found.num_runs)


def _official(systems: Sequence[SystemScores]) -> list[Table]:
    """The means of the data set's benchmark, if all systems have them."""
    reports = [run.benchmark for system in systems for run in system.runs]
    if any(report is None for report in reports):
        return []

    def scores(run: Evaluation) -> Mapping[str, float]:
        return {} if run.benchmark is None else run.benchmark.means()

    names = list(scores(systems[0].scores))
    rows = []
    for system in systems:
        found = system.spreads(scores)
        rows.append((system.name, system.backbone, *(found[name].cell() for name in names)))
    title = systems[0].scores.benchmark.document["name"] if systems[0].scores.benchmark else ""
    return [
        Table(
            title=f"Official scores ({title})",
            header=("Method", "Backbone", *names),
            num_labels=2,
            rows=tuple(rows),
            notes=tuple(comparison.spread_notes(systems)),
        )
    ]


def _number(percent: float) -> str:
    return "" if math.isnan(percent) else f"{percent:.4f}"
