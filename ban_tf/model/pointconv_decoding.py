"""PointConv's levels (Wu et al., 2019) as JSNet comes back up them, all on the device."""

from typing import Any

import keras
from keras import ops

from ban_tf.model.layers import PointMLP, Shape
from ban_tf.model.normalization import MomentumSchedule, ScheduledBatchNormalization, ScheduledLayer
from tf_ops import library
from tf_ops.grouping import grouping
from tf_ops.interpolation import interpolation


@keras.saving.register_keras_serializable(package="ban")
class SumPool(ScheduledLayer):
    """Sums a group's features, adds a bias, normalises, ReLU.

    The batch norm takes one mean and one variance over all axes, channels included (JSNet's
    code), so the bias before it matters.

    Args:
        schedule: momentum of the batch norm.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        groups: `[B, N, K, C]`.

    Returns:
        `[B, N, C]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import TrainingConfig
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> from ban_tf.model.pointconv_decoding import SumPool
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> np.asarray(SumPool(schedule)(np.ones((1, 2, 3, 1), "float32"))).round(2).tolist()
        [[[3.0], [3.0]]]
    """

    def __init__(self, schedule: MomentumSchedule, **kwargs: Any) -> None:
        super().__init__(schedule, **kwargs)
        self.batch_norm = ScheduledBatchNormalization(
            schedule, per_channel=False, name="batch_norm", dtype=self.dtype_policy
        )

    def build(self, groups_shape: Shape) -> None:
        self.bias = self.add_weight((groups_shape[-1],), "zeros", name="bias")
        self.batch_norm.build((*groups_shape[:2], groups_shape[-1]))

    def call(self, groups: Any, training: bool | None = None) -> Any:
        return ops.relu(self.batch_norm(ops.sum(groups, axis=2) + self.bias, training=training))

    def compute_output_shape(self, groups_shape: Shape) -> Shape:
        return (*groups_shape[:2], groups_shape[-1])


@keras.saving.register_keras_serializable(package="ban")
class PointConvDecoding(ScheduledLayer):
    """Carries features from a coarse level back to a fine one, then convolves depth-wise.

    Interpolates between the three nearest coarse points; groups [offset, interpolated] of each
    fine point's neighbours; a small network turns offsets into one weight per channel, by which
    the group is summed (`SumPool`); appends the fine level's own features and runs a `PointMLP`.

    Args:
        widths: of the `PointMLP`.
        weight_width: of the hidden layer between offsets and weights.
        schedule: momentum of the batch norms.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        coarse: `[B, M, C]` features of the coarse level.
        fine: `[B, N, F]` features the fine level had on the way down.
        index: int32 `[B, N, 3]`, and
        weights: float32 `[B, N, 3]`, both of `ThreeNearest`.
        xyz: float32 `[B, N, 3]` of the fine level, metres.
        neighbours: int32 `[B, N, K]` of `NearestNeighbours` among the fine level.

    Returns:
        `[B, N, widths[-1]]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import TrainingConfig
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> from ban_tf.model.pointconv_decoding import PointConvDecoding
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> coarse, fine = np.ones((1, 3, 4), "float32"), np.ones((1, 8, 2), "float32")
        >>> index, weights = np.zeros((1, 8, 3), "int32"), np.ones((1, 8, 3), "float32") / 3
        >>> xyz, neighbours = np.ones((1, 8, 3), "float32"), np.zeros((1, 8, 2), "int32")
        >>> layer = PointConvDecoding((6,), weight_width=4, schedule=schedule)
        >>> tuple(layer(coarse, fine, index, weights, xyz, neighbours).shape)
        (1, 8, 6)
    """

    def __init__(
        self, widths: tuple[int, ...], weight_width: int, schedule: MomentumSchedule, **kwargs: Any
    ) -> None:
        super().__init__(schedule, autocast=False, **kwargs)
        self.widths = tuple(widths)
        self.weight_width = weight_width
        self.supports_jit = library.use_stock()
        dtype = self.dtype_policy
        self.weight_net = PointMLP((weight_width,), schedule, name="weight_net", dtype=dtype)
        self.sum_pool = SumPool(schedule, name="sum_pool", dtype=dtype)
        self.mlp = PointMLP(self.widths, schedule, name="mlp", dtype=dtype)

    def build(
        self,
        coarse_shape: Shape,
        fine_shape: Shape,
        index_shape: Shape,
        weights_shape: Shape,
        xyz_shape: Shape,
        neighbours_shape: Shape,
    ) -> None:
        width = 3 + coarse_shape[-1]
        self.weight_net.build((*neighbours_shape, 3))
        # One weight per channel, without batch norm or ReLU: only here is its number known.
        self.channel_weights = keras.layers.Dense(
            width, name="channel_weights", dtype=self.dtype_policy
        )
        self.channel_weights.build((*neighbours_shape, self.weight_width))
        self.sum_pool.build((*neighbours_shape, width))
        self.mlp.build((*fine_shape[:-1], width + fine_shape[-1]))

    def call(
        self,
        coarse: Any,
        fine: Any,
        index: Any,
        weights: Any,
        xyz: Any,
        neighbours: Any,
        training: bool | None = None,
    ) -> Any:
        xyz = ops.cast(ops.stop_gradient(xyz), "float32")
        interpolated = interpolation.interpolate(ops.cast(coarse, "float32"), index, weights)
        offsets = grouping.group_points(xyz, neighbours) - xyz[:, :, None]  # [B, N, K, 3]
        groups = ops.concatenate(
            [offsets, grouping.group_points(interpolated, neighbours)], axis=-1
        )  # [B, N, K, 3 + C]
        kernel = self.channel_weights(self.weight_net(offsets, training=training))
        pooled = self.sum_pool(ops.cast(groups, self.compute_dtype) * kernel, training=training)
        fine = ops.cast(fine, self.compute_dtype)
        return self.mlp(ops.concatenate([pooled, fine], axis=-1), training=training)

    def compute_output_shape(
        self, coarse_shape: Shape, fine_shape: Shape, *others: Shape, **named: Shape
    ) -> Shape:
        return (*fine_shape[:-1], self.widths[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "widths": self.widths,
            "weight_width": self.weight_width,
        }
