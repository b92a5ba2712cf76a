"""The layout of the paper's ablation: variants of BAN, each trained with several seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence

from ban_tf.metrics import cells, comparison, paper_rows, published
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.metrics.layout import Table

BASELINE = "none"  # the row that the others are a gain over
_MIN_SEEDS = 3  # fewer say nothing of the spread


def tables(samples: Mapping[str, Sequence[Evaluation]]) -> list[Table]:
    """Three tables: the scores, their difference to the paper's, and the gain over the baseline.

    A spread is the standard deviation over the seeds; that of a gain is over the differences seed
    by seed. A difference smaller than its spread is marked `~`. The paper's rows always stand
    there; where they are of other points, a note says so.

    Args:
        samples: for each variant, by its name in the paper, the evaluations of every seed; all
            variants with the same seeds in the same order. Variants may be missing.

    Raises:
        ValueError: an unknown variant, a variant without seeds or with others than the rest, or
            scores of different data.
    """
    paper = published.ablation()
    _check(samples, paper)
    some = next(iter(samples.values()))
    notes = paper_rows.notes(paper, some[0])
    where = f"{some[0].dataset}, {some[0].protocol} protocol, {_seeds(len(some))}"
    return [
        _score_table(samples, paper, where, notes),
        _difference_table(samples, paper, where, notes),
        _gain_table(samples, paper, where),
    ]


def _check(samples: Mapping[str, Sequence[Evaluation]], paper: published.PublishedTable) -> None:
    known = [row.label[0] for row in paper.rows]
    unknown = sorted(set(samples) - set(known))
    if unknown or not samples:
        raise ValueError(f"variants must be some of {known}. Received: {unknown or 'none'}")
    lengths = {name: len(scores) for name, scores in samples.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(
            f"all variants need the same number of seeds, at least 1. Received: {lengths}"
        )
    comparison.check_comparable([scores for several in samples.values() for scores in several])


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _in_percent(samples: Sequence[Evaluation], metric: str) -> list[float] | None:
    """The values of all seeds; None if the metric is undefined for one of them."""
    values = [100 * evaluation.means()[metric] for evaluation in samples]
    return None if any(map(math.isnan, values)) else values


def _spread(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) >= _MIN_SEEDS else None


def _mean_cell(values: Sequence[float] | None) -> str:
    if values is None:
        return "-"
    spread = _spread(values)
    mean = cells.percent(statistics.fmean(values))
    return mean if spread is None else f"{mean} ± {cells.percent(spread)}"


def _difference_cell(values: Sequence[float] | None) -> str:
    """A mean difference with its spread, marked if it is the smaller of the two."""
    if values is None:
        return "-"
    spread, mean = _spread(values), statistics.fmean(values)
    if spread is None:
        return cells.difference(mean)
    mark = " ~" if abs(mean) < spread else ""
    return f"{cells.difference(mean)} ± {cells.percent(spread)}{mark}"


def _spread_note(samples: Mapping[str, Sequence[Evaluation]]) -> str:
    count = len(next(iter(samples.values())))
    if count < _MIN_SEEDS:
        return (
            f"{_seeds(count)}: no spread, for which at least {_MIN_SEEDS} are needed; "
            "a difference of a point or two may be chance."
        )
    return f"± is the standard deviation over {_seeds(count)}; ~ marks differences smaller than it."


def _score_table(
    samples: Mapping[str, Sequence[Evaluation]],
    paper: published.PublishedTable,
    where: str,
    notes: Sequence[str],
) -> Table:
    ours = [
        (
            f"{row.label[0]} (ours)",
            *row.label[1:],
            *(_mean_cell(_in_percent(samples[row.label[0]], name)) for name in paper.metrics),
        )
        for row in paper.rows
        if row.label[0] in samples
    ]
    return paper_rows.above(
        paper,
        title=f"Ablation (layout of {paper.title}): {where}",
        label_names=paper.label_names,
        metrics=paper.metrics,
        ours=ours,
        notes=[*notes, _spread_note(samples)],
    )


def _difference_table(
    samples: Mapping[str, Sequence[Evaluation]],
    paper: published.PublishedTable,
    where: str,
    notes: Sequence[str],
) -> Table:
    rows = []
    for row in paper.rows:
        if row.label[0] not in samples:
            continue
        differences = []
        for name in paper.metrics:
            values = _in_percent(samples[row.label[0]], name)
            shifted = None if values is None else [value - row.percent[name] for value in values]
            differences.append(_difference_cell(shifted))
        rows.append((*row.label, *differences))
    return Table(
        title=f"Δ to the paper's row: {where}",
        header=(*paper.label_names, *(f"Δ {name}" for name in paper.metrics)),
        num_labels=len(paper.label_names),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _gain_table(
    samples: Mapping[str, Sequence[Evaluation]], paper: published.PublishedTable, where: str
) -> Table:
    baseline = next(row for row in paper.rows if row.label[0] == BASELINE)
    rows = []
    for row in paper.rows:
        if row is baseline:
            continue
        paper_gains = (row.percent[name] - baseline.percent[name] for name in paper.metrics)
        rows.append((f"{row.label[0]} (paper)", *map(cells.difference, paper_gains)))
        if row.label[0] in samples and BASELINE in samples:
            our_gains = (_gain_cell(samples, row.label[0], name) for name in paper.metrics)
            rows.append((f"{row.label[0]} (ours)", *our_gains))
    return Table(
        title=f"Gain over {BASELINE!r}: {where}",
        header=("Variant", *(f"Δ {name}" for name in paper.metrics)),
        num_labels=1,
        rows=tuple(rows),
        notes=(_spread_note(samples),),
    )


def _gain_cell(samples: Mapping[str, Sequence[Evaluation]], variant: str, metric: str) -> str:
    ours = _in_percent(samples[variant], metric)
    base = _in_percent(samples[BASELINE], metric)
    if ours is None or base is None:
        return "-"
    return _difference_cell([high - low for high, low in zip(ours, base, strict=True)])
