"""Numbers of the losses."""

import dataclasses
from typing import Literal

from ban_tf.config import kinds
from ban_tf.config.checking import require, require_choice

Norm = Literal["l1", "l2"]


@kinds.config
class LossConfig:
    """Discriminative loss (De Brabandere et al. 2017) with the released code's L1 norm [C]."""

    norm: Norm = "l1"  # [C]
    pull_margin: float = 0.5  # delta_v
    push_margin: float = 1.5  # delta_d; means are pushed 2 delta_d apart
    pull_weight: float = 1.0
    push_weight: float = 1.0
    regularisation_weight: float = 0.001

    def __post_init__(self) -> None:
        require_choice(Norm, norm=self.norm)
        numbers = {
            name: value for name, value in dataclasses.asdict(self).items() if name != "norm"
        }
        for name, value in numbers.items():
            require(value >= 0, f"`{name}` must be at least 0.", **{name: value})


@kinds.config
class SimilarityLossConfig:
    """SGPN's double hinge on the similarities of pairs, which are small for points of one group.

    Pairs of different groups are pushed up to a margin. Those of the same class weigh `factor`
    times as much, which rises with the epoch.
    """

    margin: float = 10.0  # [S] of the same class; a unit of squared distance counts as much
    class_margin: float = 80.0  # [S] of different classes
    factor: float = 2.0  # [S] in the first epoch
    factor_per_epoch: float = 0.4  # [S]
    factor_limit: float = 10.0  # [S]

    def __post_init__(self) -> None:
        require(
            0 < self.margin <= self.class_margin,
            "`margin` must be in (0, class_margin].",
            margin=self.margin,
            class_margin=self.class_margin,
        )
        require(
            0 <= self.factor <= self.factor_limit,
            "`factor` must be in [0, factor_limit].",
            factor=self.factor,
            factor_limit=self.factor_limit,
        )


@kinds.config
class BoxLossConfig:
    """Losses of BoNet's boxes and masks [B].

    A point is inside a box with probability sigmoid(x), where x is `sharpness` times the product
    of its distances to the two faces, of the axis with the least, clipped to +-`limit`.
    """

    sharpness: float = 100.0  # coordinates run from 0 to 1
    limit: float = 20.0
    focal_alpha: float = 0.75  # weight of the points of a mask; the others have the rest
    focal_gamma: float = 2.0
    mask_weight: float = 30.0

    def __post_init__(self) -> None:
        require(
            self.sharpness > 0 and self.limit > 0,
            "`sharpness` and `limit` must be positive.",
            sharpness=self.sharpness,
            limit=self.limit,
        )
        require(
            0 <= self.focal_alpha <= 1,
            "`focal_alpha` must be in [0, 1].",
            focal_alpha=self.focal_alpha,
        )
