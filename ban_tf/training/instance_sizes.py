"""How large the instances of each class are in training: what small predictions are held to."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import config, disk
from ban_tf.config import files
from ban_tf.data.store import Store
from ban_tf.instances import merging
from ban_tf.training import side_files

FILE_NAME = "mean_instance_sizes.json"  # in a run folder


@dataclasses.dataclass(frozen=True)
class InstanceSizes:
    """Mean number of points of each class's training instances, float64 `[C]`, NaN for none.

    Args:
        drawn: counted on the drawn points of the samples (legacy protocol).
        raw: counted on the raw points (covering protocol); None where they are not known.

    Example:
        >>> import numpy as np
        >>> from ban_tf.training.instance_sizes import InstanceSizes
        >>> sizes = InstanceSizes(np.array([30.0, np.nan]), None)
        >>> InstanceSizes.from_dict(sizes.to_dict()).drawn
        array([30., nan])
    """

    drawn: np.ndarray
    raw: np.ndarray | None

    def of(self, protocol: config.Protocol) -> np.ndarray | None:
        return self.drawn if protocol == "legacy" else self.raw

    def to_dict(self) -> dict[str, Any]:
        """Plain values, NaN as None."""
        return {"drawn": _plain(self.drawn), "raw": None if self.raw is None else _plain(self.raw)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "InstanceSizes":
        """The inverse of `to_dict`."""
        drawn, raw = (
            None if values[name] is None else np.array(values[name], np.float64)
            for name in ("drawn", "raw")
        )
        if drawn is None or drawn.ndim != 1 or (raw is not None and raw.shape != drawn.shape):
            raise ValueError("`drawn` must be a list of sizes, one per class, and `raw` as long")
        if any(
            (sizes <= 0).any() or np.isinf(sizes).any()
            for sizes in (drawn, raw)
            if sizes is not None
        ):
            raise ValueError("sizes must be above 0 and finite")
        return cls(drawn, raw)


def _plain(sizes: np.ndarray) -> list[float | None]:
    return [None if np.isnan(size) else float(size) for size in sizes]


def measure(experiment: config.Experiment, store: Store) -> InstanceSizes:
    """Mean instance sizes over the training clouds of a store.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training import instance_sizes
        >>> class Samples:  # stands in for a `Store`: a desk of 40 points, one of 60, and no lamp
        ...     settings = None
        ...     def select(self, groups):
        ...         return self
        ...     def instance_sizes(self, counted):
        ...         return np.array([[0, 40], [0, 60]])
        >>> instance_sizes.measure(experiment, Samples()).drawn.tolist()
        [50.0, nan]
    """
    training = store.select(experiment.split.train)
    num_classes = experiment.labels.num_classes
    drawn = merging.mean_instance_sizes(training.instance_sizes("drawn"), num_classes)
    if store.settings is None:
        return InstanceSizes(drawn, None)
    raw = merging.mean_instance_sizes(training.instance_sizes("raw"), num_classes)
    return InstanceSizes(drawn, raw)


def save(folder: Path, sizes: InstanceSizes) -> None:
    """Keeps them with a run, so that evaluation needs no training data.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import numpy as np
        >>> from ban_tf.training import instance_sizes
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> sizes = instance_sizes.InstanceSizes(np.array([30.0, np.nan]), raw=None)
        >>> instance_sizes.save(folder, sizes)
        >>> [path.name for path in folder.iterdir()]
        ['mean_instance_sizes.json']
    """
    disk.write_whole(folder / FILE_NAME, json.dumps(sizes.to_dict()) + "\n")


def load(folder: Path) -> InstanceSizes:
    """The inverse of `save`.

    Raises:
        FileNotFoundError: the run was started but never prepared its data.
        ValueError: the file is damaged.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import numpy as np
        >>> from ban_tf.training import instance_sizes
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> sizes = instance_sizes.InstanceSizes(np.array([30.0, np.nan]), raw=None)
        >>> instance_sizes.save(folder, sizes)
        >>> instance_sizes.load(folder).drawn.tolist()
        [30.0, nan]
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: start the training of this run once more.")
    way_out = "Restore it, or give the training command again."
    values = side_files.read(path, way_out)
    try:
        return InstanceSizes.from_dict(values)
    except files.UNREADABLE as error:
        raise side_files.damaged(path, error, way_out) from error
