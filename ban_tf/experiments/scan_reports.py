"""What the scan script tells: of the model, of each scan, of what it would do, and its tables."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import config, disk
from ban_tf.clouds import conditioning
from ban_tf.experiments import (
    instance_boxes,
    memory,
    scan_checks,
    scan_files,
    trained,
    training_ranges,
)
from ban_tf.experiments.requests import Scans


@dataclasses.dataclass(frozen=True)
class Labelled:
    """One scan with its labels.

    Args:
        path: of the scan.
        out: of the labelled copy.
        num_points: of the file.
        metres: of a unit of the file.
        turn: float64 `[3, 3]`; points of the cloud are `metres * xyz @ turn.T`.
        assumptions: sentences on what was found or given.
        rows: the instances.
        conditioned: the scan as it was understood; None of one that was segmented in tiles.
        labels: of every point of the file, by name; of one in tiles only the copy has them.
        counts: how these meet the labels that the scan brings, of `scan_scores.count`; None where
            they are not scored.
    """

    path: Path
    out: Path
    num_points: int
    metres: float
    turn: np.ndarray
    assumptions: tuple[str, ...]
    rows: list[instance_boxes.Row]
    conditioned: conditioning.Conditioned | None = None
    labels: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    counts: np.ndarray | None = None


def print_model(
    folder: Path, model: trained.TrainedModel, ranges: training_ranges.Ranges | None
) -> None:
    """What the model is, and what it was trained on."""
    experiment = model.experiment
    cut = experiment.samples
    seen = f"blocks of {cut.size_m:g} m" if isinstance(cut, config.Blocks) else "whole shapes"
    print(
        f"model {folder}: {experiment.network.name} of {experiment.dataset}, "
        f"{experiment.labels.num_classes} classes ({', '.join(model.class_names)}), {seen}, "
        f"features {', '.join(experiment.features.names)}"
    )
    print(f"  {ranges.sentence() if ranges else 'its training data are not at hand'}")


def print_scan(
    path: Path,
    num_points: int,
    extent: np.ndarray,
    assumptions: Sequence[str],
    doubts: Sequence[str],
) -> None:
    """How a scan is understood.

    Args:
        path: of the scan.
        num_points: of the file.
        extent: float64 `[3]`, metres.
        assumptions: sentences.
        doubts: sentences on where it is unlike what the model was trained on.
    """
    size = " x ".join(f"{value:.2f}" for value in extent)
    print(f"{path}: {num_points:,} points, {size} m")
    for sentence in assumptions:
        print(f"  {_as_flags(sentence)}")
    for doubt in doubts:
        print(f"  warning: {doubt}: labels may be far worse")


def print_truth(path: Path, truth: scan_files.Truth | None) -> None:
    """Tells where a scan brings classes only."""
    if truth is not None and not truth.has_instances:
        print(f"  {path} brings no instances (`--truth` names them): only classes are scored")


def print_note(num_classes: int, out: Path) -> None:
    """Tells where a LAS copy cannot have the classes as its classification."""
    note = scan_checks.note_on_codes(num_classes, out)
    if note:
        print(f"  {note}")


def print_plan(num_samples: int, is_cut: bool, num_points: int) -> None:
    """What a dry run would do with a scan in memory."""
    what = "blocks" if is_cut else "shapes"
    taken = memory.shown(memory.of_whole(num_points))
    print(f"  would run {num_samples:,} {what}, in about {taken} of memory")


def print_outputs(out: Path, html: Path | None) -> None:
    """What a dry run would write of a scan."""
    print(f"  would write {out}" + (f" and {html}" if html is not None else ""))


def print_done(done: Labelled) -> None:
    """The instances of a scan, and where its copy is."""
    title = f"{done.path.name}: {len(done.rows)} instances"
    print(f"\n{instance_boxes.as_table(done.rows, title).text()}")
    print(f"wrote {done.out}")


def _as_flags(sentence: str) -> str:
    for name in ("unit", "up", "colors", "storeys"):
        sentence = sentence.replace(f"(`{name}`)", f"(--{name} says otherwise)")
    return sentence


def write_tables(
    request: Scans, folder: Path, done: Sequence[Labelled], scores: dict[str, Any] | None
) -> None:
    """Writes the CSV and JSON files that a request asks for.

    Args:
        request: what was asked for.
        folder: of the model.
        done: the scans that were labelled.
        scores: of their labels; None for none.
    """
    if request.dry_run:
        for path in filter(None, (request.csv, request.json)):
            print(f"would write {path}")
        return
    if request.csv is not None:
        named = [(str(one.path), one.rows) for one in done]
        disk.write_whole(request.csv, instance_boxes.as_csv(named))
        print(f"wrote {request.csv}")
    if request.json is not None:
        document = {
            "model": str(folder),
            "scans": [
                {
                    "scan": str(one.path),
                    "out": str(one.out),
                    "points": one.num_points,
                    "metres_per_unit": one.metres,
                    "turn": one.turn.tolist(),
                    "assumptions": list(one.assumptions),
                    "instances": [instance_boxes.as_document(row) for row in one.rows],
                }
                for one in done
            ],
            "scores": scores,
        }
        disk.write_whole(request.json, json.dumps(document, indent=2) + "\n")
        print(f"wrote {request.json}")
