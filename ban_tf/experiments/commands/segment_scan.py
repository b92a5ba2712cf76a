"""Gives every point of a user's own scans a class and an instance, and writes labelled copies."""

import dataclasses
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import config, disk, progress
from ban_tf.clouds import conditioning
from ban_tf.clouds.formats import raw_scan, scan
from ban_tf.config import NONE
from ban_tf.data import samples
from ban_tf.experiments import (
    evaluation,
    folds,
    instance_boxes,
    page_similarities,
    pages,
    scan_files,
    trained,
    training_ranges,
)
from ban_tf.experiments.requests import RUNS, Scans
from ban_tf.inference import segmentation
from ban_tf.inference.results import Segmentation
from ban_tf.metrics import documents, table

_NOT_LABELLED = 0.0  # confidence and entropy of a point without a place


@dataclasses.dataclass(frozen=True)
class Labelled:
    """One scan with its labels.

    Args:
        path: of the scan.
        out: of the labelled copy.
        conditioned: the scan as the network saw it.
        labels: of every point of the file, by name.
        rows: the instances.
    """

    path: Path
    out: Path
    conditioned: conditioning.Conditioned
    labels: dict[str, np.ndarray]
    rows: list[instance_boxes.Row]


def segment(
    request: Scans,
    kinds: Sequence[scan_files.FolderKind] = (),
    load: Callable[[Path], trained.TrainedModel] = trained.load,
) -> list[Labelled]:
    """Does what the scan script is asked for: reads, labels, writes, and prints what it found.

    A scan that is stopped goes on with the same call, from `<out>.state`. Of several scans, those
    whose copies are there are passed over.

    Args:
        request: which scans, which model, what to write.
        kinds: of folders that are scans.
        load: gives the model.

    Returns:
        The scans that were labelled.

    Raises:
        FileNotFoundError: there is no scan, or no model.
        FileExistsError: the labelled copy is there, and `overwrite` is not asked for.
        ValueError: a scan is damaged or has no coordinates, or a value of the request cannot be.
        ImportError: a format needs a library that is missing.
    """
    options = _options(request)
    paths = scan_files.find(request.scans)
    places = scan_files.outputs(paths, request.out, request.format)
    places = _left(places, request.overwrite)
    page_of = pages.places(paths, request.html, request.overwrite, list(places))
    for place in places.values():
        disk.require_writable(place, "out", is_folder=False)
    folder = request.model or folds.newest(RUNS)
    done: list[Labelled] = []
    model: trained.TrainedModel | None = None
    scorer = None
    for path, out in places.items():
        raw, own = scan_files.read(path, request.columns, kinds)
        scan.require_free_names(raw, raw_scan.LABELS, request.overwrite)
        if model is None:
            model = load(folder)
            keys = page_similarities.queries_and_keys(folder) if request.similarity else None
            ranges = training_ranges.of_model(folder)
            _print_model(folder, model, ranges)
            if request.evaluate:
                scorer = evaluation.evaluator_of(model.experiment, "covering")
        truth = None
        if request.evaluate:
            truth = scan_files.truth_of(raw, model.experiment.labels, own, request.truth)
        is_room = isinstance(model.experiment.samples, config.Blocks)
        conditioned = conditioning.condition(raw, options, is_room=is_room)
        _print_scan(path, raw, conditioned, ranges)
        if request.dry_run:
            _print_plan(conditioned, model, out)
            continue
        found = _label(conditioned, model, out)
        labels = of_file(found, conditioned.rows, len(raw))
        scan.write(raw, out, labels, request.overwrite)
        _state_of(out).unlink(missing_ok=True)
        rows = instance_boxes.rows_of(conditioned, found, model.experiment.labels)
        print(f"\n{instance_boxes.as_table(rows, f'{path.name}: {len(rows)} instances').text()}")
        print(f"wrote {out}")
        if path in page_of:
            cloud = scan_files.with_truth(conditioned, truth)
            pages.write(page_of[path], cloud, found, model.experiment, keys, request.overwrite)
        if scorer is not None and truth is not None:
            _score(scorer, path, truth, found, conditioned, model.experiment.labels)
        done.append(Labelled(path, out, conditioned, labels, rows))
    scores = scorer.evaluation() if scorer is not None and done else None
    if scores is not None:
        print(f"\n{table.render_text(scores)}")
    _write_tables(request, folder, done, None if scores is None else documents.to_dict(scores))
    return done


def _options(request: Scans) -> conditioning.Options:
    chosen: dict[str, Any] = {name: getattr(request, name) for name in ("unit", "up", "colors")}
    return conditioning.Options(**chosen)


def _left(places: dict[Path, Path], overwrite: bool) -> dict[Path, Path]:
    """The scans that are to be labelled: of several, those without a copy."""
    if overwrite:
        return places
    if len(places) == 1:
        (out,) = places.values()
        scan.require_free_place(out, overwrite)
        return places
    for path, out in places.items():
        if out.exists():
            print(f"passing over {path}: {out} is there (replaced only with --overwrite)")
    return {path: out for path, out in places.items() if not out.exists()}


def _state_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.state")


def _label(
    conditioned: conditioning.Conditioned, model: trained.TrainedModel, out: Path
) -> Segmentation:
    """The labels of the points that have a place, with progress; warnings are printed."""
    experiment = model.experiment
    cloud = conditioned.cloud
    total = num_samples_of(conditioned, model)
    unit = "block" if isinstance(experiment.samples, config.Blocks) else "shape"
    with (
        warnings.catch_warnings(record=True) as caught,
        progress.Bar(total, f"segmenting {cloud.name}", unit=unit) as bar,
    ):
        warnings.simplefilter("always", UserWarning)
        found = segmentation.segment(
            cloud,
            model.predictor,
            experiment,
            model.mean_sizes,
            progress=bar.update,
            state_file=_state_of(out),
            with_entropy=True,
        )
    for warning in caught:
        print(f"warning: {warning.message}")
    return found


def num_samples_of(conditioned: conditioning.Conditioned, model: trained.TrainedModel) -> int:
    """How many samples of a scan the network will see.

    Args:
        conditioned: the scan.
        model: whose experiment cuts it.
    """
    return len(samples.plan_covering(conditioned.cloud, model.experiment.samples))


def of_file(found: Segmentation, rows: np.ndarray, num_points: int) -> dict[str, np.ndarray]:
    """Labels of every point of a file; -1 where a point has no place.

    Args:
        found: labels of M points.
        rows: int64 `[M]`, which points of the file these are.
        num_points: N, of the file.

    Returns:
        `semantic` and `instance`, int32, `confidence` and `entropy`, float32, each `[N]`.
    """
    entropy = found.entropy if found.entropy is not None else np.zeros(len(rows), np.float32)
    labels = {}
    for name, values in zip(
        raw_scan.LABELS,
        (found.semantic, found.instance, found.confidence, entropy),
        strict=True,
    ):
        empty = NONE if values.dtype.kind == "i" else _NOT_LABELLED
        labels[name] = np.full(num_points, empty, values.dtype)
        labels[name][rows] = values
    return labels


def _score(
    scorer: Any,
    path: Path,
    truth: scan_files.Truth,
    found: Segmentation,
    conditioned: conditioning.Conditioned,
    labels: config.Labels,
) -> None:
    semantic, instance = truth.semantic[conditioned.rows], truth.instance[conditioned.rows]
    scorer.add(
        str(path),
        semantic,
        labels.without_stuff(semantic, instance),
        found.semantic,
        found.instance,
        found.instance_scores,
    )


def _print_model(
    folder: Path, model: trained.TrainedModel, ranges: training_ranges.Ranges | None
) -> None:
    experiment = model.experiment
    cut = experiment.samples
    seen = f"blocks of {cut.size_m:g} m" if isinstance(cut, config.Blocks) else "whole shapes"
    print(
        f"model {folder}: {experiment.network.name} of {experiment.dataset}, "
        f"{experiment.labels.num_classes} classes ({', '.join(model.class_names)}), {seen}, "
        f"features {', '.join(experiment.features.names)}"
    )
    print(f"  {ranges.sentence() if ranges else 'its training data are not at hand'}")


def _print_scan(
    path: Path,
    raw: raw_scan.RawScan,
    conditioned: conditioning.Conditioned,
    ranges: training_ranges.Ranges | None,
) -> None:
    extent = " x ".join(f"{value:.2f}" for value in np.ptp(conditioned.cloud.xyz, axis=0))
    print(f"{path}: {len(raw):,} points, {extent} m")
    for sentence in conditioned.assumptions:
        print(f"  {_as_flags(sentence)}")
    for doubt in training_ranges.doubts(conditioned.cloud, ranges) if ranges else ():
        print(f"  warning: {doubt}: labels may be far worse")


def _as_flags(sentence: str) -> str:
    for name in ("unit", "up", "colors"):
        sentence = sentence.replace(f"(`{name}`)", f"(--{name} says otherwise)")
    return sentence


def _print_plan(
    conditioned: conditioning.Conditioned, model: trained.TrainedModel, out: Path
) -> None:
    count = num_samples_of(conditioned, model)
    what = "blocks" if isinstance(model.experiment.samples, config.Blocks) else "shapes"
    print(f"  would run {count:,} {what} and write {out}")


def _write_tables(
    request: Scans, folder: Path, done: Sequence[Labelled], scores: dict[str, Any] | None
) -> None:
    if request.dry_run:
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
                    "points": len(one.labels["semantic"]),
                    "metres_per_unit": one.conditioned.metres,
                    "turn": one.conditioned.turn.tolist(),
                    "assumptions": list(one.conditioned.assumptions),
                    "instances": [instance_boxes.as_document(row) for row in one.rows],
                }
                for one in done
            ],
            "scores": scores,
        }
        disk.write_whole(request.json, json.dumps(document, indent=2) + "\n")
        print(f"wrote {request.json}")
