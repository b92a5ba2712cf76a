"""SGPN: every point tells which points are like it, and how sure it is (Wang et al. 2018).

                               +--> semantic head -----> logits
    points --> trunk --> MLP --+--> similarity head ---> similarity_features
                               +--> confidence head ---> confidence

Points of one instance get features close to each other; a group is what lies within a threshold of
a confident point. The thresholds of the classes are measured when training is over, and kept among
the weights.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from ban_tf.config import GroupMergingConfig, NetworkConfig
from ban_tf.model import pointnet, pointnet2
from ban_tf.model.layers import PointMLP, Shape
from ban_tf.model.normalization import MomentumSchedule

THRESHOLDS = "thresholds"  # the layer that keeps them, and the output


@keras.saving.register_keras_serializable(package="ban")
class ClassThresholds(keras.layers.Layer):
    """Keeps one number per class, which is set and not trained, and hands it to every block.

    Args:
        initial: all of them, until they are set.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        logits: `[B, N, C]`; only their shape counts.

    Returns:
        float32 `[B, C]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.model.sgpn import ClassThresholds
        >>> layer = ClassThresholds(initial=1.0)
        >>> tuple(layer(np.zeros((1, 5, 3), "float32")).shape)
        (1, 3)
        >>> layer.set(np.array([1.0, 2.0, 4.0]))
        >>> np.asarray(layer(np.zeros((1, 5, 3), "float32"))).tolist()
        [[1.0, 2.0, 4.0]]
    """

    def __init__(
        self, initial: float = GroupMergingConfig.default_threshold, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.initial = initial

    def build(self, logits_shape: Shape) -> None:
        self.values = self.add_weight(
            (logits_shape[-1],),
            keras.initializers.Constant(self.initial),
            dtype="float32",
            trainable=False,
            name="values",
        )

    def set(self, values: np.ndarray) -> None:
        """Sets the thresholds.

        Args:
            values: `[C]`, positive.

        Raises:
            ValueError: another shape, or a value that is not a positive number.
        """
        values = np.asarray(values, np.float32)
        if values.shape != tuple(self.values.shape):
            raise ValueError(
                f"`values` must be one per class, {tuple(self.values.shape)}. "
                f"Received: values.shape={values.shape}"
            )
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"`values` must be positive numbers. Received: values={values}")
        self.values.assign(values)

    def call(self, logits: Any) -> Any:
        return ops.broadcast_to(self.values, (ops.shape(logits)[0], self.values.shape[0]))

    def compute_output_spec(self, logits: Any) -> keras.KerasTensor:
        return keras.KerasTensor((logits.shape[0], logits.shape[-1]), "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial": self.initial}


def build(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds the network; arguments as `networks.build`.

    Returns:
        A model from float32 `[B, N, num_features]` to float32 `logits` `[B, N, num_classes]`,
        `similarity_features` `[B, N, sgpn.head_width]`, `confidence` `[B, N]` in [0, 1] and
        `thresholds` `[B, num_classes]`.

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import sgpn
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = sgpn.build(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["confidence"].shape
        (None, None)
    """
    points = pointnet2.points_input(config, num_points)
    features = pointnet.trunk(points, config.pointnet, schedule)
    features = PointMLP(config.sgpn.shared_widths, schedule, name="shared")(features)
    width = config.sgpn.head_width
    semantic = keras.layers.Dense(width, "relu", name="semantic_head")(features)
    similarity = keras.layers.Dense(width, "relu", name="similarity_head", dtype="float32")
    confident = keras.layers.Dense(width, "relu", name="confidence_head")(features)
    confidence = keras.layers.Dense(1, "sigmoid", name="confidence", dtype="float32")(confident)
    logits = keras.layers.Dense(config.num_classes, name="logits", dtype="float32")(semantic)
    outputs = {
        "logits": logits,
        "similarity_features": similarity(features),
        "confidence": confidence[..., 0],
        THRESHOLDS: ClassThresholds(name=THRESHOLDS)(logits),
    }
    return keras.Model(points, outputs, name="sgpn")
