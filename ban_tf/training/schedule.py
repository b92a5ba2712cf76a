"""The staircase by which the learning rate falls."""

from typing import Any

import keras

from ban_tf import config


@keras.saving.register_keras_serializable(package="ban")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`max(limit, initial * factor ** floor(seen / every))`, the originals' staircase.

    Args:
        initial: the value at step 0.
        factor: what a stair multiplies it by.
        every: length of a stair, in units of `per_step`.
        limit: the lowest value.
        per_step: what one optimiser step counts: the batch size when decay goes by samples (the
            authors' code), 1 when it goes by iterations (the paper's words).

    Example:
        >>> from ban_tf.training.schedule import StepDecay
        >>> rate = StepDecay(1.0, factor=0.5, every=100, limit=0.125)
        >>> [float(rate(step)) for step in (0, 99, 100, 900)]
        [1.0, 1.0, 0.5, 0.125]
    """

    def __init__(
        self, initial: float, factor: float, every: int, limit: float, per_step: int = 1
    ) -> None:
        super().__init__()
        self.initial = initial
        self.factor = factor
        self.every = every
        self.limit = limit
        self.per_step = per_step

    def __call__(self, step: Any) -> Any:
        # Integer division first: a float32 count of samples is exact only up to 2^24.
        stairs = keras.ops.cast(step, "int64") * self.per_step // self.every
        value = self.initial * keras.ops.power(self.factor, keras.ops.cast(stairs, "float32"))
        return keras.ops.maximum(keras.ops.cast(value, "float32"), self.limit)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial": self.initial,
            "factor": self.factor,
            "every": self.every,
            "limit": self.limit,
            "per_step": self.per_step,
        }


def learning_rate(training: config.TrainingConfig, steps_per_epoch: int) -> StepDecay:
    """The schedule of a run whose epochs have so many steps.

    Example:
        >>> from ban_tf.config import TrainingConfig
        >>> from ban_tf.training.schedule import learning_rate
        >>> rate = learning_rate(TrainingConfig(batch_size=8), steps_per_epoch=100)
        >>> rate.initial, rate.per_step
        (0.001, 8)
    """
    schedule = training.learning_rate
    every, per_step = schedule.every, training.per_step
    if training.learning_rate_by_epoch:
        every, per_step = schedule.every * steps_per_epoch, 1
    return StepDecay(schedule.initial, schedule.factor, every, schedule.limit, per_step)
