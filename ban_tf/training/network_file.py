"""Whether a file of a network can be trusted: whole, and with weights that are numbers."""

import json
import re
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


def told_unreadable(path: Path, error: Exception) -> str:
    """Why a file is no network that can be used, in a sentence.

    Args:
        path: of the file.
        error: what reading it ended with.

    Example:
        >>> from pathlib import Path
        >>> from ban_tf.training import network_file
        >>> print(network_file.told_unreadable(Path("cut.keras"), EOFError("it ends too early")))
        cut.keras is damaged, or not a network of this project: it ends too early
    """
    made_by = _version(path)
    if _numbers(made_by) > _numbers(keras.__version__):
        return (
            f"{path} was written by Keras {made_by} and cannot be read by Keras "
            f"{keras.__version__}, which is older. Install a Keras as new as that: "
            f'python -m pip install "keras>={made_by}"'
        )
    reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
    return f"{path} is damaged, or not a network of this project: {reason}"


def _version(path: Path) -> str:
    """Of the Keras that wrote a file; empty where it does not tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    """Of a version, for comparison: (3, 15, 1) of "3.15.1"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
