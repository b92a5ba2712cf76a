"""Whether a file of a network can be trusted: whole, and with weights that are numbers."""

import zipfile
from pathlib import Path

import keras
import numpy as np


def require_whole(path: Path) -> None:
    """Compares the checksums of a `.keras` file, which Keras reads around when they fail.

    Raises:
        zipfile.BadZipFile: a member was changed, or it is no archive.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import keras
        >>> from ban_tf.training import network_file
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.keras"
        >>> keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
        >>> network_file.require_whole(path)  # says nothing: it is
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} in it was changed")


def require_finite(model: keras.Model) -> None:
    """Refuses a network of which nothing but NaN can come.

    Raises:
        ValueError: weights are not finite; the message names the first layer's.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from ban_tf.training import network_file
        >>> model = keras.Sequential([keras.Input((3,))], name="net")
        >>> model.add(keras.layers.Dense(1, name="head"))
        >>> model.set_weights([np.full((3, 1), np.nan), np.zeros(1)])
        >>> network_file.require_finite(model)
        Traceback (most recent call last):
        ...
        ValueError: the weights net/head/kernel are not finite: its training diverged
    """
    weight = first_not_finite(model)
    if weight:
        raise ValueError(f"the weights {weight} are not finite: its training diverged")


def first_not_finite(model: keras.Model) -> str:
    """The path of the first weight that is not finite; empty if all are.

    Example:
        >>> import keras
        >>> from ban_tf.training import network_file
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> network_file.first_not_finite(model)
        ''
    """
    for weight in model.variables:
        if not np.isfinite(weight.numpy()).all():
            return weight.path
    return ""
