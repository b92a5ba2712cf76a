"""The ordered channels that a network sees of every point: their names, number and kinds."""

import dataclasses

from ban_tf.config import kinds
from ban_tf.config.checking import require


@dataclasses.dataclass(frozen=True)
class Channels:
    """A few channels that belong together.

    Args:
        width: how many.
        moves: whether they are coordinates in metres about a middle of the sample's own, which
            augmentation may turn, scale and jitter.
        is_color: whether augmentation may take them away.
    """

    width: int
    moves: bool = False
    is_color: bool = False


# What there is to choose from; `data.samples.features` makes each of them from a cloud.
KNOWN = {
    "block_xyz": Channels(3, moves=True),  # x, y from the block's middle, z from the room's floor
    "rgb": Channels(3, is_color=True),  # in [0, 1]
    "room_xyz": Channels(3),  # share of the room's extent, in [0, 1]
    "xyz": Channels(3, moves=True),  # about the cloud's middle, scaled into the unit sphere
}


@kinds.config
class Features:
    """Which channels a network sees, in order; the first three are coordinates.

    Args:
        names: of `KNOWN`; the first one moves, so that distances between points mean something.

    Raises:
        ValueError: an unknown name, one twice, or a first one that is not coordinates.

    Example:
        >>> features = Features(names=("block_xyz", "rgb"))
        >>> features.num_channels, features.place("rgb"), features.place("room_xyz")
        (6, slice(3, 6, None), None)
    """

    names: tuple[str, ...] = ("block_xyz", "rgb", "room_xyz")

    def __post_init__(self) -> None:
        unknown = sorted(set(self.names) - set(KNOWN))
        require(not unknown, f"features must be of {sorted(KNOWN)}.", unknown=unknown)
        require(
            len(set(self.names)) == len(self.names),
            "`names` must hold each name once.",
            names=self.names,
        )
        require(
            bool(self.names) and KNOWN[self.names[0]].moves,
            "the first channels must be coordinates in the sample, which networks measure "
            f"distances in: {sorted(name for name in KNOWN if KNOWN[name].moves)}.",
            names=self.names,
        )

    @property
    def num_channels(self) -> int:
        return sum(KNOWN[name].width for name in self.names)

    def places(self) -> dict[str, slice]:
        """Where the channels of each name lie among all."""
        found, start = {}, 0
        for name in self.names:
            found[name] = slice(start, start + KNOWN[name].width)
            start += KNOWN[name].width
        return found

    def place(self, name: str) -> slice | None:
        """Where the channels of `name` lie; None if the network does not see them."""
        return self.places().get(name)
