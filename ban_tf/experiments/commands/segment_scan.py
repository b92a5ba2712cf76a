"""Gives every point of a user's own scans a class and an instance, and writes labelled copies."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.clouds.formats import scan
from ban_tf.experiments import (
    checks,
    evaluation,
    pages,
    scan_files,
    scan_records,
    scan_reports,
    scan_scores,
    scan_work,
    trained,
)
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.scan_reports import Labelled
from ban_tf.metrics import documents, table


def segment(
    request: Scans,
    kinds: Sequence[scan_files.FolderKind] = (),
    load: Callable[[Path], trained.TrainedModel] = trained.load,
) -> list[Labelled]:
    """Does what the scan script is asked for: reads, labels, writes, and prints what it found.

    A scan that is stopped goes on with the same call, from what lies beside its copy. Of several
    scans, those whose copies are there are passed over.

    Args:
        request: which scans, which model, what to write.
        kinds: of folders that are scans.
        load: gives the model.

    Returns:
        The scans that were labelled.

    Raises:
        FileNotFoundError: there is no scan, or no model.
        FileExistsError: the labelled copy is there, and `overwrite` is not asked for.
        ValueError: a scan is damaged or has no coordinates, its copy cannot be, or a value of the
            request.
        OSError: a disk is too full.
        ImportError: a format, or gRPC, needs a library that is missing.
        ServingError: nobody answers, or the served model is another one.
    """
    checks.check(request)
    paths = scan_files.find(request.scans)
    copies = scan_files.outputs(paths, request.out, request.format)
    places = _left(copies, request.overwrite)
    page_of = pages.places(paths, request.html, request.overwrite, list(places))
    for place in places.values():
        disk.require_writable(place, "out", is_folder=False)
    _require_apart(request, copies, page_of)
    has_tables = bool(request.csv or request.json or request.evaluate)
    known = {
        path: scan_records.read(path, out, request.evaluate)
        for path, out in copies.items()
        if has_tables and path not in places
    }
    work = scan_work.Work(request, kinds, load, has_tables and len(copies) > 1)
    if len(places) > 1 and not request.dry_run:
        for path, out in places.items():
            work.look(path, out)
    done = []
    for path, out in copies.items():
        one = work.add(path, out, page_of.get(path)) if path in places else known.get(path)
        done += [one] if one is not None else []
    scores = _scores(work, done) if request.evaluate and done else None
    scan_reports.write_tables(request, work.folder, done, scores)
    if not request.dry_run:
        scan_records.clear(copies.values())
    return [one for one in done if one.path in places]


def _scores(work: scan_work.Work, done: Sequence[Labelled]) -> dict[str, Any]:
    """Scores of the labels that the scans bring, printed."""
    scorer = evaluation.evaluator_of(work.experiment, "covering")
    for one in done:
        assert one.counts is not None  # counted where labels are scored
        confidences = np.array([row.confidence for row in one.rows], np.float64)
        scan_scores.add(scorer, str(one.path), one.counts, confidences)
    found = scorer.evaluation()
    print(f"\n{table.render_text(found)}")
    return documents.to_dict(found)


def _require_apart(
    request: Scans, copies: Mapping[Path, Path], page_of: Mapping[Path, Path]
) -> None:
    """Refuses to write two things to one file, or anything over a scan."""
    tables = {"csv": request.csv, "json": request.json}
    files = {name: path for name, path in tables.items() if path is not None}
    for path, out in copies.items():
        named = {"scans": path, "out": out, **files}
        if path in page_of:
            named["html"] = page_of[path]
        checks.require_apart(named)


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
