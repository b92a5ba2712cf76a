"""Networks for blocks of unequal size: rows that are not there change nothing for the others.

A row is absent where its first coordinate is NaN. Sampling never picks such a point and no ball
holds it, so the levels below the points themselves know nothing of it. What is left are the few
layers that look at all points of a block at once; each has its rule here.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ban_tf.model.association import InstanceAssociation
from ban_tf.model.attention import CrossTaskAttention, narrow
from ban_tf.model.layers import SetAbstraction, Shape
from tf_ops import library
from tf_ops.attention import attention, stock

# Far beyond any embedding and any inner product, and far within float32.
_FAR = 1e30


def ignoring(network: keras.Model) -> keras.Model:
    """Makes a network that passes over absent rows, of the same layers and weights.

    Args:
        network: functional, from float32 `[B, N, C]`, as `ban_tf.model` builds those that embed.

    Returns:
        A network that gives each row that is there what `network` gives a block of these rows
        alone, up to the rounding of its sums. Its outputs of absent rows mean nothing.

    Example:
        >>> import numpy as np
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import networks
        >>> network = networks.build(NetworkConfig(name="pointnet", num_classes=4, num_features=6))
        >>> points = np.random.default_rng(0).uniform(0, 1, (1, 5, 6)).astype("float32")
        >>> expected = network(points[:, :3])["logits"]
        >>> points[:, 3:] = np.nan
        >>> bool(np.allclose(ignoring(network)(points)["logits"][:, :3], expected))
        True
    """
    points = keras.Input(network.input_shape[1:], dtype="float32", name="points")
    # All that is new is in layers of names of its own: what Keras names by itself, such as
    # `get_item_2`, may be the name of an operation that the network was saved with.
    present = _Rule("present", _is_there)(points)  # [B, N, 1]

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        layer = _layer_of(operation)
        return layer(*args, present) if layer else operation(*args, **kwargs)

    uncompiled = keras.Model(network.input, network.output)
    return keras.models.clone_model(
        uncompiled, points, clone_function=lambda layer: layer, call_function=call
    )


def fewest_points(network: keras.Model) -> int:
    """How many points a block must have: as many as are sampled, or are neighbours, of its points.

    Example:
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import networks
        >>> fewest_points(networks.build(NetworkConfig(num_classes=4, num_features=6)))
        1024
    """
    fewest = 1
    for layer in network.layers:
        if isinstance(layer, SetAbstraction) and layer.input[0].shape[1] is None:
            fewest = max(fewest, layer.num_samples)
        if isinstance(layer, InstanceAssociation):
            fewest = max(fewest, layer.num_neighbours)
    return fewest


def _layer_of(operation: Any) -> keras.layers.Layer | None:
    """The layer that does what `operation` does, from its inputs and which rows are there."""
    if isinstance(operation, CrossTaskAttention):
        return _AttentionToPresent(operation)
    if isinstance(operation, InstanceAssociation):
        return _Rule(f"{operation.name}_of_present", _associate, operation)
    if isinstance(operation, keras.layers.GlobalAveragePooling1D):
        return _Rule(f"{operation.name}_of_present", _mean, operation)
    # What `keras.ops.max` leaves in a functional model; its class has no public name.
    if type(operation).__name__ == "Max" and operation.axis in (1, [1], (1,)):
        return _Rule(f"{operation.name}_of_present", _maximum, operation)
    return None


class _Rule(keras.layers.Layer):
    """A function as a layer: `rule(*of, *inputs)`.

    Args:
        name: of the layer.
        rule: what it computes.
        of: what goes before the inputs; layers among it are its own.
    """

    def __init__(self, name: str, rule: Callable[..., Any], *of: Any) -> None:
        super().__init__(name=name, autocast=False)
        self.rule = rule
        self.of = of
        self.supports_jit = all(getattr(one, "supports_jit", True) for one in of)

    def call(self, *inputs: Any) -> Any:
        return self.rule(*self.of, *inputs)


def _is_there(points: Any) -> Any:
    return ops.logical_not(ops.isnan(points[..., :1]))


def _associate(layer: InstanceAssociation, embedding: Any, features: Any, present: Any) -> Any:
    return layer(ops.where(present, embedding, _FAR), features)


def _mean(layer: keras.layers.GlobalAveragePooling1D, features: Any, present: Any) -> Any:
    total = ops.sum(ops.where(present, features, 0.0), axis=1, keepdims=layer.keepdims)
    count = ops.sum(ops.cast(present, total.dtype), axis=1, keepdims=layer.keepdims)
    return total / ops.maximum(count, 1.0)


def _maximum(operation: Any, features: Any, present: Any) -> Any:
    features = ops.where(present, features, float("-inf"))
    return ops.max(features, axis=1, keepdims=operation.keepdims)


class _AttentionToPresent(keras.layers.Layer):
    """A `CrossTaskAttention` that no absent row takes part in.

    Inner products with an absent key are far below all others, by one more channel: the compiled
    op knows no mask, and the share of such a key in the soft-max is exactly zero.
    """

    def __init__(self, layer: CrossTaskAttention) -> None:
        super().__init__(name=f"{layer.name}_to_present", autocast=False)
        self.layer = layer
        self.supports_jit = layer.supports_jit

    def call(self, guide: Any, values: Any, present: Any) -> Any:
        layer = self.layer
        guide, values = (ops.where(present, x, 0.0) for x in (guide, values))
        query, key = (ops.cast(linear(guide), "float32") for linear in (layer.phi, layer.theta))
        query = ops.concatenate([query, ops.ones_like(query[..., :1])], axis=-1)
        key = ops.concatenate([key, ops.where(present, 0.0, -_FAR)], axis=-1)
        in_blocks = stock.attend_forward if library.use_stock() else attention.attend
        attend = in_blocks if layer.kernel == "chunked" else stock.attend_plain
        propagated = attend(query, key, narrow(layer.g(values)), layer.factor(guide.shape[-1]))
        return ops.concatenate([values, ops.cast(propagated, values.dtype)], axis=-1)

    def compute_output_shape(
        self, guide_shape: Shape, values_shape: Shape, present_shape: Shape
    ) -> Shape:
        return self.layer.compute_output_shape(guide_shape, values_shape)
