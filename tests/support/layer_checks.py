"""What every layer must do, whatever it computes."""

import json

import keras
import numpy as np
from keras import ops


def check_layer(cls, init, inputs, output_shapes, num_trainable):
    """Builds, calls, serialises, saves, and trains a layer for one step.

    Args:
        cls: the layer.
        init: arguments of its constructor.
        inputs: arrays by the name of the call argument.
        output_shapes: of the outputs, in order, for these inputs.
        num_trainable: how many trainable variables it has.
    """
    layer = cls(**init, name="checked")
    outputs = keras.tree.flatten(layer(**inputs))
    assert [tuple(output.shape) for output in outputs] == output_shapes
    assert len(layer.trainable_weights) == num_trainable

    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    restored = keras.saving.deserialize_keras_object(config)
    assert restored.get_config() == layer.get_config()
    restored(**inputs)
    restored.set_weights(layer.get_weights())
    for expected, got in zip(outputs, keras.tree.flatten(restored(**inputs)), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(got), ops.convert_to_numpy(expected))

    check_symbolic_call(cls, init, inputs, outputs)
    if num_trainable:
        check_training(cls, init, inputs, outputs)


def check_symbolic_call(cls, init, inputs, outputs):
    """A functional model knows the shapes and dtypes, with the batch and the points unknown."""
    for unknown in (1, 2):
        symbolic = {
            name: keras.Input((None,) * (unknown - 1) + array.shape[unknown:], dtype=array.dtype)
            for name, array in inputs.items()
        }
        known = keras.tree.flatten(cls(**init)(**symbolic))
        for symbol, output in zip(known, outputs, strict=True):
            sizes = zip(symbol.shape, output.shape, strict=True)
            assert all(size is None or size == real for size, real in sizes)
            assert symbol.shape[-1] is not None
            assert symbol.dtype == keras.backend.standardize_dtype(output.dtype)


def check_training(cls, init, inputs, outputs):
    """One step of `fit` gives a finite loss and moves the layer's weights."""
    symbolic = {
        name: keras.Input(array.shape[1:], dtype=array.dtype, name=name)
        for name, array in inputs.items()
    }
    layer = cls(**init)
    model = keras.Model(symbolic, keras.tree.flatten(layer(**symbolic))[-1])
    model.compile("sgd", "mse")
    before = [weight.numpy() for weight in layer.trainable_weights]
    assert np.isfinite(model.train_on_batch(inputs, np.ones(outputs[-1].shape, np.float32)))
    after = layer.trainable_weights
    assert any(np.any(a != b.numpy()) for a, b in zip(before, after, strict=True))
