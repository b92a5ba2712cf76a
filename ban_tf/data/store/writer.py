"""Cuts clouds into samples and writes the store; what is up to date already is reused."""

import dataclasses
import hashlib
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Labels, names
from ban_tf.data import samples, workers
from ban_tf.data.store import drawing, due, manifest, room_file
from ban_tf.data.store.due import Load
from ban_tf.progress import Bar

_LOG = logging.getLogger(__name__)
_SAMPLES_AT_ONCE = 64
_WORTH_PROCESSES = 2**28  # bytes of clouds; starting processes takes seconds


def prepare(
    sources: Iterable[Cloud | Path],
    *,
    load: Load | None = None,
    settings: manifest.Settings,
    path: Path,
    groups: Collection[str] | None = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> None:
    """Cuts clouds into training samples (`samples.plan_training`) and writes them to a store.

    Clouds that the store holds already, from the same points, are reused, so an interrupted
    preparation goes on where it stopped. Clouds that the store holds and the data no longer have
    leave it; their names are logged. The draw of a cloud depends on the seed and its name alone.

    Args:
        sources: clouds, or files named `<Cloud.name>.*` that `load` reads.
        load: reads one file; a function of a module, since other processes call it. None if
            `sources` are clouds.
        settings: what decides the samples.
        path: folder of the store, made if needed.
        groups: what `sources` are all of: clouds of other groups stay in the store. None: the
            sources are the whole data.
        num_workers: processes; None takes one per CPU, or this process alone for little data.
        progress: whether to show a bar.

    Raises:
        FileNotFoundError: a file of `sources` does not exist.
        OSError: the disk is full or read-only; finished clouds are intact.
        ValueError: no sources, two of one name, a label out of range, no sample at all, or a folder
            whose samples were made with other settings or by another program.
        disk.FolderInUseError: another process prepares the store.
    """
    jobs = [due.job_of(source, load, settings, path) for source in sources]
    _check_names([job.name for job in jobs])
    with disk.one_writer(path):
        earlier = _check_folder(path, settings)
        records = dict(earlier)
        for name in due.gone(earlier, {job.name for job in jobs}, groups):
            _LOG.warning("%s is no longer among the data and leaves %s.", name, path)
            del records[name]
        left = [job for job in jobs if not due.is_current(job, earlier.get(job.name))]
        for record in _cut(left, num_workers, progress):
            records[record.name] = record
        clouds = tuple(record for _, record in sorted(records.items()))
        due.report(clouds, settings)
        listed = "".join(f"{record.name}\n" * record.num_samples for record in clouds)
        disk.write_whole(path / "room_filelist.txt", listed)
        manifest.save(path, manifest.Manifest(settings, clouds))
        # What is left: clouds that are gone, an earlier format, an interrupted preparation.
        for file in manifest.list_files(path):
            if file.stem not in records:
                file.unlink()


def _cut(jobs: list[due.Job], num_workers: int | None, progress: bool) -> Iterator[manifest.Record]:
    if num_workers is None:
        small = sum(job.num_bytes for job in jobs) < _WORTH_PROCESSES
        num_workers = 1 if small else os.cpu_count() or 1
    largest_first = sorted(jobs, key=lambda job: -job.num_bytes)
    records = workers.run(_prepare_cloud, largest_first, num_workers)
    with Bar(len(jobs), "cutting clouds into samples", unit="cloud", shown=progress) as bar:
        for record in records:
            bar.update()
            yield record


def _check_names(found: list[str]) -> None:
    if not found:
        raise ValueError("`sources` must hold at least one cloud. Received: none")
    for name in found:
        names.require_file_name("`name` of a cloud", name)
    names.require_distinct("cloud", found)


def _check_folder(path: Path, settings: manifest.Settings) -> dict[str, manifest.Record]:
    """The clouds the folder's manifest lists, after checking that all in it may be added to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be made ({error.strerror}).") from error
    found = manifest.load(path)
    earlier = {}
    if found is not None:
        settings.require_same(found.settings, path)
        earlier = {record.name: record for record in found.clouds}
    for file in manifest.list_files(path):
        if file.stem in earlier:
            continue
        origin = room_file.read_origin(file)
        if origin is None:
            raise ValueError(
                f"{file} was prepared by another program and would be overwritten. Choose another "
                "folder (`blocks`)."
            )
        if origin.get("format") == manifest.FORMAT:
            settings.require_same(manifest.Settings.from_json(origin["settings"]), file)
    return earlier


def _prepare_cloud(job: due.Job) -> manifest.Record:
    cloud = job.read()
    if cloud.name != job.name:
        raise ValueError(
            f"a file of a cloud must be named after it: {job.name} holds {cloud.name!r}."
        )
    if cloud.rgb is None and "rgb" in job.settings.features.names:
        raise ValueError(
            f"{cloud.name} has no colours, which a network with the feature rgb is trained with. "
            "Give scans with colours, or leave the feature out (`features`). Received: "
            f"features={job.settings.features.names}"
        )
    num_points, sha256 = len(cloud), _fingerprint(cloud)
    origin = {
        "format": manifest.FORMAT,
        "settings": job.settings.to_json(),
        "num_points": num_points,
        "sha256": sha256,
    }
    frame = samples.frame_of(cloud)
    if not _holds(job.target, origin):
        _write(job, cloud, frame, origin)
    content = job.target.read_bytes()
    num_samples, *_ = room_file.shape(job.target)
    return manifest.Record(
        name=job.name,
        group=cloud.group,
        origin=tuple(frame.origin.tolist()),
        extent=tuple(frame.extent.tolist()),
        num_samples=num_samples,
        num_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        cloud_points=num_points,
        cloud_sha256=sha256,
        cloud_stamp=job.stamp,
        instances=tuple(map(tuple, room_file.read_instances(job.target).tolist())),
    )


def _fingerprint(cloud: Cloud) -> str:
    digest = hashlib.sha256()
    for array in (cloud.xyz, cloud.rgb, cloud.semantic, cloud.instance):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _holds(path: Path, origin: dict[str, Any]) -> bool:
    """Whether a readable file of the very same origin is there."""
    try:
        return path.exists() and room_file.read_origin(path) == origin
    except ValueError:
        return False


def _write(job: due.Job, cloud: Cloud, frame: samples.Frame, origin: dict[str, Any]) -> None:
    settings = job.settings
    cloud = _checked(cloud, settings.labels)
    plan = drawing.plan(cloud, settings)
    config = settings.samples
    parts = (
        samples.gather(cloud, plan[k : k + _SAMPLES_AT_ONCE], config, settings.features, frame)
        for k in range(0, len(plan), _SAMPLES_AT_ONCE)
    )
    room_file.write(
        job.target,
        parts,
        config.num_points,
        settings.features.num_channels,
        instance_table(cloud, plan),
        origin,
    )


def _checked(cloud: Cloud, labels: Labels) -> Cloud:
    """The cloud without instances of stuff; refused if a class is out of range."""
    lowest, highest = cloud.semantic.min(), cloud.semantic.max()
    if not -1 <= lowest <= highest < labels.num_classes:
        raise ValueError(
            f"every class of cloud {cloud.name} must be in [0, {labels.num_classes}), or -1 for a "
            f"point without one. Received: {lowest} to {highest}"
        )
    instance = labels.without_stuff(cloud.semantic, cloud.instance)
    return dataclasses.replace(cloud, instance=instance)


def instance_table(cloud: Cloud, plan: np.ndarray) -> np.ndarray:
    """int64 `[I, 3]`: class (the most frequent), raw points and drawn points per instance."""
    used = cloud.instance >= 0
    distinct, code = overlap.number(cloud.instance[used])
    classes, _ = overlap.majority(code, cloud.semantic[used], len(distinct))
    drawn = cloud.instance[plan.ravel()]
    places = np.searchsorted(distinct, drawn[drawn >= 0])
    return np.stack(
        [
            classes,
            np.bincount(code, minlength=len(distinct)),
            np.bincount(places, minlength=len(distinct)),
        ],
        axis=1,
    )
