"""PointNet++ with a branch for each task: the baseline that BAN builds on (Table 7, row 1)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from ban_tf.config import BackboneConfig, NetworkConfig, SetAbstractionConfig
from ban_tf.model.layers import PointMLP, SetAbstraction
from ban_tf.model.normalization import MomentumSchedule
from ban_tf.model.propagation import FeaturePropagation, ThreeNearest


class Level(NamedTuple):
    """The points that one step of the encoder works on.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.pointnet2 import Level
        >>> level = Level(xyz=np.zeros((1, 5, 3)), features=np.zeros((1, 5, 6)))
        >>> level.features.shape
        (1, 5, 6)
    """

    xyz: Any  # float32 [B, N, 3], metres
    features: Any  # [B, N, C]


def encode(
    points: Any,
    encoder: Sequence[SetAbstractionConfig],
    schedule: MomentumSchedule | None,
    negative_slope: float = 0.0,
) -> list[Level]:
    """Runs the shared encoder.

    Args:
        points: `[B, N, F]`, coordinates in metres in the first three channels.
        encoder: sizes of the levels.
        schedule: momentum of the batch norms; None for a network without them.
        negative_slope: of a leaky ReLU; 0 is the plain one.

    Returns:
        The levels, fine to coarse; the first holds the points themselves, without coordinates
        among its features.

    Example:
        >>> import keras
        >>> from ban_tf.config import BackboneConfig
        >>> from ban_tf.model import pointnet2
        >>> points = keras.Input((None, 6))
        >>> levels = pointnet2.encode(points, BackboneConfig().encoder, schedule=None)
        >>> levels[-1].xyz.shape, levels[-1].features.shape
        ((None, 16, 3), (None, 16, 512))
    """
    levels = [Level(xyz=points[..., :3], features=points[..., 3:])]
    for step, sizes in enumerate(encoder, start=1):
        abstraction = SetAbstraction(
            num_samples=sizes.num_samples,
            radius_m=sizes.radius_m,
            num_neighbours=sizes.num_neighbours,
            widths=sizes.widths,
            schedule=schedule,
            negative_slope=negative_slope,
            name=f"encoder_{step}",
        )
        levels.append(Level(*abstraction(*levels[-1])))
    return levels


def find_neighbours(levels: list[Level]) -> list[tuple[Any, Any]]:
    """Looks up, coarse to fine, where each level's features come from on the way back.

    Example:
        >>> import keras
        >>> from ban_tf.config import BackboneConfig
        >>> from ban_tf.model import pointnet2
        >>> points = keras.Input((None, 6))
        >>> levels = pointnet2.encode(points, BackboneConfig().encoder, schedule=None)
        >>> [index.shape for index, _ in pointnet2.find_neighbours(levels)]
        [(None, 64, 3), (None, 256, 3), (None, 1024, 3), (None, None, 3)]
    """
    return [
        ThreeNearest(name=f"three_nearest_{step}")(fine.xyz, coarse.xyz)
        for step, (fine, coarse) in enumerate(
            zip(levels[-2::-1], levels[:0:-1], strict=True), start=1
        )
    ]


def decode(
    branch: str,
    levels: list[Level],
    neighbours: list[tuple[Any, Any]],
    backbone: BackboneConfig,
    schedule: MomentumSchedule,
) -> Any:
    """Runs one branch's decoder and first head layer: `[B, N, head_width]`.

    Example:
        >>> import keras
        >>> from ban_tf.config import BackboneConfig
        >>> from ban_tf.model import pointnet2
        >>> points = keras.Input((None, 6))
        >>> levels = pointnet2.encode(points, BackboneConfig().encoder, schedule=None)
        >>> neighbours = pointnet2.find_neighbours(levels)
        >>> pointnet2.decode("semantic", levels, neighbours, BackboneConfig(), schedule=None).shape
        (None, None, 128)
    """
    features = levels[-1].features
    for step, widths in enumerate(backbone.decoder, start=1):
        propagation = FeaturePropagation(widths, schedule=schedule, name=f"{branch}_decoder_{step}")
        features = propagation(features, levels[-1 - step].features, *neighbours[step - 1])
    return PointMLP((backbone.head_width,), schedule, name=f"{branch}_fc1")(features)


def branches(points: Any, config: NetworkConfig, schedule: MomentumSchedule) -> tuple[Any, Any]:
    """Semantic and instance features of every point, `[B, N, head_width]` each.

    Example:
        >>> import keras
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import pointnet2
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> points = keras.Input((None, 6))
        >>> semantic, instance = pointnet2.branches(points, NetworkConfig(), schedule)
        >>> semantic.shape, instance.shape
        ((None, None, 128), (None, None, 128))
    """
    levels = encode(points, config.backbone.encoder, schedule)
    neighbours = find_neighbours(levels)
    semantic, instance = (
        decode(branch, levels, neighbours, config.backbone, schedule)
        for branch in ("semantic", "instance")
    )
    return semantic, instance


def logits(features: Any, config: NetworkConfig) -> Any:
    """Class scores before the softmax, float32 `[B, N, num_classes]`.

    Example:
        >>> import keras
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import pointnet2
        >>> pointnet2.logits(keras.Input((None, 128)), NetworkConfig(num_classes=4)).shape
        (None, None, 4)
    """
    assert config.num_classes is not None  # which `networks.build` asks for
    return _last_layer(features, config.num_classes, config.dropout, "logits")


def embedding(features: Any, config: NetworkConfig) -> Any:
    """Instance embedding, float32 `[B, N, embedding_size]`.

    Example:
        >>> import keras
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import pointnet2
        >>> pointnet2.embedding(keras.Input((None, 128)), NetworkConfig(embedding_size=5)).shape
        (None, None, 5)
    """
    return _last_layer(features, config.embedding_size, config.dropout, "embedding")


def _last_layer(features: Any, width: int, dropout: float, name: str) -> Any:
    features = keras.layers.Dropout(dropout, name=f"{name}_dropout")(features)
    return keras.layers.Dense(width, name=name, dtype="float32")(features)


def points_input(config: NetworkConfig, num_points: int | None) -> keras.KerasTensor:
    """The networks' input, float32 `[B, N, num_features]`.

    Example:
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import pointnet2
        >>> pointnet2.points_input(NetworkConfig(num_features=6), num_points=None).shape
        (None, None, 6)
    """
    return keras.Input((num_points, config.num_features), dtype="float32", name="points")


def build(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds the baseline; arguments and outputs as `networks.build`.

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import pointnet2
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = pointnet2.build(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["embedding"].shape
        (None, None, 5)
    """
    points = points_input(config, num_points)
    semantic, instance = branches(points, config, schedule)
    outputs = {"logits": logits(semantic, config), "embedding": embedding(instance, config)}
    return keras.Model(points, outputs, name="pointnet2")
