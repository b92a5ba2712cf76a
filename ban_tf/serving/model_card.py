"""What a served model says of itself: beside the graph as a file, and in it as an answer.

Nothing here imports TensorFlow.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import config
from ban_tf.config import files

NAME = "model_card.json"
FILE = f"assets/{NAME}"  # in the folder of a version
ABOUT = "about"  # the signature that tells it
FINGERPRINT, CARD = "fingerprint", "card"  # what the signature gives


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What inference needs to know of a model that runs elsewhere.

    Args:
        experiment: labels, samples, features, thresholds.
        mean_sizes: float64 `[C]`, mean number of raw points of each class's training instances,
            NaN for none; None where they are not known.
        fingerprint: digest of the weights of the network that was exported.
        fewest_points: that a block must have.
    """

    experiment: config.Experiment
    mean_sizes: np.ndarray | None
    fingerprint: str
    fewest_points: int


def fields(experiment: config.Experiment, mean_sizes: np.ndarray | None) -> dict[str, Any]:
    """The part of a card that `parse` needs beside its plain numbers.

    Args:
        experiment: that the network was trained in.
        mean_sizes: as in `ModelCard`.

    Raises:
        ValueError: sizes of other classes.
    """
    num_classes = experiment.labels.num_classes
    if mean_sizes is not None and np.shape(mean_sizes) != (num_classes,):
        raise ValueError(
            f"`mean_sizes` must have one size for each of the {num_classes} classes. "
            f"Received: mean_sizes.shape={np.shape(mean_sizes)}"
        )
    plain = None
    if mean_sizes is not None:
        plain = [None if np.isnan(size) else float(size) for size in mean_sizes]
    return {"experiment": json.loads(config.to_json(experiment)), "mean_instance_sizes": plain}


def parse(text: str, where: str) -> ModelCard:
    """Reads a card.

    Args:
        text: JSON.
        where: it comes from, for errors.

    Raises:
        ValueError: it is damaged, or of a version of ban-tf whose cards do not hold the experiment.

    Example:
        >>> parse("{}", "models/ban/1")
        Traceback (most recent call last):
        ...
        ValueError: models/ban/1 does not tell what its model was trained for: an earlier version \
of ban-tf exported it. Export the run anew, or name the run itself.
    """
    try:
        values = json.loads(text)
        if "experiment" not in values:
            raise ValueError(_OLD.format(where=where))
        experiment = config.from_json(json.dumps(values["experiment"]))
        sizes = values["mean_instance_sizes"]
        card = ModelCard(
            experiment,
            None if sizes is None else np.array(sizes, np.float64),  # null becomes NaN
            str(values["fingerprint"]),
            int(values["fewest_points"]),
        )
        fields(card.experiment, card.mean_sizes)
    except files.UNREADABLE as error:
        if str(error) == _OLD.format(where=where):
            raise
        raise ValueError(f"{where} is damaged or of another version: {error}") from error
    return card


_OLD = (
    "{where} does not tell what its model was trained for: an earlier version of ban-tf exported "
    "it. Export the run anew, or name the run itself."
)


def is_version(folder: Path) -> bool:
    """Whether a folder is an exported version of a model.

    Example:
        >>> is_version(Path("runs/none"))
        False
    """
    return (folder / "saved_model.pb").is_file()


def read(folder: Path) -> ModelCard:
    """The card of an exported version.

    Raises:
        FileNotFoundError: it has none.
        ValueError: as `parse`.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: another program exported this model. Export the run with "
            "`ban-export`, or name the run itself."
        )
    return parse(path.read_text(encoding="utf-8"), str(path))
