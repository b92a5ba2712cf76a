"""ScanNetV2 as a data set: its lists of scans are the groups that splits name."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from ban_tf.config import Split
from ban_tf.data.dataset import Dataset, Source
from ban_tf.data.scannet import layout, reader, writer
from ban_tf.data.scannet.classes import Choice, of_choice

NAME = "scannet"
# Name of the split, and the lists on its two sides. The labels of the second's test are hidden.
_SPLITS = (("val", ("train",), "val"), ("test", ("train", "val"), layout.HIDDEN))
_DEMO_SCANS = {"train": 6, "val": 2}
_LONG_SCANS = {"train": 24, "val": 6}


def dataset(
    parts: Iterable[str] = layout.PARTS, name: str = NAME, choice: Choice = "20"
) -> Dataset:
    """The data set of some lists of scans.

    Args:
        parts: of `train`, `val` and `test`.
        name: of the data.
        choice: which classes.

    Raises:
        ValueError: neither `val` nor `test`, so there is nothing to test on.

    Example:
        >>> [(split.name, split.train) for split in dataset().splits]
        [('val', ('train',)), ('test', ('train', 'val'))]
    """
    parts = set(parts)
    splits = tuple(
        Split(name=split, train=tuple(part for part in train if part in parts), test=(test,))
        for split, train, test in _SPLITS
        if test in parts
    )
    if not splits:
        raise ValueError(
            "there must be scans to test on: of the list `val`, or of the hidden `test`. "
            f"Received: scans of {', '.join(sorted(parts)) or 'no list'}"
        )
    return Dataset(
        name=name,
        labels=of_choice(choice).labels,
        splits=splits,
        scans=functools.partial(reader.scans, choice=choice),
        left_out=functools.partial(reader.left_out, choice=choice),
        group_of=group_of,
        benchmark=NAME,
    )


def source(choice: Choice = "20") -> Source:
    """Finds ScanNetV2, whole or in parts, with the 20 or the 200 classes."""
    return Source(
        describe=functools.partial(describe, choice=choice),
        of_clouds=functools.partial(of_clouds, choice=choice),
        demo=functools.partial(demo_dataset, choice),
        long=functools.partial(long_dataset, choice),
    )


def describe(data: Path | None, blocks: Path | None, choice: Choice = "20") -> Dataset:
    """The data set that lies in a folder; a wrong path is refused before any work.

    Args:
        data: raw scans; None if there are only `blocks`.
        blocks: a prepared store.
        choice: which classes; those of a prepared store are its own.

    Raises:
        FileNotFoundError: nothing of the kind is there.
        ValueError: neither is given, or nothing to test on.
    """
    if data is not None:
        found = layout.find(data)
        name = _name(data, {scan.name for scan in found}, choice)
        return dataset({scan.part for scan in found}, name, choice)
    if blocks is not None:
        # HDF5 is for prepared stores only: processes that read raw scans start without it.
        from ban_tf.data.store import Store

        store = Store.open(blocks, group_of=group_of)
        of_200 = of_choice("200").labels.num_classes
        if store.settings is not None and store.settings.labels.num_classes == of_200:
            choice = "200"
        return dataset(store.groups, store.dataset, choice)
    raise ValueError("`data` or `blocks` must be given. Received: neither")


def of_clouds(folder: Path, clouds: Sequence[str], choice: Choice = "20") -> Dataset:
    """The data set that clouds belong to, by their names: all of them are one test."""
    everything = Split(name="all", train=(), test=tuple(sorted(set(clouds))))
    made = dataset(name=_name(folder, set(clouds), choice), choice=choice)
    return dataclasses.replace(made, splits=(everything,), group_of=str)


def group_of(cloud: str) -> str:
    """The official list that names a scan; the scan itself if none does.

    Example:
        >>> group_of("scene0011_00"), group_of("scene0707_00"), group_of("my_scan")
        ('val', 'test', 'my_scan')
    """
    return next((part for part in layout.PARTS if cloud in layout.official(part)), cloud)


def demo_dataset(choice: Choice = "20") -> Dataset:
    """A few generated rooms in ScanNetV2's raw format."""
    return _made("scannet_demo", _DEMO_SCANS, choice)


def long_dataset(choice: Choice = "20") -> Dataset:
    """More generated rooms, for trainings of hours."""
    return _made("scannet_rooms", _LONG_SCANS, choice)


def _made(name: str, num_scans: dict[str, int], choice: Choice) -> Dataset:
    stand_in = functools.partial(_write, num_scans=num_scans)
    return dataclasses.replace(dataset(num_scans, name, choice), stand_in=stand_in)


def _write(root: Path, seed: int, num_scans: dict[str, int]) -> None:
    writer.write_scans(root, num_scans, seed)


def _name(folder: Path, scans: set[str], choice: Choice) -> str:
    """The data set's own name where all scans of the validation are there, else the folder's.

    Published results belong to nothing less; whatever else is called like its folder.
    """
    own = NAME if choice == "20" else f"{NAME}{choice}"
    if layout.official("val") <= scans:
        return own
    name = folder.resolve().name
    return f"{name}_part" if name.lower().startswith(NAME) else name
