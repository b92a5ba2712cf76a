"""Gives every point of a user's own scans a class and an instance, and writes labelled copies."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ban_tf import disk
from ban_tf.clouds.formats import scan
from ban_tf.experiments import pages, scan_files, scan_reports, scan_work, trained
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
    paths = scan_files.find(request.scans)
    places = scan_files.outputs(paths, request.out, request.format)
    places = _left(places, request.overwrite)
    page_of = pages.places(paths, request.html, request.overwrite, list(places))
    for place in places.values():
        disk.require_writable(place, "out", is_folder=False)
    work = scan_work.Work(request, kinds, load)
    for path, out in places.items():
        work.add(path, out, page_of.get(path))
    scores = work.scorer.evaluation() if work.scorer is not None and work.done else None
    if scores is not None:
        print(f"\n{table.render_text(scores)}")
    document = None if scores is None else documents.to_dict(scores)
    scan_reports.write_tables(request, work.folder, work.done, document)
    return work.done


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
