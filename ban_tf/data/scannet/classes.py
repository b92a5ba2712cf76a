"""The classes of ScanNetV2's benchmarks: 20 by NYU40 id, 200 by ScanNet's own id.

Wall and floor count as instances, as in the paper's Tables 5 and 6; the official instance
benchmark leaves them out by its own rule.
"""

import dataclasses
import functools
from typing import Literal

import numpy as np

from ban_tf.config import NONE, Labels
from ban_tf.data import nyu40
from ban_tf.data.facts import rows_of

Choice = Literal["20", "200"]
ID_COLUMNS: dict[str, str] = {"20": "nyu40id", "200": "id"}  # of the label map
UNANNOTATED = 0


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a benchmark.

    Args:
        choice: "20" or "200".
        ids: official id by class index.
        labels: names and colours by class index.
    """

    choice: Choice
    ids: tuple[int, ...]
    labels: Labels

    @property
    def id_column(self) -> str:
        """The column of the label map that holds the ids."""
        return ID_COLUMNS[self.choice]

    def class_of(self, ids: np.ndarray) -> np.ndarray:
        """Class indices of official ids, `NONE` for ids that are no class.

        Args:
            ids: int `[...]`, at least 0.

        Returns:
            int32 `[...]`.

        Example:
            >>> of_choice("20").class_of(np.array([1, 39, 0, 40]))
            array([ 0, 19, -1, -1], dtype=int32)
        """
        ids = np.asarray(ids)
        table = np.full(max(self.ids) + 2, NONE, np.int32)
        table[np.array(self.ids)] = np.arange(len(self.ids))
        return table[np.where((ids >= 0) & (ids < len(table)), ids, len(table) - 1)]

    def id_of(self, semantic: np.ndarray) -> np.ndarray:
        """Official ids of class indices, 0 for `NONE`: the inverse of `class_of`.

        Example:
            >>> of_choice("20").id_of(np.array([0, 19, -1]))
            array([ 1, 39,  0])
        """
        return np.array([*self.ids, UNANNOTATED])[semantic]


@functools.cache
def of_choice(choice: Choice) -> Classes:
    """The 20 or the 200 classes.

    Example:
        >>> of_choice("20").labels.class_names[:3], len(of_choice("200").ids)
        (('wall', 'floor', 'cabinet'), 200)
    """
    rows = rows_of(__package__, f"classes_{choice}.tsv")
    labels = Labels(
        class_names=tuple(row["name"] for row in rows),
        class_colors=tuple((int(row["red"]), int(row["green"]), int(row["blue"])) for row in rows),
    )
    return Classes(choice, tuple(int(row["id"]) for row in rows), labels)


def is_nyu40(ids: np.ndarray) -> np.ndarray:
    """Whether ids of `labels.ply` are of NYU40, or 0 for unannotated; bool `[...]`."""
    return (ids >= UNANNOTATED) & (ids <= len(nyu40.NAMES))
