"""The layout of the paper's ablation: variants of BAN, each trained with several seeds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from ban_tf import config
from ban_tf.metrics import cells, comparison, paper_rows, published, spread
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.metrics.layout import Table

BASELINE = "none"  # the row that the others are a gain over
_MIN_SEEDS = 3  # fewer say too little of a spread that differences are judged by


def tables(samples: Mapping[str, Sequence[Evaluation]]) -> list[Table]:
    """Three tables: the scores, their difference to the paper's, and the gain over the baseline.

    A spread is the standard deviation over the seeds; that of a gain is over the differences seed
    by seed. A difference smaller than its spread is marked `~`. The paper's rows always stand
    there; where they are of other points, a note says so.

    Args:
        samples: for each of `config.VARIANTS`, the evaluations of its seeds, from the first seed
            on; some may have fewer of them than others, and variants may be missing.

    Raises:
        ValueError: an unknown variant, a variant without seeds, or scores of different data.
    """
    paper = published.ablation()
    _check(samples, paper)
    some = next(iter(samples.values()))
    notes = paper_rows.notes(paper, some[0])
    where = f"{some[0].dataset}, {some[0].protocol} protocol, {_all_seeds(samples)}"
    return [
        _score_table(samples, paper, where, notes),
        _difference_table(samples, paper, where, notes),
        _gain_table(samples, paper, where),
    ]


def _check(samples: Mapping[str, Sequence[Evaluation]], paper: published.PublishedTable) -> None:
    known = list(config.VARIANTS)
    unknown = sorted(set(samples) - set(known))
    if unknown or not samples:
        raise ValueError(f"variants must be some of {known}. Received: {unknown or 'none'}")
    empty = [name for name, scores in samples.items() if not scores]
    if empty:
        raise ValueError(f"each variant needs at least one seed. Received: none of {empty}")
    comparison.check_comparable([scores for several in samples.values() for scores in several])


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _all_seeds(samples: Mapping[str, Sequence[Evaluation]]) -> str:
    counts = sorted(map(len, samples.values()))
    if counts[0] == counts[-1]:
        return _seeds(counts[0])
    return f"{counts[0]} to {_seeds(counts[-1])}"


def _ours(name: str, samples: Mapping[str, Sequence[Evaluation]]) -> str:
    """The name of our row, with its seeds where not all rows have as many."""
    alike = len(set(map(len, samples.values()))) == 1
    return f"{name} (ours)" if alike else f"{name} (ours, {_seeds(len(samples[name]))})"


def _in_percent(samples: Sequence[Evaluation], metric: str) -> list[float] | None:
    """The values of all seeds; None if the metric is undefined for one of them."""
    values = [100 * evaluation.means()[metric] for evaluation in samples]
    return None if any(map(math.isnan, values)) else values


def _mean_cell(values: Sequence[float] | None) -> str:
    return "-" if values is None else spread.of(values, _MIN_SEEDS).cell()


def _difference_cell(values: Sequence[float] | None) -> str:
    """A mean difference with its spread, marked if it is the smaller of the two."""
    if values is None:
        return "-"
    found = spread.of(values, _MIN_SEEDS)
    if math.isnan(found.deviation):
        return cells.difference(found.mean)
    mark = " ~" if abs(found.mean) < found.deviation else ""
    return f"{cells.difference(found.mean)} ± {cells.percent(found.deviation)}{mark}"


def _spread_note(samples: Mapping[str, Sequence[Evaluation]]) -> str:
    count = max(map(len, samples.values()))
    if count < _MIN_SEEDS:
        return (
            f"{_seeds(count)}: no spread, for which at least {_MIN_SEEDS} are needed; "
            "a difference of a point or two may be chance."
        )
    return (
        f"± is the standard deviation over {_all_seeds(samples)}; "
        "~ marks differences smaller than it."
    )


def _score_table(
    samples: Mapping[str, Sequence[Evaluation]],
    paper: published.PublishedTable,
    where: str,
    notes: Sequence[str],
) -> Table:
    labels = _labels(paper)
    ours = [
        (
            _ours(name, samples),
            *labels[name],
            *(_mean_cell(_in_percent(samples[name], metric)) for metric in paper.metrics),
        )
        for name in config.VARIANTS
        if name in samples
    ]
    return paper_rows.above(
        paper,
        title=f"Ablation (layout of {paper.title}): {where}",
        label_names=paper.label_names,
        metrics=paper.metrics,
        ours=ours,
        notes=[*notes, _spread_note(samples)],
    )


def _labels(paper: published.PublishedTable) -> dict[str, tuple[str, ...]]:
    """What stands beside each variant's name; one that the paper lacks takes its kind's label."""
    labels = {row.label[0]: row.label[1:] for row in paper.rows}
    for name, ban in config.VARIANTS.items():
        labels.setdefault(name, labels[_faithful(ban)])
    return labels


def _faithful(ban: config.BanConfig) -> str:
    """The paper's variant with the same switches but for those that are ours."""
    plain = dataclasses.replace(ban, attention_scale="none", similarity_start="independent")
    return next(name for name, other in config.ABLATIONS.items() if other == plain)


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
    published_rows = {row.label[0]: row.percent for row in paper.rows}
    baseline = published_rows[BASELINE]
    rows = []
    for variant in config.VARIANTS:
        if variant == BASELINE:
            continue
        if variant in published_rows:
            percent = published_rows[variant]
            paper_gains = (percent[name] - baseline[name] for name in paper.metrics)
            rows.append((f"{variant} (paper)", *map(cells.difference, paper_gains)))
        if variant in samples and BASELINE in samples:
            our_gains = (_gain_cell(samples, variant, name) for name in paper.metrics)
            rows.append((_ours(variant, samples), *our_gains))
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
    # The seeds that both have.
    return _difference_cell([high - low for high, low in zip(ours, base, strict=False)])
