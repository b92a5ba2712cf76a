"""Feeds prepared samples to training: shuffled, batched, read ahead, resumable at any epoch."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from ban_tf.config import NONE, AugmentationConfig
from ban_tf.data import augmentation as augmenting
from ban_tf.data.samples import Samples
from ban_tf.data.store import Store

_PARALLEL_READS = 2  # measured: twice the rate of one; unpacking does not hold Python's lock
_BATCHES_AHEAD = 4


def steps_per_epoch(store: Store, batch_size: int, blocks_per_epoch: int | None = None) -> int:
    """Whole batches of an epoch; what is left over comes in another epoch's shuffle.

    Args:
        store: what to train on.
        batch_size: B.
        blocks_per_epoch: an epoch draws this many; where there are fewer, all of them before any
            comes again. None draws every block once.

    Raises:
        ValueError: there is not one whole batch.
    """
    length = len(store) if blocks_per_epoch is None else blocks_per_epoch
    if batch_size < 1 or length < batch_size or len(store) == 0:
        raise ValueError(
            "an epoch must hold at least one batch; prepare more clouds, or lower `batch_size`. "
            f"Received: batch_size={batch_size}, samples={len(store)} in {store.path}, "
            f"blocks_per_epoch={blocks_per_epoch}"
        )
    return length // batch_size


def batches(
    store: Store,
    *,
    batch_size: int,
    seed: int,
    num_epochs: int,
    first_epoch: int = 0,
    augmentation: AugmentationConfig | None = None,
    blocks_per_epoch: int | None = None,
    num_classes: int | None = None,
) -> tf.data.Dataset:
    """All batches of epochs `first_epoch` to `num_epochs`, for one `model.fit`.

    Every epoch shuffles all blocks. Its order, its sample of blocks and its augmentation depend on
    the seed and the epoch alone, so training that starts at epoch e sees what uninterrupted
    training sees from there. Blocks are read as they are needed, a few batches ahead.

    Args:
        store: what to train on, e.g. `store.select(split.train)`.
        batch_size: B; a last, smaller batch is dropped.
        seed: of the order and the augmentation, at least 0.
        num_epochs: the last epoch is `num_epochs - 1`.
        first_epoch: the epochs already done.
        augmentation: random changes of the blocks; None for none.
        blocks_per_epoch: an epoch draws this many; where there are fewer, all of them before any
            comes again. None draws every block once.
        num_classes: C, to which the classes are held; None takes the store's own number. Data that
            others prepared have none.

    Returns:
        A dataset of `(num_epochs - first_epoch) * steps_per_epoch(...)` pairs: features float32
        `[B, P, C]` and `{"semantic": int32 [B, P], "instance": int32 [B, P]}`. Iterating fails with
        `tf.errors.InvalidArgumentError` at a class out of range or a damaged file, and names the
        file.

    Raises:
        ValueError: fewer blocks than a batch, or epochs out of order.
    """
    steps = steps_per_epoch(store, batch_size, blocks_per_epoch)
    if not 0 <= first_epoch <= num_epochs:
        raise ValueError(
            "`first_epoch` must be in [0, num_epochs]. "
            f"Received: first_epoch={first_epoch}, num_epochs={num_epochs}"
        )
    if num_classes is None and store.settings is not None:
        num_classes = store.settings.labels.num_classes
    reader = _Reader(
        store, batch_size, seed, steps, augmentation or AugmentationConfig(), num_classes
    )
    dataset = tf.data.Dataset.range(first_epoch * steps, num_epochs * steps)
    dataset = dataset.map(
        functools.partial(_read, reader), num_parallel_calls=_PARALLEL_READS, deterministic=True
    )
    return dataset.prefetch(_BATCHES_AHEAD)


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Gives the batch of any step: a function of the step alone, whatever came before."""

    store: Store
    batch_size: int
    seed: int
    steps: int
    augmentation: AugmentationConfig
    num_classes: int | None

    def __call__(self, step: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        epoch, position = divmod(int(step), self.steps)
        places = range(position * self.batch_size, (position + 1) * self.batch_size)
        chosen = np.array([self._sample_at(epoch, place) for place in places])
        batch = self.store.read(chosen)
        self._check_classes(batch, chosen)
        rng = np.random.default_rng([self.seed, epoch, position])
        features = augmenting.augment(batch.features, self.store.features, self.augmentation, rng)
        return features, batch.semantic, batch.instance

    def _sample_at(self, epoch: int, place: int) -> int:
        """The sample at a place of an epoch, which shuffles all as often as it needs them."""
        num_samples = len(self.store)
        turn, index = divmod(place, num_samples)
        return int(_order(num_samples, self.seed, epoch, turn)[index])

    def _check_classes(self, batch: Samples, chosen: np.ndarray) -> None:
        if self.num_classes is None:
            return
        wrong = (batch.semantic < NONE) | (batch.semantic >= self.num_classes)
        if wrong.any():
            k, point = np.argwhere(wrong)[0]
            raise ValueError(
                f"classes in {self.store.cloud_of(chosen[k]).path} must be in "
                f"[0, {self.num_classes}), or -1: these samples belong to another data set. "
                f"Received: {batch.semantic[k, point]}"
            )


@functools.lru_cache(maxsize=4)  # two epochs meet at their border; a permutation takes a moment
def _order(num_samples: int, seed: int, epoch: int, turn: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, turn]).permutation(num_samples)


def _read(reader: _Reader, step: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    features, semantic, instance = tf.numpy_function(
        reader, [step], (tf.float32, tf.int32, tf.int32), name="read_batch"
    )
    shape = (reader.batch_size, reader.store.num_points)
    features = tf.ensure_shape(features, (*shape, reader.store.features.num_channels))
    labels = {
        "semantic": tf.ensure_shape(semantic, shape),
        "instance": tf.ensure_shape(instance, shape),
    }
    return features, labels
