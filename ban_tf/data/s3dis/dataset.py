"""S3DIS as a data set, whole or in parts, and other scans in its layout."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from ban_tf.config import Blocks, Experiment, Labels, Split, leave_one_out, reduced
from ban_tf.data.dataset import Dataset, Source
from ban_tf.data.s3dis import layout, reader, writer
from ban_tf.data.s3dis.labels import LABELS

NAME = "s3dis"
_PAPERS_AREA = 5  # the area that the paper tests single networks on
_DEMO_AREAS = 3


def dataset(
    areas: Sequence[int] = range(1, layout.NUM_AREAS + 1),
    name: str = NAME,
    labels: Labels = LABELS,
) -> Dataset:
    """The data set of some areas; each of them is the test of one split.

    Args:
        areas: their numbers. The default split tests on area 5, or else on the last.
        name: of the data.
        labels: the classes.

    Raises:
        ValueError: no area, or one twice.

    Example:
        >>> dataset(areas=(1, 2), name="mine").split().test
        ('Area_2',)
    """
    groups = tuple(layout.GROUP.format(area) for area in sorted(areas))
    default = _PAPERS_AREA if _PAPERS_AREA in areas else max(areas, default=0)
    splits = (
        leave_one_out(groups, group, name=split_name(layout.area_of(group))) for group in groups
    )
    return Dataset(
        name=name,
        labels=labels,
        splits=tuple(splits),
        default_split=split_name(default),
        scans=reader.scans if labels == LABELS else functools.partial(reader.scans, labels=labels),
        left_out=layout.left_out,
        group_of=layout.group_of,
    )


def split_name(area: int) -> str:
    """The name of the split that tests on an area."""
    return f"area{area}"


def describe(
    data: str | Path | None, blocks: str | Path | None, classes_from_data: bool = False
) -> Dataset:
    """The data set that lies in a folder; a wrong path is refused before any work.

    Args:
        data: raw rooms in S3DIS's layout; None if there are only `blocks`.
        blocks: a prepared store.
        classes_from_data: take the names of the annotation files as the classes, sorted, instead
            of those of S3DIS.

    Raises:
        FileNotFoundError: nothing of the kind is there.
        ValueError: neither is given, or files are named after classes that are none of S3DIS's,
            but for `stairs`, which its own data have.
    """
    if data is not None:
        rooms = layout.list_rooms(data, layout.list_areas(data))
        labels = _labels_of(data, rooms, classes_from_data)
        return _of_clouds(data, [room.cloud_name for room in rooms], labels)
    if blocks is not None:
        # HDF5 is for prepared stores only: processes that read raw rooms start without it.
        from ban_tf.data.store import Store

        store = Store.open(blocks, group_of=layout.group_of)
        labels = LABELS
        if store.settings is not None and store.settings.labels.class_names != LABELS.class_names:
            labels = store.settings.labels
        found = _of_clouds(blocks, [cloud.name for cloud in store.clouds], labels)
        if store.settings is None and isinstance(found.samples, Blocks):
            samples = dataclasses.replace(found.samples, num_points=store.num_points)
            found = dataclasses.replace(found, samples=samples, has_fixed_samples=True)
        if store.settings is None or found.name == NAME:  # called like the folder, or all of S3DIS
            return found
        return dataclasses.replace(found, name=store.dataset)
    raise ValueError("`data` or `blocks` must be given. Received: neither")


def _labels_of(data: str | Path, rooms: Sequence[layout.Room], classes_from_data: bool) -> Labels:
    """S3DIS's classes, or those that the annotation files name."""
    files = (file for room in rooms for file in room.annotation_files())
    names = {layout.class_of(file) for file in files}
    if classes_from_data:
        return Labels(class_names=tuple(sorted(names)))
    unknown = sorted(names - set(LABELS.class_names) - set(reader.READ_AS_CLUTTER))
    if unknown:
        first = next(
            file
            for room in rooms
            for file in room.annotation_files()
            if layout.class_of(file) == unknown[0]
        )
        raise ValueError(
            f"files in {data} must be named <class>_<k>.txt after the classes of S3DIS "
            f"({', '.join(LABELS.class_names)}). Rename or move away the others, or take all names "
            "found as the classes (`classes_from_data`). Received: "
            f"{', '.join(map(ascii, unknown)).replace(chr(39), '')}, such as {str(first)!a}"
        )
    return LABELS


def of_clouds(folder: str | Path, clouds: Sequence[str]) -> Dataset:
    """The data set that clouds belong to, by their names.

    All of S3DIS is called so, and may stand beside published results; any part of it, and any
    other scans, are called like their folder, with the areas they have. Clouds whose names tell no
    area are one test, for networks that were trained on others.
    """
    return _of_clouds(folder, clouds, LABELS)


def _of_clouds(folder: str | Path, clouds: Sequence[str], labels: Labels) -> Dataset:
    if labels == LABELS and layout.is_complete(clouds):
        return dataset()
    name = _other_name(Path(folder).resolve().name)
    groups = tuple(sorted({layout.group_of(cloud) for cloud in clouds}))
    if layout.are_areas(groups):
        return dataset([layout.area_of(group) for group in groups], name, labels)
    everything = Split(name="all", train=(), test=groups)
    return dataclasses.replace(
        dataset(name=name, labels=labels), splits=(everything,), default_split="all"
    )


def _other_name(name: str) -> str:
    """The name of a folder, unless it is S3DIS's own, which incomplete data must not carry."""
    name = name.lstrip(".") or "data"  # of the root of a disk
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


def long_dataset() -> Dataset:
    """A larger generated building in S3DIS's layout, for trainings of hours: six areas."""
    made = dataset(name="building")
    return dataclasses.replace(made, stand_in=_write_long)


def _write_long(root: Path, seed: int) -> None:
    writer.write_building(root, layout.NUM_AREAS, seed=seed, rooms_per_area=8)


def demo(network: str = "ban") -> Experiment:
    """The reduced experiment on the generated building: three areas, the last held out."""
    return reduced.quick(demo_dataset().experiment(network=network))


SOURCE = Source(describe=describe, of_clouds=of_clouds, demo=demo_dataset, long=long_dataset)
