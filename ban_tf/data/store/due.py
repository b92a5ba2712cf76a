"""What of a preparation is still to be done, told without reading a cloud."""

import dataclasses
import functools
import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np

from ban_tf.clouds import cloud_cache
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks
from ban_tf.data import samples
from ban_tf.data.store import manifest

Load = Callable[[Path], Cloud]
_LOG = logging.getLogger("ban_tf.data.store.writer")
_SPARSE = "%s has no block of at least %d points and takes no part in training."


@dataclasses.dataclass(frozen=True)
class Job:
    """One cloud to prepare; sent to another process.

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


def is_prepared(
    sources: Iterable[Path],
    settings: manifest.Settings,
    path: Path,
    groups: Collection[str] | None = None,
) -> bool:
    """Whether `prepare` of the same files would find all of it done; writes nothing.

    Raises:
        FileNotFoundError: a file of `sources` does not exist.
        ValueError: the folder was made with other settings, or its manifest is damaged.
    """
    found = manifest.load(path)
    if found is None:
        return False
    settings.require_same(found.settings, path)
    earlier = {record.name: record for record in found.clouds}
    jobs = [job_of(source, cloud_cache.load_cloud, settings, path) for source in sources]
    lost = gone(earlier, {job.name for job in jobs}, groups)
    unlisted = [file for file in manifest.list_files(path) if file.stem not in earlier]
    if lost or unlisted or not all(is_current(job, earlier.get(job.name)) for job in jobs):
        return False
    report(found.clouds, settings)
    return True


def gone(
    earlier: dict[str, manifest.Record], names: set[str], groups: Collection[str] | None
) -> list[str]:
    """Clouds of the store, of the groups that are prepared, that the data no longer have."""
    return [
        name
        for name, record in sorted(earlier.items())
        if name not in names and (groups is None or record.group in groups or name in groups)
    ]


def job_of(
    source: Cloud | Path, load: Load | None, settings: manifest.Settings, folder: Path
) -> Job:
    """How one cloud, or a file that `load` reads, is to be prepared."""
    if isinstance(source, Cloud):
        read = functools.partial(_itself, source)
        return Job(source.name, read, source.xyz.nbytes, "", settings, folder)
    if load is None:
        raise ValueError(f"`load` is needed to read files. Received: {source}, load=None")
    if not source.is_file():
        raise FileNotFoundError(f"There is no cloud at {source}.")
    status = source.stat()
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    read = functools.partial(load, source)
    return Job(source.stem, read, status.st_size, stamp, settings, folder)


def _itself(cloud: Cloud) -> Cloud:
    return cloud


def is_current(job: Job, record: manifest.Record | None) -> bool:
    """Whether the store holds what the job would make, by stamps and sizes."""
    return (
        record is not None
        and record.cloud_stamp == job.stamp != ""
        and job.target.is_file()
        and job.target.stat().st_size == record.num_bytes
    )


def report(clouds: tuple[manifest.Record, ...], settings: manifest.Settings) -> None:
    """Tells of clouds without a block, that repeat another, or that seem not to be in metres.

    Raises:
        ValueError: no cloud has any block.
    """
    _report_repeated(clouds)
    if not isinstance(settings.samples, Blocks):
        return
    min_points = settings.samples.min_points
    for cloud in clouds:
        doubt = samples.doubt_of_metres(np.array(cloud.extent))
        if doubt:
            _LOG.warning(
                "%s: %s. Received: %s", cloud.name, doubt, samples.shown(np.array(cloud.extent))
            )
        if cloud.num_samples == 0:
            _LOG.warning(_SPARSE, cloud.name, min_points)
    if not any(cloud.num_samples for cloud in clouds):
        raise ValueError(
            "no cloud has a block with enough points; lower `min_points`, or check that "
            f"coordinates are in metres. Received: min_points={min_points}, clouds={len(clouds)}"
        )


def _report_repeated(clouds: tuple[manifest.Record, ...]) -> None:
    first: dict[str, str] = {}
    for cloud in clouds:
        other = first.setdefault(cloud.cloud_sha256, cloud.name)
        if other != cloud.name:
            _LOG.warning("%s has the very points and labels of %s: a copy?", cloud.name, other)
