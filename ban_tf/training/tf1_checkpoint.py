"""Reads checkpoints that the authors' TensorFlow 1 code has written.

model = tf1_checkpoint.load_network("log5/epoch_99.ckpt", "ban")
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ban_tf.config import NetworkConfig
from ban_tf.model import networks
from ban_tf.training import checkpoints, network_file, tf1_names

NETWORKS = tuple(tf1_names.NETWORKS)


def load_network(path: str | Path, network: str) -> keras.Model:
    """Builds a network of ours with the weights of an original's checkpoint.

    Numbers of classes, input channels and embedding channels are those of the file. The counters
    of the batch norms start at zero, so fine-tuning begins the momentum schedule anew.

    Args:
        path: prefix of the checkpoint (`.../epoch_99.ckpt`), its `.index` file, or a folder that
            holds one checkpoint.
        network: one of `NETWORKS`.

    Returns:
        A model as `networks.build` makes it, for any N its first level can sample from.

    Raises:
        FileNotFoundError: no checkpoint there.
        ValueError: an unknown network, several checkpoints in the folder, a damaged file,
            variables that are missing, of another shape, or unknown to the network, or weights
            that are not finite.

    Example:
        >>> from ban_tf.training import tf1_checkpoint
        >>> tf1_checkpoint.load_network("log5/epoch_99.ckpt", "pointnet")
        Traceback (most recent call last):
        ValueError: Checkpoints can be read for asis, ban, jsnet. Received: network='pointnet'
    """
    if network not in NETWORKS:
        raise ValueError(
            f"Checkpoints can be read for {', '.join(NETWORKS)}. Received: network={network!r}"
        )
    prefix = index_file(path).with_suffix("")
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        config = _read_config(shapes, network, prefix)
        model = networks.build(config)
        sources = dict(_sources(model, network))
        _check_fit(sources, shapes, network, prefix)
        values = {name: reader.get_tensor(name) for name in sources}
    except (tf.errors.OpError, IndexError) as error:  # which one depends on where the file ends
        raise ValueError(f"{prefix} is damaged or cut short: {error}") from error
    for name, variable in sources.items():
        variable.assign(np.reshape(values[name], variable.shape))
    try:
        network_file.require_finite(model)
    except ValueError as error:
        raise ValueError(f"{prefix}: {error}") from error
    return model


def convert(path: str | Path, network: str, out: Path, overwrite: bool = False) -> keras.Model:
    """Writes an original's checkpoint as a network of ours.

    Args:
        path: as in `load_network`.
        network: as in `load_network`.
        out: `.keras` for the network, `.weights.h5` for its weights alone; appears whole or not
            at all.
        overwrite: whether `out` may exist.

    Returns:
        The network that was written.

    Raises:
        FileExistsError: `out` exists.
        ValueError: `out` has another ending, or what `load_network` refuses.
        OSError: no checkpoint there, or `out` cannot be written.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import tf1_checkpoint
        >>> tf1_checkpoint.convert("epoch.ckpt", "ban", pathlib.Path("b.h5"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: a network is written as `.keras`, its weights alone as `.weights.h5`. ...
    """
    checkpoints.check_ending(out)
    if out.exists() and not overwrite:
        raise FileExistsError(f"{out} exists; name another file, or allow to overwrite it.")
    model = load_network(path, network)
    checkpoints.export(model, out)
    return model


def summary(model: keras.Model) -> str:
    """One line on a network that was read: its size, classes and embedding.

    Example:
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import networks
        >>> from ban_tf.training import tf1_checkpoint
        >>> model = networks.build(NetworkConfig(name="pointnet", num_classes=4, num_features=6))
        >>> tf1_checkpoint.summary(model)
        '1,961,801 trainable numbers, 4 classes, embedding of 5 channels'
    """
    num_trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    num_classes, embedding_size = (model.output[name].shape[-1] for name in ("logits", "embedding"))
    return (
        f"{num_trainable:,} trainable numbers, {num_classes} classes, embedding of "
        f"{embedding_size} channels"
    )


def index_file(path: str | Path) -> Path:
    """The `.index` file of a checkpoint that is named as in `load_network`.

    The text file `checkpoint` is not asked: it is often stale.

    Raises:
        FileNotFoundError: no checkpoint there.
        ValueError: several checkpoints in the folder.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.training import tf1_checkpoint
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> (folder / "epoch_99.ckpt.index").touch()
        >>> tf1_checkpoint.index_file(folder).name
        'epoch_99.ckpt.index'
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        if len(found) > 1:
            names = ", ".join(index.stem for index in found)
            raise ValueError(f"{path} holds several checkpoints; name one of: {names}")
        index = found[0] if found else path / "*.index"
    else:
        index = path if path.suffix == ".index" else path.with_name(path.name + ".index")
    if not index.exists():
        raise FileNotFoundError(
            f"There is no TensorFlow 1 checkpoint: {index} does not exist. Received: path={path}"
        )
    return index


def _read_config(shapes: dict[str, list[int]], network: str, prefix: Path) -> NetworkConfig:
    names = tf1_names.NETWORKS[network]
    ends = [f"{scope}/weights" for scope in (names.first, names.logits, names.embedding)]
    missing = [name for name in ends if name not in shapes]
    if missing:
        raise ValueError(_misfit(prefix, network, [f"{name} is missing" for name in missing]))
    first, semantic, instance = (shapes[name] for name in ends)
    return NetworkConfig(
        name=network,
        num_features=first[-2],  # three offsets take the place of the coordinates
        num_classes=semantic[-1],
        embedding_size=instance[-1],
    )


def _sources(model: keras.Model, network: str) -> Iterator[tuple[str, Any]]:
    """Pairs the original's name of every variable with ours."""
    for variable in model.weights:
        name = tf1_names.NETWORKS[network].original(variable.path)
        if name is not None:
            yield name, variable


def _check_fit(
    sources: dict[str, Any], shapes: dict[str, list[int]], network: str, prefix: Path
) -> None:
    names, problems = tf1_names.NETWORKS[network], []
    for name, variable in sources.items():
        if name not in shapes:
            problems.append(f"{name} is missing")
            continue
        # A 1 x 1 convolution is a dense layer with leading axes of size 1.
        wanted = names.original_shape(name, variable.shape)
        leading = len(shapes[name]) - len(wanted)
        if leading < 0 or shapes[name] != [1] * leading + wanted:
            problems.append(f"{name} has shape {shapes[name]} in place of {wanted}")
    unknown = sorted(
        name for name in shapes if name not in sources and not names.unused.fullmatch(name)
    )
    problems += [f"{name} belongs to no layer" for name in unknown]
    if problems:
        raise ValueError(_misfit(prefix, network, problems))


def _misfit(prefix: Path, network: str, problems: list[str]) -> str:
    shown = problems[:10] + ([f"and {len(problems) - 10} more"] if len(problems) > 10 else [])
    return f"{prefix} does not fit the network {network!r}: " + "; ".join(shown)
