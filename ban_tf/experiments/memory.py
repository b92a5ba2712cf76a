"""How much memory a segmentation of a scan may take, and how much it does take."""

import dataclasses
import re

from ban_tf.clouds.formats import bounds

_SHARE = 0.6  # of the free memory, where nothing else is said
_UNITS = {"": 1, "K": 10, "M": 20, "G": 30, "T": 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", re.IGNORECASE)
# Measured by benchmarks/own_scan.py: bytes a point of a scan that is in memory as a whole, of a
# tile beside its classes, and of each class.
WHOLE_POINT, _TILE_POINT, _TILE_CLASS = 420, 420, 17
_PROGRAM = 3 << 29  # TensorFlow, a network, the samples in flight
_LEAST_POINTS = 50_000  # of a tile; fewer would be read and written more than worked on


def parse(text: str) -> int:
    """Bytes of a size as people write it.

    Raises:
        ValueError: it is none.

    Example:
        >>> parse("8GiB"), parse("500 MB"), parse("1048576")
        (8589934592, 500000000, 1048576)
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"must be a size, such as 8GiB or 500MB. Received: {text!r}")
    number, unit, is_binary = float(found[1]), found[2].upper(), bool(found[3])
    power = _UNITS[unit] if unit else 0
    scale = 1 if not unit else 2**power if is_binary else 1000 ** (power // 10)
    return int(number * scale)


@dataclasses.dataclass(frozen=True)
class Budget:
    """Memory that may be used.

    Args:
        num_bytes: in all, the program included.
    """

    num_bytes: int

    @classmethod
    def of(cls, num_bytes: int | None) -> "Budget":
        """What was asked for, or else a share of what is free now.

        Raises:
            ValueError: the program does not run in so little.
        """
        if num_bytes is None:
            return cls(int(_SHARE * bounds.free_bytes()))
        if num_bytes < _PROGRAM:
            raise ValueError(
                f"`max_memory` must be at least {shown(_PROGRAM)}, which the program takes before "
                f"it has read a point. Received: {num_bytes} bytes"
            )
        return cls(num_bytes)

    def fits(self, num_points: int) -> bool:
        """Whether a scan of so many points is segmented as a whole."""
        return _PROGRAM + num_points * WHOLE_POINT <= self.num_bytes

    def points_of_tile(self, num_classes: int) -> int:
        """So many points a tile may have.

        Args:
            num_classes: C.
        """
        left = max(self.num_bytes - _PROGRAM, 0)
        return max(left // (_TILE_POINT + _TILE_CLASS * num_classes), _LEAST_POINTS)


def of_tile(num_points: int, num_classes: int) -> int:
    """Bytes that the program takes with a tile of so many points."""
    return _PROGRAM + num_points * (_TILE_POINT + _TILE_CLASS * num_classes)


def of_whole(num_points: int) -> int:
    """Bytes that the program takes with a scan of so many points."""
    return _PROGRAM + num_points * WHOLE_POINT


def shown(num_bytes: int) -> str:
    """A size for people.

    Example:
        >>> shown(8 << 30)
        '8.0 GiB'
    """
    return f"{num_bytes / 2**30:.1f} GiB"
