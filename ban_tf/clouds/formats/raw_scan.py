"""A scan as its file has it: nothing is turned, scaled, rounded or left out."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

LABELS = ("semantic", "instance", "confidence", "entropy")  # that a segmentation adds


@dataclasses.dataclass(frozen=True)
class RawScan:
    """What a file of points holds; `N` points in the order of the file.

    Args:
        path: the file or folder.
        xyz: float64 `[N, 3]` in the unit and axes of the file; what the sensor did not see may be
            NaN or infinite.
        colors: `[N, 3]` red, green, blue in the type and range of the file; None if it has none.
        fields: what else the file knows of each point, by name: `[N]` or `[N, K]` each.
        about: what the file says of itself, by name, such as `crs`, `scale` or `unit`.
        problems: sentences on what was odd in the file and how it was taken.
        native: what the writer of the same format needs to keep all that the file has.

    Example:
        >>> scan = RawScan(Path("desk.xyz"), np.zeros((2, 3)))
        >>> len(scan), scan.colors is None
        (2, True)
    """

    path: Path
    xyz: np.ndarray
    colors: np.ndarray | None = None
    fields: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    problems: tuple[str, ...] = ()
    native: object = None

    def __len__(self) -> int:
        return len(self.xyz)


def columns_of(scan: RawScan) -> dict[str, np.ndarray]:
    """Everything of a scan as columns `[N]` by name: x, y, z, red, green, blue, then the fields.

    A field of several columns, `[N, K]`, becomes `name_0`, `name_1` and so on.
    """
    columns = dict(zip("xyz", scan.xyz.T, strict=True))
    if scan.colors is not None:
        columns |= dict(zip(("red", "green", "blue"), scan.colors.T, strict=True))
    for name, values in scan.fields.items():
        flat = values.reshape(len(values), math.prod(values.shape[1:]))
        names = [name] if values.ndim == 1 else [f"{name}_{k}" for k in range(flat.shape[1])]
        columns |= {one: column for one, column in zip(names, flat.T, strict=True)}
    return columns


def as_columns(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Structured `[N]` of columns by name, packed; booleans as bytes, float16 as float32."""
    small = {"b": "u1", "e": "f4"}
    kinds = [
        (name, small.get(values.dtype.char if values.dtype.kind == "f" else values.dtype.kind,
                         values.dtype.newbyteorder("=")))
        for name, values in columns.items()
    ]  # fmt: skip
    table = np.empty(len(next(iter(columns.values()))), kinds)
    for name, values in columns.items():
        table[name] = values
    return table


def with_columns(table: np.ndarray, added: Mapping[str, np.ndarray]) -> np.ndarray:
    """A structured `[N]` with further columns behind its own; one of the same name is replaced.

    Args:
        table: structured `[N]`.
        added: `[N]` each; they take the byte order of the table.
    """
    order = _byte_order(table.dtype)
    kinds = {name: table.dtype[name] for name in table.dtype.names or ()}
    kinds |= {name: values.dtype.newbyteorder(order) for name, values in added.items()}
    result = np.empty(len(table), list(kinds.items()))
    for name in kinds:
        result[name] = added[name] if name in added else table[name]
    return result


def _byte_order(kind: np.dtype) -> Literal["<", ">"]:
    orders = {kind[name].base.byteorder for name in kind.names or ()}
    return ">" if ">" in orders else "<"
