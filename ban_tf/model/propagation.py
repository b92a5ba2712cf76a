"""Layers on the way back up: features of a coarse level carried to a fine one (Qi et al., 2017)."""

from typing import Any

import keras
from keras import ops

from ban_tf.model.layers import PointMLP, Shape
from ban_tf.model.normalization import MomentumSchedule, ScheduledLayer
from tf_ops import library
from tf_ops.interpolation import interpolation


@keras.saving.register_keras_serializable(package="ban")
class ThreeNearest(keras.layers.Layer):
    """Finds for every fine point the three nearest coarse ones and how much each counts.

    Weights are inverse *squared* distances that sum to 1 (the authors' code). Decoders over the
    same points share the result. The op computes in float32 whatever the dtype policy.

    Call arguments:
        fine_xyz: float32 `[B, N, 3]`, metres.
        coarse_xyz: float32 `[B, M, 3]`, `M >= 3`.

    Returns:
        int32 `[B, N, 3]` indices into M, nearest first, and float32 `[B, N, 3]` weights.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.propagation import ThreeNearest
        >>> coarse = np.array([[[9, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], "float32")
        >>> index, weights = ThreeNearest()(np.zeros((1, 1, 3), "float32"), coarse)
        >>> np.asarray(index).tolist(), np.asarray(weights, float).round(2).tolist()
        ([[[1, 2, 3]]], [[[0.33, 0.33, 0.33]]])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = library.use_stock()

    def build(self, fine_xyz_shape: Shape, coarse_xyz_shape: Shape) -> None:
        if coarse_xyz_shape[1] is not None and coarse_xyz_shape[1] < 3:
            raise ValueError(
                f"`{self.name}` interpolates between three coarse points, so each level needs at "
                f"least 3 samples. Received: coarse_xyz.shape={tuple(coarse_xyz_shape)}"
            )

    def call(self, fine_xyz: Any, coarse_xyz: Any) -> tuple[Any, Any]:
        fine_xyz, coarse_xyz = (
            ops.cast(ops.stop_gradient(xyz), "float32") for xyz in (fine_xyz, coarse_xyz)
        )
        squared_distance, index = interpolation.three_nearest(fine_xyz, coarse_xyz)
        return index, interpolation.three_nearest_weights(squared_distance)

    def compute_output_spec(
        self, fine_xyz: Any, coarse_xyz: Any
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        shape = (*fine_xyz.shape[:2], 3)
        return keras.KerasTensor(shape, "int32"), keras.KerasTensor(shape, "float32")


@keras.saving.register_keras_serializable(package="ban")
class Interpolation(keras.layers.Layer):
    """Carries features from a coarse level to a fine one, and nothing more.

    The op computes in float32, and its result is cast to the dtype policy's.

    Call arguments:
        coarse: `[B, M, C]` features of the coarse level.
        index: int32 `[B, N, 3]`, and
        weights: float32 `[B, N, 3]`, both of `ThreeNearest`.

    Returns:
        `[B, N, C]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.propagation import Interpolation
        >>> coarse = np.array([[[1], [2], [4]]], "float32")
        >>> index = np.array([[[2, 0, 1]]], "int32")
        >>> weights = np.array([[[0.5, 0.25, 0.25]]], "float32")
        >>> np.asarray(Interpolation()(coarse, index, weights)).tolist()
        [[[2.75]]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = library.use_stock()

    def call(self, coarse: Any, index: Any, weights: Any) -> Any:
        fine = interpolation.interpolate(ops.cast(coarse, "float32"), index, weights)
        return ops.cast(fine, self.compute_dtype)

    def compute_output_shape(
        self, coarse_shape: Shape, index_shape: Shape, weights_shape: Shape
    ) -> Shape:
        return (*index_shape[:-1], coarse_shape[-1])


@keras.saving.register_keras_serializable(package="ban")
class FeaturePropagation(ScheduledLayer):
    """Carries features from a coarse level back to a fine one.

    Interpolates between the three nearest coarse points, in float32 whatever the dtype policy,
    appends the fine level's own features and runs a `PointMLP` over [interpolated, own].

    Args:
        widths: of the `PointMLP`.
        schedule: of the `PointMLP`.
        negative_slope: of the `PointMLP`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        coarse: `[B, M, C]` features of the coarse level.
        fine: `[B, N, F]` features the fine level had on the way down.
        index: int32 `[B, N, 3]`, and
        weights: float32 `[B, N, 3]`, both of `ThreeNearest`.

    Returns:
        `[B, N, widths[-1]]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.propagation import FeaturePropagation
        >>> coarse, fine = np.ones((1, 3, 4), "float32"), np.ones((1, 8, 2), "float32")
        >>> index, weights = np.zeros((1, 8, 3), "int32"), np.ones((1, 8, 3), "float32") / 3
        >>> layer = FeaturePropagation((6,), schedule=None)
        >>> tuple(layer(coarse, fine, index, weights).shape)
        (1, 8, 6)
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        schedule: MomentumSchedule | None,
        negative_slope: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(schedule, autocast=False, **kwargs)
        self.widths = tuple(widths)
        self.negative_slope = negative_slope
        self.supports_jit = library.use_stock()
        self.mlp = PointMLP(widths, schedule, negative_slope, name="mlp", dtype=self.dtype_policy)

    def build(
        self, coarse_shape: Shape, fine_shape: Shape, index_shape: Shape, weights_shape: Shape
    ) -> None:
        self.mlp.build((*fine_shape[:-1], coarse_shape[-1] + fine_shape[-1]))

    def call(
        self, coarse: Any, fine: Any, index: Any, weights: Any, training: bool | None = None
    ) -> Any:
        interpolated = interpolation.interpolate(ops.cast(coarse, "float32"), index, weights)
        features = [ops.cast(x, self.compute_dtype) for x in (interpolated, fine)]
        return self.mlp(ops.concatenate(features, axis=-1), training=training)

    def compute_output_shape(
        self, coarse_shape: Shape, fine_shape: Shape, index_shape: Shape, weights_shape: Shape
    ) -> Shape:
        return (*fine_shape[:-1], self.widths[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "widths": self.widths,
            "negative_slope": self.negative_slope,
        }
