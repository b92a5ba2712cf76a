"""What was measured as tables: the paper's Table 8, and what comes after the network."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ban_tf import systems
from ban_tf.experiments.efficiency.records import AfterNetwork, Efficiency
from ban_tf.metrics import published
from ban_tf.metrics.layout import Table

# What this project asks of itself.
LEAST_RATIO = 50.0  # of the originals' time after the network to ours
GREATEST_SHARE = 0.1  # of the network's time, for clustering and merging


def speed_table(found: Sequence[Efficiency], embedding: Mapping[str, str]) -> Table:
    """Table 8's layout: the paper's rows, then ours.

    Args:
        found: the systems.
        embedding: for each network, the name of the embedding whose clustering is counted.
    """
    paper = [
        (
            published.shown(row.method),
            row.backbone,
            f"{row.with_clustering_s:.0f} s",
            f"{row.without_clustering_s:.0f} s",
            row.gpu_memory,
        )
        for row in published.speeds()
    ]
    ours = []
    for one in found:
        system = systems.of(one.network)
        row = _row(one, embedding[one.network])
        memory = one.peak_mib if one.gpu_peak_mib is None else one.gpu_peak_mib
        ours.append(
            (
                system.title,
                system.backbone,
                f"{row.whole_seconds:.2f} s",
                f"{one.network_seconds:.2f} s",
                f"{memory:.0f} MiB",
            )
        )
    num_blocks, num_points = found[0].shape
    where = "the process, above the framework's" if found[0].gpu_peak_mib is None else "the GPU"
    clustered = ", ".join(f"{systems.of(n).title}: {name}" for n, name in embedding.items())
    return Table(
        title="Speed and memory, the paper's Table 8 and this machine",
        header=("Method", "Backbone", "With clustering", "Without clustering", "Memory"),
        num_labels=2,
        rows=(*paper, *ours),
        num_published=len(paper),
        notes=(
            "The paper does not say on which rooms and GPU: its seconds and ours do not compare.",
            f"Ours: {num_blocks} blocks of {num_points} points; peak memory of {where}.",
            f"Embedding that was clustered: {clustered}.",
        ),
    )


def after_table(found: Sequence[Efficiency]) -> Table:
    """From the network's outputs to instances: ours, the originals', and both with the network."""
    rows = []
    for one in found:
        for row in one.after:
            timed = row.originals_seconds
            whole = None if timed is None else one.network_seconds + timed
            rows.append(
                (
                    systems.of(one.network).title,
                    row.embedding,
                    f"{row.clusters:.1f}",
                    f"{_per_block(one, one.network_seconds):.1f}",
                    f"{_per_block(one, row.seconds):.2f}",
                    f"{100 * share_of_network(one, row):.1f} %",
                    "-" if timed is None else f"{_per_block(one, timed):.0f}",
                    "-" if timed is None else f"{timed / row.seconds:.0f}x",
                    f"{_per_block(one, row.whole_seconds):.1f}",
                    "-" if whole is None else f"{_per_block(one, whole):.0f}",
                    "-" if whole is None else f"{whole / row.whole_seconds:.1f}x",
                )
            )
    return Table(
        title="After the network and end to end, milliseconds per block",
        header=(
            "Method",
            "Embedding",
            "Clusters",
            "Network",
            "After it",
            "Share",
            "Originals' after",
            "Ratio",
            "Whole",
            "Originals' whole",
            "Ratio",
        ),
        num_labels=2,
        rows=tuple(rows),
        notes=(*_verdicts(found), "Ours clusters beside the network: a whole is less than a sum."),
    )


def _verdicts(found: Sequence[Efficiency]) -> list[str]:
    greatest = ", ".join(
        f"{systems.of(one.network).title} "
        f"{100 * max(share_of_network(one, row) for row in one.after):.1f} %"
        for one in found
    )
    verdicts = [
        "Clustering and merging take, of the network's time, at most: "
        f"{greatest} (asked: {100 * GREATEST_SHARE:.0f} %)."
    ]
    rows = [row for one in found for row in one.after]
    ratios = [row.originals_seconds / row.seconds for row in rows if row.originals_seconds]
    if ratios:
        verdicts.append(
            "The originals' way, one block after another, leads to the same instances and takes "
            f"at least {min(ratios):.0f} times as long (asked: {LEAST_RATIO:.0f})."
        )
    return verdicts


def share_of_network(one: Efficiency, row: AfterNetwork) -> float:
    """Time of clustering and merging, as a share of the network's."""
    return row.seconds / one.network_seconds


def _per_block(one: Efficiency, seconds: float) -> float:
    return 1e3 * seconds / one.shape[0]


def _row(one: Efficiency, embedding: str) -> AfterNetwork:
    return next(row for row in one.after if row.embedding == embedding)


def document(found: Sequence[Efficiency], collected: Mapping[str, Any]) -> dict[str, Any]:
    """Everything as JSON; `collected` is `provenance.collect()`."""
    return {**collected, "systems": [dataclasses.asdict(one) for one in found]}
