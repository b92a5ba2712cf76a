"""Fixed orders of points: one that runs through space without jumps, one that looks random."""

import numpy as np

_MORTON_BITS = 20  # per axis: a hundredth of a millimetre in a room of 10 m
# Each step moves half of every group of bits up, until two free bits follow each bit.
_MORTON_STEPS = tuple(
    (np.uint64(shift), np.uint64(mask))
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    )
)


def morton_code(xyz: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Places points along a space-filling curve: the bits of z, y and x interleaved.

    Args:
        xyz: float64 `[N, 3]`, none negative.
        extent: float64 `[3]`, the greatest of each axis.

    Returns:
        uint64 `[N]`; points near in this number are near in space.
    """
    top = 2**_MORTON_BITS - 1
    steps_per_m = top / (float(extent.max()) or 1.0)
    code = np.zeros(len(xyz), np.uint64)
    for axis in range(3):
        bits = np.minimum(xyz[:, axis] * steps_per_m, top).astype(np.uint64)
        for shift, mask in _MORTON_STEPS:
            bits = (bits | (bits << shift)) & mask
        code |= bits << np.uint64(axis)
    return code


def scattered(num_points: int) -> np.ndarray:
    """A fixed, random-looking order of `[0, num_points)`, int64 `[P]`.

    Ball query takes the first neighbours by index. Training blocks come in random order, so that
    these are a random sample; along the curve they would lie all on one side of the ball. A hash
    (the finaliser of splitmix64) rather than NumPy's generators, whose streams may change between
    versions: predictions must not.
    """
    value = np.arange(1, num_points + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(value ^ (value >> np.uint64(31)), kind="stable")
