"""Which clouds of a data set train a network, and which test it."""

from collections.abc import Sequence

from ban_tf.config import kinds, names
from ban_tf.config.checking import require

_SHOWN = 6  # more names than these are counted, not listed


@kinds.config
class Split:
    """One way to part a data set.

    Args:
        name: of the split, such as `val`; part of the names of its folders.
        train: names of clouds, or of the groups that the data set puts its clouds in; empty where
            there is nothing to train on, only to test.
        test: the same, at least one; nothing that is in `train`.

    Raises:
        ValueError: nothing to test on, something on both sides, or a name that no folder can have.

    Example:
        >>> Split(name="val", train=("scan1", "scan2"), test=("scan3",)).title
        'scan3'
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        names.require_file_name("`name` of a split", self.name)
        require(
            bool(self.test),
            "`test` must name at least one cloud or group of clouds.",
            split=self.name,
            test=self.test,
        )
        shared = sorted(set(self.train) & set(self.test))
        require(
            not shared,
            "`train` and `test` must share nothing, or the test says nothing.",
            split=self.name,
            shared=shared,
        )

    @property
    def title(self) -> str:
        """What is tested, for people."""
        return title_of(self.test)


def title_of(names: Sequence[str]) -> str:
    """Names of clouds or groups for people; many are counted.

    Example:
        >>> title_of(["East_wing", "West_wing"]), title_of(range(312))
        ('East wing, West wing', '312 clouds')
    """
    if len(names) > _SHOWN:
        return f"{len(names)} clouds"
    return ", ".join(name.replace("_", " ") for name in names)


def leave_one_out(groups: Sequence[str], test: str, name: str) -> Split:
    """The split that tests on one group and trains on all the others.

    Args:
        groups: names of all groups; of one alone nothing is left to train on.
        test: one of them.
        name: of the split.

    Raises:
        ValueError: `test` is no group.

    Example:
        >>> leave_one_out(("a", "b", "c"), "b", name="fold_b").train
        ('a', 'c')
    """
    require(test in groups, f"the group to test on must be one of {tuple(groups)}.", test=test)
    train = tuple(group for group in groups if group != test)
    return Split(name=name, train=train, test=(test,))
