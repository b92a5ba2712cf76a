"""What inference needs of a network: outputs for samples, and a fingerprint of its weights."""

import functools
import inspect
from typing import Protocol

import keras
import numpy as np

from ban_tf.inference.digest import digest

Outputs = dict[str, np.ndarray]  # of the network, `[K, ...]` each


class Predictor(Protocol):
    """A network, wherever it runs: a Keras model, a SavedModel, or one behind a server.

    Any class with these two members is one; nothing has to be inherited.

    Example:
        >>> class Flat:
        ...     fingerprint = "flat, version 1"
        ...
        ...     def predict(self, features):
        ...         return {"logits": np.zeros((*features.shape[:2], 13), np.float32)}
        >>> as_predictor(Flat(), batch_size=4).predict(np.zeros((2, 64, 9)))["logits"].shape
        (2, 64, 13)
    """

    @property
    def fingerprint(self) -> str:
        """Digest of the weights: equal for equal networks, another after training."""

    def predict(self, features: np.ndarray) -> Outputs:
        """Runs the network.

        Args:
            features: float32 `[K, P, C]`, K at least 1, channels as `config.Features` orders them.

        Returns:
            Arrays `[K, ...]` by name: those that the system of the network lists as its outputs.
        """


class KerasPredictor:
    """A Keras model as a `Predictor`.

    Args:
        model: a `keras.Model`, or anything with its `predict_on_batch` and `get_weights`. Its
            weights must not change while this object is used: they are hashed once.
        batch_size: samples per call of the model. The last batch is filled up with its last
            sample, so all calls have one shape and the model is traced once.

    Raises:
        ValueError: `batch_size` is below 1.

    Example:
        >>> class Sums:
        ...     def get_weights(self):
        ...         return [np.zeros(3)]
        ...
        ...     def predict_on_batch(self, features):
        ...         return {"logits": features.sum(axis=-1, keepdims=True)}
        >>> KerasPredictor(Sums(), batch_size=2).predict(np.ones((3, 5, 9)))["logits"].shape
        (3, 5, 1)
    """

    def __init__(self, model: keras.Model, batch_size: int):
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
        self._model = model
        self._batch_size = batch_size

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the weights, worked out when it is first asked for."""
        return digest(*self._model.get_weights())

    def predict(self, features: np.ndarray) -> Outputs:
        """Outputs `[K, ...]` by name for features `[K, P, C]`, K at least 1."""
        size = self._batch_size
        parts = []
        for start in range(0, len(features), size):
            batch = features[start : start + size]
            filled = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
            outputs = self._model.predict_on_batch(filled)
            parts.append({name: values[: len(batch)] for name, values in outputs.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def as_predictor(model: keras.Model | Predictor, batch_size: int) -> Predictor:
    """Makes a `Predictor` of a model, or returns the one it is given.

    Args:
        model: what has a `fingerprint` and `predict` is a `Predictor` already; what has
            `predict_on_batch` becomes a `KerasPredictor`.
        batch_size: of a `KerasPredictor` that is made here.

    Raises:
        TypeError: `model` is neither.

    Example:
        >>> predictor = KerasPredictor(keras.Sequential(), batch_size=4)
        >>> as_predictor(predictor, batch_size=8) is predictor
        True
    """
    # Looked up statically: to ask a `KerasPredictor` for its fingerprint would hash the weights.
    if inspect.getattr_static(model, "fingerprint", None) is not None and hasattr(model, "predict"):
        return model
    if hasattr(model, "predict_on_batch"):
        return KerasPredictor(model, batch_size)
    raise TypeError(
        "`model` must have `predict` and `fingerprint` (a Predictor), or `predict_on_batch` (a "
        f"Keras model). Received: model of type {type(model).__name__}"
    )
