"""Gives every point of a user's own scans a class and an instance, and writes labelled copies."""

import shutil
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
from ban_tf.experiments.large_scans import folder_state
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.scan_model import ScanModel
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
        FileExistsError: the copy, a page or a table is there, and `overwrite` is not asked for.
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
    page_places = pages.names(paths, request.html)
    page_of = pages.places(page_places, request.overwrite, list(places))
    for place in places.values():
        disk.require_writable(place, "out", is_folder=False)
    _require_apart(request, places, page_of, paths)
    has_tables = bool(request.csv or request.json or request.evaluate)
    model = ScanModel(request, load)
    work = scan_work.Work(request, kinds, model, has_tables and len(copies) > 1)
    done_before = [path for path in copies if path not in places]
    known = {path: work.known(path, copies[path]) for path in done_before if has_tables}
    for path in done_before:  # what a call left that was killed when all but this was done
        shutil.rmtree(folder_state.folder_of(copies[path]), ignore_errors=True)
    if len(places) > 1 and not request.dry_run:
        for path, out in places.items():
            work.look(path, out)
    done = []
    for path, out in copies.items():
        one = work.add(path, out, page_of.get(path)) if path in places else known.get(path)
        done += [one] if one is not None else []
    is_scored = request.evaluate and done and not request.dry_run
    scores = _scores(model, done) if is_scored else None
    scan_reports.write_tables(request, model.folder, done, scores)
    if not request.dry_run:
        scan_records.clear(copies.values())
    for path in done_before:
        page = page_places.get(path)
        if page is not None and not page.exists():
            print(f"{path} was done before, without its page {page} (--overwrite makes both anew)")
    return [one for one in done if one.path in places]


def _scores(model: ScanModel, done: Sequence[Labelled]) -> dict[str, Any]:
    """Scores of the labels that the scans bring, printed."""
    scorer = evaluation.evaluator_of(model.loaded().experiment, "covering")
    for one in done:
        assert one.counts is not None  # counted where labels are scored
        confidences = np.array([row.confidence for row in one.rows], np.float64)
        scan_scores.add(scorer, str(one.path), one.counts, confidences)
    found = scorer.evaluation()
    print(f"\n{table.render_text(found)}")
    return documents.to_dict(found)


def _require_apart(
    request: Scans,
    places: Mapping[Path, Path],
    page_of: Mapping[Path, Path],
    paths: Sequence[Path],
) -> None:
    """Refuses to write two things to one file, or anything over a scan."""
    tables = {"csv": request.csv, "json": request.json}
    files = {name: path for name, path in tables.items() if path is not None}
    scans = {path.resolve(): path for path in paths}
    for path, out in places.items():
        named = {"out": out, **files}
        if path in page_of:
            named["html"] = page_of[path]
        checks.require_apart(named)
        for name, place in named.items():
            if place.resolve() in scans:
                raise ValueError(
                    f"`{name}` must be another file than the scan {scans[place.resolve()]}: leave "
                    f"that scan out, or name another place. Received: {place} for {path}"
                )


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
