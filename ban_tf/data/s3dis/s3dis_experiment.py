"""The paper's protocol on whatever S3DIS-like data a command is given."""

import dataclasses
import pathlib

from ban_tf import config
from ban_tf.data import s3dis, store


def describe(
    data: pathlib.Path | None, blocks: pathlib.Path | None, test_area: int | None
) -> config.Experiment:
    """The paper's protocol on the data that are there; a wrong path is refused before any work.

    S3DIS must be complete. Other data may have any areas; of these the last is left out if there is
    no Area 5.

    Args:
        data: raw rooms in S3DIS's layout; None if there are only `blocks`.
        blocks: a prepared store.
        test_area: the area left out; None for 5, else the last.
    """
    experiment = config.s3dis()
    if data is not None:
        areas = s3dis.list_areas(data)
        name = s3dis.dataset_name(data, areas)
    elif blocks is not None:
        found = store.Store.open(blocks)
        areas = found.areas
        name = s3dis.name_of([room.name for room in found.rooms], otherwise=found.dataset)
    else:
        raise ValueError("raw data or prepared blocks are needed. Received: neither")
    if name == experiment.dataset.name:
        areas = experiment.dataset.areas
        if data is not None:
            s3dis.list_rooms(data, areas)
    if test_area is None:
        test_area = experiment.test_area if experiment.test_area in areas else areas[-1]
    dataset = dataclasses.replace(experiment.dataset, name=name, areas=areas)
    return dataclasses.replace(experiment, dataset=dataset, test_area=test_area)
