"""Average precision and panoptic quality as tables, each with its rule."""

from collections.abc import Mapping

from ban_tf.metrics import average_precision, cells, panoptic
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.metrics.layout import Table

TITLE = "Average precision and panoptic quality"
SCORE_RULE = "the mean probability of its class over its points"
RULES: Mapping[str, str] = {
    "AP": average_precision.RULE,
    "AP50": "the same at IoU 0.50 alone",
    "AP25": "the same at IoU 0.25 alone",
    "PQ": panoptic.RULE,
    "SQ": "mean IoU of the matched segments",
    "RQ": "share of the segments that match (F1)",
    "instance score": SCORE_RULE,
}


def table(evaluation: Evaluation) -> Table:
    """Both of every class, then their means; of things and of stuff apart where there is stuff.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import Labels
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> evaluator = Evaluator("office", Labels(class_names=("chair",)), ("scan3",), "covering")
        >>> evaluator.add("scan3", *[np.zeros(4, int)] * 4, instance_score=[0.9])
        >>> table(evaluator.evaluation()).rows[-1]
        ('mean', '100.0', '100.0', '100.0', '100.0', '100.0', '100.0')
    """
    arrays = evaluation.quality_per_class()
    rows = [
        _row(name, {key: float(values[index]) for key, values in arrays.items()})
        for index, name in enumerate(evaluation.class_names)
    ]
    if evaluation.panoptic.stuff:
        precision = evaluation.precision.means()
        nothing = dict.fromkeys(precision, float("nan"))
        rows += [
            _row("mean of things", precision | evaluation.panoptic.of_things().means()),
            _row("mean of stuff", nothing | evaluation.panoptic.of_stuff().means()),
        ]
    return Table(
        title=f"{TITLE} (last row: means)",
        header=("Class", *arrays),
        num_labels=1,
        rows=(*rows, _row("mean", evaluation.quality())),
        notes=notes(evaluation.precision.scored),
    )


def notes(scored: bool) -> tuple[str, ...]:
    """The rules, as sentences below a table.

    Args:
        scored: whether every instance came with a score.
    """
    precision = (
        f"AP: {RULES['AP']}; AP50 and AP25 at one threshold. "
        f"The score of an instance is {SCORE_RULE}."
        if scored
        else "No AP: some instances came without a score, or the scores are older than AP is here."
    )
    return (precision, f"PQ = SQ x RQ: {RULES['PQ']}.")


def _row(name: str, fractions: Mapping[str, float]) -> tuple[str, ...]:
    return (name, *(cells.percent(100 * value) for value in fractions.values()))
