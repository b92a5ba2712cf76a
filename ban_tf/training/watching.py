"""Looks into a network as it is trained: its embedding, and where its attentions look."""

import keras
import numpy as np
from tqdm import tqdm

from ban_tf.config import Experiment
from ban_tf.data.samples import Samples
from ban_tf.data.store import Store
from ban_tf.metrics import similarity
from ban_tf.model.similarity import InnerProducts
from ban_tf.systems import collapse

_NUM_SAMPLES = 4  # looked at by `WatchAttention`, one at a time: P of 4096 points is 64 MiB


def draw(store: Store, size: int, seed: int) -> Samples:
    """Some samples of a store, all if there are not so many, the same for the same seed.

    Example:
        >>> from ban_tf.training import watching
        >>> class Numbers(list):
        ...     read = staticmethod(sorted)
        >>> [int(number) for number in watching.draw(Numbers("abc"), size=9, seed=0)]
        [0, 1, 2]
    """
    rng = np.random.default_rng(seed)
    return store.read(rng.choice(len(store), min(size, len(store)), replace=False))


class WatchEmbedding(keras.callbacks.Callback):
    """Looks every few epochs what the network makes of one batch; says once if it collapsed.

    Args:
        store: of training; the batch is drawn from it by the seed.
        experiment: of an embedding network.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training.watching import WatchEmbedding
        >>> watcher = WatchEmbedding(store=None, experiment=experiment)
        >>> watcher.on_epoch_end(epoch=0)  # the first look, at the store too, is after epoch 5
        >>> watcher.is_explained
        False
    """

    def __init__(self, store: Store, experiment: Experiment) -> None:
        super().__init__()
        self.store = store
        self.experiment = experiment
        self.batch: Samples | None = None
        self.is_explained = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if (epoch + 1) % collapse.PROBE_EVERY != 0 or self.is_explained:
            return
        if self.batch is None:
            self.batch = draw(self.store, self.experiment.training.batch_size, self.experiment.seed)
        outputs = self.model.network(self.batch.features, training=False)
        embedding = keras.ops.convert_to_numpy(outputs["embedding"])
        found = collapse.probe_training(self.batch.instance, embedding, self.experiment.loss)
        if found is not None:
            self.is_explained = True
            tqdm.write(f"\nwarning: after epoch {epoch + 1}: {found}")


class WatchAttention(keras.callbacks.Callback):
    """Puts the weight of each attention on a row's own class into the logs, after every epoch.

    `stoi_own_class` and its like are means over the rows of a few training samples, in [0, 1];
    `own_class_chance` is what rows would have that look at all points alike. TensorBoard, which
    comes after, shows them; `eval/eval_similarity.py` has more of the kind for trained networks.

    Args:
        store: of training; the samples are drawn from it by the seed.
        experiment: of a network with attention.

    Example:
        >>> from ban_tf.training.watching import WatchAttention
        >>> WatchAttention.__mro__[1].__name__  # for `fit(callbacks=...)`, before TensorBoard
        'Callback'
    """

    def __init__(self, store: Store, experiment: Experiment) -> None:
        super().__init__()
        self.store = store
        self.seed = experiment.seed
        self.samples: Samples | None = None
        self.inner_products: InnerProducts | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is None:
            return
        inner_products = self.inner_products or InnerProducts(self.model.network)
        samples = self.samples or draw(self.store, _NUM_SAMPLES, self.seed)
        self.inner_products, self.samples = inner_products, samples
        found = [
            similarity.score_all(
                inner_products(samples.features[one : one + 1]),
                samples.semantic[one : one + 1],
                samples.instance[one : one + 1],
            )
            for one in range(len(samples.features))
        ]
        for name in found[0]:
            mean = similarity.mean([scores[name] for scores in found])
            logs[f"{name}_own_class"] = mean.own_class
            logs["own_class_chance"] = mean.class_chance
