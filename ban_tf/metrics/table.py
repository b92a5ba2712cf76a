"""Scores as tables for people and as documents for programs; nothing else formats scores."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ban_tf import config
from ban_tf.metrics import cells, json_values, paper_rows, published, quality_tables
from ban_tf.metrics.evaluators import (
    INSTANCE_METRICS,
    METRICS,
    QUALITY_METRICS,
    SEMANTIC_METRICS,
    Evaluation,
    instance_means,
    instance_per_class,
)
from ban_tf.metrics.layout import Table

_CSV_METRICS = METRICS + QUALITY_METRICS
_PROTOCOL_WORDS = {
    "legacy": "points sampled as in the paper",
    "covering": "every raw point once; not comparable with published tables",
}


def tables(evaluation: Evaluation) -> list[Table]:
    """Instance scores, semantic scores, strict matching, classes, and scores beside the paper's.

    The last is average precision with panoptic quality; the tables of a benchmark follow it.

    The first two have the layout of the paper's tables. The paper's rows and the difference to one
    of them stand there only where `published.find` says that they compare.

    Example:
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> labels = config.Labels(class_names=("wall", "chair"))
        >>> evaluator = Evaluator("office", labels, ("scan3",), "covering")
        >>> evaluator.add("scan3", *[np.array([0, 0, 1, 1])] * 4)
        >>> print(tables(evaluator.evaluation())[2].text())
        Instances matched one to one (strict), comparable with no published table
        --------------------------------------------------------
        Method          mCov 1:1  mWCov 1:1  mPrec 1:1  mRec 1:1
        --------------------------------------------------------
        BAN (this run)     100.0      100.0      100.0     100.0
        --------------------------------------------------------
    """
    return [
        _comparison("Instance segmentation", evaluation, INSTANCE_METRICS),
        _comparison("Semantic segmentation", evaluation, SEMANTIC_METRICS),
        _strict(evaluation),
        _classes(evaluation),
        quality_tables.table(evaluation),
        *(evaluation.benchmark.tables if evaluation.benchmark else ()),
    ]


def render_text(evaluation: Evaluation) -> str:
    """All tables as text for a terminal."""
    return "\n\n".join([headline(evaluation), *(table.text() for table in tables(evaluation))])


def render_markdown(evaluation: Evaluation) -> str:
    """All tables as a Markdown document."""
    parts = [f"## {headline(evaluation)}", *(table.markdown() for table in tables(evaluation))]
    return "\n\n".join(parts) + "\n"


def render_csv(evaluation: Evaluation) -> str:
    """One rectangular table: the paper's rows, ours and the classes, in percent.

    The seven scores come first, then average precision and panoptic quality, which `strict` rows
    and the paper's lack.

    The column `source` says `paper`, `run`, `run, strict`, `class` or `class, strict`; an
    undefined score is an empty field.
    """
    lines: list[list[Any]] = [["source", "row", *_CSV_METRICS]]
    lines += [["paper", name, *_csv_cells(row)] for name, row in _published_rows(evaluation)]
    means = {**evaluation.means(), **evaluation.quality()}
    lines.append(["run", evaluation.method, *_csv_cells(cells.in_percent(means))])
    strict = instance_means(evaluation.strict)
    lines.append(["run, strict", evaluation.method, *_csv_cells(cells.in_percent(strict))])
    for source, arrays in (
        ("class", {**evaluation.per_class(), **evaluation.quality_per_class()}),
        ("class, strict", instance_per_class(evaluation.strict)),
    ):
        for index, name in enumerate(evaluation.class_names):
            scores = {
                key if key in QUALITY_METRICS else f"m{key}": 100 * float(array[index])
                for key, array in arrays.items()
            }
            lines.append([source, name, *_csv_cells(scores)])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def to_json(evaluation: Evaluation) -> str:
    """`to_document` as text, the content of `scores.json`."""
    return json.dumps(to_document(evaluation), indent=2, allow_nan=False) + "\n"


def to_document(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as values of JSON; scores are fractions, undefined ones None.

    This is for other programs and does not lead back; `documents` keeps an evaluation whole.
    The seven scores stand under the paper's names, the classes under `per_class`, one-to-one
    matching under `strict`, and under `plain_means` the means over all classes that the authors'
    script takes, None as soon as one class has no value. Average precision and panoptic quality
    follow the seven, their rules under `rules`; official scores are under `benchmark`. Where there
    are stuff classes, `stuff_classes` names them; their instance scores are None, and no mean
    counts them.
    """
    semantic, instance = evaluation.semantic, evaluation.instance
    names = evaluation.class_names
    per_class = evaluation.per_class()
    document = {
        "dataset": evaluation.dataset,
        "method": evaluation.method,
        "protocol": evaluation.protocol,
        "test": list(evaluation.test),
        "clouds": list(evaluation.clouds),
        "num_points": semantic.num_points,
        **evaluation.means(),
        **evaluation.quality(),
        "per_class": {
            "classes": list(names),
            **per_class,
            **evaluation.quality_per_class(),
            "num_instances": instance.num_truth,
        },
        "absent_classes": [names[index] for index in semantic.absent],
        "unpredicted_classes": [names[index] for index in instance.unpredicted],
        **_stuff_names(evaluation),
        "plain_means": _plain_means(evaluation),
        "strict": {
            **instance_means(evaluation.strict),
            "per_class": {"classes": list(names), **instance_per_class(evaluation.strict)},
        },
        "rules": quality_tables.RULES,
        **({"benchmark": evaluation.benchmark.document} if evaluation.benchmark else {}),
    }
    return json_values.plain(document)


def _stuff_names(evaluation: Evaluation) -> dict[str, list[str]]:
    names = [evaluation.class_names[index] for index in evaluation.instance.stuff]
    return {"stuff_classes": names} if names else {}


def _plain_means(evaluation: Evaluation) -> dict[str, float]:
    """Means that are NaN as soon as one class has no value, of instances without stuff."""
    stuff = list(evaluation.instance.stuff)
    of_instances = instance_per_class(evaluation.instance)
    return {
        f"m{name}": float(np.mean(np.delete(values, stuff) if name in of_instances else values))
        for name, values in evaluation.per_class().items()
    }


def headline(evaluation: Evaluation) -> str:
    """What was evaluated, in a line: system, data set, test, number of clouds."""
    count = len(evaluation.clouds)
    parts = (
        f"{evaluation.method} on {evaluation.dataset}",
        config.title_of(evaluation.test),
        f"{count} cloud{'s' if count != 1 else ''}",
    )
    return ", ".join(filter(None, parts))


def _cells(fractions: Iterable[float]) -> list[str]:
    return [cells.percent(100 * float(fraction)) for fraction in fractions]


def _csv_cells(percent: Mapping[str, float]) -> list[str]:
    values = (percent.get(name, np.nan) for name in _CSV_METRICS)
    return ["" if np.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".") for value in values]


def _published_rows(evaluation: Evaluation) -> list[tuple[str, dict[str, float]]]:
    """(first label, scores in percent); rows of both tables that name one method are joined."""
    joined: dict[str, dict[str, float]] = {}
    for metrics in (INSTANCE_METRICS, SEMANTIC_METRICS):
        found = published.find(evaluation, metrics)
        for row in found.rows if found else ():
            joined.setdefault(row.label[0], {}).update(row.percent)
    return list(joined.items())


def _comparison(what: str, evaluation: Evaluation, metrics: tuple[str, ...]) -> Table:
    means = cells.in_percent(evaluation.means())
    scores = [cells.percent(means[name]) for name in metrics]
    ours = f"{evaluation.method} (this run)"
    parts = (what, config.title_of(evaluation.test), f"{evaluation.protocol} protocol")
    title = ", ".join(filter(None, parts))
    paper = published.find(evaluation, metrics)
    if paper is None:
        title += f" ({_PROTOCOL_WORDS[evaluation.protocol]})"
        rows = [(ours, evaluation.dataset, *scores)]
    else:
        title += f"; first rows: {paper.title}"
        reference = paper.reference(evaluation.method)
        blank = ("",) * (len(paper.label_names) - 1)
        rows = [(ours, *blank, *scores)]
        if not paper.unstated:
            delta = (cells.difference(means[name] - reference.percent[name]) for name in metrics)
            rows.append((f"Δ to paper's {reference.label[0]}", *blank, *delta))
    return paper_rows.above(
        paper,
        title=title,
        label_names=("Method", "Dataset"),
        metrics=metrics,
        ours=rows,
        notes=[*paper_rows.notes(paper, evaluation), *_notes(evaluation, metrics)],
    )


def _notes(evaluation: Evaluation, metrics: tuple[str, ...]) -> tuple[str, ...]:
    """What was left out of the means."""
    instance, absent = evaluation.instance, set(evaluation.semantic.absent)
    without_object = set(instance.absent) - absent
    unpredicted = set(instance.unpredicted) - absent - without_object
    notes = [("Absent, hence left out of means", absent)]
    if "mCov" in metrics:
        notes += [
            ("Stuff, hence without instance scores", set(instance.stuff)),
            ("No true instance, hence left out of means", without_object),
            ("No predicted instance, hence left out of mPrec", unpredicted),
        ]
    names = evaluation.class_names
    return tuple(
        f"{what}: {', '.join(names[index] for index in sorted(classes))}."
        for what, classes in notes
        if classes
    )


def _strict(evaluation: Evaluation) -> Table:
    means = instance_means(evaluation.strict)
    row = (
        f"{evaluation.method} (this run)",
        *_cells(means[name] for name in INSTANCE_METRICS),
    )
    return Table(
        title="Instances matched one to one (strict), comparable with no published table",
        header=("Method", *(f"{name} 1:1" for name in INSTANCE_METRICS)),
        num_labels=1,
        rows=(row,),
    )


def _classes(evaluation: Evaluation) -> Table:
    arrays = evaluation.per_class()
    instance = evaluation.instance
    totals = (instance.num_truth, instance.num_predicted)
    rows = [
        (
            name,
            *_cells(array[index] for array in arrays.values()),
            *("-" if index in instance.stuff else str(counts[index]) for counts in totals),
        )
        for index, name in enumerate(evaluation.class_names)
    ]
    means = evaluation.means()
    mean = (
        "mean",
        *_cells(means[f"m{name}"] for name in arrays),
        *(str(counts.sum()) for counts in totals),
    )
    return Table(
        title="Per class (last row: means, and totals of instances)",
        header=("Class", *arrays, "Objects", "Predicted"),
        num_labels=1,
        rows=(*rows, mean),
    )
