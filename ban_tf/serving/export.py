"""Writes a trained network as `<name>/<version>/`, as TensorFlow Serving looks for it."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ban_tf import disk, systems
from ban_tf.config import Experiment
from ban_tf.inference.digest import digest
from ban_tf.serving import (
    assets,
    graph,
    inspection,
    model_card,
    onnx_graph,
    version_folders,
    warm_up,
)

# How far the exported model may be from the network, at its valid rows.
MAX_PROBABILITY_ERROR, MAX_EMBEDDING_ERROR = 1e-4, 1e-3


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        folder: of the version.
        card: of the model, as in its assets.
    """

    folder: Path
    card: Mapping[str, Any]


def check_place(folder: Path) -> None:
    """Refuses a folder that is no new version of a model, before any work.

    Raises:
        ValueError: its name is no number that a server takes, the version exists, under this name
            or another, or it cannot be written.

    Example:
        >>> check_place(Path("models/ban/latest"))
        Traceback (most recent call last):
        ...
        ValueError: `out` must be <name>/<version> with a whole number as version, as TensorFlow \
Serving looks for it, such as models/ban/1. Received: out=models/ban/latest
    """
    is_number = folder.name.isascii() and folder.name.isdigit()
    if not is_number or not folder.absolute().parent.name:
        raise ValueError(
            "`out` must be <name>/<version> with a whole number as version, as TensorFlow Serving "
            f"looks for it, such as models/ban/1. Received: out={folder}"
        )
    version = version_folders.number(folder.name)
    if version is None:
        raise ValueError(
            f"the version that `out` ends in must be at most {version_folders.LARGEST}, which is "
            "as far as TensorFlow Serving counts: it passes over all others. Name a smaller one, "
            f"such as {folder.with_name('1')}. Received: out={folder}"
        )
    taken = _taken(folder, version)
    if taken is not None:
        following = version_folders.following(folder.parent)
        hint = "another" if following is None else f"the next, such as {following}"
        same = "" if taken.name == folder.name else f", which is version {version} as {taken} is"
        raise ValueError(
            "`out` must be a new version: one that is there may be in use and is never "
            f"overwritten. Name {hint}. Received: out={folder}{same}"
        )
    disk.require_writable(folder, "out", is_folder=True)


def _taken(folder: Path, version: int) -> Path | None:
    """What is this version already, if only under another name, such as 02 for 2."""
    if os.path.lexists(folder):
        return folder
    if not folder.parent.is_dir():
        return None
    return next(iter(version_folders.of(folder.parent).get(version, ())), None)


def check_system(experiment: Experiment) -> None:
    """Refuses a network that cannot be served.

    Raises:
        ValueError: it embeds no points.
    """
    name = experiment.network.name
    if not systems.of(name).embeds:
        embedding = sorted(other for other, system in systems.SYSTEMS.items() if system.embeds)
        raise ValueError(
            "only networks that embed points are exported, for their instances are found inside "
            f"the graph: {', '.join(embedding)}. Segment with this one here (`ban_tf.segment`). "
            f"Received: network={name}"
        )


def export(
    network: keras.Model,
    experiment: Experiment,
    out: Path,
    ops: graph.Kernels = "stock",
    half: bool = False,
    onnx: bool = False,
    mean_sizes: np.ndarray | None = None,
) -> Exported:
    """Writes a SavedModel with its warm-up and all that the server reads beside it.

    The model is tried before it takes its place: it must agree with the network, with rows that
    are padding too, hold no op that the server lacks, and run its own warm-up. It is written under
    another name and moved, so a server that watches the folder never sees half of it.

    Args:
        network: as `ban_tf.model` builds those that embed, with trained weights.
        experiment: labels, samples, features and thresholds that it was trained with.
        out: `<name>/<version>`, which must not exist.
        ops: "stock" for TensorFlow's own ops only; "native" for the compiled ones, which a server
            has to be built with.
        half: keep the larger weights as float16, half the size; all is computed in float32. How
            far the results move stands in the card.
        onnx: also write the signature `network` as ONNX, into `assets.extra`.
        mean_sizes: float64 `[C]`, mean number of raw points of each class's training instances,
            for clients that segment whole clouds; None where they are not known.

    Raises:
        ValueError: a place that is not to be written, a network that embeds nothing, compiled ops
            that are to be ONNX, or sizes of other classes.
        ImportError: ONNX is wanted, and what makes or runs it is not installed.
        RuntimeError: the written model fails its trial.
        OSError: a full disk, a missing right and so on.
    """
    check_place(out)
    check_system(experiment)
    if onnx:
        onnx_graph.check(ops)
    out = out.absolute()
    served = graph.ServedNetwork(network, experiment, ops, half)
    fingerprint = digest(*network.get_weights())
    card = assets.card(experiment, ops, half, served.fewest_points, fingerprint, mean_sizes)
    about = {model_card.FINGERPRINT: fingerprint, model_card.CARD: json.dumps(card)}
    signatures = served.signatures(about)
    # A server takes each folder with a number for a version: the temporary name has none.
    with disk.whole(out, "Restore space and rights, then give the same command again.") as folder:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(served.module, str(folder), signatures=signatures, options=options)
        records = warm_up.requests(experiment, served.fewest_points, assets.BATCH_SIZES[:1])
        warm_up.write(folder / warm_up.FILE, out.parent.name, records)
        if ops == "stock":
            _check_ops(folder)
        measured = _try(folder, network, experiment, served.fewest_points, half)
        card |= {"difference_from_network": measured}
        if onnx:
            card["difference_of_onnx"] = onnx_graph.write(folder, served.fewest_points)
        assets.write(folder, experiment, card)
        _refuse_if_there(out)
    for name, text in _beside(out.parent.name).items():
        with contextlib.suppress(FileExistsError):  # somebody's own is left as it is
            if not (out.parent / name).exists():
                disk.write_whole(out.parent / name, text)
    return Exported(out, card)


def _beside(name: str) -> dict[str, str]:
    return {"models.config": assets.models_config(name), "monitoring.config": assets.MONITORING}


def _refuse_if_there(out: Path) -> None:
    """Another export may have taken the place meanwhile; `os.replace` spares no empty folder."""
    number = version_folders.number(out.name)
    if number is not None and _taken(out, number) is not None:
        raise ValueError(f"`out` has been written by another process. Received: out={out}")


def _check_ops(folder: Path) -> None:
    model = inspection.read(folder)
    foreign = sorted(op for op in inspection.ops_of(model) if op.startswith("Ban>"))
    xla = inspection.marked_for_xla(model)
    if foreign or xla:
        raise RuntimeError(
            "the graph must hold TensorFlow's own ops only, without XLA. "
            f"Received: ops={foreign}, compiled by XLA={xla}"
        )


def _try(
    folder: Path, network: keras.Model, experiment: Experiment, fewest_points: int, half: bool
) -> dict[str, float]:
    """Loads what was written and compares it with the network; returns the largest differences."""
    loaded = tf.saved_model.load(str(folder))
    for name, inputs in warm_up.requests(experiment, fewest_points, (1,)):
        outputs = graph.run(loaded.signatures[name], inputs)
        if name == graph.NETWORK:
            points, found = inputs["points"], outputs
    length = points.shape[1]
    padding = np.full((1, 7, points.shape[2]), np.nan, np.float32)
    padded = {
        "points": np.concatenate([points, padding], axis=1),
        "num_points": np.array([length], np.int32),
    }
    with_padding = graph.run(loaded.signatures[graph.NETWORK], padded)
    expected = {
        name: keras.ops.convert_to_numpy(values)
        for name, values in network(points, training=False).items()
    }
    measured = {"probability": 0.0, "embedding": 0.0}
    for outputs in (found, with_padding):
        pairs = {
            "probability": [tf.nn.softmax(x["logits"][:, :length]) for x in (outputs, expected)],
            "embedding": [x["embedding"][:, :length] for x in (outputs, expected)],
        }
        for name, (ours, theirs) in pairs.items():
            difference = float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())
            measured[name] = float(np.maximum(measured[name], difference))  # NaN stays
    limits = {"probability": MAX_PROBABILITY_ERROR, "embedding": MAX_EMBEDDING_ERROR}
    wrong = {name: value for name, value in measured.items() if not value <= limits[name]}
    if wrong and not half:
        raise RuntimeError(
            f"the exported model must agree with the network within {limits}. Received: {wrong}"
        )
    return measured
