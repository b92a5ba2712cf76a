"""JSNet (Zhao and Tao, 2020): PointConv, feature fusion, and two tasks that exchange features.

                          PCFF --> semantic features --+-----+--> logits
    points --> encoder --<                             v     ^
                          PCFF --> instance features --+-----+--> embedding
                                                         JISS

PCFF fuses the last three levels of a branch's decoder; JISS adds what each task has learnt to the
other. On the plain PointNet++ branches, JISS alone is the row of the paper's Table 1.
"""

from typing import Any

import keras
from keras import ops

from ban_tf.config import JsnetConfig, NetworkConfig
from ban_tf.model import pointnet2
from ban_tf.model.layers import PointMLP, SetAbstraction, Shape
from ban_tf.model.nearest import NearestNeighbours
from ban_tf.model.normalization import MomentumSchedule
from ban_tf.model.pointconv import PointConvEncoding
from ban_tf.model.pointconv_decoding import PointConvDecoding
from ban_tf.model.pointnet2 import Level
from ban_tf.model.propagation import FeaturePropagation, Interpolation, ThreeNearest


def build(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds JSNet on its own backbone; arguments and outputs as `networks.build`.

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import jsnet
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = jsnet.build(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["embedding"].shape
        (None, None, 5)
    """
    points = pointnet2.points_input(config, num_points)
    semantic, instance = _branches(points, config.jsnet, schedule)
    outputs = _exchange(semantic, instance, config, schedule)
    return keras.Model(points, outputs, name="jsnet")


def build_on_pointnet2(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds JSNet's exchange on the baseline's branches; otherwise as `build`.

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import jsnet
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = jsnet.build_on_pointnet2(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["embedding"].shape
        (None, None, 5)
    """
    points = pointnet2.points_input(config, num_points)
    semantic, instance = pointnet2.branches(points, config, schedule)
    outputs = _exchange(semantic, instance, config, schedule)
    return keras.Model(points, outputs, name="jsnet_pointnet2")


def _branches(points: Any, sizes: JsnetConfig, schedule: MomentumSchedule) -> tuple[Any, Any]:
    """Semantic and instance features of every point, `[B, N, head_width]` each."""
    levels = _encode(points, sizes, schedule)
    three_nearest = pointnet2.find_neighbours(levels)
    # PCFF carries level 2 to the points directly.
    three_nearest.append(ThreeNearest(name="three_nearest_fusion")(levels[0].xyz, levels[2].xyz))
    groups = [
        NearestNeighbours(sizes.decoder_neighbours, name=f"neighbours_{step}")(level.xyz)
        for step, level in enumerate(levels[-2:0:-1], start=1)
    ]
    semantic, instance = (
        _decode(branch, levels, three_nearest, groups, sizes, schedule)
        for branch in ("semantic", "instance")
    )
    return semantic, instance


def _encode(points: Any, sizes: JsnetConfig, schedule: MomentumSchedule) -> list[Level]:
    """Runs the shared encoder; returns what `pointnet2.encode` does."""
    first = SetAbstraction(
        num_samples=sizes.first.num_samples,
        radius_m=sizes.first.radius_m,
        num_neighbours=sizes.first.num_neighbours,
        widths=sizes.first.widths,
        schedule=schedule,
        name="encoder_1",
    )
    levels = [Level(xyz=points[..., :3], features=points[..., 3:])]
    levels.append(Level(*first(*levels[-1])))
    for step, level_sizes in enumerate(sizes.encoder, start=2):
        encoding = PointConvEncoding(level_sizes, schedule, name=f"encoder_{step}")
        levels.append(Level(*encoding(*levels[-1])))
    return levels


def _decode(
    branch: str,
    levels: list[Level],
    three_nearest: list[tuple[Any, Any]],
    groups: list[Any],
    sizes: JsnetConfig,
    schedule: MomentumSchedule,
) -> Any:
    """Runs one branch's decoder, PCFF and first head layer: `[B, N, head_width]`."""
    decoded = [levels[-1].features]
    for step, (widths, group) in enumerate(zip(sizes.decoder[:-1], groups, strict=True), start=1):
        decoding = PointConvDecoding(
            widths, sizes.decoder_weight_width, schedule, name=f"{branch}_decoder_{step}"
        )
        fine = levels[-1 - step]
        decoded.append(
            decoding(decoded[-1], fine.features, *three_nearest[step - 1], fine.xyz, group)
        )
    last = FeaturePropagation(
        sizes.decoder[-1], schedule, name=f"{branch}_decoder_{len(sizes.decoder)}"
    )
    *_, to_points, to_points_from_level_2 = three_nearest
    decoded.append(last(decoded[-1], levels[0].features, *to_points))

    level_2, level_1, level_0 = decoded[-3:]
    level_1 = Interpolation(name=f"{branch}_fusion_1")(level_1, *to_points)
    level_2 = Interpolation(name=f"{branch}_fusion_2")(level_2, *to_points_from_level_2)
    fused = ops.concatenate([level_0, level_1], axis=-1) + level_2
    return PointMLP((sizes.head_width,), schedule, name=f"{branch}_fc1")(fused)


@keras.saving.register_keras_serializable(package="ban")
class PointGate(keras.layers.Layer):
    """Lets each point pass in proportion to how active it is: x times sigmoid(mean of x).

    Call arguments:
        features: `[B, N, C]`; the mean is that of a point's channels.

    Returns:
        `[B, N, C]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.jsnet import PointGate
        >>> features = np.array([[[100.0, 100.0], [2.0, -2.0]]], "float32")
        >>> np.asarray(PointGate()(features)).round(3).tolist()
        [[[100.0, 100.0], [1.0, -1.0]]]
    """

    def call(self, features: Any) -> Any:
        return features * ops.sigmoid(ops.mean(features, axis=-1, keepdims=True))

    def compute_output_shape(self, features_shape: Shape) -> Shape:
        return features_shape


def _exchange(
    semantic: Any, instance: Any, config: NetworkConfig, schedule: MomentumSchedule
) -> dict[str, Any]:
    """JISS: instance features learn from semantic ones, then the block's instances tell back.

    Args:
        semantic: `[B, N, C]`.
        instance: `[B, N, C]`.
        config: of the last layers.
        schedule: momentum of the batch norms.
    """
    width = semantic.shape[-1]

    def describe(features: Any, name: str) -> Any:
        return PointMLP((width,), schedule, name=name)(features)

    told = instance + describe(semantic, "semantic_cache")
    instance = PointGate(name="instance_gate")(ops.concatenate([instance, told], axis=-1))
    block = keras.layers.GlobalAveragePooling1D(keepdims=True, name="block_mean", dtype="float32")(
        describe(instance, "instance_cache")
    )
    told = semantic + ops.cast(block, semantic.dtype)
    semantic = PointGate(name="semantic_gate")(ops.concatenate([semantic, told], axis=-1))
    return {
        "logits": pointnet2.logits(describe(semantic, "semantic_fc2"), config),
        "embedding": pointnet2.embedding(describe(instance, "instance_fc2"), config),
    }
