"""Cuts clouds into blocks and writes the store; what is up to date already is reused."""

import dataclasses
import functools
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ban_tf import disk
from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import BlockConfig, DatasetConfig
from ban_tf.data import workers
from ban_tf.data.samples import blocks
from ban_tf.data.store import manifest, room_file

Load = Callable[[Path], Cloud]
_LOG = logging.getLogger(__name__)
_BLOCKS_AT_ONCE = 64
_WORTH_PROCESSES = 2**28  # bytes of clouds; starting processes takes seconds


@dataclasses.dataclass(frozen=True)
class _Job:
    """One room to prepare; sent to another process.

    `stamp` tells a changed file without reading it; it is empty for a cloud in memory.
    """

    name: str
    read: Callable[[], Cloud]
    num_bytes: int
    stamp: str
    settings: manifest.Settings
    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / f"{self.name}.h5"


def prepare(
    sources: Iterable[Cloud | Path],
    *,
    load: Load | None = None,
    config: BlockConfig,
    dataset: DatasetConfig,
    path: Path,
    seed: int,
    num_workers: int | None = None,
    progress: bool = True,
) -> None:
    """Cuts clouds into training blocks (`blocks.plan_legacy`) and writes them to a store.

    Rooms that the store holds already, from the same cloud, are reused, so an interrupted
    preparation goes on where it stopped; rooms that are not in `sources` stay. The draw of a room
    depends on the seed and its name alone.

    Args:
        sources: clouds, or files named `<Cloud.name>.*` that `load` reads.
        load: reads one file; a function of a module, since other processes call it. None if
            `sources` are clouds.
        config: sizes of the blocks.
        dataset: its name and classes are recorded, its number of classes bounds the labels.
        path: folder of the store, made if needed.
        seed: of the draws, at least 0.
        num_workers: processes; None takes one per CPU, or this process alone for little data.
        progress: whether to show a bar.

    Raises:
        FileNotFoundError: a file of `sources` does not exist.
        OSError: the disk is full or read-only; finished rooms are intact.
        ValueError: no sources, two of one name, a label out of range, no block at all, or a folder
            whose blocks were made with other settings or by another program.
    """
    settings = manifest.Settings(config, seed, dataset.name, dataset.class_names)
    jobs = [_job(source, load, settings, path) for source in sources]
    _check_names([job.name for job in jobs])
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be made ({error.strerror}).") from error
    earlier = _check_folder(path, settings)
    records = dict(earlier)
    due = [job for job in jobs if not _is_current(job, earlier.get(job.name))]
    for record in _cut(due, num_workers, progress):
        records[record.name] = record
    rooms = tuple(record for _, record in sorted(records.items()))
    _report_sparse(rooms, config)
    names = "".join(f"{record.name}\n" * record.num_blocks for record in rooms)
    disk.write_whole(path / "room_filelist.txt", names.encode())
    manifest.save(path, manifest.Manifest(settings, rooms))


def _cut(
    jobs: list[_Job], num_workers: int | None, progress: bool
) -> Iterator[manifest.RoomRecord]:
    if num_workers is None:
        small = sum(job.num_bytes for job in jobs) < _WORTH_PROCESSES
        num_workers = 1 if small else os.cpu_count() or 1
    largest_first = sorted(jobs, key=lambda job: -job.num_bytes)
    records = workers.run(_prepare_room, largest_first, num_workers)
    title = "cutting rooms into blocks"
    yield from tqdm(records, title, total=len(jobs), unit="room", disable=not progress)


def _job(
    source: Cloud | Path, load: Load | None, settings: manifest.Settings, folder: Path
) -> _Job:
    if isinstance(source, Cloud):
        read = functools.partial(_itself, source)
        return _Job(source.name, read, source.xyz.nbytes, "", settings, folder)
    if load is None:
        raise ValueError(f"`load` is needed to read files. Received: {source}, load=None")
    if not source.is_file():
        raise FileNotFoundError(f"There is no cloud at {source}.")
    status = source.stat()
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    read = functools.partial(load, source)
    return _Job(source.stem, read, status.st_size, stamp, settings, folder)


def _itself(cloud: Cloud) -> Cloud:
    return cloud


def _check_names(names: list[str]) -> None:
    if not names:
        raise ValueError("`sources` must hold at least one cloud. Received: none")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"every cloud needs a name of its own. Received twice: {twice}")


def _check_folder(path: Path, settings: manifest.Settings) -> dict[str, manifest.RoomRecord]:
    """The rooms the folder's manifest lists, after checking that all in it may be added to."""
    found = manifest.load(path)
    earlier = {}
    if found is not None:
        settings.require_same(found.settings, path)
        earlier = {record.name: record for record in found.rooms}
    for file in sorted(path.glob("*.h5")):
        if file.stem in earlier:
            continue
        origin = room_file.read_origin(file)
        if origin is None:
            raise ValueError(
                f"{file} was prepared by another program and would be overwritten. Choose another "
                "folder with --blocks."
            )
        settings.require_same(manifest.Settings.from_json(origin["settings"]), file)
    return earlier


def _is_current(job: _Job, record: manifest.RoomRecord | None) -> bool:
    return (
        record is not None
        and record.cloud_stamp == job.stamp != ""
        and job.target.is_file()
        and job.target.stat().st_size == record.num_bytes
    )


def _report_sparse(rooms: tuple[manifest.RoomRecord, ...], config: BlockConfig) -> None:
    for room in rooms:
        if room.num_blocks == 0:
            _LOG.warning(
                "%s has no block of at least %d points and takes no part in training.",
                room.name,
                config.min_points,
            )
    if not any(room.num_blocks for room in rooms):
        raise ValueError(
            "no room has a block with enough points; lower `min_points`, or check that coordinates "
            f"are in metres. Received: min_points={config.min_points}, rooms={len(rooms)}"
        )


def _prepare_room(job: _Job) -> manifest.RoomRecord:
    cloud = job.read()
    if cloud.name != job.name:
        raise ValueError(
            f"a file of a cloud must be named after it: {job.name} holds {cloud.name!r}."
        )
    num_points, sha256 = len(cloud), _fingerprint(cloud)
    origin = {"settings": job.settings.to_json(), "num_points": num_points, "sha256": sha256}
    if not _holds(job.target, origin):
        _write(job, cloud, origin)
    content = job.target.read_bytes()
    num_blocks, _ = room_file.shape(job.target)
    return manifest.RoomRecord(
        name=job.name,
        num_blocks=num_blocks,
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


def _write(job: _Job, cloud: Cloud, origin: dict[str, Any]) -> None:
    settings = job.settings
    num_classes = len(settings.class_names)
    if len(cloud) and not 0 <= cloud.semantic.min() <= cloud.semantic.max() < num_classes:
        raise ValueError(
            f"every point of cloud {cloud.name} must have a class in [0, {num_classes}), or it "
            f"cannot be trained on. Received: {cloud.semantic.min()} to {cloud.semantic.max()}"
        )
    # Of seed and name alone: neither the order of rooms nor the number of processes matters.
    rng = np.random.default_rng([settings.seed, *cloud.name.encode()])
    plan = blocks.plan_legacy(cloud, settings.blocks, rng)
    room = blocks.room_coordinates(cloud)
    parts = (
        blocks.gather(cloud, plan[k : k + _BLOCKS_AT_ONCE], room, settings.blocks.size_m)
        for k in range(0, len(plan), _BLOCKS_AT_ONCE)
    )
    instances = _instances(cloud, plan)
    room_file.write(job.target, parts, settings.blocks.num_points, instances, origin)


def _instances(cloud: Cloud, plan: np.ndarray) -> np.ndarray:
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
