"""Which clouds of a data set train a network, and which test it."""

import dataclasses
from collections.abc import Sequence

from ban_tf.config.checking import require

_SHOWN = 6  # more names than these are counted, not listed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """One way to part a data set.

    Args:
        name: of the split, such as `val` or `area5`; part of the names of its folders.
        train: names of clouds, or of the groups that the data set puts its clouds in.
        test: the same; nothing that is in `train`.

    Raises:
        ValueError: a side is empty, or something is on both.

    Example:
        >>> Split(name="val", train=("scan1", "scan2"), test=("scan3",)).title
        'scan3'
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        require(bool(self.name), "`name` must not be empty.", name=self.name)
        for side in ("train", "test"):
            require(
                bool(getattr(self, side)),
                f"`{side}` must name at least one cloud or group of clouds.",
                split=self.name,
                **{side: getattr(self, side)},
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
    """Names of clouds or groups for people: `Area_5` as `Area 5`; many are counted."""
    if len(names) > _SHOWN:
        return f"{len(names)} clouds"
    return ", ".join(name.replace("_", " ") for name in names)


def leave_one_out(groups: Sequence[str], test: str, name: str) -> Split:
    """The split that tests on one group and trains on all the others.

    Args:
        groups: names of all groups, at least two.
        test: one of them.
        name: of the split.

    Raises:
        ValueError: `test` is no group, or the only one.

    Example:
        >>> leave_one_out(("a", "b", "c"), "b", name="fold_b").train
        ('a', 'c')
    """
    require(test in groups, f"the group to test on must be one of {tuple(groups)}.", test=test)
    train = tuple(group for group in groups if group != test)
    require(
        bool(train), "a data set of one group leaves nothing to train on.", groups=tuple(groups)
    )
    return Split(name=name, train=train, test=(test,))
