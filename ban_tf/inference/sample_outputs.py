"""From the network's outputs for some samples to their classes and clusters."""

import dataclasses

import numpy as np

from ban_tf import config, systems
from ban_tf.inference.predictor import Outputs
from ban_tf.systems import collapse


@dataclasses.dataclass(frozen=True)
class SampleOutputs:
    """What the network and the clustering say of one sample: a block, or a shape.

    Args:
        probabilities: float32 `[P, C]`, softmax of the logits.
        semantic: int64 `[P]`, class of the highest probability.
        clusters: int32 `[P]`, labels in [0, G), `NONE` for a point of no cluster.
        classes: int32 `[G]`, class of each cluster.
    """

    probabilities: np.ndarray
    semantic: np.ndarray
    clusters: np.ndarray
    classes: np.ndarray


def collapse_detector(experiment: config.Experiment) -> collapse.CollapseDetector | None:
    """What watches the embeddings of an experiment's network; None if it has none."""
    if not systems.of(experiment.network.name).embeds:
        return None
    return collapse.CollapseDetector(experiment.inference.bandwidth)


def check_features(features: np.ndarray, first_sample: int) -> None:
    """Refuses data that is broken before a network sees it, so that no network is blamed for it.

    Args:
        features: float32 `[K, P, C]`.
        first_sample: number of the first of these samples, for the error.

    Raises:
        ValueError: a value that is not finite; the sample and the place are named.

    Example:
        >>> check_features(np.zeros((2, 64, 9), np.float32), first_sample=0)
    """
    finite = np.isfinite(features)
    if finite.all():
        return
    sample, point, channel = np.argwhere(~finite)[0]
    raise ValueError(
        "`features` must be finite; the data is broken, not the network: repair or drop such "
        f"points. Received: {np.count_nonzero(~finite)} values that are not, the first in sample "
        f"{first_sample + sample}: features[{point}, {channel}]={features[sample, point, channel]}"
    )


def check_outputs(
    outputs: Outputs, num_samples: int, first_sample: int, experiment: config.Experiment
) -> None:
    """Refuses outputs that do not fit the experiment, or logits that are not finite.

    Args:
        outputs: of the network, for some samples.
        num_samples: how many.
        first_sample: number of the first of them, for the error.
        experiment: names the system and its classes.

    Raises:
        ValueError: an output is missing, of other samples, of other classes, or not finite.
    """
    missing = sorted(systems.of(experiment.network.name).outputs - set(outputs))
    if missing:
        raise ValueError(
            f"the network must give what {experiment.network.name!r} gives. Received: outputs "
            f"{sorted(outputs)}, without {missing}"
        )
    wrong = {name: np.shape(array) for name, array in outputs.items() if len(array) != num_samples}
    if wrong:
        raise ValueError(f"every output must be of {num_samples} samples. Received: {wrong}")
    logits, num_classes = outputs["logits"], experiment.labels.num_classes
    if logits.shape[-1] != num_classes:
        raise ValueError(
            "the network must have one output per class of the experiment. Received: "
            f"{logits.shape[-1]} outputs, {num_classes} classes"
        )
    if not np.isfinite(logits).all():
        raise ValueError(
            f"the logits of samples {first_sample} to {first_sample + num_samples - 1} must be "
            "finite; a network that diverged gives NaN, use an earlier checkpoint."
        )


def cluster(
    first_sample: int,
    outputs: Outputs,
    experiment: config.Experiment,
    detector: collapse.CollapseDetector | None,
) -> list[SampleOutputs]:
    """Finds the classes and clusters of some samples.

    Args:
        first_sample: number of the first of them in the cloud, for errors.
        outputs: of the network, `[K, ...]` each.
        experiment: the system and its thresholds.
        detector: is shown the embeddings; None if there are none.

    Returns:
        K items.

    Raises:
        ValueError: an output that is not finite.
    """
    system = systems.of(experiment.network.name)
    found = system.group(outputs, experiment, first_sample)
    if detector:
        labels = np.stack([sample.labels for sample in found])
        detector.add(outputs["embedding"], labels, outputs["logits"].argmax(axis=-1))
    return [
        SampleOutputs(_softmax(logits), logits.argmax(axis=-1), sample.labels, sample.classes)
        for logits, sample in zip(outputs["logits"], found, strict=True)
    ]


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
