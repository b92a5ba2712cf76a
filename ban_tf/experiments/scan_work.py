"""Labels scans one after the other: each as a whole where it fits into memory, else in tiles."""

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ban_tf import config, disk
from ban_tf.clouds import conditioning
from ban_tf.clouds.cloud import Cloud
from ban_tf.clouds.formats import las_codes, raw_scan, scan, scan_stream
from ban_tf.clouds.formats.stream import Stream, of_whole
from ban_tf.clouds.storeys import Storeys
from ban_tf.experiments import (
    evaluation,
    instance_boxes,
    memory,
    page_similarities,
    pages,
    remote,
    scan_checks,
    scan_files,
    scan_reports,
    trained,
    training_ranges,
    whole_scans,
)
from ban_tf.experiments.large_scans import results, segmenting
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.scan_reports import Labelled
from ban_tf.metrics.evaluators import Evaluator
from ban_tf.view.viewer import page

if TYPE_CHECKING:
    from ban_tf.model.similarity import QueriesAndKeys


def _state_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.state")


class Work:
    """One call of the scan script: its model, loaded with the first scan, and what is done.

    Args:
        request: what is asked for.
        kinds: of folders that are scans.
        load: gives the model.
    """

    def __init__(
        self,
        request: Scans,
        kinds: Sequence[scan_files.FolderKind],
        load: Callable[[Path], trained.TrainedModel],
    ) -> None:
        self._request, self._kinds = request, kinds
        self.folder, self._load = remote.place_of(request), remote.loader(request, load)
        chosen: dict[str, Any] = {name: getattr(request, name) for name in ("unit", "up", "colors")}
        self._options = conditioning.Options(**chosen)
        self._budget = memory.Budget.of(request.max_memory)
        self._model: trained.TrainedModel | None = None
        self._ranges: training_ranges.Ranges | None = None
        self._keys: QueriesAndKeys | None = None
        self.scorer: Evaluator | None = None
        self.done: list[Labelled] = []

    def add(self, path: Path, out: Path, html: Path | None) -> None:
        """Labels a scan: as a whole where it fits into memory, else in tiles.

        What was begun in tiles goes on in tiles, even where there is more memory now.
        """
        columns, is_begun = self._request.columns, segmenting.folder_of(out).exists()

        def fits(num_points: int) -> bool:
            return self._budget.fits(num_points) and not is_begun

        stream = None if path.is_dir() or columns else scan_stream.open_parts(path)
        if stream is None or fits(len(stream)):
            raw, own = scan_files.read(path, columns, self._kinds)
            if path.is_dir() or fits(len(raw)) or not self._is_cut():
                self._add_whole(path, out, html, raw, own)
                return
            stream = of_whole(lambda: scan.read(path, columns), raw)
        elif not self._is_cut():
            self._add_whole(path, out, html, *scan_files.read(path, columns, self._kinds))
            return
        self._add_tiles(stream, out, html)

    def _loaded(self) -> trained.TrainedModel:
        if self._model is None:
            self._model = self._load(self.folder)
            self._ranges = training_ranges.of_model(self.folder)
            self._queries_and_keys()  # a network without attention is refused before any work
            scan_reports.print_model(self.folder, self._model, self._ranges)
            if self._request.evaluate:
                self.scorer = evaluation.evaluator_of(self._model.experiment, "covering")
        return self._model

    def _queries_and_keys(self) -> "QueriesAndKeys | None":
        """What gives the similarities that pages keep, if they are to."""
        if not self._request.similarity:
            return None
        if self._keys is None:
            self._keys = page_similarities.queries_and_keys(self.folder)
        return self._keys

    def _attended(self, cloud: Cloud, storeys: Storeys) -> pages.Attended | None:
        keys = self._queries_and_keys()
        if keys is None:
            return None
        seen = dataclasses.replace(cloud, xyz=storeys.apart(cloud.xyz))
        return page_similarities.of_cloud(cloud, seen, self._loaded().experiment, keys)

    def _doubts(self, sample: Cloud, storeys: Storeys) -> list[str]:
        if self._ranges is None:
            return []
        count, extent = storeys.most_points, storeys.extent_of_one
        return training_ranges.doubts_of_sample(sample, extent, count, self._ranges)

    def _is_cut(self) -> bool:
        """Whether the model takes blocks of a scan, which tiles are made of."""
        return isinstance(self._loaded().experiment.samples, config.Blocks)

    def _add_whole(
        self,
        path: Path,
        out: Path,
        html: Path | None,
        raw: raw_scan.RawScan,
        own: config.Labels | None,
    ) -> None:
        request = self._request
        scan.require_free_names(raw, raw_scan.LABELS, request.overwrite)
        model = self._loaded()
        labels = model.experiment.labels
        truth = None
        if request.evaluate:
            truth = scan_files.truth_of(raw, labels, own, request.truth)
        scan_checks.require_copy(path, len(raw), raw.xyz.min(axis=0), raw.xyz.max(axis=0), out)
        found = conditioning.condition(raw, self._options, is_room=self._is_cut())
        heights = request.storeys if self._is_cut() else ()
        storeys = whole_scans.storeys_of(found, len(raw), heights)
        said = (*found.assumptions, *storeys.sentences(heights is not None))
        found = dataclasses.replace(found, assumptions=said)
        seen = dataclasses.replace(found.cloud, xyz=storeys.apart(found.cloud.xyz))
        doubts = self._doubts(seen, storeys)
        scan_reports.print_scan(path, len(raw), storeys.extent, said, doubts)
        _print_note(labels.num_classes, out)
        if request.dry_run:
            what = "blocks" if self._is_cut() else "shapes"
            taken = memory.shown(memory.of_whole(len(raw)))
            count = whole_scans.num_samples_of(seen, model)
            print(f"  would run {count:,} {what}, in about {taken} of memory, and write {out}")
            return
        segmented = whole_scans.label(seen, model, _state_of(out))
        values = whole_scans.of_file(segmented, found.rows, len(raw))
        scan.write(raw, out, values, request.overwrite)
        _state_of(out).unlink(missing_ok=True)
        rows = instance_boxes.rows_of(found, segmented, labels)
        _print_done(path, out, rows)
        if html is not None:
            cloud = scan_files.with_truth(found, truth)
            attended = self._attended(cloud, storeys)
            pages.write(html, cloud, segmented, model.experiment, attended, request.overwrite)
        if self.scorer is not None and truth is not None:
            whole_scans.add_scores(self.scorer, path, truth, segmented, found, labels)
        self.done.append(
            Labelled(
                path,
                out,
                len(raw),
                found.metres,
                found.turn,
                found.assumptions,
                rows,
                found,
                values,
            )
        )

    def _add_tiles(self, stream: Stream, out: Path, html: Path | None) -> None:
        request, path = self._request, stream.path
        scan.require_free_names(stream.empty, raw_scan.LABELS, request.overwrite)
        scan_checks.require_in_parts(stream, out)
        model = self._loaded()
        labels = model.experiment.labels
        if request.evaluate:
            scan_files.truth_of(stream.empty, labels, None, request.truth, is_part=True)
        folder = segmenting.folder_of(out)
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
            except (ValueError, OSError):
                if is_new:  # another copy begins anew
                    shutil.rmtree(place, ignore_errors=True)
                raise
            found = tiled.prepare(bounds)
            self._print_tiles(stream, found, out, most)
            if request.dry_run:
                return
            segmented = tiled.segment(found)
            may_replace = found.bounds.has_free_codes or request.overwrite
            with_codes = las_codes.takes_codes(stream.point_format, labels.num_classes, may_replace)
            done = tiled.write(
                found,
                segmented,
                out,
                with_codes and out.suffix.lower() in scan.LAS,
                request.columns,
                self._score_tiles if request.evaluate else None,
            )
        _print_done(path, out, done.rows)
        if html is not None:
            cloud, of_some, whole = tiled.shown(segmented, done, page.MAX_POINTS)
            attended = self._attended(cloud, found.storeys)
            pages.write(html, cloud, of_some, model.experiment, attended, request.overwrite, whole)
        tiled.finish()
        decision = done.decision
        self.done.append(
            Labelled(
                path, out, len(stream), decision.metres, decision.turn, found.assumptions,
                done.rows,
            )
        )  # fmt: skip

    def _score_tiles(self, stream: Stream, columns: Any, segmented: Any) -> None:
        assert self.scorer is not None  # made when the model was loaded
        labels = self._loaded().experiment.labels
        name = str(stream.path)
        results.add_scores(
            self.scorer, name, stream, columns, segmented, labels, self._request.truth
        )

    def _print_tiles(
        self, stream: Stream, found: segmenting.Prepared, out: Path, most: int
    ) -> None:
        labels, cloud = self._loaded().experiment.labels, found.cloud
        doubts = self._doubts(found.sample, found.storeys)
        extent, said = found.storeys.extent, found.assumptions
        scan_reports.print_scan(stream.path, len(stream), extent, said, doubts)
        _print_note(labels.num_classes, out)
        largest = int(cloud.layout.num_points.max())
        taken = memory.shown(memory.of_tile(largest, labels.num_classes))
        how = (
            f"{int(cloud.num_samples.sum()):,} blocks in {len(cloud.layout.tiles)} tiles of at "
            f"most {largest:,} points, in about {taken} of memory"
        )
        if largest > 2 * most:
            print(f"  warning: a single block has {largest:,} points, more than a tile should")
        verb = "would run" if self._request.dry_run else "runs"
        print(f"  {verb} {how}, and writes {out}" if verb == "runs" else
              f"  {verb} {how}, and write {out}")  # fmt: skip


def _folder_of_run(
    folder: Path, out: Path, is_dry: bool
) -> contextlib.AbstractContextManager[str | Path]:
    """The folder of a run in tiles; of a dry one a temporary folder."""
    if not is_dry:
        return contextlib.nullcontext(folder)
    return tempfile.TemporaryDirectory(prefix=".ban-tf-", dir=out.parent)


def _print_note(num_classes: int, out: Path) -> None:
    note = scan_checks.note_on_codes(num_classes, out)
    if note:
        print(f"  {note}")


def _print_done(path: Path, out: Path, rows: Sequence[instance_boxes.Row]) -> None:
    title = f"{path.name}: {len(rows)} instances"
    print(f"\n{instance_boxes.as_table(rows, title).text()}")
    print(f"wrote {out}")
