"""Writes a generated building in S3DIS's raw layout."""

from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.data import synthetic


def write_building(
    root: Path,
    num_areas: int = 3,
    seed: int = 0,
    rooms_per_area: int = 4,
    points_per_m2: float = 3000.0,
) -> None:
    """Writes a building as `<root>/Area_<N>/<room>/Annotations/<class>_<k>.txt`.

    Every area is a hallway with an office, a lounge and a meeting room (then more of these), has
    all 13 classes of S3DIS, and differs from the others in sizes, colours and furniture. Only
    what a scanner sees from a few places becomes points. Equal arguments give equal files.

    Args:
        root: the folder to make; it must not exist, or be empty.
        num_areas: at least 1.
        seed: any integer from 0.
        rooms_per_area: at least 2, for all classes to occur.
        points_per_m2: points per square metre of floor, at least 300; spread over floor, walls,
            ceiling and furniture above it.

    Raises:
        FileExistsError: `root` holds something.
        ValueError: a number out of its range.
    """
    root = Path(root)
    _check(num_areas=num_areas, at_least=1)
    _check(seed=seed, at_least=0)
    _check(rooms_per_area=rooms_per_area, at_least=2)
    _check(points_per_m2=points_per_m2, at_least=300)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is not an empty folder. Choose another, or move it away.")
    with disk.whole(root) as temporary:
        for area in range(1, num_areas + 1):
            for scan in synthetic.scan_wing(area, rooms_per_area, points_per_m2, seed):
                _write_room(temporary / f"Area_{area}" / scan.name, scan)


def _check(at_least: float, **received: float) -> None:
    for name, value in received.items():
        if not value >= at_least:
            raise ValueError(f"`{name}` must be at least {at_least}. Received: {name}={value}")


def _write_room(folder: Path, scan: synthetic.Scan) -> None:
    annotations = folder / "Annotations"
    annotations.mkdir(parents=True)
    counts: dict[str, int] = {}
    order = np.argsort(scan.object, kind="stable")
    objects, starts = np.unique(scan.object[order], return_index=True)
    for index, rows in zip(objects, np.split(order, starts[1:]), strict=True):
        name = scan.class_names[index]
        counts[name] = counts.get(name, 0) + 1
        content = format_rows(scan.xyz[rows], scan.rgb[rows])
        (annotations / f"{name}_{counts[name]}.txt").write_bytes(content)


def format_rows(xyz: np.ndarray, rgb: np.ndarray) -> bytes:
    """Formats points as S3DIS does: a line `x y z r g b` each, three decimals, whole colours.

    Args:
        xyz: float `[N, 3]`, metres, of at most 9999.
        rgb: uint8 `[N, 3]`.

    Example:
        >>> format_rows(np.array([[1.5, -0.25, 12]]), np.array([[0, 20, 255]], np.uint8))
        b'1.500 -0.250 12.000 0 20 255\\n'
    """
    # Fields of fixed width with NUL where nothing belongs; the NULs are then taken out.
    fields = []
    for column in xyz.T:
        millimetres = np.rint(column * 1000).astype(np.int64)
        digits = _digits(np.abs(millimetres), 7)
        keep = _significant(digits, always=4)
        sign = np.where(millimetres < 0, ord("-"), 0)[:, None]
        point = np.full((len(xyz), 1), ord("."))
        shown = np.where(keep, digits + ord("0"), 0)
        fields += [sign, shown[:, :4], point, shown[:, 4:], np.full_like(point, ord(" "))]
    for index, column in enumerate(rgb.T):
        digits = _digits(column.astype(np.int64), 3)
        end = np.full((len(rgb), 1), ord(" " if index < 2 else "\n"))
        fields += [np.where(_significant(digits, always=1), digits + ord("0"), 0), end]
    table = np.hstack(fields).astype(np.uint8).ravel()
    return table[table != 0].tobytes()


def _digits(values: np.ndarray, count: int) -> np.ndarray:
    return values[:, None] // 10 ** np.arange(count - 1, -1, -1) % 10


def _significant(digits: np.ndarray, always: int) -> np.ndarray:
    keep = np.logical_or.accumulate(digits > 0, axis=1)
    keep[:, -always:] = True
    return keep
