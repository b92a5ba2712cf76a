"""A point cloud with labels: what every reader returns and everything after it takes."""

import dataclasses

import numpy as np

from ban_tf.config import NONE, names


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A room, a scan or a shape; `N` points.

    Args:
        name: unique within a data set, e.g. `scene0011_00`; part of the names of files.
        xyz: float64 `[N, 3]`, metres, z up, all finite.
        rgb: uint8 `[N, 3]`, or None if the scan has no colours.
        semantic: int32 `[N]`, class of every point, `NONE` where it has none.
        instance: int32 `[N]`, instance of every point, `NONE` where it has none.
        group: the group of clouds that splits name, such as a part of a building; empty where
            splits name the clouds themselves.

    Raises:
        ValueError: a wrong shape, a coordinate that is not finite, or a name that no file can have
            (`config.names`).
        TypeError: a wrong dtype, or no plain NumPy array.

    Example:
        >>> cloud = unlabelled("my_scan", np.zeros((3, 3)))
        >>> len(cloud), cloud.semantic
        (3, array([-1, -1, -1], dtype=int32))
    """

    name: str
    xyz: np.ndarray
    rgb: np.ndarray | None
    semantic: np.ndarray
    instance: np.ndarray
    group: str = ""

    def __post_init__(self) -> None:
        names.require_file_name("`name` of a cloud", self.name)
        self._check_plain("xyz", self.xyz)
        num_points = len(self.xyz)
        self._check("xyz", self.xyz, np.float64, (num_points, 3))
        if self.rgb is not None:
            self._check("rgb", self.rgb, np.uint8, (num_points, 3))
        self._check("semantic", self.semantic, np.int32, (num_points,))
        self._check("instance", self.instance, np.int32, (num_points,))
        broken = np.flatnonzero(~np.isfinite(self.xyz).all(axis=1))
        if len(broken):
            raise ValueError(
                f"`xyz` of cloud {self.name} must be finite; readers drop other points. "
                f"Received: {len(broken)} bad points, the first at row {broken[0]}"
            )

    def _check_plain(self, field: str, array: np.ndarray) -> None:
        """Refuses lists, and arrays whose rows or masks mean something else (`matrix`, `ma`)."""
        is_plain = isinstance(array, np.ndarray) and not isinstance(
            array, np.ma.MaskedArray | np.matrix
        )
        if not is_plain or not array.ndim:
            raise TypeError(
                f"`{field}` of cloud {self.name} must be a plain NumPy array with a row per point. "
                f"Received: {type(array).__name__}"
            )

    def _check(self, field: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> None:
        self._check_plain(field, array)
        if array.dtype != dtype:
            raise TypeError(
                f"`{field}` of cloud {self.name} must be {np.dtype(dtype)}. "
                f"Received: {field}.dtype={array.dtype}"
            )
        if array.shape != shape:
            raise ValueError(
                f"`{field}` of cloud {self.name} must have shape {shape}. "
                f"Received: {field}.shape={array.shape}"
            )

    def __len__(self) -> int:
        return len(self.xyz)


def unlabelled(name: str, xyz: np.ndarray, rgb: np.ndarray | None = None) -> Cloud:
    """A cloud without labels, such as a user's own scan.

    Args:
        name: part of the names of files.
        xyz: float64 `[N, 3]`, metres, z up.
        rgb: uint8 `[N, 3]`, or None if the scan has no colours.

    Example:
        >>> import numpy as np
        >>> from ban_tf import unlabelled
        >>> unlabelled("my_scan", np.zeros((2, 3))).semantic
        array([-1, -1], dtype=int32)
    """
    none = np.full(np.shape(xyz)[:1] or 0, NONE, np.int32)
    return Cloud(name=name, xyz=xyz, rgb=rgb, semantic=none, instance=none.copy())
