"""Recognises a collapsed embedding, in which all points of a block are one instance.

It happens when training goes wrong: the push term of the discriminative loss has no slope where
all means are equal, so an embedding that got there stays there. Nothing looks broken; the loss is
finite and the semantic scores are good. These functions say it in one sentence.
"""

import dataclasses

import keras
import numpy as np

from ban_tf.config import NONE, LossConfig
from ban_tf.losses import discriminative

# Blocks are judged together, and few are not judged: a scan may really show one thing only.
_MIN_BLOCKS = 3
_MIN_SHARE = 0.95  # of the blocks
_ONE_CLUSTER = 0.99  # a cluster with this share of the points is the only one but for outliers
_ONE_CLASS = 0.95  # a block with less than this share of its points in one class shows several
PROBE_EVERY = 5  # epochs of training between two looks at a batch
_STATIONARY = 0.9  # push terms from this share of the stationary value on; a healthy one is near 0


class CollapseWarning(UserWarning):
    """The embedding that is being clustered has collapsed.

    Example:
        >>> import warnings
        >>> from ban_tf.systems.collapse import CollapseWarning
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", CollapseWarning)
        ...     warnings.warn("all points of a block are one instance", CollapseWarning)
    """


@dataclasses.dataclass(frozen=True)
class Collapse:
    """A finding; `str()` gives one sentence with the way out.

    Args:
        num_blocks: blocks that were judged.
        spread: how far apart things lie in the embedding.
        limit: what they would have to exceed.
        sentence: the explanation.

    Example:
        >>> from ban_tf.systems.collapse import Collapse
        >>> str(Collapse(8, spread=0.1, limit=0.6, sentence="The embedding has collapsed."))
        'The embedding has collapsed.'
    """

    num_blocks: int
    spread: float
    limit: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


class CollapseDetector:
    """Looks at the blocks of inference as they come, and judges all of them together.

    The embedding has collapsed if in at least 95 % of the blocks one cluster holds 99 % of the
    points, and the points of a block are typically closer to their mean than the bandwidth. With
    `semantic`, only blocks with several predicted classes are looked at: a block of bare wall
    *is* one instance. Fewer than 3 blocks are not judged.

    Args:
        bandwidth: of mean shift.

    Example:
        >>> import numpy as np
        >>> from ban_tf.systems.collapse import CollapseDetector
        >>> detector = CollapseDetector(bandwidth=0.6)
        >>> detector.add(np.zeros((4, 50, 5)), labels=np.zeros((4, 50), int))
        >>> detector.result().num_blocks
        4
    """

    def __init__(self, bandwidth: float):
        self._bandwidth = bandwidth
        self._is_single: list[np.ndarray] = []
        self._spread: list[np.ndarray] = []
        self._several_classes = False

    def add(
        self, embedding: np.ndarray, labels: np.ndarray, semantic: np.ndarray | None = None
    ) -> None:
        """Adds blocks; empty ones say nothing.

        Args:
            embedding: float `[K, P, E]`.
            labels: int `[K, P]`, the clusters, at least 0.
            semantic: int `[K, P]`, predicted classes, at least 0; None if they are not known.

        Raises:
            ValueError: the shapes do not fit each other.
        """
        shape = np.shape(embedding)[:2]
        if np.ndim(embedding) != 3 or np.shape(labels) != shape:
            raise ValueError(
                "`embedding` must have shape [K, P, E] and `labels` [K, P]. Received: "
                f"embedding.shape={np.shape(embedding)}, labels.shape={np.shape(labels)}"
            )
        if semantic is not None and np.shape(semantic) != shape:
            raise ValueError(
                "`semantic` must have shape [K, P], as `labels`. Received: "
                f"semantic.shape={np.shape(semantic)}, labels.shape={np.shape(labels)}"
            )
        if 0 in shape:
            return
        counts = np.ones(shape[0], bool)
        if semantic is not None:
            counts = _largest_shares(semantic) < _ONE_CLASS
            self._several_classes = True
        embedding = np.asarray(embedding, np.float64)[counts]
        offset = embedding - embedding.mean(axis=1, keepdims=True)
        self._spread.append(np.sqrt(np.square(offset).sum(axis=2).mean(axis=1)))
        self._is_single.append(_largest_shares(np.asarray(labels)[counts]) >= _ONE_CLUSTER)

    def result(self) -> Collapse | None:
        """The finding, or None if there is nothing to be said."""
        is_single = np.concatenate([np.zeros(0, bool), *self._is_single])
        if len(is_single) < _MIN_BLOCKS or is_single.mean() < _MIN_SHARE:
            return None
        spread = float(np.median(np.concatenate(self._spread)))
        if spread >= self._bandwidth:
            return None
        blocks = "blocks with several classes" if self._several_classes else "blocks"
        sentence = (
            f"The embedding has collapsed: in {np.count_nonzero(is_single)} of {len(is_single)} "
            f"{blocks} all points are one instance, for they lie typically {spread:.2g} from "
            f"their mean and the bandwidth is {self._bandwidth:g}; train longer, or anew with "
            "another seed or a lower learning rate, or estimate a "
            "bandwidth that separates them (`experiments.doctor.estimation`)."
        )
        return Collapse(len(is_single), spread, self._bandwidth, sentence)


def detect_collapse(
    embedding: np.ndarray,
    labels: np.ndarray,
    bandwidth: float,
    semantic: np.ndarray | None = None,
) -> Collapse | None:
    """Judges blocks that are all at hand; see `CollapseDetector`.

    Args:
        embedding: float `[K, P, E]`.
        labels: int `[K, P]`, the clusters, at least 0.
        bandwidth: of mean shift.
        semantic: int `[K, P]`, predicted classes; None if they are not known.

    Example:
        >>> import numpy as np
        >>> from ban_tf.systems.collapse import detect_collapse
        >>> apart = np.repeat([[[0.0], [5.0]]], 4, axis=0)  # two points in each of four blocks
        >>> detect_collapse(apart, labels=np.array([[0, 1]] * 4), bandwidth=0.6) is None
        True
    """
    detector = CollapseDetector(bandwidth)
    detector.add(embedding, labels, semantic)
    return detector.result()


def detect_training_collapse(
    push: np.ndarray, num_instances: np.ndarray, config: LossConfig
) -> Collapse | None:
    """Judges training blocks by their push terms.

    With all means equal the term of a block is `push_weight * (2 push_margin) ** 2`: 9 with the
    default numbers. Call after the first epoch: an untrained network scores near it too.

    Args:
        push: float `[B]`, `DiscriminativeParts.push` (weighted, as it is logged).
        num_instances: int `[B]`, instances of each block; blocks with one are not judged.
        config: margin and weight.

    Returns:
        The finding if the mean over the blocks is at least 90 % of that value; None if not, and
        with fewer than 3 blocks of several instances.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import LossConfig
        >>> from ban_tf.systems.collapse import detect_training_collapse
        >>> num_instances = np.full(8, 5)
        >>> detect_training_collapse(np.full(8, 9.0), num_instances, LossConfig()).num_blocks
        8
        >>> detect_training_collapse(np.full(8, 0.1), num_instances, LossConfig()) is None
        True
    """
    push, num_instances = np.asarray(push, np.float64), np.asarray(num_instances)
    if push.ndim != 1 or push.shape != num_instances.shape:
        raise ValueError(
            "`push` and `num_instances` must have shape [B]. Received: "
            f"push.shape={push.shape}, num_instances.shape={num_instances.shape}"
        )
    judged = push[num_instances > 1]
    stationary = config.push_weight * (2 * config.push_margin) ** 2
    if len(judged) < _MIN_BLOCKS or stationary == 0 or judged.mean() < _STATIONARY * stationary:
        return None
    push_of_all = float(judged.mean())
    apart = max(2 * config.push_margin - np.sqrt(push_of_all / config.push_weight), 0.0)
    sentence = (
        f"The embedding has collapsed: the push term is {push_of_all:.3g}, near the "
        f"{stationary:.3g} of instances that all have one mean (they are {apart:.2g} apart, and "
        f"should be {2 * config.push_margin:g}), and has hardly any slope there; if another epoch "
        "does not change it, check the instance labels and train anew with another seed or a "
        "lower learning rate."
    )
    return Collapse(len(judged), apart, 2 * config.push_margin, sentence)


def probe_training(
    instance: np.ndarray, embedding: np.ndarray, config: LossConfig
) -> Collapse | None:
    """Judges a few training blocks by what the network makes of them now.

    Args:
        instance: int `[B, N]`, the true instances; `NONE` is no instance.
        embedding: float `[B, N, E]` of the network.
        config: of the discriminative loss.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import LossConfig
        >>> from ban_tf.systems.collapse import probe_training
        >>> instance = np.array([[0, 0, 1, 1]] * 3, "int32")
        >>> probe_training(instance, np.zeros((3, 4, 5), "float32"), LossConfig()).num_blocks
        3
    """
    parts = discriminative.discriminative_parts(instance, embedding, config)
    instance = np.asarray(instance)
    num_instances = [len(np.unique(block[block != NONE])) for block in instance]
    return detect_training_collapse(
        keras.ops.convert_to_numpy(parts.push), np.array(num_instances), config
    )


def _largest_shares(labels: np.ndarray) -> np.ndarray:
    """float64 `[K]`: the share of the most frequent value of each row of `[K, P]`."""
    ordered = np.sort(labels, axis=1)
    shares = [np.diff(_starts(row)).max() / len(row) for row in ordered]
    return np.array(shares, np.float64)


def _starts(ordered: np.ndarray) -> np.ndarray:
    """Where runs of equal values begin, and the end of the last."""
    steps = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return np.concatenate([[0], steps, [len(ordered)]])
