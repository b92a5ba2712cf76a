"""Numbers for the occupied voxels of a room, so that merging works on flat arrays."""

import numpy as np

from ban_tf.clouds import overlap


def legacy_voxels(normalised_xyz: np.ndarray, gap: float = 0.005) -> tuple[np.ndarray, int]:
    """Numbers the voxels of the original: truncated shares of the room's extent, per axis.

    Args:
        normalised_xyz: float32 or float64 `[..., 3]`, coordinates divided by the room's extent
            (block features 6 to 8). The quotient is taken in the given precision.
        gap: voxel edge as a share of the room's extent.

    Returns:
        int64 `[...]` voxel of every point, and the number of voxels `V`.

    Raises:
        ValueError: `gap` is not positive, or a coordinate is not finite.

    Example:
        >>> xyz = np.array([[0.0, 0.0, 0.004], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
        >>> voxel, num_voxels = legacy_voxels(xyz)
        >>> voxel.tolist(), num_voxels
        ([0, 1, 0], 2)
    """
    if not gap > 0:
        raise ValueError(f"`gap` must be positive. Received: gap={gap}")
    if not np.isfinite(normalised_xyz).all():
        raise ValueError("`normalised_xyz` must be finite; drop the other points before merging.")
    return _number_cells(np.trunc(normalised_xyz / normalised_xyz.dtype.type(gap)))


def _number_cells(cells: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers the distinct rows of whole numbers `[..., 3]`, in lexicographic order."""
    flat = cells.reshape(-1, 3)
    key = np.zeros(len(flat), np.int64)
    for axis in range(3):
        # Numbering each axis and each prefix keeps the key below N * N whatever the extent.
        distinct, index = overlap.number(flat[:, axis])
        _, key = overlap.number(key * max(len(distinct), 1) + index)
    return key.reshape(cells.shape[:-1]), int(key.max(initial=-1)) + 1
