"""A trained network with all that is needed to segment a cloud with it."""

import dataclasses
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


def load(run_or_file: str | Path) -> TrainedModel:
    """Loads a trained network.

    Args:
        run_or_file: a run folder, of which the finished network or else the newest checkpoint is
            taken, or a `.keras` file that a training here has written.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: the file is damaged, or does not say what it was trained for.

    Example:
        >>> from ban_tf import load
        >>> load("runs/nothing")
        Traceback (most recent call last):
        ...
        FileNotFoundError: There is no model at runs/nothing.
    """
    found, network = describe(run_or_file), load_network(run_or_file)
    sizes = None if found.sizes is None else found.sizes.raw
    predictor = as_predictor(network, found.experiment.inference.batch_size)
    return TrainedModel(predictor, found.experiment, sizes)


def load_network(run_or_file: str | Path) -> keras.Model:
    """The network itself; argument and errors as `load`."""
    return checkpoints.load_model(Path(run_or_file))


def describe(run_or_file: str | Path) -> description.Description:
    """What it was trained for; argument and errors as `load`."""
    path = Path(run_or_file)
    return _describe_run(path) if path.is_dir() else _describe_file(path)


def _describe_run(folder: Path) -> description.Description:
    run = runs.load(folder)
    has_sizes = (folder / instance_sizes.FILE_NAME).is_file()
    sizes = instance_sizes.load(folder) if has_sizes else None
    return description.Description(run.experiment, sizes)


def _describe_file(path: Path) -> description.Description:
    if not path.is_file():
        raise FileNotFoundError(f"There is no model at {path}.")
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
    model: TrainedModel | str | Path,
    progress: segmentation.Progress | None = None,
) -> Segmentation:
    """Gives every point of a cloud a class and an instance.

    Args:
        cloud: a room, scan or shape with at least one point, in metres, z up.
        model: from `load`, or what `load` takes.
        progress: called with the number of samples just done.

    Raises:
        FileNotFoundError: there is no such model.
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
