"""PointConv's levels (Wu et al., 2019) as JSNet goes down them, all on the device.

A convolution's kernel becomes a function of where a neighbour lies: a small network turns offsets
into weights. Neighbours in crowded places count less.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from ban_tf.config import PointConvConfig
from ban_tf.model.layers import PointMLP, Shape
from ban_tf.model.nearest import nearest_neighbours
from ban_tf.model.normalization import MomentumSchedule, ScheduledLayer
from tf_ops import library
from tf_ops.grouping import grouping
from tf_ops.sampling import sampling


def kernel_density(xyz: Any, radius_m: float, variance_m2: float, num_neighbours: int) -> Any:
    """Estimates how crowded it is around every point, up to a factor that is the same for all.

    Mean of `exp(-d^2 / (2 variance))` over the points of a ball query around each point, itself
    among them (the authors' code; the mean makes it a shape of the neighbourhood more than a
    number of points). Carries no gradient.

    Args:
        xyz: float32 `[B, N, 3]`, metres.
        radius_m: of the ball, metres.
        variance_m2: of the Gaussian kernel, square metres.
        num_neighbours: K, the first K points by index within the radius are looked at.

    Returns:
        float32 `[B, N]` in (0, 1].

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.pointconv import kernel_density
        >>> xyz = np.array([[[0, 0, 0], [0, 0, 0], [5, 0, 0]]], "float32")
        >>> np.asarray(kernel_density(xyz, 1.0, variance_m2=0.1, num_neighbours=4)).tolist()
        [[1.0, 1.0, 1.0]]
    """
    xyz = ops.stop_gradient(xyz)
    index, count = grouping.ball_query(xyz, xyz, radius_m, num_neighbours)
    offsets = grouping.group_points(xyz, index) - xyz[:, :, None]  # [B, N, K, 3]
    kernel = ops.exp(ops.sum(ops.square(offsets), axis=-1) / (-2.0 * variance_m2))
    # A ball with free slots repeats its first point there.
    found = ops.arange(num_neighbours, dtype="int32") < count[..., None]
    count = ops.cast(ops.maximum(count, 1), "float32")  # none around a point that is NaN
    return ops.sum(ops.where(found, kernel, 0.0), axis=-1) / count


@keras.saving.register_keras_serializable(package="ban")
class PointConvEncoding(ScheduledLayer):
    """Samples centres and describes the nearest points of each by a convolution.

    Farthest point sampling; the nearest K points; a `PointMLP` over [offset from the centre,
    features], times a learnt function of each point's inverse density, which is relative to the
    largest of its group. Another learnt function turns offsets into `weight_width` weights, by
    which the group is summed: a patch of C x `weight_width` numbers that a last dense layer
    describes. Coordinates, densities and the ops that group are float32 whatever the dtype policy;
    the networks follow it. Coordinates pass on no gradient.

    Args:
        sizes: of this level.
        schedule: momentum of the batch norms.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        xyz: float32 `[B, N, 3]`, metres; N at least `num_samples` and `num_neighbours`.
        features: `[B, N, C]`.

    Returns:
        float32 `[B, M, 3]` centres and `[B, M, sizes.widths[-1]]` features.

    Raises:
        ValueError: too few points, where their number is known beforehand.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import PointConvConfig, TrainingConfig
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> from ban_tf.model.pointconv import PointConvEncoding
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> sizes = PointConvConfig(
        ...     num_samples=2, radius_m=1, density_variance_m2=0.1, widths=(4, 6), num_neighbours=3
        ... )
        >>> ones = np.ones((1, 5, 3), "float32")
        >>> centres, features = PointConvEncoding(sizes, schedule)(ones, ones)
        >>> tuple(centres.shape), tuple(features.shape)
        ((1, 2, 3), (1, 2, 6))
    """

    def __init__(self, sizes: PointConvConfig, schedule: MomentumSchedule, **kwargs: Any) -> None:
        super().__init__(schedule, autocast=False, **kwargs)
        self.sizes = sizes
        self.supports_jit = library.use_stock()  # XLA cannot compile the native ops.

        def mlp(name: str, *widths: int) -> PointMLP:
            return PointMLP(widths, schedule, name=name, dtype=self.dtype_policy)

        self.mlp = mlp("mlp", *sizes.widths[:-1])
        self.weight_net = mlp("weight_net", sizes.weight_width)
        self.density_net = mlp("density_net", sizes.density_width)
        self.density_gate = keras.layers.Dense(
            1, activation="sigmoid", name="density_gate", dtype=self.dtype_policy
        )
        self.convolution = mlp("convolution", sizes.widths[-1])

    def build(self, xyz_shape: Shape, features_shape: Shape) -> None:
        sizes, num_points = self.sizes, xyz_shape[1]
        needed = max(sizes.num_samples, sizes.num_neighbours)
        if num_points is not None and num_points < needed:
            raise ValueError(
                f"`{self.name}` needs at least as many points as it samples and as a group has "
                f"neighbours. Received: num_samples={sizes.num_samples}, "
                f"num_neighbours={sizes.num_neighbours}, N={num_points}"
            )
        group = (xyz_shape[0], sizes.num_samples, sizes.num_neighbours)
        self.mlp.build((*group, 3 + features_shape[-1]))
        self.weight_net.build((*group, 3))
        self.density_net.build((*group, 1))
        self.density_gate.build((*group, sizes.density_width))
        self.convolution.build((*group[:2], sizes.widths[-2] * sizes.weight_width))

    def call(self, xyz: Any, features: Any, training: bool | None = None) -> tuple[Any, Any]:
        sizes, xyz = self.sizes, ops.cast(ops.stop_gradient(xyz), "float32")
        picks = sampling.farthest_point_sample(xyz, sizes.num_samples)  # [B, M]
        centres = sampling.gather_points(xyz, picks)  # [B, M, 3]
        index = nearest_neighbours(centres, xyz, sizes.num_neighbours)  # [B, M, K]
        offsets = grouping.group_points(xyz, index) - centres[:, :, None]  # [B, M, K, 3]
        features = grouping.group_points(ops.cast(features, "float32"), index)  # [B, M, K, C]
        features = self.mlp(ops.concatenate([offsets, features], axis=-1), training=training)
        features = features * self._density_scale(xyz, index, training)
        weights = self.weight_net(offsets, training=training)  # [B, M, K, W]
        patch = ops.matmul(ops.swapaxes(features, 2, 3), weights)  # [B, M, C, W]
        batch, width = ops.shape(patch)[0], sizes.widths[-2] * sizes.weight_width
        patch = ops.reshape(patch, (batch, sizes.num_samples, width))
        return centres, self.convolution(patch, training=training)

    def _density_scale(self, xyz: Any, index: Any, training: bool | None) -> Any:
        """What each point of each group counts, `[B, M, K, 1]`."""
        sizes = self.sizes
        density = kernel_density(
            xyz, sizes.radius_m, sizes.density_variance_m2, sizes.density_neighbours
        )
        density = grouping.group_points(density[..., None], index)
        inverse = ops.min(density, axis=2, keepdims=True) / density  # relative to the largest
        return self.density_gate(self.density_net(inverse, training=training))

    def compute_output_spec(
        self, xyz: Any, features: Any, training: bool | None = None
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        level = (xyz.shape[0], self.sizes.num_samples)
        return (
            keras.KerasTensor((*level, 3), "float32"),
            keras.KerasTensor((*level, self.sizes.widths[-1]), self.compute_dtype),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sizes": dataclasses.asdict(self.sizes)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PointConvEncoding":
        sizes = {**config["sizes"], "widths": tuple(config["sizes"]["widths"])}
        return super().from_config({**config, "sizes": PointConvConfig(**sizes)})
