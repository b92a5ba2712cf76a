"""PointNet with a branch for each task: the comparison's network without neighbourhoods.

                                               semantic head --> logits
    points --> every point alone --+--> all --<
                                   v     ^     instance head --> embedding
                             maximum over the block

Every point is described alone, and the maximum over the block tells it what is around (Qi et al.,
2017).
"""

from typing import Any

import keras
from keras import ops

from ban_tf.config import NetworkConfig, PointNetConfig
from ban_tf.model import pointnet2
from ban_tf.model.layers import PointMLP, Shape
from ban_tf.model.normalization import MomentumSchedule


@keras.saving.register_keras_serializable(package="ban")
class AppendGlobal(keras.layers.Layer):
    """Appends what describes the whole block to the features of each of its points.

    Call arguments:
        features: `[B, N, C]`.
        block: `[B, 1, G]`.

    Returns:
        `[B, N, C + G]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.pointnet import AppendGlobal
        >>> features, block = np.zeros((1, 2, 1), "float32"), np.ones((1, 1, 2), "float32")
        >>> np.asarray(AppendGlobal()(features, block)).tolist()
        [[[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]]
    """

    def call(self, features: Any, block: Any) -> Any:
        batch, num_points, _ = ops.shape(features)
        tiled = ops.broadcast_to(block, (batch, num_points, block.shape[-1]))
        return ops.concatenate([features, tiled], axis=-1)

    def compute_output_shape(self, features_shape: Shape, block_shape: Shape) -> Shape:
        return (*features_shape[:-1], features_shape[-1] + block_shape[-1])


def trunk(points: Any, sizes: PointNetConfig, schedule: MomentumSchedule) -> Any:
    """Describes every point by itself and by its block.

    Args:
        points: `[B, N, F]`, all channels alike.
        sizes: of the layers.
        schedule: momentum of the batch norms.

    Returns:
        `[B, N, sizes.point_widths[-1] + sizes.global_widths[-1]]`: each point's own features, then
        those of the block.

    Example:
        >>> import keras
        >>> from ban_tf.config import PointNetConfig, TrainingConfig
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> from ban_tf.model.pointnet import trunk
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> sizes = PointNetConfig(point_widths=(4, 8), global_widths=(2,))
        >>> trunk(keras.Input((None, 6)), sizes, schedule).shape
        (None, None, 10)
    """
    features = PointMLP(sizes.point_widths, schedule, name="point")(points)
    block = ops.max(features, axis=1, keepdims=True)  # [B, 1, C]
    block = PointMLP(sizes.global_widths, schedule, name="global")(block)
    return AppendGlobal(name="append_global")(features, block)


def build(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds the baseline; arguments and outputs as `networks.build`.

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import pointnet
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = pointnet.build(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["embedding"].shape
        (None, None, 5)
    """
    points = pointnet2.points_input(config, num_points)
    features = trunk(points, config.pointnet, schedule)
    semantic, instance = (
        PointMLP(config.pointnet.head_widths, schedule, name=f"{branch}_head")(features)
        for branch in ("semantic", "instance")
    )
    outputs = {
        "logits": pointnet2.logits(semantic, config),
        "embedding": pointnet2.embedding(instance, config),
    }
    return keras.Model(points, outputs, name="pointnet")
