"""BoNet: boxes around the instances of a block, and a mask of points for each (Yang et al. 2019).

               +---> decoder ---> features --+--> semantic head --> logits
               |                             v
    points --> encoder                       mask head -----------> masks
               |                             ^
               +---> block --> box head -----+-------------------> boxes, scores

A network without batch norm. It sees every block stretched to a unit cube, and its boxes are in
those coordinates.
"""

from typing import Any

import keras
from keras import ops

from ban_tf.config import BonetConfig, NetworkConfig
from ban_tf.model import pointnet2
from ban_tf.model.layers import PointMLP, Shape
from ban_tf.model.normalization import MomentumSchedule
from ban_tf.model.pointnet import AppendGlobal
from ban_tf.model.pointnet2 import Level
from ban_tf.model.propagation import FeaturePropagation

SMALLEST_EXTENT = 1e-3  # metres; a block flatter than this is not stretched to the full
BOX_NUMBERS = 7  # two corners and a score


@keras.saving.register_keras_serializable(package="ban")
class UnitCube(keras.layers.Layer):
    """Stretches the coordinates of each block to [0, 1] on every axis; float32 under any policy.

    Call arguments:
        points: float32 `[B, N, F]`, coordinates in metres in the first three channels.

    Returns:
        float32 `[B, N, F]`; the other channels stay.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.bonet import UnitCube
        >>> points = np.array([[[2, 5, 0, 7], [4, 6, 3, 8], [3, 5, 0, 7]]], "float32")
        >>> np.asarray(UnitCube()(points))[0].tolist()
        [[0.0, 0.0, 0.0, 7.0], [1.0, 1.0, 1.0, 8.0], [0.5, 0.0, 0.0, 7.0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    def call(self, points: Any) -> Any:
        points = ops.cast(points, "float32")
        xyz = points[..., :3]
        least = ops.min(xyz, axis=1, keepdims=True)
        extent = ops.max(xyz, axis=1, keepdims=True) - least
        xyz = (xyz - least) / ops.maximum(extent, SMALLEST_EXTENT)
        return ops.concatenate([xyz, points[..., 3:]], axis=-1)

    def compute_output_spec(self, points: Any) -> keras.KerasTensor:
        return keras.KerasTensor(points.shape, "float32")


@keras.saving.register_keras_serializable(package="ban")
class BoxMasks(keras.layers.Layer):
    """Says of every point and every box how likely the point is of the instance in the box.

    A small network over [features of the point, corners of the box, score of the box], with a
    sigmoid at the end. Its first layer is linear in them, so the part of the points and the part
    of the boxes are worked out once each and added: the inputs of all pairs are never held.

    Args:
        widths: of the layers before the last, at least two.
        negative_slope: of the leaky ReLU after each of them.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        features: `[B, N, C]`.
        boxes: float32 `[B, K, 2, 3]`.
        scores: float32 `[B, K]`.

    Returns:
        float32 `[B, K, N]` in [0, 1].

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.bonet import BoxMasks
        >>> features = np.zeros((1, 5, 4), "float32")
        >>> boxes, scores = np.zeros((1, 3, 2, 3), "float32"), np.zeros((1, 3), "float32")
        >>> tuple(BoxMasks((8, 4), negative_slope=0.2)(features, boxes, scores).shape)
        (1, 3, 5)
    """

    def __init__(self, widths: tuple[int, ...], negative_slope: float, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.widths = tuple(widths)
        self.negative_slope = negative_slope
        dtype = self.dtype_policy
        self.pairs = keras.layers.Dense(self.widths[0], name="pairs", dtype=dtype)
        self.mlp = PointMLP(self.widths[1:], None, negative_slope, name="mlp", dtype=dtype)
        self.last = keras.layers.Dense(1, name="last", dtype="float32")

    def build(self, features_shape: Shape, boxes_shape: Shape, scores_shape: Shape) -> None:
        pairs = (*scores_shape, features_shape[1])
        self.pairs.build((*pairs, features_shape[-1] + BOX_NUMBERS))
        self.mlp.build((*pairs, self.widths[0]))
        self.last.build((*pairs, self.widths[-1]))

    def call(self, features: Any, boxes: Any, scores: Any) -> Any:
        kernel = ops.convert_to_tensor(self.pairs.kernel)
        width = features.shape[-1]
        numbers = ops.reshape(boxes, (*ops.shape(scores), BOX_NUMBERS - 1))
        numbers = ops.concatenate([numbers, scores[..., None]], axis=-1)  # [B, K, 7]
        of_boxes = ops.matmul(numbers, kernel[width:]) + self.pairs.bias  # float32 [B, K, W]
        dtype = self.compute_dtype
        of_points = ops.matmul(ops.cast(features, dtype), ops.cast(kernel[:width], dtype))
        pairs = ops.cast(of_boxes, dtype)[:, :, None] + of_points[:, None]  # [B, K, N, W]
        pairs = self.mlp(ops.leaky_relu(pairs, self.negative_slope))
        return ops.sigmoid(self.last(pairs)[..., 0])

    def compute_output_spec(self, features: Any, boxes: Any, scores: Any) -> keras.KerasTensor:
        return keras.KerasTensor((*scores.shape, features.shape[1]), "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "widths": self.widths,
            "negative_slope": self.negative_slope,
        }


def build(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds the network; arguments as `networks.build`, of which the schedule plays no part.

    Returns:
        A model from float32 `[B, N, num_features]` to float32 `logits` `[B, N, num_classes]`;
        `xyz` `[B, N, 3]`, the points in the unit cube; `boxes` `[B, K, 2, 3]`, the least and the
        greatest corner of `K = bonet.num_boxes` boxes in that cube; `scores` `[B, K]` in [0, 1],
        whether there is anything in them; and `masks` `[B, K, N]` in [0, 1].

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import bonet
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = bonet.build(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["masks"].shape
        (None, 24, None)
    """
    sizes = config.bonet
    points = pointnet2.points_input(config, num_points)
    cube = UnitCube(name="unit_cube")(points)
    levels = pointnet2.encode(cube, sizes.encoder, None, sizes.negative_slope)
    block = _describe_block(levels[-1], sizes)
    # On the way back the points bring their coordinates as well.
    levels[0] = Level(xyz=levels[0].xyz, features=cube)
    features = _decode(levels, block, sizes)
    boxes, scores = _find_boxes(block, sizes)
    semantic = _mlp(sizes.semantic_widths, sizes, "semantic_head")(features)
    outputs = {
        "logits": pointnet2.logits(semantic, config),
        "xyz": levels[0].xyz,
        "boxes": boxes,
        "scores": scores,
        "masks": _find_masks(features, block, boxes, scores, sizes),
    }
    return keras.Model(points, outputs, name="bonet")


def _mlp(widths: tuple[int, ...], sizes: BonetConfig, name: str) -> PointMLP:
    return PointMLP(widths, None, sizes.negative_slope, name=name)


def _describe_block(level: Level, sizes: BonetConfig) -> Any:
    """One vector for the block, `[B, 1, global_widths[-1]]`: a set abstraction of all points."""
    group = ops.concatenate([level.xyz, ops.cast(level.features, "float32")], axis=-1)
    return ops.max(_mlp(sizes.global_widths, sizes, "block")(group), axis=1, keepdims=True)


def _decode(levels: list[Level], block: Any, sizes: BonetConfig) -> Any:
    """Features of every point, `[B, N, decoder[-1][-1]]`."""
    # Interpolating from a single point, the block, hands its features to all.
    features = AppendGlobal(name="append_block")(levels[-1].features, block)
    features = _mlp(sizes.decoder[0], sizes, "decoder_1")(features)
    neighbours = pointnet2.find_neighbours(levels)
    for step, (widths, nearest) in enumerate(zip(sizes.decoder[1:], neighbours, strict=True), 2):
        propagation = FeaturePropagation(widths, None, sizes.negative_slope, name=f"decoder_{step}")
        features = propagation(features, levels[-step].features, *nearest)
    return features


def _find_boxes(block: Any, sizes: BonetConfig) -> tuple[Any, Any]:
    """Boxes `[B, K, 2, 3]`, corners in order on every axis, and their scores `[B, K]`."""
    features = _mlp(sizes.box_widths, sizes, "box_head")(block[:, 0])
    corners = _mlp((sizes.box_head_width,), sizes, "corners_head")(features)
    corners = keras.layers.Dense(6 * sizes.num_boxes, name="corners", dtype="float32")(corners)
    boxes = ops.sort(ops.reshape(corners, (-1, sizes.num_boxes, 2, 3)), axis=2)
    scores = _mlp((sizes.box_head_width,), sizes, "scores_head")(features)
    scores = keras.layers.Dense(sizes.num_boxes, "sigmoid", name="scores", dtype="float32")(scores)
    return boxes, scores


def _find_masks(features: Any, block: Any, boxes: Any, scores: Any, sizes: BonetConfig) -> Any:
    """Masks `[B, K, N]`."""
    points = _mlp((sizes.mask_input_width,), sizes, "mask_points")(features)
    around = _mlp((sizes.mask_input_width,), sizes, "mask_block")(block)
    joined = AppendGlobal(name="append_mask_block")(points, around)
    joined = _mlp(sizes.mask_point_widths, sizes, "mask_head")(joined)
    masks = BoxMasks(sizes.mask_widths, sizes.negative_slope, name="masks")
    return masks(joined, boxes, scores)
