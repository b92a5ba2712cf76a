"""What the labels of a data set mean."""

from collections.abc import Sequence

import numpy as np

from ban_tf.config import kinds
from ban_tf.config.checking import require

NONE = -1  # the label of a point that has no class, or belongs to no instance


@kinds.config
class Labels:
    """The classes of a data set.

    A point without a class carries `NONE`. It is left out of losses, of statistics, and of both
    sides of every metric.

    Args:
        class_names: C names, by class index.
        stuff: those of them whose points form no instances, such as walls in some data sets; the
            class is still learnt and scored.
        class_colors: C colours, RGB, 0-255, for pictures; empty where the data set has none.

    Raises:
        ValueError: no class, a name twice, a stuff class that is no class, or a number of colours
            that is neither 0 nor C.

    Example:
        >>> labels = Labels(class_names=("wall", "chair"), stuff=("wall",))
        >>> labels.num_classes, labels.stuff_classes
        (2, (0,))
    """

    class_names: tuple[str, ...]
    stuff: tuple[str, ...] = ()
    class_colors: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        require(
            0 < len(self.class_names) == len(set(self.class_names)),
            "`class_names` must hold at least one name, and each once.",
            class_names=self.class_names,
        )
        unknown = sorted(set(self.stuff) - set(self.class_names))
        require(not unknown, "`stuff` must name classes of `class_names`.", unknown=unknown)
        require(
            len(self.class_colors) in (0, self.num_classes),
            "`class_colors` must hold one colour per class, or none.",
            num_colors=len(self.class_colors),
            num_classes=self.num_classes,
        )

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def stuff_classes(self) -> tuple[int, ...]:
        """Indices of the classes without instances, ascending."""
        return tuple(index for index, name in enumerate(self.class_names) if name in self.stuff)

    def without_stuff(self, semantic: np.ndarray, instance: np.ndarray) -> np.ndarray:
        """`instance` with `NONE` where the class is stuff, or where there is no class.

        Args:
            semantic: int `[...]`, class of every point, `NONE` where it has none.
            instance: int `[...]` of the same shape.

        Returns:
            int `[...]`, a new array only where something changed.

        Example:
            >>> labels = Labels(class_names=("wall", "chair"), stuff=("wall",))
            >>> labels.without_stuff(np.array([0, 1, -1]), np.array([5, 6, 7]))
            array([-1,  6, -1])
        """
        left_out = np.isin(semantic, (NONE, *self.stuff_classes))
        return (
            np.where(left_out, NONE, instance).astype(instance.dtype)
            if left_out.any()
            else instance
        )

    def of_names(self, names: Sequence[str]) -> tuple[int, ...]:
        """Class indices of names, `NONE` for a name that is no class.

        Example:
            >>> Labels(class_names=("wall", "chair")).of_names(["chair", "lamp"])
            (1, -1)
        """
        index = {name: number for number, name in enumerate(self.class_names)}
        return tuple(index.get(name, NONE) for name in names)
