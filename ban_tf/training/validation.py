"""Scores in the course of a training, on clouds of the training side that are held out of it."""

import dataclasses
import math

import keras
import numpy as np

from ban_tf import config, systems
from ban_tf.data.samples import Samples
from ban_tf.data.store import Store
from ban_tf.metrics.evaluators import Evaluator

SCORES = ("mIoU", "mCov")


@dataclasses.dataclass(frozen=True)
class Parts:
    """The training side of a split: what is trained on, and what is held out to be scored.

    Example:
        >>> from ban_tf.training.validation import Parts
        >>> Parts(training=None, held_out=None).held_out  # nothing is validated
    """

    training: Store
    held_out: Store | None


def part(samples: Store, experiment: config.Experiment) -> Parts:
    """Holds out the clouds that `experiment.training.validation` asks for, drawn by the seed.

    Args:
        samples: of the training clouds alone.
        experiment: says how many, and gives the seed.

    Returns:
        Both parts; all samples and None where nothing is to be validated.

    Raises:
        ValueError: nothing would be left to train on.

    Example:
        >>> import dataclasses
        >>> import pathlib
        >>> from ban_tf import config
        >>> from ban_tf.data.store import Store, StoredCloud
        >>> from ban_tf.training import validation
        >>> experiment = config.Experiment(
        ...     dataset="desks",
        ...     labels=config.Labels(class_names=("desk", "lamp")),
        ...     split=config.Split(name="val", train=("a", "b", "c"), test=("d",)),
        ...     training=config.TrainingConfig(validation=config.ValidationConfig(every=1)),
        ... )
        >>> none = np.zeros((0, 3), "int64")
        >>> clouds = [StoredCloud(n, "", pathlib.Path(n), 9, none, None) for n in ("a", "b", "c")]
        >>> store = Store(pathlib.Path("blocks"), tuple(clouds), 64, experiment.features, None)
        >>> parts = validation.part(store, experiment)
        >>> len(parts.training.clouds), len(parts.held_out.clouds)
        (2, 1)
    """
    asked = experiment.training.validation
    if asked.every is None:
        return Parts(samples, None)
    filled = [cloud.name for cloud in samples.clouds if cloud.num_samples]
    if asked.num_clouds >= len(filled):
        raise ValueError(
            "`num_clouds` of the validation must leave at least one cloud to train on. Received: "
            f"num_clouds={asked.num_clouds}, {len(filled)} training clouds in {samples.path}"
        )
    rng = np.random.default_rng([experiment.seed, len(filled)])
    held_out = set(rng.choice(filled, asked.num_clouds, replace=False).tolist())
    return Parts(
        _of(samples, {cloud.name for cloud in samples.clouds} - held_out), _of(samples, held_out)
    )


def _of(samples: Store, names: set[str]) -> Store:
    """Clouds by name alone; `select` would take a group of that name too."""
    clouds = tuple(cloud for cloud in samples.clouds if cloud.name in names)
    return dataclasses.replace(samples, clouds=clouds)


class Validation:
    """Scores a network on drawn samples, each of which counts as a cloud of its own.

    So mIoU is that of the drawn points, pooled, and mCov that of the instances as a sample shows
    them: both are cheaper than the scores of merged clouds, and not to be compared with those.

    Args:
        held_out: samples that are not trained on.
        experiment: classes, thresholds, seed.

    Raises:
        ValueError: a sample is damaged.

    Example:
        >>> import types
        >>> from ban_tf import config
        >>> from ban_tf.data.samples import Samples
        >>> from ban_tf.training.validation import Validation
        >>> experiment = config.Experiment(
        ...     dataset="desks",
        ...     labels=config.Labels(class_names=("desk", "lamp")),
        ...     split=config.Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> label = np.zeros((1, 64), "int32")
        >>> samples = Samples(np.zeros((1, 64, 9), "float32"), label, label)
        >>> store = types.SimpleNamespace(draw=lambda *_: np.arange(1), read=lambda _: samples)
        >>> flat = np.stack([np.ones((4, 64)), np.zeros((4, 64))], axis=-1)
        >>> outputs = {"logits": flat, "embedding": np.zeros((4, 64, 5), "float32")}
        >>> model = types.SimpleNamespace(predict_on_batch=lambda _: outputs)
        >>> Validation(store, experiment).scores(model)
        {'mIoU': 1.0, 'mCov': 1.0}
    """

    def __init__(self, held_out: Store, experiment: config.Experiment) -> None:
        self._experiment = experiment
        drawn = held_out.draw(experiment.training.validation.num_samples, experiment.seed)
        self._samples: Samples = held_out.read(np.sort(drawn))

    def scores(self, model: keras.Model) -> dict[str, float]:
        """mIoU and mCov of the network as it is, in [0, 1]; NaN where there is nothing to score.

        Args:
            model: gives the outputs of the experiment's system for float32 `[B, P, C]`; its
                weights and random generators are left as they are.

        Raises:
            ValueError: an output is not finite.
        """
        experiment, samples = self._experiment, self._samples
        labels, size = experiment.labels, experiment.inference.batch_size
        system = systems.of(experiment.network.name)
        evaluator = Evaluator(experiment.dataset, labels, (), "legacy", system.title)
        for start in range(0, len(samples), size):
            outputs = _predict(model, samples.features[start : start + size], size)
            found = system.group(outputs, experiment, start)
            classes = outputs["logits"].argmax(axis=-1)
            for row, clusters in enumerate(found):
                semantic = samples.semantic[start + row]
                instance = labels.without_stuff(semantic, samples.instance[start + row])
                evaluator.add(str(start + row), semantic, instance, classes[row], clusters.labels)
        means = evaluator.evaluation().means()
        return {name: float(means[name]) for name in SCORES}


def _predict(model: keras.Model, features: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Outputs of at most `size` samples; the last batch is filled up, so one shape is traced."""
    filled = np.concatenate([features, np.repeat(features[-1:], size - len(features), axis=0)])
    outputs = model.predict_on_batch(filled)
    return {name: np.asarray(values[: len(features)]) for name, values in outputs.items()}


def rank(scores: dict[str, float]) -> float:
    """By what the best network is chosen: the mean of the scores that there are; NaN for none.

    Example:
        >>> rank({"mIoU": 0.5, "mCov": 0.25}), rank({"mIoU": 0.5, "mCov": float("nan")})
        (0.375, 0.5)
    """
    known = [value for value in scores.values() if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
