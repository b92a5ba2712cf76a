"""What a network sees at a time: a block of a room, or a whole shape."""

from ban_tf.config import kinds
from ban_tf.config.checking import require, require_at_least_one

_LARGEST_M = 1e6  # no cloud is as wide; places in larger blocks leave the range of float32


@kinds.config
class Blocks:
    """A room is cut into overlapping blocks, whose outputs are merged; lengths in metres.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> Blocks(size_m=2.0, stride_m=1.0).num_points
        4096
    """

    size_m: float = 1.0  # [P] 5.1
    stride_m: float = 0.5  # [C]
    num_points: int = 4096  # [P] 5.1
    min_points: int = 100  # [C] blocks with fewer raw points are left out of training

    def __post_init__(self) -> None:
        require(
            0 < self.stride_m <= self.size_m,
            "`stride_m` must be in (0, size_m], or points between blocks are never seen.",
            stride_m=self.stride_m,
            size_m=self.size_m,
        )
        require(
            self.size_m <= _LARGEST_M,
            f"`size_m` must be at most {_LARGEST_M:g} metres.",
            size_m=self.size_m,
        )
        require_at_least_one(num_points=self.num_points, min_points=self.min_points)


@kinds.config
class Shapes:
    """A cloud is one sample in the unit sphere; there is nothing to merge."""

    num_points: int = 10_000  # of PartNet's files

    def __post_init__(self) -> None:
        require_at_least_one(num_points=self.num_points)


Sampling = Blocks | Shapes
