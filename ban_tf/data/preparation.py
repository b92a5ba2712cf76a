"""From raw data, or none, to a prepared store: read rooms once, cut them into training blocks."""

import pathlib
from collections.abc import Callable, Sequence

from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.data import store, synthetic

ReadAreas = Callable[..., list[pathlib.Path]]


def prepare(
    read_areas: ReadAreas,
    data: pathlib.Path,
    blocks: pathlib.Path,
    experiment: config.Experiment,
    areas: Sequence[int] | None = None,
) -> store.Store:
    """Reads the raw rooms of `areas` and writes their blocks; what is up to date is reused.

    Args:
        read_areas: the data set's reader, e.g. `s3dis.read_areas`.
        data: root of the raw data.
        blocks: folder of the store; `clouds/` in it caches the rooms as read.
        experiment: gives data set, block sizes and seed.
        areas: which areas; None means all of the data set.

    Returns:
        The opened store.

    Raises:
        FileNotFoundError: the raw data are not where `data` says.
        ValueError: the store was made with other settings; the message says which.
    """
    wanted = experiment.dataset.areas if areas is None else tuple(areas)
    cached = read_areas(data, wanted, blocks / "clouds")
    store.prepare(
        cached,
        load=cloud_cache.load_cloud,
        config=experiment.blocks,
        dataset=experiment.dataset,
        path=blocks,
        seed=experiment.seed,
    )
    return store.Store.open(blocks, experiment.blocks)


def generate_building(root: pathlib.Path, experiment: config.Experiment) -> pathlib.Path:
    """A furnished building in S3DIS's raw layout with the experiment's areas, made once."""
    if not root.is_dir():
        print(f"generating a building in {root} ...")
        synthetic.write_building(root, len(experiment.dataset.areas), seed=experiment.seed)
    return root
