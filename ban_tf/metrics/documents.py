"""Evaluations as values of JSON and back, whole: what a file of results keeps."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from ban_tf.metrics import json_values
from ban_tf.metrics.average_precision import PrecisionScores
from ban_tf.metrics.benchmarks.report import Report
from ban_tf.metrics.details import FRACTIONS, Details
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.metrics.instance import InstanceScores, Matching
from ban_tf.metrics.layout import Table
from ban_tf.metrics.panoptic import PanopticScores
from ban_tf.metrics.semantic import SemanticScores

_COUNTS = ("num_truth", "num_predicted", "num_matched")  # arrays of whole numbers
_PARTS: Mapping[str, type] = {
    "semantic": SemanticScores,
    "instance": InstanceScores,
    "strict": InstanceScores,
    "precision": PrecisionScores,
    "panoptic": PanopticScores,
}
_LATER = ("precision", "panoptic", "benchmark")  # that documents of earlier versions lack


def to_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Every field of an evaluation, that of its scores too, as values of JSON; NaN as None.

    Example:
        >>> from ban_tf.config import Labels
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> labels = Labels(class_names=("wall", "chair"))
        >>> evaluation = Evaluator("office", labels, ("scan3",), "covering").evaluation()
        >>> to_dict(evaluation)["semantic"]["iou"]
        [None, None]
        >>> from_dict(to_dict(evaluation)) == evaluation
        True
    """
    return json_values.plain(dataclasses.asdict(evaluation))


def from_dict(document: Mapping[str, Any]) -> Evaluation:
    """The inverse of `to_dict`, to the last bit.

    Scores that were kept before there were average precision, panoptic quality and benchmarks are
    read with these undefined.

    Raises:
        ValueError: a field is missing, unknown or of another kind, or a class has no value.
    """
    try:
        values = _restored(Evaluation, _completed(document))
        report = values["benchmark"]
        parts: dict[str, Any] = {
            name: kind(**_restored(kind, values[name])) for name, kind in _PARTS.items()
        }
        parts["benchmark"] = None if report is None else _report(report)
        details = values["details"]
        parts["details"] = None if details is None else _details(details)
        evaluation = Evaluation(**values | parts)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"scores must be those that `to_dict` gives: {error}") from error
    _check(evaluation)
    return evaluation


def _completed(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document of before there were the later scores and the details, without these."""
    document = {"details": None, **document}
    if set(_LATER) & set(document):
        return document
    names, instance = document.get("class_names", ()), document.get("instance", {})
    nothing = [None] * len(names)
    panoptic = {"quality": nothing, "segmentation": nothing, "recognition": nothing}
    return {
        **document,
        "precision": {"average": nothing, "at_50": nothing, "at_25": nothing, "scored": False},
        "panoptic": {**panoptic, "stuff": instance.get("stuff", ())},
        "benchmark": None,
    }


def _report(document: Mapping[str, Any]) -> Report:
    values = _restored(Report, document)
    tables = [
        Table(**table | {"rows": tuple(map(tuple, table["rows"]))})
        for table in (_restored(Table, one) for one in values["tables"])
    ]
    return Report(tuple(tables), values["document"])


def _details(document: Mapping[str, Any]) -> Details:
    for name, values in document.items():
        kind = np.float64 if name in FRACTIONS else np.int64
        document = {
            **document,
            name: np.array([math.nan if one is None else one for one in values], kind),
        }
    return Details(**document)


def _restored(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass, those that are dataclasses themselves still as they came."""
    kinds = {field.name: field.type for field in dataclasses.fields(kind)}
    if set(document.keys()) != set(kinds):
        raise ValueError(
            f"`{kind.__name__}` must have the fields {sorted(kinds)}. Received: {sorted(document)}"
        )
    return {name: _value(name, kinds[name], value) for name, value in document.items()}


def _value(name: str, kind: Any, value: Any) -> Any:
    if kind is np.ndarray:
        numbers = [math.nan if number is None else number for number in value]
        return np.array(numbers, np.int64 if name in _COUNTS else np.float64)
    if kind is float:
        return math.nan if value is None else float(value)
    return tuple(value) if typing.get_origin(kind) is tuple else value


def _check(evaluation: Evaluation) -> None:
    num_classes = len(evaluation.class_names)
    for scores in (getattr(evaluation, name) for name in _PARTS):
        for field in dataclasses.fields(scores):
            value = getattr(scores, field.name)
            if isinstance(value, np.ndarray) and value.shape != (num_classes,):
                raise ValueError(
                    f"`{field.name}` must have a value for each of the {num_classes} classes. "
                    f"Received: shape={value.shape}"
                )
    details = evaluation.details
    if details is not None and details.confusion.shape != (num_classes, num_classes + 1):
        raise ValueError(
            "`confusion` must have a row for each class and a column more. Received: "
            f"shape={details.confusion.shape}, {num_classes} classes"
        )
    for scores in (evaluation.instance, evaluation.strict):
        if scores.matching not in typing.get_args(Matching):
            raise ValueError(
                f"`matching` must be one of {typing.get_args(Matching)}. "
                f"Received: {scores.matching!r}"
            )
