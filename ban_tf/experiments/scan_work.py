"""Labels scans one after the other: each as a whole where it fits into memory, else in tiles."""

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ban_tf import config, disk
from ban_tf.clouds import conditioning
from ban_tf.clouds.cloud import Cloud
from ban_tf.clouds.formats import raw_scan, scan, scan_stream
from ban_tf.clouds.formats.stream import Stream, of_whole
from ban_tf.clouds.storeys import Storeys
from ban_tf.experiments import (
    instance_boxes,
    memory,
    pages,
    scan_checks,
    scan_files,
    scan_records,
    scan_reports,
    whole_scans,
)
from ban_tf.experiments.large_scans import folder_state, segmenting
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.scan_model import ScanModel
from ban_tf.experiments.scan_reports import Labelled
from ban_tf.inference.results import Segmentation
from ban_tf.view.viewer import page, scene


def _state_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.state")


class Work:
    """One call of the scan script: how it labels.

    Args:
        request: what is asked for.
        kinds: of folders that are scans.
        model: that labels them.
        keeps_records: whether what tables need is kept beside the copies.
    """

    def __init__(
        self,
        request: Scans,
        kinds: Sequence[scan_files.FolderKind],
        model: ScanModel,
        keeps_records: bool,
    ) -> None:
        self._request, self._kinds, self._keeps_records = request, kinds, keeps_records
        self._model = model
        chosen: dict[str, Any] = {name: getattr(request, name) for name in ("unit", "up", "colors")}
        self._options = conditioning.Options(**chosen)
        self._budget = memory.Budget.of(request.max_memory)

    def look(self, path: Path, out: Path) -> None:
        """Refuses a scan that cannot be labelled, or written, before any is."""
        found = self._open(path, out)
        if isinstance(found, Stream):
            self._require_parts(found, out)
            return
        raw, own = found
        self._require_whole(path, out, raw, own)
        conditioning.condition(raw, self._options, is_room=self._model.is_cut)

    def add(self, path: Path, out: Path, html: Path | None) -> Labelled | None:
        """Labels a scan: as a whole where it fits into memory, else in tiles.

        Returns:
            What is known of it then; None in a dry run.
        """
        found = self._open(path, out)
        if isinstance(found, Stream):
            return self._add_tiles(found, out, html)
        return self._add_whole(path, out, html, *found)

    def _open(
        self, path: Path, out: Path
    ) -> Stream | tuple[raw_scan.RawScan, config.Labels | None]:
        """A scan in memory with the classes of its labels, or one that does not fit.

        What was begun in tiles goes on in tiles, even where there is more memory now.
        """
        columns, is_begun = self._request.columns, folder_state.folder_of(out).exists()

        def fits(num_points: int) -> bool:
            return self._budget.fits(num_points) and not is_begun

        stream = None if path.is_dir() or columns else scan_stream.open_parts(path)
        if stream is not None and not fits(len(stream)) and self._model.is_cut:
            return stream
        raw, own = scan_files.read(path, columns, self._kinds)
        if stream is not None or path.is_dir() or fits(len(raw)) or not self._model.is_cut:
            return raw, own
        return of_whole(lambda: scan.read(path, columns), raw)

    def _require_whole(
        self, path: Path, out: Path, raw: raw_scan.RawScan, own: config.Labels | None
    ) -> scan_files.Truth | None:
        """Refuses what cannot be written or scored; gives the labels that the scan brings."""
        request = self._request
        scan.require_free_names(raw, raw_scan.LABELS, request.overwrite)
        truth = None
        if request.evaluate:
            labels = self._model.labels
            truth = scan_files.truth_of(raw, labels, own, request.truth)
        scan_checks.require_copy(path, len(raw), raw.xyz.min(axis=0), raw.xyz.max(axis=0), out)
        return truth

    def _require_parts(self, stream: Stream, out: Path) -> scan_files.Truth | None:
        request = self._request
        scan.require_free_names(stream.empty, raw_scan.LABELS, request.overwrite)
        scan_checks.require_in_parts(stream, out)
        if request.evaluate:
            labels = self._model.labels
            return scan_files.truth_of(stream.empty, labels, None, request.truth, is_part=True)
        return None

    def _add_whole(
        self,
        path: Path,
        out: Path,
        html: Path | None,
        raw: raw_scan.RawScan,
        own: config.Labels | None,
    ) -> Labelled | None:
        request, model = self._request, self._model.loaded()
        labels = model.experiment.labels
        truth = self._require_whole(path, out, raw, own)
        found = conditioning.condition(raw, self._options, is_room=self._model.is_cut)
        heights = request.storeys if self._model.is_cut else ()
        storeys = whole_scans.storeys_of(found, len(raw), heights, self._model.blocks)
        said = (*found.assumptions, *storeys.sentences(heights is not None))
        found = dataclasses.replace(found, assumptions=said)
        seen = dataclasses.replace(found.cloud, xyz=storeys.apart(found.cloud.xyz))
        scan_reports.print_scan(
            path, len(raw), storeys.extent, said, self._model.doubts(seen, storeys)
        )
        scan_reports.print_truth(path, truth)
        scan_reports.print_note(labels.num_classes, out)
        if request.dry_run:
            num_samples = whole_scans.num_samples_of(seen, model)
            scan_reports.print_plan(num_samples, self._model.is_cut, len(raw))
            scan_reports.print_outputs(out, html)
            return None
        frame = whole_scans.frame_of(storeys)
        segmented = whole_scans.label(seen, model, _state_of(out), frame)
        values = whole_scans.of_file(segmented, found.rows, len(raw))
        rows = instance_boxes.rows_of(found, segmented, labels)
        counts = whole_scans.counts_of(truth, segmented, found, labels) if truth else None
        done = Labelled(
            path, out, len(raw), found.metres, found.turn, said, rows, found, values, counts
        )
        shown = None
        if html is not None:  # made before the copy, which is the mark that all is done
            cloud = scan_files.with_truth(found, truth)
            shown = self._page(cloud, segmented, storeys)
        self._keep(done)
        scan.write(raw, out, values, request.overwrite)
        _state_of(out).unlink(missing_ok=True)
        if html is not None and shown is not None:
            shown.write(html, request.overwrite)
        scan_reports.print_done(done)  # last, as nobody may read it
        return done

    def _page(
        self,
        cloud: Cloud,
        found: Segmentation,
        storeys: Storeys,
        whole: scene.Whole | None = None,
    ) -> pages.Page:
        attended = self._model.attended(cloud, storeys)
        return pages.Page.of(cloud, found, self._model.loaded().experiment, attended, whole)

    def _keep(self, done: Labelled) -> None:
        if self._keeps_records:
            scan_records.write(done, self._record_key(done.path))

    def known(self, path: Path, out: Path) -> Labelled:
        """What is known of a scan that an earlier call with the same model has labelled."""
        return scan_records.read(path, out, self._record_key(path), self._request.evaluate)

    def _record_key(self, path: Path) -> str:
        request, model = self._request, self._model.loaded()
        key = folder_state.key_of(path, model, self._options, request.storeys)
        return f"{key.digest(model.mean_sizes)} {request.truth}"

    def _add_tiles(self, stream: Stream, out: Path, html: Path | None) -> Labelled | None:
        request, path = self._request, stream.path
        model = self._model.loaded()
        truth = self._require_parts(stream, out)
        labels = model.experiment.labels
        folder = folder_state.folder_of(out)
        most = self._budget.points_of_tile(labels.num_classes)
        is_new = not folder.exists()
        if is_new:
            needed = segmenting.needed_on_disk(stream, labels.num_classes, most)
            disk.require_free(out.parent, needed, f"{path} in tiles")
        with _folder_of_run(folder, out, request.dry_run) as place:
            tiled = segmenting.TiledScan(
                stream, model, self._options, request.storeys, Path(place), most
            )
            bounds = tiled.read()
            try:
                scan_checks.require_copy(path, len(stream), bounds.least, bounds.most, out)
                found = tiled.prepare(bounds)
            except (ValueError, OSError):
                if is_new:  # another copy, or another unit, begins anew
                    shutil.rmtree(place, ignore_errors=True)
                raise
            extent, said = found.storeys.extent, found.assumptions
            doubts = self._model.doubts(found.sample, found.storeys)
            scan_reports.print_scan(path, len(stream), extent, said, doubts)
            scan_reports.print_truth(path, truth)
            scan_reports.print_note(labels.num_classes, out)
            segmenting.print_tiles(found, most, labels.num_classes, request.dry_run)
            if request.dry_run:
                scan_reports.print_outputs(out, html)
                return None
            segmented = tiled.segment(found)
            described = tiled.describe(found, segmented, request.evaluate, request.truth)
            decision = found.decision
            done = Labelled(
                path, out, len(stream), decision.metres, decision.turn, said, described.rows,
                counts=described.counts,
            )  # fmt: skip
            shown = None
            if html is not None:
                cloud, of_some, whole = tiled.shown(found, segmented, described, page.MAX_POINTS)
                shown = self._page(cloud, of_some, found.storeys, whole)
            self._keep(done)
            tiled.write(found, described, out, request.overwrite, request.columns)
        if html is not None and shown is not None:
            shown.write(html, request.overwrite)
        tiled.finish()
        scan_reports.print_done(done)
        return done


def _folder_of_run(
    folder: Path, out: Path, is_dry: bool
) -> contextlib.AbstractContextManager[str | Path]:
    """The folder of a run in tiles; of a dry one a temporary folder."""
    if not is_dry:
        return contextlib.nullcontext(folder)
    return tempfile.TemporaryDirectory(prefix=".ban-tf-", dir=out.parent)
