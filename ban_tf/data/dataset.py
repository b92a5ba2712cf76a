"""What a data set is: its labels and splits, how it is read, and what the network sees of it."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from ban_tf.config import (
    Blocks,
    Experiment,
    Features,
    Labels,
    Sampling,
    Split,
    for_samples,
    names,
    with_network,
)
from ban_tf.data.reading import Problem, Scan


def _nothing(root: Path) -> list[Problem]:
    return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set; one of these is all that training and evaluation know of it.

    Args:
        name: in headings and in the names of folders.
        labels: its classes.
        splits: ways to part it.
        scans: lists the raw scans below a folder, sorted: those of the groups or clouds that are
            named, or all of them for None. It raises FileNotFoundError where one is missing.
        left_out: lists what lies below the folder and is no scan though it looks like one, for the
            report of the reading.
        features: what a network sees of a point.
        samples: how its clouds become samples.
        has_fixed_samples: whether others have made the samples, which then stay as they are even in
            the reduced setting.
        group_of: from the name of a cloud to its group, for prepared blocks of others, which do
            not record it.
        default_split: name of the split that is meant where none is named; empty for the first.
        stand_in: writes generated raw data, given a folder to make and a seed, for those who have
            none of the real ones; whole or not at all. None if there is no generator.
        benchmark: name of the official evaluation (`metrics.benchmarks`); empty if there is none.

    Raises:
        ValueError: no split, two of one name, or a name that no folder can have.

    Example:
        >>> dataset = Dataset(
        ...     name="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     splits=(Split(name="val", train=("scan1",), test=("scan2",)),),
        ...     scans=lambda root, names: [],
        ... )
        >>> dataset.experiment().split.title
        'scan2'
    """

    name: str
    labels: Labels
    splits: tuple[Split, ...]
    scans: Callable[[Path, Sequence[str] | None], list[Scan]]
    left_out: Callable[[Path], list[Problem]] = _nothing
    features: Features = Features()
    samples: Sampling = Blocks()
    has_fixed_samples: bool = False
    group_of: Callable[[str], str] = str
    default_split: str = ""
    stand_in: Callable[[Path, int], None] | None = None
    benchmark: str = ""

    def __post_init__(self) -> None:
        names.require_file_name("`name` of a data set", self.name)
        if not self.splits:
            raise ValueError("`splits` must hold at least one split. Received: none")
        names.require_distinct("split", [split.name for split in self.splits])

    def split(self, name: str | None = None) -> Split:
        """The split of a name; None gives the default.

        Raises:
            ValueError: there is no such split.
        """
        known = {split.name: split for split in self.splits}
        name = name or self.default_split or self.splits[0].name
        if name not in known:
            raise ValueError(
                f"`split` of {self.name} must be one of {', '.join(known)}. Received: {name!r}"
            )
        return known[name]

    def experiment(self, split: str | None = None, network: str = "ban") -> Experiment:
        """The paper's setting on this data set.

        Args:
            split: name of a split; None takes the default.
            network: what to train, by its own recipe.
        """
        experiment = Experiment(
            dataset=self.name,
            labels=self.labels,
            split=self.split(split),
            features=self.features,
            samples=self.samples,
        )
        fitted = for_samples(experiment.network, self.samples)
        return with_network(dataclasses.replace(experiment, network=fitted), network)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Finds out which data set lies in a user's folders; what a script is given.

    Args:
        describe: from the raw data's folder and a prepared store, of which one may be None, to the
            data set; it refuses what is wrong before any work.
        demo: the data set that is generated where the user has none; None if there is none.
        long: the same for trainings of hours: more of it.
        of_clouds: from a folder and the names of the clouds in it, such as prediction files, to
            the data set.
    """

    describe: Callable[[Path | None, Path | None], Dataset]
    of_clouds: Callable[[Path, Sequence[str]], Dataset]
    demo: Callable[[], Dataset] | None = None
    long: Callable[[], Dataset] | None = None

    def find(self, data: Path | None, blocks: Path | None, long: bool = False) -> Dataset:
        """The data set in the folders; with neither the generated one, for `long` the larger.

        Raises:
            FileNotFoundError: nothing of the kind is there.
            ValueError: neither is given, and there is no generator.
        """
        if data is None and blocks is None:
            made = self.long if long else self.demo
            if made is None:
                raise ValueError("`data` or `blocks` must be given. Received: neither")
            return made()
        return self.describe(data, blocks)


def always(dataset: Dataset) -> Source:
    """The source of a data set that is the same whatever the folders hold."""
    return Source(describe=lambda data, blocks: dataset, of_clouds=lambda folder, names: dataset)
