"""Prepared samples on disk: one HDF5 file per cloud, `room_filelist.txt` and `manifest.json`.

The files are those of ASIS's tools, so blocks prepared with them can be used as they are
(without a manifest, read-only), and blocks prepared here can be read there.
"""

import bisect
import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ban_tf.clouds import cloud_cache
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Experiment, Features, Split
from ban_tf.data.samples import Samples
from ban_tf.data.store import drawing, foreign, manifest, stored_cloud
from ban_tf.data.store.stored_cloud import StoredCloud

Counting = Literal["drawn", "raw"]
GroupOf = Callable[[str], str]  # from the name of a cloud to the group that splits name


@dataclasses.dataclass(frozen=True)
class Store:
    """Samples of some clouds; `len()` is their number, numbered through in the order of `clouds`.

    Args:
        path: the folder.
        clouds: sorted by name.
        num_points: P, points of a sample.
        features: what the channels are.
        settings: what the samples were made with; None for data that others prepared.
        benchmark: name of the data set's official evaluation, which is not kept on disk; empty if
            there is none, or it is not known.

    Example:
        >>> import tempfile
        >>> from ban_tf.config import Blocks, Labels, Split
        >>> from ban_tf.data import store
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("east",), test=("scan3",)),
        ...     samples=Blocks(num_points=64, min_points=1),
        ... )
        >>> xyz, label = np.random.default_rng(0).uniform(0, 1, (90, 3)), np.zeros(90, np.int32)
        >>> rgb = np.zeros((90, 3), np.uint8)
        >>> clouds = [
        ...     Cloud(name, xyz, rgb, label, label, group)
        ...     for name, group in (("scan1", "east"), ("scan2", "east"), ("scan3", "west"))
        ... ]
        >>> folder, settings = Path(tempfile.mkdtemp()), store.Settings.of(experiment)
        >>> store.prepare(clouds, settings=settings, path=folder, progress=False)
        >>> opened = Store.open(folder, experiment)
        >>> opened.groups, len(opened.select(experiment.split.train))
        (('east', 'west'), 2)
        >>> opened.read([0, 2]).features.shape
        (2, 64, 9)
    """

    path: Path
    clouds: tuple[StoredCloud, ...]
    num_points: int
    features: Features
    settings: manifest.Settings | None
    benchmark: str = ""

    @classmethod
    def open(
        cls, path: str | Path, expected: Experiment | None = None, group_of: GroupOf = str
    ) -> "Store":
        """Opens a folder of prepared samples, after checking that it is whole.

        Args:
            path: the folder.
            expected: what the samples must suit; None accepts anything. Data that others prepared
                can only be held to the numbers of points and channels.
            group_of: tells the groups of data that others prepared, which do not record them.

        Raises:
            FileNotFoundError: nothing is prepared there.
            ValueError: a file is missing, damaged or not of this store, or the samples were made
                with other settings; the message names it and the way out.
        """
        path = Path(path)
        found = manifest.load(path)
        if found is None:
            clouds, num_points, features = foreign.open_clouds(path, expected, group_of)
            return cls(path, clouds, num_points, features, None)
        if expected is not None:
            differences = manifest.sample_differences(
                (expected.samples, expected.features),
                (found.settings.samples, found.settings.features),
            )
            manifest.refuse_differences(differences, path)
        _refuse_unlisted(path, found)
        clouds = tuple(stored_cloud.of_record(path, record) for record in found.clouds)
        settings = found.settings
        return cls(path, clouds, settings.samples.num_points, settings.features, settings)

    def __len__(self) -> int:
        return sum(cloud.num_samples for cloud in self.clouds)

    @property
    def dataset(self) -> str:
        """Name of the data set; for data that others prepared, that of the folder."""
        return self.path.resolve().name if self.settings is None else self.settings.dataset

    @property
    def groups(self) -> tuple[str, ...]:
        """The names that splits may use: groups, and clouds without a group; sorted."""
        return tuple(sorted({cloud.group or cloud.name for cloud in self.clouds}))

    def holds(self, names: Iterable[str]) -> bool:
        """Whether each name is a group or a cloud of this store."""
        return set(names) <= {name for cloud in self.clouds for name in (cloud.group, cloud.name)}

    def select(self, names: Iterable[str]) -> "Store":
        """The same store, with some clouds only.

        Args:
            names: of clouds, or of groups.

        Raises:
            TypeError: one name instead of several, or something else.
            ValueError: a name that is neither here.
        """
        wanted = set() if isinstance(names, str) else set(names)
        if isinstance(names, str) or not all(isinstance(name, str) for name in wanted):
            raise TypeError(f"`names` must be a list, of each item a text. Received: {names!r}")
        missing = sorted(name for name in wanted if not self.holds([name]))
        if missing:
            raise ValueError(
                f"{self.path} has no samples of {', '.join(missing)}; prepare them first. "
                f"Received: names={sorted(wanted)}, prepared={list(self.groups)}"
            )
        chosen = (cloud for cloud in self.clouds if wanted & {cloud.name, cloud.group})
        return dataclasses.replace(self, clouds=tuple(chosen))

    def require_apart(self, split: Split) -> None:
        """Refuses a split with the very same cloud on both sides, whatever it is called there.

        Raises:
            ValueError: a cloud of the test is trained on, or `select` finds none of a name.
        """
        trained = {cloud.content: cloud for cloud in self.select(split.train).clouds}
        tested = [cloud for cloud in self.select(split.test).clouds if cloud.content in trained]
        seen = [(cloud.name, trained[cloud.content].name) for cloud in tested if cloud.content]
        if seen:
            raise ValueError(
                f"what is tested must not be trained on, but {seen[0][0]}, which is tested, has "
                f"the very points and labels of {seen[0][1]} ({len(seen)} such clouds in "
                f"{self.path}). Move one of the two away from the data."
            )

    def cloud_file(self, name: str) -> Path:
        """Where the store keeps a cloud as it was read, if it does."""
        return self.path / "clouds" / f"{name}.npz"

    def load_cloud(self, name: str) -> Cloud:
        """A cloud as it was read.

        Raises:
            FileNotFoundError: the store was prepared without the raw points.
            ValueError: the file is damaged; the message names it.
        """
        return cloud_cache.load_cloud(self.cloud_file(name))

    def read(self, indices: Sequence[int] | np.ndarray) -> Samples:
        """Reads samples, in the order asked for; every cloud's file is opened once.

        Args:
            indices: `[B]`, each in [0, len).

        Raises:
            IndexError: an index is out of range.
            ValueError: a file is damaged; the message names it.
        """
        first = self._first_samples()
        places: dict[int, list[int]] = {}
        for place, index in enumerate(indices):
            if not 0 <= index < first[-1]:
                raise IndexError(f"blocks are numbered from 0 to {first[-1] - 1}: got {index}")
            places.setdefault(bisect.bisect_right(first, index) - 1, []).append(place)
        shape = (len(indices), self.num_points)
        features = np.empty((*shape, self.features.num_channels), np.float32)
        semantic, instance = np.empty(shape, np.int32), np.empty(shape, np.int32)
        for k in sorted(places):
            part = self.clouds[k].read([int(indices[place]) - first[k] for place in places[k]])
            if self.settings is None:
                foreign.check_values(self.clouds[k].path, part, self.features)
            features[places[k]] = part.features
            semantic[places[k]] = part.semantic
            instance[places[k]] = part.instance
        return Samples(features, semantic, instance)

    def exact_shares(self, name: str) -> np.ndarray | None:
        """The channels `room_xyz` of a cloud's samples, unrounded: `drawing.exact_shares`.

        Args:
            name: of the cloud.

        Returns:
            float64 `[K, P, 3]`, or None where the store keeps no raw points or has no blocks.

        Raises:
            ValueError: the file of the raw points is damaged; the message names it.
        """
        if self.settings is None or not self.cloud_file(name).is_file():
            return None
        return drawing.exact_shares(self.load_cloud(name), self.settings)

    def draw(self, num_samples: int, seed: int) -> np.ndarray:
        """Draws samples without repeats; the same ones for the same seed.

        Args:
            num_samples: how many; all of them if there are fewer.
            seed: of the drawing.

        Returns:
            int64 `[min(num_samples, len)]`, for `read`.

        Raises:
            ValueError: none is asked for, or there is none.
        """
        num_drawn = min(num_samples, len(self))
        if num_drawn < 1:
            raise ValueError(
                "at least one sample is needed. "
                f"Received: num_samples={num_samples}, {len(self)} samples in {self.path}"
            )
        return np.random.default_rng(seed).choice(len(self), num_drawn, replace=False)

    def verify(self) -> None:
        """Reads every file and compares it with the manifest, which `open` does by size alone.

        Raises:
            ValueError: a file changed, or the store has no manifest to compare with.
        """
        found = manifest.load(self.path)
        if found is None:
            raise ValueError(f"{self.path} has no {manifest.FILE_NAME} to be compared with.")
        expected = {record.name: record.sha256 for record in found.clouds}
        for cloud in self.clouds:
            if hashlib.sha256(cloud.path.read_bytes()).hexdigest() != expected.get(cloud.name):
                raise ValueError(f"{cloud.path} changed since. Prepare it again from the raw data.")

    def cloud_of(self, index: int) -> StoredCloud:
        """The cloud that a sample belongs to."""
        return self.clouds[bisect.bisect_right(self._first_samples(), index) - 1]

    def instance_sizes(self, counting: Counting = "drawn") -> list[tuple[int, int]]:
        """(class, number of points) of every instance of every cloud, for the size filter.

        Args:
            counting: "drawn" counts the points in the samples, overlaps and repeats included,
                as the authors' code does, and leaves out instances of which none was drawn; "raw"
                counts the points of the cloud.

        Raises:
            ValueError: "raw", of data that others prepared: they do not tell.
        """
        column = {"raw": 1, "drawn": 2}[counting]
        if counting == "raw" and self.settings is None:
            raise ValueError(
                f"{self.path} has no {manifest.FILE_NAME}, so the raw sizes of instances are not "
                'known; prepare samples from the raw data, or use counting="drawn".'
            )
        rows = [row for cloud in self.clouds for row in cloud.instances.tolist()]
        return [(row[0], row[column]) for row in rows if row[0] >= 0 and row[column] > 0]

    def _first_samples(self) -> list[int]:
        return list(itertools.accumulate((cloud.num_samples for cloud in self.clouds), initial=0))


def _refuse_unlisted(folder: Path, found: manifest.Manifest) -> None:
    listed = {record.file_name for record in found.clouds}
    unlisted = [file.name for file in manifest.list_files(folder) if file.name not in listed]
    if unlisted:
        raise ValueError(
            f"{folder / manifest.FILE_NAME} does not list {unlisted[0]} ({len(unlisted)} such "
            "files): a preparation was interrupted, or files were copied in. Prepare again, or "
            "move them away."
        )
