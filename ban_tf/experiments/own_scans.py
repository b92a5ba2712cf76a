"""What the scan script does, as one call for one scan."""

import os
from collections.abc import Sequence
from pathlib import Path

from ban_tf.clouds import storeys as storeys_of_buildings
from ban_tf.clouds.own_scans import require_path
from ban_tf.config.scans import ColorRange, Unit, Up
from ban_tf.experiments.commands import segment_scan as command
from ban_tf.experiments.requests import Scans
from ban_tf.experiments.scan_reports import Labelled
from ban_tf.experiments.trained import TrainedModel, load


def segment_scan(
    path: str | os.PathLike[str],
    model: TrainedModel | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    unit: Unit | None = None,
    up: Up | None = None,
    colors: ColorRange | None = None,
    storeys: Sequence[float] | None = None,
    columns: Sequence[str] | None = None,
    overwrite: bool = False,
    max_memory: int | None = None,
) -> Labelled:
    """Writes a copy of a scan with the class and instance of every point, and tells what it found.

    A call that is stopped goes on when it is given again. A scan that takes more than `max_memory`
    is segmented in tiles, to the same labels.

    Args:
        path: of the scan, of any format that `read_scan` takes.
        model: from `load`, or what `load` takes.
        out: the file to write, whose extension tells the format; None is `<scan>_labelled` beside
            the scan.
        unit: of the coordinates; None finds it.
        up: axis of the file that is up; None finds it.
        colors: range of the colours; None finds it.
        storeys: heights above the lowest point at which storeys are cut apart, ascending, metres;
            None finds them, an empty one is one storey.
        columns: names of the columns of a file of text; None takes them from the file.
        overwrite: replace a file and fields that are there.
        max_memory: bytes that may be used, the program included; None takes a share of what is
            free.

    Returns:
        Where the copy is, the instances, and the labels where the scan was in memory as a whole.

    Raises:
        TypeError: `path` or `model` is no path.
        FileNotFoundError: there is no scan, or no model.
        FileExistsError: the copy is there.
        ValueError: the scan is damaged, or its copy cannot be.
        OSError: a disk is too full.
        ImportError: the format needs a library that is missing.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import ban_tf
        >>> class Flat:  # in place of `ban_tf.load("runs/demo")`
        ...     fingerprint = "flat, version 1"
        ...
        ...     def predict(self, features):
        ...         logits = np.zeros((*features.shape[:2], 2), np.float32)
        ...         return {"logits": logits, "embedding": logits}
        >>> experiment = ban_tf.Experiment(
        ...     dataset="desks",
        ...     labels=ban_tf.Labels(class_names=("desk", "lamp")),
        ...     split=ban_tf.Split(name="val", train=("scan1",), test=("scan2",)),
        ...     features=ban_tf.Features(names=("block_xyz",)),
        ... )
        >>> model = ban_tf.TrainedModel(Flat(), experiment, mean_sizes=None)
        >>> path = Path(tempfile.mkdtemp()) / "desk.npy"
        >>> np.save(path, np.random.default_rng(0).uniform(0, 2, (500, 3)))
        >>> ban_tf.segment_scan(path, model).out.name  # doctest: +ELLIPSIS
        model ...
        'desk_labelled.npy'
    """
    require_path(path, "path")
    storeys_of_buildings.check(storeys)
    if not isinstance(model, TrainedModel):
        require_path(model, "model")
    request = Scans(
        scans=(os.fspath(path),),
        model=Path("as given") if isinstance(model, TrainedModel) else Path(model),
        out=None if out is None else Path(out),
        unit=unit,
        up=up,
        colors=colors,
        storeys=None if storeys is None else tuple(storeys),
        columns=None if columns is None else tuple(columns),
        overwrite=overwrite,
        max_memory=max_memory,
    )

    def given(folder: Path) -> TrainedModel:
        return model if isinstance(model, TrainedModel) else load(folder)

    [done] = command.segment(request, load=given)
    return done
