"""The functions of an exported model: what each kind of request goes through."""

import contextlib
from collections.abc import Mapping
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from ban_tf.config import Experiment
from ban_tf.serving import absent, clustering, features, model_card
from tf_ops import library

Kernels = Literal["stock", "native"]
Tensors = dict[str, tf.Tensor]

FEATURES, OUTPUTS, NETWORK, POINTS = "serving_default", "outputs", "network", "points"
LABELS = ("semantic", "instance", "confidence", "iterations")  # of the functions that label


class ServedNetwork:
    """A network with weights of its own, and a function for each signature.

    Args:
        network: as `ban_tf.model` builds those that embed.
        experiment: labels, samples, features and thresholds that it was trained with.
        ops: kernels that the functions are traced with.
        half: whether the larger weights are kept as float16; all is computed in float32.

    Example:
        >>> from ban_tf.config import Experiment, Labels, NetworkConfig, Split
        >>> from ban_tf.model import networks
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ...     network=NetworkConfig(name="pointnet"),
        ... )
        >>> served = ServedNetwork(networks.build(experiment.network), experiment, ops="stock")
        >>> sorted(served.signatures())
        ['network', 'outputs', 'points', 'serving_default']
    """

    def __init__(
        self, network: keras.Model, experiment: Experiment, ops: Kernels, half: bool = False
    ) -> None:
        self._experiment = experiment
        self._ops = ops
        self.fewest_points = absent.fewest_points(network)
        with self._kernels():
            self._network = absent.ignoring(network)
        self._weights = [_kept(weight, half) for weight in self._network.trainable_variables]
        self._others = [_kept(weight, False) for weight in self._network.non_trainable_variables]
        # What is saved: the Keras network itself would bring functions of its own.
        self.module = tf.Module(name="served")
        kept = [*self._weights, *self._others]
        self.module.weights = [weight for weight in kept if isinstance(weight, tf.Variable)]

    def signatures(self, about: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Traced functions by the name of their signature; what they share is traced once.

        Args:
            about: what one more signature answers, by the name of the output: what the model says
                of itself. None: there is none.
        """
        seen = self._experiment.features
        points = tf.TensorSpec([None, None, seen.num_channels], tf.float32, name="points")
        num_points = tf.TensorSpec([None], tf.int32, name="num_points")
        xyz = tf.TensorSpec([None, None, 3], tf.float32, name="xyz")
        rgb = tf.TensorSpec([None, None, 3], tf.uint8, name="rgb")
        room = [tf.TensorSpec([None, 3], tf.float32, name=f"room_{end}") for end in ("min", "max")]
        run = tf.function(self._run, input_signature=(points, num_points))

        def run_and_cluster(points: tf.Tensor, num_points: tf.Tensor) -> Tensors:
            return self._cluster(run(points, num_points), num_points)

        everything = tf.function(run_and_cluster, input_signature=(points, num_points))

        def label(points: tf.Tensor, num_points: tf.Tensor) -> Tensors:
            found = everything(points, num_points)
            return {name: found[name] for name in LABELS}

        def label_colored(xyz, rgb, room_min, room_max, num_points):  # type: ignore[no-untyped-def]
            return label(self._features(xyz, rgb, room_min, room_max, num_points), num_points)

        def label_plain(xyz, room_min, room_max, num_points):  # type: ignore[no-untyped-def]
            return label(self._features(xyz, None, room_min, room_max, num_points), num_points)

        if seen.place("rgb") is None:
            raw = tf.function(label_plain, input_signature=(xyz, *room, num_points))
        else:
            raw = tf.function(label_colored, input_signature=(xyz, rgb, *room, num_points))
        prepared = tf.function(label, input_signature=(points, num_points))
        functions = {NETWORK: run, OUTPUTS: everything, FEATURES: prepared, POINTS: raw}
        if about is not None:
            functions[model_card.ABOUT] = _telling(about, num_points)
        with self._kernels():
            return {name: function.get_concrete_function() for name, function in functions.items()}

    @contextlib.contextmanager
    def _kernels(self) -> Any:
        with library.stock_kernels() if self._ops == "stock" else contextlib.nullcontext():
            yield

    def _features(
        self,
        xyz: tf.Tensor,
        rgb: tf.Tensor | None,
        room_min: tf.Tensor,
        room_max: tf.Tensor,
        num_points: tf.Tensor,
    ) -> tf.Tensor:
        _, present = self._check(xyz, num_points, "xyz")
        experiment = self._experiment
        room = (room_min, room_max)
        return features.make(xyz, rgb, room, present, experiment.samples, experiment.features)

    def _run(self, points: tf.Tensor, num_points: tf.Tensor) -> Tensors:
        num_points, present = self._check(points, num_points, "points")
        outputs, _ = self._network.stateless_call(
            [_wide(weight) for weight in self._weights],
            [_wide(weight) for weight in self._others],
            tf.where(present, points, float("nan")),
            training=False,
        )
        return {name: tf.where(present, values, 0.0) for name, values in outputs.items()}

    def _cluster(self, found: Tensors, num_points: tf.Tensor) -> Tensors:
        logits, labelling = found["logits"], self._experiment.labels
        present = _rows(logits, num_points)
        semantic = tf.argmax(logits, axis=-1, output_type=tf.int32)
        confidence = tf.reduce_max(tf.nn.softmax(logits), axis=-1)
        labels, iterations = clustering.cluster_blocks(
            found["embedding"], num_points, self._experiment.inference
        )
        instance = clustering.drop_stuff(
            labels, semantic, present, labelling.num_classes, list(labelling.stuff_classes)
        )
        return {
            **found,
            "semantic": tf.where(present, semantic, 0),
            "instance": instance,
            "confidence": tf.where(present, confidence, 0.0),
            "iterations": iterations,
        }

    def _check(
        self, points: tf.Tensor, num_points: tf.Tensor, name: str
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`num_points` and which rows are there, bool `[B, N, 1]`, of a request that can be."""
        length = tf.shape(points)[1]
        present = _rows(points, num_points)[..., None]
        checks = (
            tf.debugging.Assert(
                tf.reduce_all((num_points >= self.fewest_points) & (num_points <= length)),
                [
                    f"`num_points` must be at least {self.fewest_points}, which the network needs "
                    f"of a block, and at most the rows of `{name}`. Received: num_points=",
                    num_points,
                    "rows=",
                    length,
                ],
            ),
            tf.debugging.Assert(
                tf.reduce_all(tf.math.is_finite(tf.where(present, points, 0.0))),
                [f"`{name}` must be finite in the first `num_points` rows of every block."],
            ),
        )
        with tf.control_dependencies([check for check in checks if check is not None]):
            return tf.identity(num_points), tf.identity(present)


def _telling(texts: Mapping[str, str], num_points: tf.TensorSpec) -> Any:
    """A function that gives texts to every block; a server that batches takes no other shape.

    Bytes as numbers: not every server and client knows tensors of texts.
    """

    def tell(num_points: tf.Tensor) -> Tensors:
        size = tf.shape(num_points)[0]
        return {
            name: tf.tile(tf.constant(list(text.encode()), tf.uint8)[None], [size, 1])
            for name, text in texts.items()
        }

    return tf.function(tell, input_signature=(num_points,))


def _rows(points: tf.Tensor, num_points: tf.Tensor) -> tf.Tensor:
    """Which rows of each block are there, bool `[B, N]`."""
    return tf.range(tf.shape(points)[1])[None] < num_points[:, None]


def _kept(weight: keras.Variable, half: bool) -> tf.Variable | tf.Tensor:
    """A weight of the exported model; whole numbers are part of its graph."""
    values = weight.numpy()
    if not np.issubdtype(values.dtype, np.floating):
        return tf.constant(values)
    narrow = half and values.ndim > 1
    name = weight.path.replace(":", "_")
    return tf.Variable(values.astype(np.float16) if narrow else values, trainable=False, name=name)


def _wide(weight: tf.Variable | tf.Tensor) -> tf.Tensor:
    return (
        tf.cast(weight, tf.float32) if weight.dtype == tf.float16 else tf.convert_to_tensor(weight)
    )


def run(function: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Calls a signature with arrays by name, and gives arrays by name.

    Example:
        >>> double = tf.function(lambda x: {"y": 2 * x})
        >>> run(double, {"x": np.float32(3)})["y"].item()
        6.0
    """
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    return {name: values.numpy() for name, values in function(**tensors).items()}
