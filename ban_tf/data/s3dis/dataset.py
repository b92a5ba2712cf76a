"""S3DIS as a data set, whole or in parts, and other scans in its layout."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ban_tf.config import Experiment, Split, leave_one_out, reduced
from ban_tf.data.dataset import Dataset
from ban_tf.data.s3dis import layout, reader, writer
from ban_tf.data.s3dis.labels import LABELS
from ban_tf.data.store import Store

NAME = "s3dis"
_PAPERS_AREA = 5  # the area that the paper tests single networks on
_DEMO_AREAS = 3


def dataset(areas: Sequence[int] = range(1, layout.NUM_AREAS + 1), name: str = NAME) -> Dataset:
    """The data set of some areas; each of them is the test of one split.

    Args:
        areas: their numbers, at least two. The first split tests on area 5, or else on the last.
        name: of the data.

    Raises:
        ValueError: fewer than two areas, or one twice.

    Example:
        >>> dataset(areas=(1, 2), name="mine").split().test
        ('Area_2',)
    """
    first = _PAPERS_AREA if _PAPERS_AREA in areas else max(areas, default=0)
    ordered = sorted(areas, key=lambda area: (area != first, area))
    return Dataset(
        name=name,
        labels=LABELS,
        splits=tuple(_split(areas, area) for area in ordered),
        scans=reader.scans,
        group_of=layout.group_of,
    )


def _split(areas: Sequence[int], area: int) -> Split:
    groups = tuple(layout.GROUP.format(number) for number in sorted(areas))
    return leave_one_out(groups, layout.GROUP.format(area), name=split_name(area))


def split_name(area: int) -> str:
    """The name of the split that tests on an area."""
    return f"area{area}"


def describe(data: Path | None, blocks: Path | None) -> Dataset:
    """The data set that lies in a folder; a wrong path is refused before any work.

    All of S3DIS is called so, and may stand beside published results; any part of it, and any
    other scans in its layout, are called like their folder, with the areas they have.

    Args:
        data: raw rooms in S3DIS's layout; None if there are only `blocks`.
        blocks: a prepared store.

    Raises:
        FileNotFoundError: nothing of the kind is there.
        ValueError: neither is given, or there is one area only.
    """
    if data is not None:
        rooms = [room.cloud_name for room in layout.list_rooms(data, layout.list_areas(data))]
        name = data.resolve().name
    elif blocks is not None:
        found = Store.open(blocks, group_of=layout.group_of)
        rooms, name = [cloud.name for cloud in found.clouds], found.dataset
    else:
        raise ValueError("`data` or `blocks` must be given. Received: neither")
    if layout.is_complete(rooms):
        return dataset()
    groups = sorted({layout.group_of(room) for room in rooms})
    areas = [layout.area_of(group) for group in groups]
    if len(areas) < 2:
        raise ValueError(
            "one area must be left out of training, so there must be at least two. "
            f"Received: {', '.join(groups)} in {data or blocks}"
        )
    return dataset(sorted(areas), name=_other_name(name))


def _other_name(name: str) -> str:
    """A name that is not S3DIS's own, which incomplete data must not carry."""
    return f"{name}_part" if name.lower() == NAME else name


def experiment(test_area: int = _PAPERS_AREA, network: str = "ban") -> Experiment:
    """S3DIS, trained on the other five areas: the paper's protocol (section 5.1)."""
    return dataset().experiment(split_name(test_area), network)


def demo_dataset() -> Dataset:
    """A generated building of three areas in S3DIS's layout."""
    made = dataset(areas=range(1, _DEMO_AREAS + 1), name="demo")
    return dataclasses.replace(made, stand_in=_write_demo)


def _write_demo(root: Path, seed: int) -> None:
    writer.write_building(root, _DEMO_AREAS, seed=seed)


def demo(network: str = "ban") -> Experiment:
    """The reduced experiment on the generated building: three areas, the last held out."""
    return reduced.quick(demo_dataset().experiment(network=network))
