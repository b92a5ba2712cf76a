"""A trained network with all that is needed to segment a cloud with it."""

import dataclasses
import os
import warnings
from pathlib import Path

import keras
import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.inference import segmentation
from ban_tf.inference.predictor import Predictor, as_predictor
from ban_tf.inference.results import Segmentation
from ban_tf.training import checkpoints, description, instance_sizes, runs


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """What `segment` takes; made by `load`.

    Args:
        predictor: the network.
        experiment: labels, samples, features and thresholds that it was trained with.
        mean_sizes: float64 `[C]`, mean number of raw points of each class's training instances,
            NaN for none; instances far smaller are dropped. None where they are not known.
    """

    predictor: Predictor
    experiment: config.Experiment
    mean_sizes: np.ndarray | None

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.experiment.labels.class_names


class MissingSizesWarning(UserWarning):
    """A network comes without the sizes of the instances that it was trained on."""


def load(run_or_file: str | os.PathLike[str]) -> TrainedModel:
    """Loads a trained network.

    Warns with `MissingSizesWarning` if the sizes of the training instances are gone: instances
    that are far smaller are then kept, where evaluation would drop them.

    Args:
        run_or_file: a run folder, of which the finished network or else the newest checkpoint is
            taken, or a `.keras` file that a training here has written.

    Raises:
        FileNotFoundError: nothing is there.
        TypeError: `run_or_file` is no path.
        ValueError: the file is damaged, does not say what it was trained for, or holds weights
            that are not finite.

    Example:
        >>> from ban_tf import load
        >>> load("runs/nothing")
        Traceback (most recent call last):
        ...
        FileNotFoundError: There is no model at runs/nothing. Check its name.
    """
    path = _path(run_or_file)
    found, network = describe(path), load_network(path)
    if found.sizes is None:
        where = path / instance_sizes.FILE_NAME if path.is_dir() else path
        warnings.warn(
            f"{where} does not tell how large the training instances were: instances far smaller "
            "are kept. Restore it, or give the training command again.",
            MissingSizesWarning,
            stacklevel=2,
        )
    sizes = None if found.sizes is None else found.sizes.raw
    predictor = as_predictor(network, found.experiment.inference.batch_size)
    return TrainedModel(predictor, found.experiment, sizes)


def _path(run_or_file: str | os.PathLike[str]) -> Path:
    try:
        text = os.fspath(run_or_file)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise TypeError(
            f"`run_or_file` must name a run folder or a `.keras` file. Received: {run_or_file!r}"
        )
    return Path(text)


def load_network(run_or_file: str | os.PathLike[str]) -> keras.Model:
    """The network itself; argument and errors as `load`."""
    return checkpoints.load_model(_path(run_or_file))


def describe(run_or_file: str | os.PathLike[str]) -> description.Description:
    """What it was trained for; argument and errors as `load`."""
    path = _path(run_or_file)
    return _describe_run(path) if path.is_dir() else _describe_file(path)


def _describe_run(folder: Path) -> description.Description:
    """Of the run; sizes are those of the folder, or else those that its network carries."""
    run = runs.load(folder)
    if (folder / instance_sizes.FILE_NAME).is_file():
        return description.Description(run.experiment, instance_sizes.load(folder))
    of_file = description.read(checkpoints.newest_model(run))
    return description.Description(run.experiment, None if of_file is None else of_file.sizes)


def _describe_file(path: Path) -> description.Description:
    if not path.is_file():
        raise FileNotFoundError(f"There is no model at {path}. Check its name.")
    found = description.read(path)
    if found is None:
        raise ValueError(
            f"{path} does not say what it was trained for: an earlier version wrote it, or another "
            "program. Load it with `keras.models.load_model` and call "
            "`ban_tf.inference.segmentation.segment` with the experiment."
        )
    return found


def segment(
    cloud: Cloud,
    model: TrainedModel | str | os.PathLike[str],
    progress: segmentation.Progress | None = None,
) -> Segmentation:
    """Gives every point of a cloud a class and an instance.

    Args:
        cloud: a room, scan or shape with at least one point, in metres, z up.
        model: from `load`, or what `load` takes.
        progress: called with the number of samples just done.

    Raises:
        FileNotFoundError: there is no such model.
        TypeError: `cloud` is no `Cloud`, or `model` is neither a model nor a path.
        ValueError: an empty cloud, one not in metres, or a damaged model.

    Example:
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
        ... )
        >>> xyz, rgb = np.random.default_rng(0).uniform(0, 1, (500, 3)), np.zeros((500, 3), "uint8")
        >>> model = ban_tf.TrainedModel(Flat(), experiment, mean_sizes=None)
        >>> ban_tf.segment(ban_tf.unlabelled("desk", xyz, rgb), model).instances
        (Instance(semantic=0, score=0.5, num_points=500),)
    """
    trained = model if isinstance(model, TrainedModel) else load(model)
    return segmentation.segment(
        cloud, trained.predictor, trained.experiment, trained.mean_sizes, progress
    )
