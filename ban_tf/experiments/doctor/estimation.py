"""Estimates from training data what one would otherwise try: block size, bandwidth, sizes.

Meant for data other than the paper's. Nothing here changes an experiment; the result says in
words which argument to give which number.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from ban_tf import config, systems
from ban_tf.clouds.cloud import Cloud
from ban_tf.data.store import Store
from ban_tf.experiments.doctor import block_size
from ban_tf.experiments.doctor.bandwidth import Bandwidth, estimate_bandwidth
from ban_tf.inference.predictor import Predictor, as_predictor
from ban_tf.training import instance_sizes
from ban_tf.training.instance_sizes import InstanceSizes


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What could be estimated; `str()` says what to put where.

    Args:
        class_names: of the data set.
        sizes: mean instance sizes of the training clouds.
        blocks: None if there is none.
        bandwidth: None if there is none.
        missing: sentences: what could not be estimated, and why.
    """

    class_names: tuple[str, ...]
    sizes: InstanceSizes
    blocks: block_size.BlockSize | None
    bandwidth: Bandwidth | None
    missing: tuple[str, ...]

    def __str__(self) -> str:
        found = [part for part in (self.blocks, self.bandwidth) if part is not None]
        return "\n\n".join(str(part) for part in (self._sizes(), *found, *self.missing))

    def _sizes(self) -> str:
        lines = [
            "mean instance sizes: kept in the run folder by training, for the size filter",
            f"  {'class':12s}  {'drawn points':>12s}  {'raw points':>12s}",
        ]
        raw = np.full(len(self.class_names), np.nan) if self.sizes.raw is None else self.sizes.raw
        for row in zip(self.class_names, self.sizes.drawn, raw, strict=True):
            drawn_and_raw = "  ".join(
                f"{'-' if np.isnan(value) else format(value, '.0f'):>12s}" for value in row[1:]
            )
            lines.append(f"  {row[0]:12s}  {drawn_and_raw}")
        return "\n".join(lines)


def estimate(
    experiment: config.Experiment,
    store: Store,
    clouds: Iterable[Cloud] | None = None,
    model: keras.Model | Predictor | None = None,
    num_samples: int = 32,
) -> Estimate:
    """Estimates all that the training clouds and, if there is one, a trained network allow.

    Args:
        experiment: what was trained or is to be; tells what is trained on.
        store: prepared samples of what is trained on.
        clouds: the raw clouds of the training; None takes those that the store keeps.
        model: the trained network; its bandwidth is estimated if it embeds.
        num_samples: how many training samples to cluster for the bandwidth.

    Raises:
        ValueError: the store lacks a training cloud, or the data have no usable instance.

    Example:
        >>> import pathlib, tempfile
        >>> from ban_tf.data import store
        >>> rng = np.random.default_rng(0)
        >>> label = np.zeros(500, np.int32)
        >>> desks = [
        ...     Cloud(name, rng.uniform(0, 1, (500, 3)), None, label, label) for name in ("a", "b")
        ... ]
        >>> experiment = config.Experiment(
        ...     dataset="desks",
        ...     labels=config.Labels(class_names=("desk", "lamp")),
        ...     split=config.Split(name="val", train=("a",), test=("b",)),
        ...     samples=config.Shapes(num_points=64),
        ...     features=config.Features(names=("xyz",)),
        ... )
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> settings = store.Settings.of(experiment)
        >>> _ = store.prepare(desks, settings=settings, path=folder, progress=False)
        >>> print(estimate(experiment, Store.open(folder)))
        mean instance sizes: kept in the run folder by training, for the size filter
          class         drawn points    raw points
          desk                    64           500
          lamp                     -             -
        <BLANKLINE>
        block size: there is none, for every sample is a whole shape
        <BLANKLINE>
        bandwidth: needs a trained network; give one (`model`)
    """
    training = store.select(experiment.split.train)
    missing = []
    if clouds is None and _has_clouds(training):
        clouds = stored_clouds(training)
    blocks = None
    if not isinstance(experiment.samples, config.Blocks):
        missing.append("block size: there is none, for every sample is a whole shape")
    elif clouds is None:
        missing.append(
            "block size: needs the raw points; give them (`clouds`), or prepare the blocks from "
            "raw data"
        )
    else:
        things = (_without_stuff(cloud, experiment.labels) for cloud in clouds)
        blocks = block_size.estimate_block_size(things, experiment.samples, experiment.inference)
    bandwidth = None
    if model is None:
        missing.append("bandwidth: needs a trained network; give one (`model`)")
    elif not systems.of(experiment.network.name).embeds:
        missing.append(f"bandwidth: there is none, for {experiment.network.name} embeds nothing")
    else:
        embedding, instance = embed_sample(
            model, training, experiment.inference.batch_size, num_samples, experiment.seed
        )
        bandwidth = estimate_bandwidth(embedding, instance, experiment.inference)
    return Estimate(
        class_names=experiment.labels.class_names,
        sizes=instance_sizes.measure(experiment, store),
        blocks=blocks,
        bandwidth=bandwidth,
        missing=tuple(missing),
    )


def _without_stuff(cloud: Cloud, labels: config.Labels) -> Cloud:
    """The cloud with the instances that are counted elsewhere too."""
    things = labels.without_stuff(cloud.semantic, cloud.instance)
    return dataclasses.replace(cloud, instance=things)


def stored_clouds(store: Store) -> Iterator[Cloud]:
    """The raw clouds of a store that was prepared from raw data, one after the other.

    Raises:
        FileNotFoundError: the store does not keep a cloud's raw points.

    Example:
        >>> import pathlib
        >>> empty = Store(pathlib.Path("blocks"), (), 4096, config.Features(), None)
        >>> list(stored_clouds(empty))
        []
    """
    for stored in store.clouds:
        yield store.load_cloud(stored.name)


def _has_clouds(store: Store) -> bool:
    return all(store.cloud_file(stored.name).is_file() for stored in store.clouds)


def embed_sample(
    model: keras.Model | Predictor,
    store: Store,
    batch_size: int,
    num_samples: int = 32,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """What a network makes of some samples of a store, the same ones for the same seed.

    Args:
        model: outputs `embedding`, as `networks.build` gives it, or a `Predictor` of such a one.
        store: prepared samples with true instances.
        batch_size: samples per call of a Keras model.
        num_samples: how many to draw; all of them if there are fewer.
        seed: of the drawing.

    Returns:
        float32 `[K, P, E]` embedding and int32 `[K, P]` true instances.

    Raises:
        ValueError: the store has no samples.

    Example:
        >>> import pathlib, tempfile
        >>> from ban_tf.data import store
        >>> xyz = np.random.default_rng(0).uniform(0, 1, (500, 3))
        >>> label = np.zeros(500, np.int32)
        >>> experiment = config.Experiment(
        ...     dataset="desks",
        ...     labels=config.Labels(class_names=("desk", "lamp")),
        ...     split=config.Split(name="val", train=("a",), test=("b",)),
        ... )
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> settings = store.Settings.of(experiment)
        >>> desk = Cloud("a", xyz, np.zeros((500, 3), np.uint8), label, label)
        >>> _ = store.prepare([desk], settings=settings, path=folder, progress=False)
        >>> class Places:
        ...     fingerprint = "places, version 1"
        ...
        ...     def predict(self, features):
        ...         return {"embedding": features[..., :3]}
        >>> embedding, instance = embed_sample(Places(), Store.open(folder), batch_size=4)
        >>> embedding.shape, instance.shape
        ((1, 4096, 3), (1, 4096))
    """
    drawn = store.read(store.draw(num_samples, seed))
    outputs = as_predictor(model, batch_size).predict(drawn.features)
    return outputs["embedding"], drawn.instance
