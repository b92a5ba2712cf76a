"""What a data set is: its labels and splits, how it is read, and what the network sees of it."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from ban_tf.config import Blocks, Experiment, Features, Labels, Sampling, Split, with_network
from ban_tf.data.reading import Scan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set; one of these is all that training and evaluation know of it.

    Args:
        name: in headings and in the names of folders.
        labels: its classes.
        splits: ways to part it; the first is the default.
        scans: lists the raw scans below a folder, sorted: those of the groups or clouds that are
            named, or all of them for None. It raises FileNotFoundError where one is missing.
        features: what a network sees of a point.
        samples: how its clouds become samples.
        group_of: from the name of a cloud to its group, for prepared blocks of others, which do
            not record it.
        stand_in: writes generated raw data, given a folder to make and a seed, for those who have
            none of the real ones; whole or not at all. None if there is no generator.

    Raises:
        ValueError: no split, or two of one name.

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
    features: Features = Features()
    samples: Sampling = Blocks()
    group_of: Callable[[str], str] = str
    stand_in: Callable[[Path, int], None] | None = None

    def __post_init__(self) -> None:
        names = [split.name for split in self.splits]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"`splits` must hold at least one split, and each name once. Received: {names}"
            )

    def split(self, name: str | None = None) -> Split:
        """The split of a name; None gives the first.

        Raises:
            ValueError: there is no such split.
        """
        known = {split.name: split for split in self.splits}
        if name is None:
            return self.splits[0]
        if name not in known:
            raise ValueError(
                f"{self.name} can be split as {', '.join(known)}. Received: split={name!r}"
            )
        return known[name]

    def experiment(self, split: str | None = None, network: str = "ban") -> Experiment:
        """The paper's setting on this data set.

        Args:
            split: name of a split; None takes the first.
            network: what to train, by its own recipe.
        """
        experiment = Experiment(
            dataset=self.name,
            labels=self.labels,
            split=self.split(split),
            features=self.features,
            samples=self.samples,
        )
        return with_network(experiment, network)
