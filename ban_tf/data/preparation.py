"""From raw data, or none, to a prepared store: read scans once, cut them into samples."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds import cloud_cache
from ban_tf.config import Experiment
from ban_tf.data import reading, samples, store
from ban_tf.data.dataset import Dataset


def prepare(
    dataset: Dataset,
    data: Path,
    blocks: Path,
    experiment: Experiment,
    names: Sequence[str] | None = None,
    progress: bool = True,
) -> store.Store:
    """Reads raw scans and writes their samples; what is up to date is reused.

    A store that is up to date is only read, so several may share one that none of them may write.

    Args:
        dataset: lists and reads the scans.
        data: root of the raw data.
        blocks: folder of the store; `clouds/` in it caches the clouds as read.
        experiment: gives labels, samples, features and seed.
        names: of groups or clouds; None means all of the data.
        progress: whether to show bars.

    Returns:
        The opened store.

    Raises:
        FileNotFoundError: the raw data are not where `data` says.
        ValueError: the store was made with other settings; the message says which.
        reading.UnreadableScansError: some scans could not be read; the store holds all others.
        disk.FolderInUseError: another process prepares the store.
    """
    scans, left_out = dataset.scans(data, names), dataset.left_out(data)
    settings, clouds = store.Settings.of(experiment), blocks / "clouds"
    cached = reading.cached(scans, clouds, left_out)
    if cached is None or not store.is_prepared(cached, settings, blocks, names):
        reading.require_space(scans, clouds)
        unreadable: list[reading.Problem] = []
        with disk.one_writer(blocks):
            disk.clear_leftovers(clouds)
            store.prepare(
                reading.read_scans(
                    scans, clouds, progress=progress, left_out=left_out, unreadable=unreadable
                ),
                load=cloud_cache.load_cloud,
                settings=settings,
                path=blocks,
                groups=names,
                progress=progress,
            )
        if unreadable:
            raise reading.UnreadableScansError(unreadable, len(scans))
    return open_store(dataset, blocks, experiment)


def prepare_or_open(
    dataset: Dataset,
    data: Path | None,
    blocks: Path,
    experiment: Experiment,
    names: Sequence[str] | None = None,
) -> store.Store:
    """The prepared store: made from the raw data where they are given, else opened as it is.

    The samples of a store that is there were drawn with a seed of its own, and stay as they are.
    """
    if data is None:
        return open_store(dataset, blocks, experiment)
    found = store.manifest.load(blocks)
    if found is not None and found.settings.seed != experiment.seed:
        print(f"{blocks}: prepared with seed {found.settings.seed}, and used as it is")
        experiment = dataclasses.replace(experiment, seed=found.settings.seed)
    return prepare(dataset, data, blocks, experiment, names)


def open_store(dataset: Dataset, blocks: Path, experiment: Experiment) -> store.Store:
    """A prepared store of a data set; errors as `Store.open`."""
    opened = store.Store.open(blocks, experiment, dataset.group_of)
    return dataclasses.replace(opened, benchmark=dataset.benchmark)


def summary(prepared: store.Store) -> str:
    """One line: what a store holds, and how large its clouds are, taken as metres."""
    sizes = [cloud.frame.extent for cloud in prepared.clouds if cloud.frame is not None]
    size = ""
    if sizes:
        size = f" of {samples.shown(np.median(sizes, axis=0).round(2))} m in the median"
    return (
        f"{prepared.path}: {len(prepared.clouds)} clouds{size}, {len(prepared)} samples of "
        f"{prepared.num_points} points"
    )


def generate(dataset: Dataset, root: Path, seed: int) -> Path:
    """The data set's generated stand-in, in its raw layout, made once.

    Raises:
        ValueError: the data set has no generator.
    """
    if dataset.stand_in is None:
        raise ValueError(f"{dataset.name} has no generator: give the raw data. Received: {root}")
    if not root.is_dir():
        print(f"generating {dataset.name} in {root} ...")
        dataset.stand_in(root, seed)
    return root
