"""Scores in the course of a training, on clouds of the training side that are held out of it."""

import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np

from ban_tf import config, systems
from ban_tf.data.samples import Samples
from ban_tf.data.store import Store
from ban_tf.metrics.evaluators import Evaluation, Evaluator

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


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut:
    """What is seen of a held-out cloud, `N` points of its samples, and what was predicted.

    Attributes:
        name: of the cloud.
        xyz: float64 `[N, 3]`.
        semantic: int `[N]`, true classes.
        instance: int `[N]`, true instances.
        predicted_semantic: int `[N]`.
        predicted_instance: int `[N]`, of each sample by itself.
        sample: int `[N]`, the number of each point's sample.

    Example:
        >>> import numpy as np
        >>> from ban_tf.training.validation import HeldOut
        >>> HeldOut("scan1", np.zeros((2, 3)), *np.zeros((5, 2), int)).sample
        array([0, 0])
    """

    name: str
    xyz: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray
    predicted_semantic: np.ndarray
    predicted_instance: np.ndarray
    sample: np.ndarray


Show = Callable[[Evaluation, Callable[[], list[HeldOut]]], None]


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
        >>> import numpy as np
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
        >>> import numpy as np
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
        self._held_out, self._drawn = held_out, np.sort(drawn)
        self._samples: Samples = held_out.read(self._drawn)

    def scores(self, model: keras.Model, show: Show | None = None) -> dict[str, float]:
        """mIoU and mCov of the network as it is, in [0, 1]; NaN where there is nothing to score.

        Args:
            model: gives the outputs of the experiment's system for float32 `[B, P, C]`; its
                weights and random generators are left as they are.
            show: is given all scores, and what gives the clouds with what was predicted.

        Raises:
            ValueError: an output is not finite.
        """
        experiment, samples = self._experiment, self._samples
        labels, size = experiment.labels, experiment.inference.batch_size
        system = systems.of(experiment.network.name)
        evaluator = Evaluator(experiment.dataset, labels, (), "legacy", system.title)
        predicted: list[tuple[np.ndarray, np.ndarray]] = []
        for start in range(0, len(samples), size):
            outputs = _predict(model, samples.features[start : start + size], size)
            found = system.group(outputs, experiment, start)
            classes = outputs["logits"].argmax(axis=-1)
            for row, clusters in enumerate(found):
                semantic = samples.semantic[start + row]
                instance = labels.without_stuff(semantic, samples.instance[start + row])
                evaluator.add(str(start + row), semantic, instance, classes[row], clusters.labels)
                predicted.append((classes[row], np.asarray(clusters.labels)))
        evaluation = evaluator.evaluation()
        if show is not None:
            show(evaluation, lambda: self._clouds(predicted))
        means = evaluation.means()
        return {name: float(means[name]) for name in SCORES}

    def _clouds(self, predicted: list[tuple[np.ndarray, np.ndarray]]) -> list[HeldOut]:
        """The held-out clouds of which samples were drawn, in the order of the store.

        Samples that know no place in their cloud do not fit together: the first stands for all.
        """
        features, samples = self._experiment.features, self._samples
        place, found, first = features.place("room_xyz"), [], 0
        for stored in self._held_out.clouds:
            last = first + stored.num_samples
            rows = np.flatnonzero((self._drawn >= first) & (self._drawn < last))
            first, rows = last, rows if place is not None else rows[:1]
            if not len(rows):
                continue
            xyz = samples.features[rows][..., place or slice(0, 3)].reshape(-1, 3)
            extent = 1.0 if place is None or stored.frame is None else stored.frame.extent
            semantic = samples.semantic[rows].ravel()
            instance = samples.instance[rows].ravel()
            classes, clusters = (
                np.concatenate(part) for part in zip(*map(predicted.__getitem__, rows), strict=True)
            )
            found.append(
                HeldOut(
                    stored.name,
                    xyz.astype(np.float64) * extent,
                    semantic,
                    self._experiment.labels.without_stuff(semantic, instance),
                    classes,
                    clusters,
                    np.repeat(rows, samples.semantic.shape[1]),
                )
            )
        return found


def _predict(model: keras.Model, features: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Outputs of at most `size` samples; the last batch is filled up, so one shape is traced."""
    filled = np.concatenate([features, np.repeat(features[-1:], size - len(features), axis=0)])
    outputs = model.predict_on_batch(filled)
    return {name: np.asarray(values[: len(features)]) for name, values in outputs.items()}


def rank(scores: dict[str, float]) -> float:
    """By what the best network is chosen: the mean of the scores that there are; NaN for none.

    Example:
        >>> from ban_tf.training.validation import rank
        >>> rank({"mIoU": 0.5, "mCov": 0.25}), rank({"mIoU": 0.5, "mCov": float("nan")})
        (0.375, 0.5)
    """
    known = [value for value in scores.values() if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
