"""An evaluation as one page of HTML that needs nothing beside it, light, dark or printed."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from ban_tf.metrics import cells, json_values, means, table
from ban_tf.metrics.details import Details
from ban_tf.metrics.evaluators import METRICS, Evaluation

_TILES = (*METRICS, "AP50", "PQ")
_BARS = ("IoU", "Cov", "Prec", "Rec")
_HEIGHT, _BIN = 150, 74  # pixels of the histogram
_FOOT, _HEAD = 24, 20


def render(
    evaluation: Evaluation,
    documents: Mapping[str, Any] | None = None,
    pages: Mapping[str, str] | None = None,
) -> str:
    """The page.

    Args:
        evaluation: what is reported; without details it has neither confusions nor clouds.
        documents: what else belongs to it, such as settings: values of JSON by their headings.
        pages: by the name of a cloud the page that shows it, relative to this one.

    Returns:
        HTML; every name in it is escaped.

    Raises:
        ImportError: jinja2 is missing.

    Example:
        >>> from ban_tf.config import Labels
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> evaluator = Evaluator("office", Labels(class_names=("<desk>",)), ("scan3",), "covering")
        >>> evaluator.add("scan3", *[np.zeros(4, int)] * 4)
        >>> page = render(evaluator.evaluation())
        >>> page.splitlines()[0], "&lt;desk&gt;" in page, "<desk>" in page
        ('<!doctype html>', True, False)
    """
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("a report needs jinja2: python -m pip install jinja2") from error
    details = evaluation.details
    found = {**evaluation.means(), **evaluation.quality()}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ban_tf.view"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html").render(
        title=table.headline(evaluation),
        subtitle=f"{evaluation.protocol} protocol, {evaluation.semantic.num_points:,} points",
        scores=[(name, cells.percent(100 * found[name])) for name in _TILES],
        tables=table.tables(evaluation),
        bars=_bars(evaluation),
        confusion=None if details is None else _confusion(evaluation.class_names, details),
        sizes=None if details is None else _sizes(details),
        clouds=[] if details is None else _clouds(evaluation.clouds, details, pages or {}),
        documents=[
            (name, json.dumps(json_values.plain(value), indent=2, ensure_ascii=False))
            for name, value in (documents or {}).items()
        ],
    )


def _bars(evaluation: Evaluation) -> dict[str, Any]:
    arrays = {name: evaluation.per_class()[name] for name in _BARS}
    rows = []
    for index, name in enumerate(evaluation.class_names):
        values = [float(array[index]) for array in arrays.values()]
        shares = [None if np.isnan(value) else min(value, 1.0) for value in values]
        shown = [cells.percent(100 * value) for value in values]
        rows.append((name, list(zip(shares, shown, strict=True))))
    return {"names": _BARS, "rows": rows}


def _confusion(class_names: tuple[str, ...], details: Details) -> dict[str, Any]:
    """Rows of cells with share, text and count; the column of no class only if there is one."""
    counts = details.confusion
    columns = [*class_names, "none"] if counts[:, -1].any() else list(class_names)
    rows = []
    for name, line in zip(class_names, counts, strict=True):
        shares = np.nan_to_num(means.ratio(line, np.full(len(line), line.sum())))
        row = [
            {"share": share, "count": f"{count:,}", "shown": f"{100 * share:.0f}" if count else ""}
            for share, count in zip(shares.tolist(), line.tolist(), strict=True)
        ]
        rows.append((name, f"{int(line.sum()):,}", row[: len(columns)]))
    return {"columns": columns, "rows": rows}


def _sizes(details: Details) -> dict[str, Any] | None:
    """The histogram: where its bars lie; None without any object."""
    totals = (details.true_sizes, details.found_sizes, details.predicted_sizes)
    filled = np.flatnonzero(details.true_sizes + details.predicted_sizes)
    if not len(filled):
        return None
    highest = max(int(total.max()) for total in totals)
    bins = []
    for column, size in enumerate(range(filled[0], filled[-1] + 1)):
        one: dict[str, Any] = {"x": 10 + column * _BIN, "name": f"{_short(2**size)}+"}
        for name, total in zip(("true", "found", "predicted"), totals, strict=True):
            height = round(_HEIGHT * int(total[size]) / highest, 1)
            one |= {name: int(total[size]), f"{name}_height": height}
            one[f"{name}_top"] = round(_HEAD + _HEIGHT - height, 1)
        bins.append(one)
    return {"width": 20 + len(bins) * _BIN, "height": _HEAD + _HEIGHT + _FOOT, "bins": bins}


def _short(number: int) -> str:
    """A power of two as people write it.

    Example:
        >>> _short(512), _short(2048), _short(2**20)
        ('512', '2k', '1M')
    """
    for unit, letter in ((2**20, "M"), (2**10, "k")):
        if number >= unit:
            return f"{number // unit}{letter}"
    return str(number)


def _clouds(
    names: tuple[str, ...], details: Details, pages: Mapping[str, str]
) -> list[dict[str, Any]]:
    found = []
    for index in details.worst_first():
        name = names[index]
        fractions = (details.cloud_coverage, details.cloud_iou, details.cloud_accuracy)
        counts = (details.cloud_objects, details.cloud_found, details.cloud_predicted)
        row = [cells.percent(100 * float(values[index])) for values in fractions]
        row += [f"{values[index]:,}" for values in (*counts, details.cloud_points)]
        link = quote(pages[name]) if name in pages else None
        found.append({"name": name, "link": link, "cells": row})
    return found
