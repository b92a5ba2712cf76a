"""Layers on the way down: the network at every point, and PointNet++'s levels (Qi et al., 2017)."""

from typing import Any

import keras
from keras import ops

from ban_tf.model.normalization import MomentumSchedule, ScheduledBatchNormalization, ScheduledLayer
from tf_ops import library
from tf_ops.grouping import grouping
from tf_ops.sampling import sampling

Shape = tuple[Any, ...]  # a size may be None: not known yet


@keras.saving.register_keras_serializable(package="ban")
class PointMLP(ScheduledLayer):
    """The same small network at every point: dense with bias, batch norm, ReLU, repeated.

    Args:
        widths: channels after each repetition.
        schedule: momentum of the batch norms; None for a network without them.
        negative_slope: of a leaky ReLU; 0 is the plain one.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `[..., C]`.

    Returns:
        `[..., widths[-1]]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.layers import PointMLP
        >>> mlp = PointMLP((8, 4), schedule=None)
        >>> tuple(mlp(np.zeros((2, 5, 3), "float32")).shape)
        (2, 5, 4)
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        schedule: MomentumSchedule | None,
        negative_slope: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(schedule, **kwargs)
        self.widths = tuple(widths)
        self.negative_slope = negative_slope
        self.dense = []
        self.batch_norms = []
        for step, width in enumerate(self.widths, start=1):
            dtype = self.dtype_policy
            self.dense.append(keras.layers.Dense(width, name=f"dense_{step}", dtype=dtype))
            if schedule is not None:
                norm = ScheduledBatchNormalization(schedule, name=f"batch_norm_{step}", dtype=dtype)
                self.batch_norms.append(norm)

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        for step, dense in enumerate(self.dense):
            dense.build(shape)
            shape = (*shape[:-1], dense.units)
            if self.batch_norms:
                self.batch_norms[step].build(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        for step, dense in enumerate(self.dense):
            inputs = dense(inputs)
            if self.batch_norms:
                inputs = self.batch_norms[step](inputs, training=training)
            slope = self.negative_slope
            inputs = ops.leaky_relu(inputs, slope) if slope else ops.relu(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.widths[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "widths": self.widths,
            "negative_slope": self.negative_slope,
        }


@keras.saving.register_keras_serializable(package="ban")
class SetAbstraction(ScheduledLayer):
    """Samples centres, groups the points around each and describes every group by one vector.

    Farthest point sampling, ball query, then a `PointMLP` over [offset from the centre, features]
    and the maximum over the group. Offsets are metres, not divided by the radius. The ops that
    group compute in float32, so coordinates and features come to them in float32 whatever the
    dtype policy; only the `PointMLP` follows it. Coordinates pass on no gradient.

    Args:
        num_samples: how many centres, M.
        radius_m: radius of a group, metres.
        num_neighbours: size of a group, K: the first K points by index within the radius.
        widths: of the `PointMLP`.
        schedule: of the `PointMLP`.
        negative_slope: of the `PointMLP`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        xyz: float32 `[B, N, 3]`, metres, `N >= num_samples`.
        features: `[B, N, C]`.

    Returns:
        float32 `[B, M, 3]` centres and `[B, M, widths[-1]]` features.

    Raises:
        ValueError: fewer points than samples, where the number of points is known beforehand;
            else the sampling op raises its own error when it runs.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.layers import SetAbstraction
        >>> level = SetAbstraction(2, 0.5, num_neighbours=3, widths=(4,), schedule=None)
        >>> xyz = np.array([[[0, 0, 0], [0.1, 0, 0], [2, 0, 0]]], "float32")
        >>> centres, features = level(xyz, np.ones((1, 3, 6), "float32"))
        >>> np.asarray(centres)[0, :, 0].tolist(), tuple(features.shape)
        ([0.0, 2.0], (1, 2, 4))
    """

    def __init__(
        self,
        num_samples: int,
        radius_m: float,
        num_neighbours: int,
        widths: tuple[int, ...],
        schedule: MomentumSchedule | None,
        negative_slope: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(schedule, autocast=False, **kwargs)
        self.num_samples = num_samples
        self.radius_m = radius_m
        self.num_neighbours = num_neighbours
        self.widths = tuple(widths)
        self.negative_slope = negative_slope
        self.supports_jit = library.use_stock()  # XLA cannot compile the native ops.
        self.mlp = PointMLP(widths, schedule, negative_slope, name="mlp", dtype=self.dtype_policy)

    def build(self, xyz_shape: Shape, features_shape: Shape) -> None:
        num_points = xyz_shape[1]
        if num_points is not None and num_points < self.num_samples:
            raise ValueError(
                f"`{self.name}` picks `num_samples` different points, so it needs at least that "
                "many: give larger blocks or a smaller `num_samples`. "
                f"Received: num_samples={self.num_samples}, N={num_points}"
            )
        group = (xyz_shape[0], self.num_samples, self.num_neighbours)
        self.mlp.build((*group, 3 + features_shape[-1]))

    def call(self, xyz: Any, features: Any, training: bool | None = None) -> tuple[Any, Any]:
        xyz = ops.cast(ops.stop_gradient(xyz), "float32")
        picks = sampling.farthest_point_sample(xyz, self.num_samples)  # [B, M]
        centres = sampling.gather_points(xyz, picks)  # [B, M, 3]
        index, _ = grouping.ball_query(xyz, centres, self.radius_m, self.num_neighbours)
        offsets = grouping.group_points(xyz, index) - centres[:, :, None]  # [B, M, K, 3]
        features = grouping.group_points(ops.cast(features, "float32"), index)  # [B, M, K, C]
        groups = self.mlp(ops.concatenate([offsets, features], axis=-1), training=training)
        return centres, ops.max(groups, axis=2)

    def compute_output_spec(
        self, xyz: Any, features: Any, training: bool | None = None
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        level = (xyz.shape[0], self.num_samples)
        return (
            keras.KerasTensor((*level, 3), "float32"),
            keras.KerasTensor((*level, self.widths[-1]), self.compute_dtype),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_samples": self.num_samples,
            "radius_m": self.radius_m,
            "num_neighbours": self.num_neighbours,
            "widths": self.widths,
            "negative_slope": self.negative_slope,
        }
