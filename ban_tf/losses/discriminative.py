"""Discriminative loss: pulls the points of an instance together and instances apart.

De Brabandere et al., "Semantic Instance Segmentation with a Discriminative Loss Function", 2017,
with the L1 norm of the authors' code by default.
"""

import dataclasses
from typing import Any, NamedTuple

import keras
from keras import ops

from ban_tf.config import NONE, LossConfig
from ban_tf.losses.instance_means import InstanceMeans, instance_ranks, mean_by_instance
from ban_tf.losses.norms import norm
from ban_tf.losses.push import push_apart


class DiscriminativeParts(NamedTuple):
    """The weighted terms of the loss, float32 `[B]` each; the loss is their sum."""

    pull: Any  # L_var: points to the mean of their instance
    push: Any  # L_dist: means away from each other
    regularisation: Any  # L_reg: means towards the origin


def discriminative_parts(instance: Any, embedding: Any, config: LossConfig) -> DiscriminativeParts:
    """Computes the terms of the discriminative loss, block by block.

    Every id of a block is an instance, whatever its class. A repeated point counts as often as it
    occurs. With one instance nothing is pushed; without any all terms are 0.

    Args:
        instance: integer `[B, N]` ids, any values; points of `NONE` (-1) are left out.
        embedding: `[B, N, E]`.
        config: norm, margins and weights.
    """
    embedding = ops.cast(embedding, "float32")
    ranks = instance_ranks(instance)
    means = mean_by_instance(ranks, embedding)
    return DiscriminativeParts(
        pull=config.pull_weight * _pull(ranks, embedding, means, config),
        push=config.push_weight * push_apart(means, config.push_margin, config.norm),
        regularisation=config.regularisation_weight
        * ops.sum(norm(means.mean, config.norm), axis=1)
        / _at_least_one(means.num_instances),
    )


def _pull(ranks: Any, embedding: Any, means: InstanceMeans, config: LossConfig) -> Any:
    present = ops.not_equal(ranks, NONE)  # [B, N]
    rows = ops.where(present, ranks, 0)
    own_mean = ops.take_along_axis(means.mean, rows[..., None], axis=1)  # [B, N, E]
    own_size = ops.take_along_axis(means.size, rows, axis=1)  # [B, N]
    excess = ops.relu(norm(embedding - own_mean, config.norm) - config.pull_margin)
    share = ops.where(present, 1.0 / _at_least_one(own_size), 0.0)
    return ops.sum(share * ops.square(excess), axis=1) / _at_least_one(means.num_instances)


def _at_least_one(count: Any) -> Any:
    return ops.maximum(ops.cast(count, "float32"), 1.0)


@keras.saving.register_keras_serializable(package="ban")
class DiscriminativeLoss(keras.losses.Loss):
    """`discriminative_parts` summed, as a Keras loss: the mean over the blocks of a batch.

    Args:
        config: norm, margins and weights.
        **kwargs: passed to `keras.losses.Loss`.

    Call arguments:
        y_true: integer `[B, N]` instance ids.
        y_pred: `[B, N, E]` embedding.
    """

    def __init__(self, config: LossConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        # Keras casts labels to float32, which mixes up ids above 2**24: ranks are small.
        return super().__call__(instance_ranks(y_true), y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        parts = discriminative_parts(y_true, y_pred, self.config)
        return parts.pull + parts.push + parts.regularisation

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "config": dataclasses.asdict(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DiscriminativeLoss":
        return cls(**{**config, "config": LossConfig(**config["config"])})
