"""Discriminative loss: pulls the points of an instance together and instances apart.

De Brabandere et al., "Semantic Instance Segmentation with a Discriminative Loss Function", 2017,
with the L1 norm of the authors' code by default.
"""

import dataclasses
from typing import Any, NamedTuple

import keras
from keras import ops

from ban_tf.config import LossConfig
from ban_tf.losses.instance_means import InstanceMeans, instance_ranks, mean_by_instance
from ban_tf.losses.labelled import is_labelled, where_labelled
from ban_tf.losses.norms import norm
from ban_tf.losses.precision import loss_dtype
from ban_tf.losses.push import push_apart


class DiscriminativeParts(NamedTuple):
    """The weighted terms of the loss, float32 or float64 `[B]` each; the loss is their sum.

    Example:
        >>> DiscriminativeParts(pull=1.0, push=2.0, regularisation=0.5).push
        2.0
    """

    pull: Any  # L_var: points to the mean of their instance
    push: Any  # L_dist: means away from each other
    regularisation: Any  # L_reg: means towards the origin


def discriminative_parts(instance: Any, embedding: Any, config: LossConfig) -> DiscriminativeParts:
    """Computes the terms of the discriminative loss, block by block.

    Every id of a block is an instance, whatever its class. A repeated point counts as often as it
    occurs. With one instance nothing is pushed; without any all terms are 0.

    Args:
        instance: integer `[B, N]` ids, any 32-bit values; points of `NONE` (-1) are left out,
            whatever their embedding is.
        embedding: float `[B, N, E]`.
        config: norm, margins and weights.

    Returns:
        Terms of float64 for an embedding of float64, and of float32 for all others; at least 0.

    Example:
        >>> embedding = ops.array([[[0.0], [4.0], [4.0]]])  # instance 7 at 0 and 4, 3 at 4
        >>> parts = discriminative_parts(ops.array([[7, 3, 7]]), embedding, LossConfig())
        >>> parts.pull.numpy().tolist(), parts.push.numpy().tolist()
        ([1.125], [1.0])
    """
    ranks = instance_ranks(instance)
    embedding = ops.cast(embedding, loss_dtype(embedding))
    embedding = where_labelled(embedding, is_labelled(ranks))
    means = mean_by_instance(ranks, embedding)
    return DiscriminativeParts(
        pull=config.pull_weight * _pull(ranks, embedding, means, config),
        push=config.push_weight * push_apart(means, config.push_margin, config.norm),
        regularisation=config.regularisation_weight
        * ops.sum(norm(means.mean, config.norm), axis=1)
        / _number_of(means),
    )


def _pull(ranks: Any, embedding: Any, means: InstanceMeans, config: LossConfig) -> Any:
    present = is_labelled(ranks)  # [B, N]
    rows = ops.where(present, ranks, 0)
    own_mean = ops.take_along_axis(means.mean, rows[..., None], axis=1)  # [B, N, E]
    own_size = ops.take_along_axis(means.size, rows, axis=1)  # [B, N]
    excess = ops.relu(norm(embedding - own_mean, config.norm) - config.pull_margin)
    share = where_labelled(1.0 / ops.maximum(own_size, 1.0), present)
    return ops.sum(share * ops.square(excess), axis=1) / _number_of(means)


def _number_of(means: InstanceMeans) -> Any:
    """Number of instances, at least 1, to divide by."""
    return ops.maximum(ops.cast(means.num_instances, means.mean.dtype), 1.0)


@keras.saving.register_keras_serializable(package="ban")
class DiscriminativeLoss(keras.losses.Loss):
    """`discriminative_parts` summed, as a Keras loss: the mean over the blocks of a batch.

    Args:
        config: norm, margins and weights.
        **kwargs: passed to `keras.losses.Loss`.

    Call arguments:
        y_true: integer `[B, N]` instance ids, any 32-bit values; points of `NONE` (-1) are left
            out, whatever their embedding is.
        y_pred: float `[B, N, E]` embedding.

    Returns:
        Scalar, float64 for an embedding of float64 and float32 for all others.

    Example:
        >>> loss = DiscriminativeLoss(LossConfig(regularisation_weight=0.0))
        >>> float(loss(ops.array([[7, 3, 7]]), ops.array([[[0.0], [4.0], [4.0]]])))
        2.125
    """

    def __init__(self, config: LossConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        # Keras casts labels to float32, which mixes up ids above 2**24: ranks are small.
        ranks, dtype = instance_ranks(y_true), loss_dtype(y_pred)
        if dtype == self.dtype:
            return super().__call__(ranks, y_pred, sample_weight)
        # Nor may it round an embedding of 64 bits: a loss casts to the dtype that it was made with.
        precise = type(self)(self.config, name=self.name, reduction=self.reduction, dtype=dtype)
        return precise(ranks, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        parts = discriminative_parts(y_true, y_pred, self.config)
        return parts.pull + parts.push + parts.regularisation

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "config": dataclasses.asdict(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DiscriminativeLoss":
        return cls(**{**config, "config": LossConfig(**config["config"])})
