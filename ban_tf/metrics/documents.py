"""Evaluations as values of JSON and back, whole: what a file of results keeps."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from ban_tf.metrics.evaluators import Evaluation
from ban_tf.metrics.instance import InstanceScores, Matching
from ban_tf.metrics.semantic import SemanticScores

_COUNTS = ("num_truth", "num_predicted", "num_matched")  # arrays of whole numbers


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
    return plain(dataclasses.asdict(evaluation))


def from_dict(document: Mapping[str, Any]) -> Evaluation:
    """The inverse of `to_dict`, to the last bit.

    Raises:
        ValueError: a field is missing, unknown or of another kind, or a class has no value.
    """
    try:
        values = _restored(Evaluation, document)
        evaluation = Evaluation(
            **values
            | {
                "semantic": SemanticScores(**_restored(SemanticScores, values["semantic"])),
                "instance": InstanceScores(**_restored(InstanceScores, values["instance"])),
                "strict": InstanceScores(**_restored(InstanceScores, values["strict"])),
            }
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"scores must be those that `to_dict` gives: {error}") from error
    _check(evaluation)
    return evaluation


def plain(value: Any) -> Any:
    """Arrays and tuples as lists, and NaN as None, all the way down.

    Example:
        >>> plain({"iou": np.array([0.5, np.nan]), "test": ("scan3",)})
        {'iou': [0.5, None], 'test': ['scan3']}
    """
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


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
    for scores in (evaluation.semantic, evaluation.instance, evaluation.strict):
        for field in dataclasses.fields(scores):
            value = getattr(scores, field.name)
            if isinstance(value, np.ndarray) and value.shape != (num_classes,):
                raise ValueError(
                    f"`{field.name}` must have a value for each of the {num_classes} classes. "
                    f"Received: shape={value.shape}"
                )
    for scores in (evaluation.instance, evaluation.strict):
        if scores.matching not in typing.get_args(Matching):
            raise ValueError(
                f"`matching` must be one of {typing.get_args(Matching)}. "
                f"Received: {scores.matching!r}"
            )
