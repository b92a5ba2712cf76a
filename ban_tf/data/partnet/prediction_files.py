"""PartNet's official prediction files, `test-NN.h5`: masks of instances, class and confidence.

`mask` bool `[n, K, N]`, `label` uint8 `[n, K]` (part of the level, from 0), `valid` bool `[n, K]`
and `conf` float32 `[n, K]`, for the n shapes of the data file of the same name in its order.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ban_tf import disk
from ban_tf.data.partnet.catalogue import Task
from ban_tf.data.partnet.layout import Shape
from ban_tf.data.reading import UnreadableError

if TYPE_CHECKING:
    import h5py

NUM_MASKS = 200  # K of the official ground truth
_AXES = {"mask": 3, "label": 2, "valid": 2, "conf": 2}
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Predicted:
    """The instances of one shape; `G` of them, which may overlap.

    Args:
        masks: bool `[G, N]`.
        part: int `[G]`, class of each, from 0.
        score: float `[G]`.
    """

    masks: np.ndarray
    part: np.ndarray
    score: np.ndarray


def of_labels(
    instance: np.ndarray, part: np.ndarray, score: np.ndarray, first_part: int = 0
) -> Predicted:
    """The instances that labels of points tell.

    Args:
        instance: int `[N]`, in [0, G), `NONE` for points of none.
        part: int `[G]`, class of each instance.
        score: float `[G]`.
        first_part: class that is the first part; instances of classes before it are no parts.

    Example:
        >>> made = of_labels(np.array([0, 1, -1]), np.array([1, 0]), np.array([0.5, 0.9]))
        >>> made.masks.tolist(), made.part.tolist()
        ([[True, False, False], [False, True, False]], [1, 0])
    """
    kept = np.flatnonzero(np.asarray(part) >= first_part)
    return Predicted(kept[:, None] == instance, part[kept] - first_part, score[kept])


def write(
    folder: Path, shapes: Sequence[Shape], predicted: Callable[[Shape], Predicted]
) -> list[Path]:
    """Writes the prediction files of some shapes, each whole or not at all.

    Of a shape with more than 200 instances those with the highest scores are written.

    Args:
        folder: made if there is none.
        shapes: all of a split, in the order of `layout.shapes`.
        predicted: gives the instances of a shape; masks of all shapes have equally many points.

    Returns:
        The files, one for each data file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stems = list(dict.fromkeys(shape.file for shape in shapes))
    written = []
    for stem in stems:
        path = folder / f"{stem}.h5"
        with disk.whole(path) as temporary:
            own = [shape for shape in shapes if shape.file == stem and shape.row >= 0]
            _write_file(temporary, own, predicted)
        written.append(path)
    return written


def _write_file(
    path: Path, shapes: Sequence[Shape], predicted: Callable[[Shape], Predicted]
) -> None:
    import h5py

    num_shapes = max((shape.row for shape in shapes), default=-1) + 1
    part = np.zeros((num_shapes, NUM_MASKS), np.uint8)
    valid, score = part.astype(bool), part.astype(np.float32)
    with h5py.File(path, "w") as file:
        mask = None
        for shape in shapes:
            found = _best(predicted(shape), shape.name)
            count, num_points = found.masks.shape
            if mask is None:
                mask = file.create_dataset(
                    "mask",
                    (num_shapes, NUM_MASKS, num_points),
                    bool,
                    chunks=(1, NUM_MASKS, num_points),
                    compression="gzip",
                    compression_opts=4,
                )
            mask[shape.row, :count] = found.masks
            part[shape.row, :count], score[shape.row, :count] = found.part, found.score
            valid[shape.row, :count] = True
        for name, array in (("label", part), ("valid", valid), ("conf", score)):
            file.create_dataset(name, data=array, compression="gzip", compression_opts=4)


def _best(found: Predicted, name: str) -> Predicted:
    if len(found.masks) <= NUM_MASKS:
        return found
    text = "%s has %d instances; the %d surest are written"
    _LOG.warning(text, name, len(found.masks), NUM_MASKS)
    chosen = np.sort(np.argsort(-found.score, kind="stable")[:NUM_MASKS])
    return Predicted(found.masks[chosen], found.part[chosen], found.score[chosen])


def read(folder: Path, shapes: Sequence[Shape], task: Task) -> Iterator[tuple[Shape, Predicted]]:
    """Reads the predictions of some shapes, one at a time.

    Args:
        folder: of prediction files.
        shapes: whose predictions, in the order of `layout.shapes`.
        task: whose parts `label` names.

    Raises:
        FileNotFoundError: there is no file for a shape.
        UnreadableError: a file is damaged, too short, lacks a field, or names a part that the
            level does not have; the message names file and field.
    """
    import h5py

    for stem in dict.fromkeys(shape.file for shape in shapes):
        path = folder / f"{stem}.h5"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: the predictions of {stem} belong there.")
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise UnreadableError(path, "", f"is no whole HDF5 file ({error})") from error
        with file:
            own = [shape for shape in shapes if shape.file == stem]
            _check(path, file, 1 + max(shape.row for shape in own))
            for shape in own:
                yield shape, _row(path, file, shape.row, task)


def _check(path: Path, file: "h5py.File", num_shapes: int) -> None:
    for name, num_axes in _AXES.items():
        if name not in file:
            raise UnreadableError(
                path, name, f"is missing; the file has {', '.join(file) or 'none'}"
            )
        shape: tuple[int, ...] = getattr(file[name], "shape", ())
        if len(shape) != num_axes or shape[0] != num_shapes or shape[1] != file["mask"].shape[1]:
            raise UnreadableError(
                path, name, f"must have {num_axes} axes, the first {num_shapes} long, the second "
                f"as long as that of mask. Received: shape={shape}"
            )  # fmt: skip


def _row(path: Path, file: "h5py.File", row: int, task: Task) -> Predicted:
    try:
        valid = np.flatnonzero(file["valid"][row])
        found = Predicted(
            file["mask"][row][valid].astype(bool),
            file["label"][row][valid].astype(np.int64),
            file["conf"][row][valid].astype(np.float32),
        )
    except (OSError, RuntimeError) as error:
        raise UnreadableError(path, "", f"shape {row} cannot be read ({error})") from error
    num_parts = len(task.parts)
    wrong = (found.part < 0) | (found.part >= num_parts)
    if wrong.any():
        raise UnreadableError(
            path, "label", f"shape {row}: must be below {num_parts}, the parts of {task.title}. "
            f"Received: {found.part[wrong][0]}"
        )  # fmt: skip
    if not np.isfinite(found.score).all():
        raise UnreadableError(path, "conf", f"shape {row} has a value that is not finite")
    return found
