"""Optimiser, schedules, augmentation and length of a training."""

from typing import Literal

from ban_tf.config import kinds
from ban_tf.config.checking import require, require_at_least_one, require_choice

DecayUnit = Literal["samples", "iterations"]
Keep = Literal["last", "best"]
_MOST_EPOCHS = 10**6  # more steps than 64 bits can count would follow


@kinds.config
class ScheduleConfig:
    """A value that decays in steps: learning rate, or 1 - batch-norm momentum."""

    initial: float
    factor: float
    every: int  # in `TrainingConfig.decay_unit`
    limit: float  # the value never passes this one

    def __post_init__(self) -> None:
        require_at_least_one(every=self.every)
        require(0 < self.factor <= 1, "`factor` must be in (0, 1].", factor=self.factor)
        require(
            0 <= self.limit <= self.initial,
            "`limit` must be in [0, initial].",
            limit=self.limit,
            initial=self.initial,
        )


@kinds.config
class AugmentationConfig:
    """Random changes of training blocks; all off by default, as in the paper [C]."""

    rotate_z: bool = False  # any angle about the vertical through the block's middle
    scale: float = 0.0  # factor uniform in [1 - scale, 1 + scale]
    jitter_m: float = 0.0  # standard deviation of coordinate noise, metres
    drop_color: float = 0.0  # probability that a block loses its colours

    def __post_init__(self) -> None:
        require(0 <= self.scale < 1, "`scale` must be in [0, 1).", scale=self.scale)
        require(self.jitter_m >= 0, "`jitter_m` must be at least 0.", jitter_m=self.jitter_m)
        require(
            0 <= self.drop_color <= 1, "`drop_color` must be in [0, 1].", drop_color=self.drop_color
        )


@kinds.config
class PretrainingConfig:
    """Epochs before the others, for the classes alone.

    Only the layers that the class scores depend on are trained. Afterwards the optimiser starts
    anew, nothing is dropped, and the batch norms keep the moments they have reached.
    """

    num_epochs: int = 0  # none
    batch_size: int = 32  # [S]
    learning_rate: ScheduleConfig = ScheduleConfig(
        initial=1e-3, factor=0.5, every=300_000, limit=1e-5
    )  # [N]

    def __post_init__(self) -> None:
        require(
            self.num_epochs >= 0, "`num_epochs` must be at least 0.", num_epochs=self.num_epochs
        )
        require_at_least_one(batch_size=self.batch_size)


@kinds.config
class ValidationConfig:
    """Scores in the course of a training, on some of the training clouds [O].

    These clouds are held out: the network is not trained on them. Off by default, so that it is
    trained on all clouds of the split, as in the paper. The clouds of the test play no part.

    Args:
        every: epochs from one scoring to the next, the last epoch included; None for none.
        num_clouds: how many of the training clouds are held out, drawn by the seed.
        num_samples: of theirs that are scored at most, drawn by the seed.
        keep: which epoch's network a training ends with: the `last`, or the `best`, of those that
            were scored, by the mean of mIoU and mCov.

    Raises:
        ValueError: a number below 1, or the best of what is never scored.

    Example:
        >>> ValidationConfig(every=5, num_clouds=10).keep
        'last'
    """

    every: int | None = None
    num_clouds: int = 1
    num_samples: int = 128
    keep: Keep = "last"

    def __post_init__(self) -> None:
        require_choice(Keep, keep=self.keep)
        require_at_least_one(num_clouds=self.num_clouds, num_samples=self.num_samples)
        if self.every is not None:
            require_at_least_one(every=self.every)
        require(
            self.keep == "last" or self.every is not None,
            '`keep="best"` needs scores to compare: set `every`.',
            keep=self.keep,
            every=self.every,
        )


@kinds.config
class TrainingConfig:
    """Optimiser, schedules and length of a run."""

    batch_size: int = 12  # [P] 5.1
    num_epochs: int = 100  # [P] 5.1
    decay_unit: DecayUnit = "samples"  # [C]; the paper's words are "iterations"
    learning_rate: ScheduleConfig = ScheduleConfig(
        initial=1e-3, factor=0.5, every=300_000, limit=1e-5
    )  # [P] 5.1, limit [C]
    # [B] True: `learning_rate.every` counts epochs and `decay_unit` does not apply to it.
    learning_rate_by_epoch: bool = False
    # Momentum of the moving averages is 1 - this: 0.5, 0.75, ... up to 0.99 [C].
    batch_norm_decay: ScheduleConfig = ScheduleConfig(
        initial=0.5, factor=0.5, every=300_000, limit=0.01
    )
    adam_epsilon: float = 1e-8  # TensorFlow 1's default, the one the code ran with [C]
    augmentation: AugmentationConfig = AugmentationConfig()
    checkpoint_every: int = 1  # epochs [O]
    blocks_per_epoch: int | None = None  # None: each once; the reduced setting draws a sample [O]
    pretraining: PretrainingConfig = PretrainingConfig()
    validation: ValidationConfig = ValidationConfig()

    def __post_init__(self) -> None:
        require_choice(DecayUnit, decay_unit=self.decay_unit)
        decay = self.batch_norm_decay.initial
        require(decay <= 1, "`batch_norm_decay.initial` must be in [0, 1].", initial=decay)
        require(
            self.adam_epsilon > 0,
            "`adam_epsilon` must be positive.",
            adam_epsilon=self.adam_epsilon,
        )
        require(
            self.num_epochs <= _MOST_EPOCHS,
            f"`num_epochs` must be at most {_MOST_EPOCHS}.",
            num_epochs=self.num_epochs,
        )
        require_at_least_one(
            batch_size=self.batch_size,
            num_epochs=self.num_epochs,
            checkpoint_every=self.checkpoint_every,
        )
        if self.blocks_per_epoch is not None:
            require_at_least_one(blocks_per_epoch=self.blocks_per_epoch)

    @property
    def per_step(self) -> int:
        """What one step of the optimiser counts in the schedules."""
        return self.batch_size if self.decay_unit == "samples" else 1

    @property
    def total_epochs(self) -> int:
        """Those of the pre-training included."""
        return self.pretraining.num_epochs + self.num_epochs
