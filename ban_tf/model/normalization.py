"""Batch normalisation whose moving averages slow down on a schedule."""

import dataclasses
from typing import Any

import keras
from keras import ops

from ban_tf.config import DecayUnit, ScheduleConfig

EPSILON = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class MomentumSchedule:
    """Momentum of the moving averages as training goes on.

    `1 - max(limit, initial * factor^floor(seen / every))`, with `seen` counted in `unit` before
    the batch at hand (the authors' code).

    Example:
        >>> from ban_tf.config import ScheduleConfig
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> decay = ScheduleConfig(initial=0.5, factor=0.5, every=100, limit=0.01)
        >>> schedule = MomentumSchedule(decay=decay, unit="samples")
        >>> [float(schedule.share(seen)) for seen in (0, 99, 100, 250)]
        [0.5, 0.5, 0.25, 0.125]
    """

    decay: ScheduleConfig
    unit: DecayUnit

    def share(self, seen: Any) -> Any:
        """1 - momentum, the share of the batch in the averages: a float32 scalar.

        Args:
            seen: int32 scalar, samples or iterations before this batch.
        """
        steps = ops.cast(ops.floor_divide(seen, self.decay.every), "float32")
        return ops.maximum(
            self.decay.initial * ops.power(self.decay.factor, steps), self.decay.limit
        )


class ScheduledLayer(keras.layers.Layer):
    """A layer that normalises by batches, somewhere inside, by a given schedule.

    Args:
        schedule: momentum of the moving averages; None where it does not normalise.
        **kwargs: passed to `keras.layers.Layer`.

    Example:
        >>> from ban_tf.model.normalization import ScheduledLayer
        >>> class Doubling(ScheduledLayer):
        ...     def call(self, inputs):
        ...         return 2 * inputs
        >>> layer = Doubling.from_config(Doubling(schedule=None, name="twice").get_config())
        >>> layer.name, layer.schedule
        ('twice', None)
    """

    def __init__(self, schedule: MomentumSchedule | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schedule = schedule

    def get_config(self) -> dict[str, Any]:
        schedule = None if self.schedule is None else dataclasses.asdict(self.schedule)
        return {**super().get_config(), "schedule": schedule}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScheduledLayer":
        schedule = config["schedule"]
        if schedule is None:
            return cls(**config)
        decay = ScheduleConfig(**schedule["decay"])
        return cls(**{**config, "schedule": MomentumSchedule(decay=decay, unit=schedule["unit"])})


@keras.saving.register_keras_serializable(package="ban")
class ScheduledBatchNormalization(ScheduledLayer):
    """`keras.layers.BatchNormalization` over the last axis, with a scheduled momentum.

    The layer counts what it has seen in a weight of its own, so that a resumed run goes on where
    the schedule stood. Moments are float32 under mixed precision too, float64 under "float64".

    Args:
        schedule: momentum of the moving averages.
        per_channel: whether each channel has moments of its own; False takes one mean and one
            variance over all axes, channels included. Scale and offset are per channel always.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `[..., C]`.
        training: whether to normalise by the batch and to move the averages; a layer with
            `trainable=False` does neither.

    Returns:
        `[..., C]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import TrainingConfig
        >>> from ban_tf.model.normalization import MomentumSchedule, ScheduledBatchNormalization
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> layer = ScheduledBatchNormalization(schedule)
        >>> np.asarray(layer(np.array([[1.0], [3.0]], "float32"), training=True)).round(2).tolist()
        [[-1.0], [1.0]]
        >>> int(layer.seen)
        2
    """

    schedule: MomentumSchedule  # always has one

    def __init__(self, schedule: MomentumSchedule, per_channel: bool = True, **kwargs: Any) -> None:
        super().__init__(schedule, **kwargs)
        self.per_channel = per_channel

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = (input_shape[-1],)
        moments = width if self.per_channel else ()
        self.gamma = self.add_weight(width, "ones", name="gamma", autocast=False)
        self.beta = self.add_weight(width, "zeros", name="beta", autocast=False)
        averages = {"trainable": False, "autocast": False, "aggregation": "mean"}
        self.moving_mean = self.add_weight(moments, "zeros", name="moving_mean", **averages)
        self.moving_variance = self.add_weight(moments, "ones", name="moving_variance", **averages)
        # Replicas share the samples of a step, but a step is one step for all of them.
        aggregation = "sum" if self.schedule.unit == "samples" else "only_first_replica"
        self.seen = self.add_weight(
            (), "zeros", dtype="int32", trainable=False, name="seen", aggregation=aggregation
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        inputs = ops.cast(inputs, self.variable_dtype)
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            axes = list(range(len(inputs.shape) - self.per_channel))
            mean, variance = ops.moments(inputs, axes=axes)
            self._move_averages(mean, variance)
            samples = self.schedule.unit == "samples"
            self.seen.assign_add(ops.shape(inputs)[0] if samples else 1)
        if not self.per_channel:
            mean, variance = (
                ops.broadcast_to(moment, self.gamma.shape) for moment in (mean, variance)
            )
        normalised = ops.batch_normalization(
            inputs, mean, variance, -1, offset=self.beta, scale=self.gamma, epsilon=EPSILON
        )
        return ops.cast(normalised, self.compute_dtype)

    def _move_averages(self, mean: Any, variance: Any) -> None:
        share = ops.cast(self.schedule.share(self.seen), self.variable_dtype)
        for average, moment in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign_add(share * (moment - average))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "per_channel": self.per_channel}
