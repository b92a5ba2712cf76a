"""SceneNN as a data set: its two lists of scenes are the groups that splits name."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from ban_tf.config import Features, Split
from ban_tf.data.dataset import Dataset, Source
from ban_tf.data.scenenn import layout, reader, writer

NAME = "scenenn"
_DEMO_SCENES = {"train": 6, "test": 2}
_LONG_SCENES = {"train": 24, "test": 6}
_COLORLESS = Features(names=("block_xyz", "room_xyz"))


def dataset(parts: Iterable[str] = layout.PARTS, name: str = NAME, colors: bool = True) -> Dataset:
    """The data set of one or both lists of scenes.

    Args:
        parts: of `train` and `test`.
        name: of the data.
        colors: whether networks see them.

    Raises:
        ValueError: no scenes to test on.

    Example:
        >>> dataset().split().train, len(dataset().labels.class_names)
        (('train',), 40)
    """
    parts = set(parts)
    if "test" not in parts:
        raise ValueError(
            "there must be scenes of the list `test`. "
            f"Received: scenes of {', '.join(sorted(parts)) or 'no list'}"
        )
    train = tuple(part for part in ("train",) if part in parts)
    return Dataset(
        name=name,
        labels=reader.LABELS,
        splits=(Split(name="test", train=train, test=("test",)),),
        scans=reader.scans,
        left_out=layout.left_out,
        features=Features() if colors else _COLORLESS,
        group_of=group_of,
    )


def source(colors: bool = True) -> Source:
    """Finds SceneNN, whole or in parts.

    Args:
        colors: whether networks see them.
    """
    return Source(
        describe=functools.partial(describe, colors=colors),
        of_clouds=of_clouds,
        demo=functools.partial(_made, "scenenn_demo", _DEMO_SCENES, colors),
        long=functools.partial(_made, "scenenn_rooms", _LONG_SCENES, colors),
    )


def describe(data: Path | None, blocks: Path | None, colors: bool = True) -> Dataset:
    """The data set that lies in a folder; a wrong path is refused before any work.

    Args:
        data: raw scenes; None if there are only `blocks`.
        blocks: a prepared store.
        colors: whether networks see them; a prepared store tells itself.

    Raises:
        FileNotFoundError: nothing of the kind is there.
        ValueError: neither is given, or nothing to test on.
    """
    if data is not None:
        found = layout.find(data)
        name = _name(data, {scene.name for scene in found})
        return dataset({scene.part for scene in found}, name, colors)
    if blocks is not None:
        # HDF5 is for prepared stores only: processes that read raw scenes start without it.
        from ban_tf.data.store import Store

        store = Store.open(blocks, group_of=group_of)
        made = dataset(store.groups, store.dataset)
        return dataclasses.replace(made, features=store.features)
    raise ValueError("`data` or `blocks` must be given. Received: neither")


def of_clouds(folder: Path, clouds: Sequence[str]) -> Dataset:
    """The data set that clouds belong to, by their names: all of them are one test."""
    everything = Split(name="all", train=(), test=tuple(sorted(set(clouds))))
    made = dataset(name=_name(folder, set(clouds)))
    return dataclasses.replace(made, splits=(everything,), group_of=str)


def group_of(cloud: str) -> str:
    """The published list that names a scene; the scene itself if none does.

    Example:
        >>> group_of("005"), group_of("011"), group_of("my_scan")
        ('train', 'test', 'my_scan')
    """
    return next((part for part in layout.PARTS if cloud in layout.published(part)), cloud)


def _made(name: str, num_scenes: dict[str, int], colors: bool) -> Dataset:
    stand_in = functools.partial(_write, num_scenes=num_scenes)
    return dataclasses.replace(dataset(num_scenes, name, colors), stand_in=stand_in)


def _write(root: Path, seed: int, num_scenes: dict[str, int]) -> None:
    writer.write_scenes(root, num_scenes, seed)


def _name(folder: Path, scenes: set[str]) -> str:
    """The data set's own name where all test scenes are there, else the folder's."""
    if layout.published("test") <= scenes:
        return NAME
    name = folder.resolve().name
    return f"{name}_part" if name.lower().startswith(NAME) else name
